package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/money"
	"cloudcashier/shared/sqlite"
)

const attemptColumns = `p.id, p.merchant, p.store, p.terminal, p.source, p.key, p.body_hash, p.order_no, p.amount, p.subject,
 p.metadata, p.wallet, p.status, p.waiting, p.decline_code, p.decline_message, p.decline_wallet, p.paid_at, p.created_at, p.finished_at,
 p.refunded_amount, p.refunding_amount, p.rev, a.id, a.channel, a.out_trade_no, a.status, a.wallet_ref, a.cause, a.sent_at, a.stamp_at, a.called_at, a.settled_at, a.undoing_at, a.written_off_at,
 a.tries, a.checks, p.deferred_at, a.left_at, a.shown, a.qr, a.qr_until, a.look_at `

// paymentColumns are those of a payment with its attempt in force.
const paymentColumns = attemptColumns + `FROM payment p JOIN attempt a ON a.payment = p.id AND a.left_at IS NULL `

func scanPayment(scan func(...any) error) (p payment.Payment, err error) {
	var amount, refunded, refunding int64
	var paid, created, finished, sent, stamp, called, settled, undoing, writtenOff, deferred, left, until, look sql.NullInt64
	a := &p.Attempt
	err = scan(&p.ID, &p.Merchant, &p.Store, &p.Terminal, &p.Source, &p.Key, &p.BodyHash, &p.OrderNo, &amount, &p.Subject,
		&p.Metadata, &p.Wallet, &p.Status, &p.Waiting, &p.Decline.Code, &p.Decline.Message, &p.Decline.Wallet, &paid, &created, &finished,
		&refunded, &refunding, &p.Rev, &a.ID, &a.Channel, &a.OutTradeNo, &a.Status, &a.WalletRef, &a.Cause, &sent, &stamp, &called, &settled, &undoing, &writtenOff,
		&a.Tries, &a.Checks, &deferred, &left, &a.Shown, &a.QR, &until, &look)
	p.Deferred = moment(deferred)
	p.Amount = money.Fen(amount)
	if refunded > 0 {
		p.Refunded = money.Fen(refunded)
	}
	if refunding > 0 {
		p.Refunding = money.Fen(refunding)
	}
	p.PaidAt, p.Created, p.Finished = moment(paid), moment(created), moment(finished)
	a.Sent, a.Stamp, a.Called, a.Settled = moment(sent), moment(stamp), moment(called), moment(settled)
	a.Undoing, a.WrittenOff, a.Left, a.Until, a.Look = moment(undoing), moment(writtenOff), moment(left), moment(until), moment(look)
	return p, err
}

// Kept is a payment as reading it gives it back once it is stored: its times in UTC and whole milliseconds, without the route.
func Kept(p payment.Payment) payment.Payment {
	a := &p.Attempt
	for _, t := range []*time.Time{&p.PaidAt, &p.Created, &p.Finished, &p.Deferred,
		&a.Sent, &a.Stamp, &a.Called, &a.Settled, &a.Undoing, &a.WrittenOff, &a.Left, &a.Until, &a.Look} {
		*t = moment(millis(*t))
	}
	a.Route = ""
	return p
}

// InsertPayment stores a new payment and its attempt; fresh is false, and nothing is stored, when its key has made one before.
func (tx *Tx) InsertPayment(p payment.Payment) (fresh bool, err error) {
	err = tx.Exec(`INSERT INTO payment (id, merchant, store, terminal, source, scope, key, body_hash, order_no, amount, currency, subject,
 metadata, wallet, status, waiting, decline_code, decline_message, decline_wallet, paid_at, created_at, finished_at, deferred_at)
 VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		p.ID, p.Merchant, p.Store, p.Terminal, p.Source, p.Scope(), p.Key, p.BodyHash, p.OrderNo, p.Amount.Fen(), p.Amount.Currency(), p.Subject,
		p.Metadata, p.Wallet, p.Status, p.Waiting, p.Decline.Code, p.Decline.Message, p.Decline.Wallet,
		millis(p.PaidAt), millis(p.Created), millis(p.Finished), millis(p.Deferred))
	if sqlite.IsDuplicate(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, tx.insertAttempt(p)
}

func (tx *Tx) insertAttempt(p payment.Payment) error {
	a := p.Attempt
	return tx.Exec(`INSERT INTO attempt (id, payment, channel, out_trade_no, status, wallet_ref, cause, sent_at, stamp_at, called_at, settled_at, tries, checks, route, shown, qr, qr_until)
 VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`, a.ID, p.ID, a.Channel, a.OutTradeNo, a.Status, a.WalletRef, a.Cause,
		millis(a.Sent), millis(a.Stamp), millis(a.Called), millis(a.Settled), a.Tries, a.Checks, a.Route, a.Shown, a.QR, millis(a.Until))
}

// ErrStale says that a payment is not stored as it was when what is to be saved was worked out: read it again.
var ErrStale = errors.New("the payment has changed meanwhile")

// SavePayment stores what may change of a payment and its attempt, provided that it is stored as p was read ([ErrStale], and nothing
// is stored). The sums of its refunds are not its to change.
func (tx *Tx) SavePayment(p *payment.Payment) error {
	n, err := tx.ExecCount(`UPDATE payment SET status=?, waiting=?, decline_code=?, decline_message=?, decline_wallet=?, paid_at=?, finished_at=?, rev=rev+1
 WHERE id=? AND rev=?`, p.Status, p.Waiting, p.Decline.Code, p.Decline.Message, p.Decline.Wallet, millis(p.PaidAt), millis(p.Finished), p.ID, p.Rev)
	if err == nil && n != 1 {
		return fmt.Errorf("%s: %w", p.ID, ErrStale)
	}
	if err != nil {
		return err
	}
	p.Rev++
	a := p.Attempt
	return tx.Exec(`UPDATE attempt SET status=?, wallet_ref=?, cause=?, sent_at=?, called_at=?, settled_at=?, undoing_at=?, written_off_at=?,
 tries=?, checks=?, left_at=?, qr=?, look_at=? WHERE id=?`,
		a.Status, a.WalletRef, a.Cause, millis(a.Sent), millis(a.Called), millis(a.Settled),
		millis(a.Undoing), millis(a.WrittenOff), a.Tries, a.Checks, millis(a.Left), a.QR, millis(a.Look), a.ID)
}

// Payment finds a payment by its identifier (NotFound).
func (tx *Tx) Payment(id string) (payment.Payment, error) {
	p, err := scanPayment(tx.QueryRow("SELECT "+paymentColumns+"WHERE p.id = ?", id).Scan)
	return p, found(err, "payment", id)
}

// PaymentByKey finds a payment by its idempotency key (NotFound).
func (tx *Tx) PaymentByKey(merchant string, source payment.Source, scope, key string) (payment.Payment, error) {
	p, err := scanPayment(tx.QueryRow("SELECT "+paymentColumns+
		"WHERE p.merchant = ? AND p.source = ? AND p.scope = ? AND p.key = ?", merchant, source, scope, key).Scan)
	return p, found(err, "payment", key)
}

// PaymentsByOrder lists an order's payments, newest first.
func (tx *Tx) PaymentsByOrder(merchant, orderNo string, limit int) ([]payment.Payment, error) {
	return tx.payments("SELECT "+paymentColumns+"WHERE p.merchant = ? AND p.order_no = ? ORDER BY p.id DESC LIMIT ?", merchant, orderNo, limit)
}

// RecentPayments lists open payments first, then the newest.
func (tx *Tx) RecentPayments(limit int) ([]payment.Payment, error) {
	open, err := tx.payments("SELECT "+paymentColumns+"WHERE p.finished_at IS NULL ORDER BY p.created_at LIMIT ?", limit)
	if err != nil || len(open) >= limit {
		return open, err
	}
	rest, err := tx.payments("SELECT "+paymentColumns+"WHERE p.finished_at IS NOT NULL ORDER BY p.id DESC LIMIT ?", limit-len(open))
	return append(open, rest...), err
}

func (tx *Tx) payments(query string, args ...any) (list []payment.Payment, err error) {
	err = tx.Query(func(rows sqlite.Rows) error {
		p, err := scanPayment(rows.Scan)
		list = append(list, p)
		return err
	}, query, args...)
	return list, err
}

// UseCode notes that a code makes a payment. It reports the payment that used it before, if any.
func (tx *Tx) UseCode(digest []byte, paymentID string, at int64) (usedBy string, err error) {
	n, err := tx.ExecCount("INSERT INTO code_use (digest, payment, at) VALUES (?,?,?) ON CONFLICT DO NOTHING", digest, paymentID, at)
	if err != nil || n == 1 {
		return "", err
	}
	err = tx.QueryRow("SELECT payment FROM code_use WHERE digest = ?", digest).Scan(&usedBy)
	return usedBy, err
}

// Open counts payments whose outcome is not settled, and those in doubt, with the oldest's creation (ms, 0: none).
func (tx *Tx) Open() (open, unknown int, oldest int64, err error) {
	err = tx.QueryRow(`SELECT count(*), coalesce(sum(status IN ('unknown','reversing')), 0), coalesce(min(created_at), 0)
 FROM payment WHERE finished_at IS NULL`).Scan(&open, &unknown, &oldest)
	return open, unknown, oldest, err
}
