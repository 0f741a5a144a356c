package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/shift"
	"cloudcashier/shared/sqlite"
)

// Entries hands the events after a number to on, in their order, as the law of shifts reads them.
func (t *Tx) Entries(after int64, on func(shift.Entry) error) error {
	err := t.tx.Query(func(from sqlite.Rows) error {
		var e Event
		var at int64
		var body string
		var wallet sql.NullString
		if err := from.Scan(&e.Seq, &e.Sale, &e.Type, &body, &at, &e.Prev, &wallet); err != nil {
			return err
		}
		e.Body, e.At = json.RawMessage(body), fromMillis(at)
		return on(shift.Entry{Seq: e.Seq, Sale: e.Sale, Kind: e.Type, Body: e.Body, At: e.At, Hash: e.hash(), Wallet: pay.Wallet(wallet.String)})
	}, `SELECT e.seq, e.sale, e.type, e.body, e.at, e.prev, s.wallet FROM event e LEFT JOIN sale s ON s.id = e.sale
		WHERE e.seq > ? ORDER BY e.seq`, after)
	if err != nil {
		return fmt.Errorf("read events after %d: %w", after, err)
	}
	return nil
}

// ShiftRow is a shift in the journal.
type ShiftRow struct {
	Number    int64
	Opened    time.Time
	ClosedSeq int64          // the event that ended it; 0 while it is open
	Report    localapi.Shift // its Z, once it is closed
}

const shiftColumns = `number, opened_at, coalesce(closed_seq, 0), coalesce(report, '{}') FROM shift`

func scanShift(from interface{ Scan(...any) error }) (r ShiftRow, err error) {
	var opened int64
	var report string
	if err = from.Scan(&r.Number, &opened, &r.ClosedSeq, &report); err != nil {
		return r, err
	}
	r.Opened = fromMillis(opened)
	return r, json.Unmarshal([]byte(report), &r.Report)
}

// LastShift reads the newest shift; ok is false on a till that never opened or closed one.
func (t *Tx) LastShift() (r ShiftRow, ok bool, err error) {
	return t.oneShift(`SELECT ` + shiftColumns + ` ORDER BY number DESC LIMIT 1`)
}

// LastClosed reads the newest closed shift.
func (t *Tx) LastClosed() (r ShiftRow, ok bool, err error) {
	return t.oneShift(`SELECT ` + shiftColumns + ` WHERE closed_seq IS NOT NULL ORDER BY number DESC LIMIT 1`)
}

// ShiftOf reads the shift with a number, open or closed.
func (t *Tx) ShiftOf(number int64) (r ShiftRow, ok bool, err error) {
	return t.oneShift(`SELECT `+shiftColumns+` WHERE number = ?`, number)
}

func (t *Tx) oneShift(query string, args ...any) (r ShiftRow, ok bool, err error) {
	r, err = scanShift(t.tx.QueryRow(query, args...))
	if sqlite.NoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// ClosedShifts reads the newest closed shifts, newest first.
func (t *Tx) ClosedShifts(limit int) (list []localapi.Shift, err error) {
	list = []localapi.Shift{}
	err = t.tx.Query(func(from sqlite.Rows) error {
		r, err := scanShift(from)
		list = append(list, r.Report)
		return err
	}, `SELECT `+shiftColumns+` WHERE closed_seq IS NOT NULL ORDER BY number DESC LIMIT ?`, limit)
	return list, err
}

// OpenShift writes that staff opened a shift, with its event.
func (t *Tx) OpenShift(o shift.Opening, at time.Time) error {
	if err := t.tx.Exec(`INSERT INTO shift (number, opened_at, opened_by, change) VALUES (?, ?, ?, ?)`,
		o.Shift, at.UnixMilli(), o.Operator, o.Float); err != nil {
		return fmt.Errorf("open shift %d: %w", o.Shift, err)
	}
	return t.Append("", shift.Opened, o, at)
}

// CloseShift writes a shift's Z report and the event that ends it.
func (t *Tx) CloseShift(z localapi.Shift) error {
	report, err := json.Marshal(z)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if err := t.Append("", shift.Ended, shift.Brief(z), *z.ClosedAt); err != nil {
		return err
	}
	// A shift that opened by itself has no row yet.
	if err := t.tx.Exec(`INSERT INTO shift (number, opened_at, opened_by, change) SELECT ?1, ?2, ?3, ?4
		WHERE NOT EXISTS (SELECT 1 FROM shift WHERE number = ?1)`, z.Number, z.OpenedAt.UnixMilli(), z.OpenedBy, z.Float); err != nil {
		return fmt.Errorf("open shift %d: %w", z.Number, err)
	}
	if err := t.tx.Exec(`UPDATE shift SET closed_seq = (SELECT max(seq) FROM event), closed_at = ?, counted = ?, report = ? WHERE number = ?`,
		z.ClosedAt.UnixMilli(), *z.Counted, string(report), z.Number); err != nil {
		return fmt.Errorf("close shift %d: %w", z.Number, err)
	}
	return nil
}

// MoveCash writes cash that moved without a sale, with its event.
func (t *Tx) MoveCash(m localapi.CashMovement) error {
	if err := t.tx.Exec(`INSERT INTO cash_movement (no, shift, kind, amount, why, operator, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		m.No, m.Shift, string(m.Kind), m.Amount, m.Why, m.Operator, m.At.UnixMilli()); err != nil {
		return fmt.Errorf("move cash: %w", err)
	}
	return t.Append("", shift.KindOf(m.Kind), shift.Movement{No: m.No, Shift: m.Shift, Amount: m.Amount, Why: m.Why, Operator: m.Operator}, m.At)
}

// Movement reads the movement with a number (NotFound).
func (t *Tx) Movement(no string) (m localapi.CashMovement, err error) {
	var at int64
	err = t.tx.QueryRow(`SELECT no, shift, kind, amount, why, operator, at FROM cash_movement WHERE no = ?`, no).
		Scan(&m.No, &m.Shift, &m.Kind, &m.Amount, &m.Why, &m.Operator, &at)
	if sqlite.NoRows(err) {
		return m, fault.New(fault.NotFound, "movement.unknown", "no cash moved under the number %q on this till", no)
	}
	m.At = fromMillis(at)
	return m, err
}
