package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// RefundRow is a refund with its place in the outbox.
type RefundRow struct {
	sale.Refund
	Seq uint64 // of its message in the outbox; 0 when there is none
}

const refundColumns = `r.id, r.sale, r.refund_no, r.amount, r.currency, r.tender, r.why, r.kind, r.operator, r.approved_by, r.state, r.reason, r.message,
	r.refund_id, r.wallet_ref, r.created_at, r.finished_at, coalesce(o.kind, ''), coalesce(o.seq, 0)
	FROM refund r LEFT JOIN outbox o ON o.key = r.id`

func scanRefund(from interface{ Scan(...any) error }) (r RefundRow, err error) {
	var amount, created, seq int64
	var currency string
	var finished sql.NullInt64
	err = from.Scan(&r.ID, &r.Sale, &r.RefundNo, &amount, &currency, &r.Tender, &r.Why, &r.Kind, &r.Operator, &r.Approver, &r.State, &r.Reason, &r.Message,
		&r.RefundID, &r.WalletRef, &created, &finished, &r.Asking, &seq)
	if err != nil {
		return r, err
	}
	r.Seq, r.Created, r.Finished = uint64(seq), fromMillis(created), fromNull(finished)
	r.Amount, err = money.New(amount, money.Currency(currency))
	return r, err
}

// Refund reads a refund (NotFound).
func (t *Tx) Refund(id string) (RefundRow, error) {
	r, err := scanRefund(t.tx.QueryRow(`SELECT `+refundColumns+` WHERE r.id = ?`, id))
	if sqlite.NoRows(err) {
		return r, fault.New(fault.NotFound, "refund.unknown", "there is no refund %q on this till", id)
	}
	return r, err
}

// RefundByNo reads the refund with a number; ok is false when there is none.
func (t *Tx) RefundByNo(refundNo string) (r RefundRow, ok bool, err error) {
	r, err = scanRefund(t.tx.QueryRow(`SELECT `+refundColumns+` WHERE r.refund_no = ?`, refundNo))
	if sqlite.NoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// RefundsOf reads all refunds of a sale, oldest first.
func (t *Tx) RefundsOf(saleID string) ([]RefundRow, error) {
	return t.refunds(`SELECT `+refundColumns+` WHERE r.sale = ? ORDER BY r.seq`, saleID)
}

// OpenRefunds reads every refund that is not settled, oldest first. The till bounds how many there are.
func (t *Tx) OpenRefunds() ([]RefundRow, error) {
	return t.refunds(`SELECT ` + refundColumns + ` WHERE r.finished_at IS NULL ORDER BY r.seq`)
}

func (t *Tx) refunds(query string, args ...any) (rows []RefundRow, err error) {
	err = t.tx.Query(func(from sqlite.Rows) error {
		r, err := scanRefund(from)
		rows = append(rows, r)
		return err
	}, query, args...)
	return rows, err
}

// sums is how much of each sale went back or is asked back.
const sums = `SELECT sale, coalesce(sum(amount) FILTER (WHERE state = 'succeeded'), 0),
	coalesce(sum(amount) FILTER (WHERE finished_at IS NULL), 0) FROM refund`

// AddRefunds tells in the view of a sale how much of it went back.
func (t *Tx) AddRefunds(v *localapi.Sale) error {
	if v.State != localapi.StatePaid {
		return nil
	}
	var id string
	err := t.tx.QueryRow(sums+` WHERE sale = ? GROUP BY sale`, v.ID).Scan(&id, &v.RefundedAmount, &v.RefundingAmount)
	if sqlite.NoRows(err) {
		return nil
	}
	return err
}

// InsertRefund writes a new refund with its first event, and its message to the hub when it has one.
func (t *Tx) InsertRefund(r sale.Refund, at time.Time) (RefundRow, error) {
	err := t.tx.Exec(`INSERT INTO refund (id, sale, refund_no, amount, currency, tender, why, kind, operator, approved_by, state, reason, message,
		refund_id, wallet_ref, created_at, finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Sale, r.RefundNo, r.Amount.Fen(), string(r.Amount.Currency()), string(r.Tender), r.Why, string(r.Kind), r.Operator, r.Approver, string(r.State), r.Reason, r.Message,
		r.RefundID, r.WalletRef, r.Created.UnixMilli(), toNull(r.Finished))
	if err != nil {
		return RefundRow{}, fmt.Errorf("insert refund: %w", err)
	}
	if err := t.Append(r.Sale, "refund.new", refundChange("", r), at); err != nil {
		return RefundRow{}, err
	}
	return t.askRefund(RefundRow{Refund: r})
}

// ChangeRefund writes what an event made of a refund. before is the row as it was read.
func (t *Tx) ChangeRefund(before RefundRow, after sale.Refund, e sale.RefundEvent, at time.Time) (RefundRow, error) {
	n, err := t.tx.ExecCount(`UPDATE refund SET state = ?, reason = ?, message = ?, refund_id = ?, wallet_ref = ?, finished_at = ?
		WHERE id = ? AND state = ?`, string(after.State), after.Reason, after.Message, after.RefundID, after.WalletRef,
		toNull(after.Finished), after.ID, string(before.State))
	if err == nil && n != 1 {
		err = fmt.Errorf("the journal does not have it %s", before.State)
	}
	if err != nil {
		return before, fmt.Errorf("change refund %s to %s: %w", after.ID, after.State, err)
	}
	if err := t.Append(after.Sale, "refund."+string(e), refundChange(before.State, after), at); err != nil {
		return before, err
	}
	row := RefundRow{Refund: after, Seq: before.Seq}
	if after.Asking == before.Asking {
		return row, nil
	}
	if before.Seq != 0 {
		if err := t.tx.Exec(`DELETE FROM outbox WHERE seq = ?`, int64(before.Seq)); err != nil {
			return before, fmt.Errorf("withdraw message: %w", err)
		}
		row.Seq = 0
	}
	return t.askRefund(row)
}

// askRefund puts the refund's message to the hub into the outbox.
func (t *Tx) askRefund(r RefundRow) (RefundRow, error) {
	if r.Asking == "" {
		return r, nil
	}
	body, err := json.Marshal(RefundMessage(r.Refund))
	if err != nil {
		return r, fmt.Errorf("encode message: %w", err)
	}
	var seq int64
	err = t.tx.QueryRow(`INSERT INTO outbox (kind, key, body) VALUES (?, ?, ?) RETURNING seq`,
		string(r.Asking), r.ID, string(body)).Scan(&seq)
	r.Seq = uint64(seq)
	if err != nil {
		return r, fmt.Errorf("store message: %w", err)
	}
	return r, nil
}

// RefundMessage is the body of what a refund asks the hub: the same words each time, also after a
// restart, because the hub refuses a key that comes with others.
func RefundMessage(r sale.Refund) wire.Refund {
	return wire.Refund{Key: r.ID, Sale: r.Sale, RefundNo: r.RefundNo, Amount: r.Amount.Fen(), Currency: string(r.Amount.Currency()),
		Reason: r.Why, AskedAt: clean(r.Created)}
}

// refundBody is the body of a refund's event.
type refundBody struct {
	Refund    string               `json:"refund"`
	RefundNo  string               `json:"refund_no"`
	From      localapi.RefundState `json:"from,omitempty"`
	State     localapi.RefundState `json:"state"`
	Outcome   pay.RefundOutcome    `json:"outcome"`
	Tender    localapi.Tender      `json:"tender"`
	Asking    wire.Kind            `json:"asking,omitempty"`
	Code      string               `json:"code"`
	Amount    int64                `json:"amount"`
	Reason    string               `json:"reason,omitempty"`
	Kind      localapi.RefundKind  `json:"kind"`
	Operator  string               `json:"operator,omitempty"`
	Approver  string               `json:"approved_by,omitempty"`
	RefundID  string               `json:"refund_id,omitempty"`
	WalletRef string               `json:"wallet_ref,omitempty"`
}

func refundChange(from localapi.RefundState, r sale.Refund) any {
	return refundBody{Kind: r.Kind, Operator: r.Operator, Approver: r.Approver, Refund: r.ID, RefundNo: r.RefundNo, From: from, State: r.State, Outcome: r.State.Outcome(), Tender: r.Tender,
		Asking: r.Asking, Code: r.Reason, Amount: r.Amount.Fen(), Reason: r.Why, RefundID: r.RefundID, WalletRef: r.WalletRef}
}

// ViewRefund is a refund as others see it.
func ViewRefund(r sale.Refund) localapi.Refund {
	v := localapi.Refund{Kind: r.Kind, Operator: r.Operator, ApprovedBy: r.Approver, ID: r.ID, RefundNo: r.RefundNo, Sale: r.Sale, Amount: r.Amount.Fen(), Tender: r.Tender, State: r.State,
		Outcome: r.State.Outcome(), Code: r.Words.Reason, Message: r.Message, Reason: r.Why, RefundID: r.RefundID,
		WalletRef: r.WalletRef, CreatedAt: clean(r.Created)}
	if !r.Finished.IsZero() {
		at := clean(r.Finished)
		v.FinishedAt = &at
	}
	return v
}

type refundLine struct {
	Type string `json:"type"` // "refund"
	localapi.Refund
	Asking wire.Kind `json:"asking,omitempty"` // what the hub owes an answer to
}

// refundSums reads how much of each sale went back or is asked back.
func refundSums(db *sql.DB) (map[string][2]int64, error) {
	rows, err := db.Query(sums + ` GROUP BY sale`)
	if err != nil {
		return nil, fmt.Errorf("sum refunds: %w", err)
	}
	defer rows.Close()
	all := map[string][2]int64{}
	for rows.Next() {
		var id string
		var back [2]int64
		if err := rows.Scan(&id, &back[0], &back[1]); err != nil {
			return nil, fmt.Errorf("read sum of refunds: %w", err)
		}
		all[id] = back
	}
	return all, rows.Err()
}

func eachRefund(db *sql.DB, on func(RefundRow) error) error {
	rows, err := db.Query(`SELECT ` + refundColumns + ` ORDER BY r.seq`)
	if err != nil {
		return fmt.Errorf("read refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRefund(rows)
		if err != nil {
			return fmt.Errorf("read refund: %w", err)
		}
		if err := on(r); err != nil {
			return err
		}
	}
	return rows.Err()
}
