package store

import (
	"database/sql"
	"fmt"
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/sqlite"
)

// metaPrinted is the newest event that the printing of receipts has looked at.
const metaPrinted = "printed"

// PaidSale is a sale that the event log tells to be paid.
type PaidSale struct {
	Sale   string
	Tender localapi.Tender
	At     time.Time
}

// PaidSales reads what the event log tells behind an event: at most limit paid sales, and the event up to
// which that is all of them.
func (t *Tx) PaidSales(after int64, limit int) (list []PaidSale, through int64, err error) {
	if err := t.tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM event`).Scan(&through); err != nil || through <= after {
		return nil, after, err
	}
	err = t.tx.Query(func(from sqlite.Rows) error {
		var p PaidSale
		var seq, at int64
		err := from.Scan(&seq, &p.Sale, &p.Tender, &at)
		p.At = fromMillis(at)
		if list = append(list, p); len(list) == limit {
			through = seq
		}
		return err
	}, `SELECT e.seq, e.sale, s.tender, e.at FROM event e JOIN sale s ON s.id = e.sale
		WHERE e.seq > ? AND json_extract(e.body, '$.state') = 'paid' AND e.type <> 'contradiction' ORDER BY e.seq LIMIT ?`, after, limit)
	return list, through, err
}

// PrintedThrough is the event up to which the slips of all paid sales are stored. The first time it is
// the newest one: what was paid before there was a printer is no news.
func (t *Tx) PrintedThrough() (seq int64, err error) {
	err = t.tx.QueryRow(`SELECT value FROM meta WHERE name = ?`, metaPrinted).Scan(&seq)
	if !sqlite.NoRows(err) {
		return seq, err
	}
	err = t.tx.QueryRow(`INSERT INTO meta (name, value) SELECT ?, coalesce(max(seq), 0) FROM event RETURNING value`, metaPrinted).Scan(&seq)
	return seq, err
}

// SetPrintedThrough notes it, in the transaction that stores the slips.
func (t *Tx) SetPrintedThrough(seq int64) error {
	return t.tx.Exec(`UPDATE meta SET value = ? WHERE name = ?`, seq, metaPrinted)
}

// ShiftsEnded are the shifts that ended in a range of the log.
func (t *Tx) ShiftsEnded(after, through int64) (numbers []int64, err error) {
	err = t.tx.Query(func(from sqlite.Rows) error {
		var n int64
		err := from.Scan(&n)
		numbers = append(numbers, n)
		return err
	}, `SELECT number FROM shift WHERE closed_seq > ? AND closed_seq <= ? ORDER BY number`, after, through)
	return numbers, err
}

const printColumns = `seq, coalesce(sale, ''), coalesce(shift, 0), cause, copy, state, attempts, marked, created_at, finished_at FROM print_job`

func scanPrint(from interface{ Scan(...any) error }) (j printjob.Job, err error) {
	var created int64
	var finished sql.NullInt64
	err = from.Scan(&j.ID, &j.Sale, &j.Shift, &j.Cause, &j.Copy, &j.State, &j.Attempts, &j.Marked, &created, &finished)
	j.Created, j.Finished = fromMillis(created), fromNull(finished)
	return j, err
}

// OpenPrints reads the slips that are not at their end, oldest first.
func (t *Tx) OpenPrints() (list []printjob.Job, err error) {
	err = t.tx.Query(func(from sqlite.Rows) error {
		j, err := scanPrint(from)
		list = append(list, j)
		return err
	}, `SELECT `+printColumns+` WHERE finished_at IS NULL ORDER BY seq`)
	return list, err
}

// Print reads one slip (NotFound).
func (t *Tx) Print(seq int64) (printjob.Job, error) {
	j, err := scanPrint(t.tx.QueryRow(`SELECT `+printColumns+` WHERE seq = ?`, seq))
	if sqlite.NoRows(err) {
		return j, fault.New(fault.NotFound, "print.unknown", "there is no slip %d on this till", seq)
	}
	return j, err
}

// Printed reports whether any slip of a sale may have come out of the printer.
func (t *Tx) Printed(saleID string) (is bool, err error) {
	err = t.tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM print_job WHERE sale = ? AND (attempts > 0 OR finished_at IS NULL))`, saleID).Scan(&is)
	return is, err
}

// PrintedShift reports that a byte of a shift's Z may have left, or will.
func (t *Tx) PrintedShift(number int64) (is bool, err error) {
	err = t.tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM print_job WHERE shift = ? AND cause = 'z' AND (attempts > 0 OR finished_at IS NULL))`, number).Scan(&is)
	return is, err
}

// InsertPrint writes a new slip and gives it its number.
func (t *Tx) InsertPrint(j printjob.Job) (printjob.Job, error) {
	err := t.tx.QueryRow(`INSERT INTO print_job (sale, shift, cause, copy, state, attempts, marked, created_at, finished_at)
		VALUES (nullif(?, ''), nullif(?, 0), ?, ?, ?, ?, ?, ?, ?) RETURNING seq`, j.Sale, j.Shift, string(j.Cause), j.Copy, string(j.State), j.Attempts, j.Marked,
		j.Created.UnixMilli(), toNull(j.Finished)).Scan(&j.ID)
	if err != nil {
		return j, fmt.Errorf("insert slip of %s%d: %w", j.Sale, j.Shift, err)
	}
	return j, nil
}

// ChangePrint writes what an event made of a slip. before is the slip as it was read.
func (t *Tx) ChangePrint(before, after printjob.Job) error {
	n, err := t.tx.ExecCount(`UPDATE print_job SET state = ?, attempts = ?, marked = ?, finished_at = ? WHERE seq = ? AND state = ? AND attempts = ?`,
		string(after.State), after.Attempts, after.Marked, toNull(after.Finished), after.ID, string(before.State), before.Attempts)
	if err == nil && n != 1 {
		err = fmt.Errorf("the journal does not have it %s", before.State)
	}
	if err != nil {
		return fmt.Errorf("change slip %d to %s: %w", after.ID, after.State, err)
	}
	return nil
}

// Number is a sale's number on this till, which receipts show (NotFound).
func (t *Tx) Number(saleID string) (n int64, err error) {
	err = t.tx.QueryRow(`SELECT seq FROM sale WHERE id = ?`, saleID).Scan(&n)
	if sqlite.NoRows(err) {
		return 0, fault.New(fault.NotFound, "sale.unknown", "there is no sale %q on this till", saleID)
	}
	return n, err
}

// SaleByNumber finds the sale of a receipt's number (NotFound).
func (t *Tx) SaleByNumber(n int64) (saleID string, err error) {
	err = t.tx.QueryRow(`SELECT id FROM sale WHERE seq = ?`, n).Scan(&saleID)
	if sqlite.NoRows(err) {
		return "", fault.New(fault.NotFound, "receipt.unknown", "no receipt of this till has the number %d: is it another till's?", n)
	}
	return saleID, err
}
