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

// Row is a sale with its place in the outbox.
type Row struct {
	sale.Sale
	Seq uint64 // of its message in the outbox; 0 when there is none
}

const columns = `s.id, s.order_no, s.subject, s.amount, s.currency, s.tender, s.state, s.reason, s.message,
	s.refusal_reason, s.refusal_message, s.wallet, s.wallet_ref, s.payment_id, s.created_at, s.scanned_at, s.finished_at,
	s.deferred_at, s.claim, s.mode, s.qr, s.qr_until, s.operator, s.received, s.bill, s.bill_total,
	coalesce(o.kind, ''), coalesce(o.seq, 0) FROM sale s LEFT JOIN outbox o ON o.key = s.id`

func scan(from interface{ Scan(...any) error }) (r Row, err error) {
	var amount, created, seq int64
	var currency string
	var scanned, finished, deferred, until, received, total sql.NullInt64
	err = from.Scan(&r.ID, &r.OrderNo, &r.Subject, &amount, &currency, &r.Tender, &r.State, &r.Reason, &r.Message,
		&r.Refusal.Reason, &r.Refusal.Message, &r.Wallet, &r.WalletRef, &r.PaymentID, &created, &scanned, &finished,
		&deferred, &r.Claim, &r.Mode, &r.QR, &until, &r.Operator, &received, &r.Bill.Number, &total, &r.Asking, &seq)
	if err != nil {
		return r, err
	}
	r.Seq, r.Created, r.Scanned, r.Finished = uint64(seq), fromMillis(created), fromNull(scanned), fromNull(finished)
	r.Deferred, r.QRUntil = fromNull(deferred), fromNull(until)
	r.Received, r.Bill.Total = amountOf(received), amountOf(total)
	r.Amount, err = money.New(amount, money.Currency(currency))
	return r, err
}

// amountOf is an amount that a sale may be without.
func amountOf(n sql.NullInt64) (a money.Amount) {
	if n.Valid {
		a = money.Fen(n.Int64)
	}
	return a
}

func toNullFen(a money.Amount) sql.NullInt64 {
	return sql.NullInt64{Int64: a.Fen(), Valid: !a.IsZero()}
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func fromNull(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return fromMillis(n.Int64)
}

// pointer is a moment that JSON leaves out when it is zero.
func pointer(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = clean(at)
	return &at
}

func toNull(at time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: at.UnixMilli(), Valid: !at.IsZero()}
}

// Sale reads a sale (NotFound).
func (t *Tx) Sale(id string) (Row, error) {
	r, err := scan(t.tx.QueryRow(`SELECT `+columns+` WHERE s.id = ?`, id))
	if sqlite.NoRows(err) {
		return r, fault.New(fault.NotFound, "sale.unknown", "there is no sale %q on this till", id)
	}
	return r, err
}

// LastOfOrder reads the newest sale of an order; ok is false when there is none.
func (t *Tx) LastOfOrder(orderNo string) (r Row, ok bool, err error) {
	r, err = scan(t.tx.QueryRow(`SELECT `+columns+` WHERE s.order_no = ? ORDER BY s.seq DESC LIMIT 1`, orderNo))
	if sqlite.NoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Latest reads the newest sales, newest first.
func (t *Tx) Latest(limit int) (rows []Row, err error) {
	return t.list(`SELECT `+columns+` ORDER BY s.seq DESC LIMIT ?`, limit)
}

// Open reads every sale that is not settled, oldest first. The till bounds how many there are.
func (t *Tx) Open() ([]Row, error) {
	return t.list(`SELECT ` + columns + ` WHERE s.finished_at IS NULL ORDER BY s.seq`)
}

func (t *Tx) list(query string, args ...any) (rows []Row, err error) {
	err = t.tx.Query(func(from sqlite.Rows) error {
		r, err := scan(from)
		rows = append(rows, r)
		return err
	}, query, args...)
	return rows, err
}

// Insert writes a new sale with its first event, and its message to the hub when it has one.
func (t *Tx) Insert(s sale.Sale, at time.Time) (Row, error) {
	err := t.tx.Exec(`INSERT INTO sale (id, order_no, subject, amount, currency, tender, state, reason, message,
		refusal_reason, refusal_message, wallet, wallet_ref, payment_id, created_at, scanned_at, finished_at, deferred_at, claim,
		mode, qr, qr_until, operator, received, bill, bill_total) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.OrderNo, s.Subject, s.Amount.Fen(), string(s.Amount.Currency()), string(s.Tender), string(s.State), s.Reason, s.Message,
		s.Refusal.Reason, s.Refusal.Message, string(s.Wallet), s.WalletRef, s.PaymentID, s.Created.UnixMilli(), toNull(s.Scanned), toNull(s.Finished),
		toNull(s.Deferred), s.Claim, s.Mode, s.QR, toNull(s.QRUntil), s.Operator, toNullFen(s.Received), s.Bill.Number, toNullFen(s.Bill.Total))
	if err != nil {
		return Row{}, fmt.Errorf("insert sale: %w", err)
	}
	if err := t.Append(s.ID, "new", changeOf("", s), at); err != nil {
		return Row{}, err
	}
	return t.ask(Row{Sale: s})
}

// Change writes what an event made of a sale. before is the row as it was read.
func (t *Tx) Change(before Row, after sale.Sale, e sale.Event, at time.Time) (Row, error) {
	n, err := t.tx.ExecCount(`UPDATE sale SET state = ?, reason = ?, message = ?, refusal_reason = ?, refusal_message = ?,
		wallet = ?, wallet_ref = ?, payment_id = ?, scanned_at = ?, finished_at = ?, deferred_at = ?, claim = ?,
		mode = ?, qr = ?, qr_until = ? WHERE id = ? AND state = ?`,
		string(after.State), after.Reason, after.Message, after.Refusal.Reason, after.Refusal.Message,
		string(after.Wallet), after.WalletRef, after.PaymentID, toNull(after.Scanned), toNull(after.Finished),
		toNull(after.Deferred), after.Claim, after.Mode, after.QR, toNull(after.QRUntil), after.ID, string(before.State))
	if err == nil && n != 1 {
		err = fmt.Errorf("the journal does not have it %s", before.State)
	}
	if err != nil {
		return before, fmt.Errorf("change sale %s to %s: %w", after.ID, after.State, err)
	}
	if err := t.Append(after.ID, string(e), changeOf(before.State, after), at); err != nil {
		return before, err
	}
	row := Row{Sale: after, Seq: before.Seq}
	if after.Asking == before.Asking {
		return row, nil
	}
	if before.Seq != 0 {
		if err := t.tx.Exec(`DELETE FROM outbox WHERE seq = ?`, int64(before.Seq)); err != nil {
			return before, fmt.Errorf("withdraw message: %w", err)
		}
		row.Seq = 0
	}
	return t.ask(row)
}

// ask puts the sale's message to the hub into the outbox.
func (t *Tx) ask(r Row) (Row, error) {
	if r.Asking == "" {
		return r, nil
	}
	body, err := json.Marshal(Message(r.Sale))
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

// Message is the body of what a sale asks the hub: of a charge without the code, which no disk
// may hold, but with the claim of a deferred sale.
func Message(s sale.Sale) any {
	switch s.Asking {
	case wire.KindPay:
		if s.Mode == wire.ModeQR {
			return wire.Pay{Mode: s.Mode, Wallet: s.Wallet, Key: s.ID, OrderNo: s.OrderNo, Amount: s.Amount.Fen(),
				Currency: string(s.Amount.Currency()), Subject: s.Subject, ScannedAt: clean(s.Scanned)}
		}
		return wire.Pay{Code: s.Claim, DeferredAt: pointer(s.Deferred), Key: s.ID, OrderNo: s.OrderNo, Amount: s.Amount.Fen(), Currency: string(s.Amount.Currency()),
			Subject: s.Subject, ScannedAt: s.Scanned.UTC().Truncate(time.Millisecond)}
	case wire.KindFence:
		return wire.Fence{Key: s.ID}
	case wire.KindCancel:
		return wire.Cancel{Key: s.ID}
	}
	return nil
}

// change is the body of a sale's event.
type change struct {
	From      localapi.State  `json:"from,omitempty"`
	State     localapi.State  `json:"state"`
	Outcome   pay.Outcome     `json:"outcome"`
	Tender    localapi.Tender `json:"tender"`
	Asking    wire.Kind       `json:"asking,omitempty"`
	Reason    string          `json:"reason"`
	Amount    int64           `json:"amount"`
	OrderNo   string          `json:"order_no"`
	Wallet    pay.Wallet      `json:"wallet,omitempty"`
	WalletRef string          `json:"wallet_ref,omitempty"`
	PaymentID string          `json:"payment_id,omitempty"`
	Deferred  *time.Time      `json:"deferred_at,omitempty"`
	Mode      string          `json:"mode,omitempty"`
	Operator  string          `json:"operator,omitempty"`

	// What does not change is told once, with the sale itself.
	Received  int64  `json:"received,omitempty"`
	Change    int64  `json:"change,omitempty"`
	Bill      string `json:"bill,omitempty"`
	BillTotal int64  `json:"bill_total,omitempty"`
}

func changeOf(from localapi.State, s sale.Sale) any {
	c := change{Operator: s.Operator, Mode: s.Mode, Deferred: pointer(s.Deferred), From: from, State: s.State, Outcome: s.State.Outcome(), Tender: s.Tender, Asking: s.Asking, Reason: s.Reason,
		Amount: s.Amount.Fen(), OrderNo: s.OrderNo, Wallet: s.Wallet, WalletRef: s.WalletRef, PaymentID: s.PaymentID}
	if from == "" {
		c.Received, c.Change, c.Bill, c.BillTotal = s.Received.Fen(), s.Change().Fen(), s.Bill.Number, s.Bill.Total.Fen()
	}
	return c
}

// codeKept is how long a used code is remembered. Codes live a minute; a day is the longest
// anybody looks back for one.
const codeKept = 24 * time.Hour

// CodeUsed finds the sale that used a code; "" when none did.
func (t *Tx) CodeUsed(digest []byte) (saleID string, err error) {
	err = t.tx.QueryRow(`SELECT sale FROM code WHERE digest = ?`, digest).Scan(&saleID)
	if sqlite.NoRows(err) {
		return "", nil
	}
	return saleID, err
}

// UseCode remembers that a sale used a code, and forgets what is older than a day.
func (t *Tx) UseCode(digest []byte, saleID string, at time.Time) error {
	if err := t.tx.Exec(`DELETE FROM code WHERE at < ?`, at.Add(-codeKept).UnixMilli()); err != nil {
		return fmt.Errorf("forget old codes: %w", err)
	}
	if err := t.tx.Exec(`INSERT INTO code (digest, sale, at) VALUES (?, ?, ?)`, digest, saleID, at.UnixMilli()); err != nil {
		return fmt.Errorf("remember code: %w", err)
	}
	return nil
}
