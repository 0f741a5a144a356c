package store

import (
	"database/sql"
	"fmt"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/sqlite"
)

const refundColumns = `id, payment, merchant, store, terminal, source, key, body_hash, refund_no, out_refund_no, amount, reason, status,
 wallet_ref, decline_code, decline_message, decline_wallet, created_at, not_before_at, since_at, stamp_at, sent_at, stray_at, called_at,
 finished_at, refunded_at, tries, look_at FROM refund `

func scanRefund(scan func(...any) error) (r payment.Refund, err error) {
	var amount int64
	var created, notBefore, since, first, sent, stray, called, finished, refunded, look sql.NullInt64
	err = scan(&r.ID, &r.Payment, &r.Merchant, &r.Store, &r.Terminal, &r.Source, &r.Key, &r.BodyHash, &r.RefundNo, &r.OutRefundNo, &amount,
		&r.Reason, &r.Status, &r.WalletRef, &r.Decline.Code, &r.Decline.Message, &r.Decline.Wallet, &created, &notBefore, &since, &first, &sent,
		&stray, &called, &finished, &refunded, &r.Tries, &look)
	r.Amount = money.Fen(amount)
	r.Created, r.NotBefore, r.Since = moment(created), moment(notBefore), moment(since)
	r.Stamp, r.Sent, r.Stray, r.Called = moment(first), moment(sent), moment(stray), moment(called)
	r.Finished, r.RefundedAt, r.Look = moment(finished), moment(refunded), moment(look)
	return r, err
}

// InsertRefund stores a new refund; the payment's sums follow by themselves. A key that exists is
// refused as a duplicate row, and so is money beyond what was paid.
func (tx *Tx) InsertRefund(r payment.Refund) error {
	return tx.Exec(`INSERT INTO refund (id, payment, merchant, store, terminal, source, scope, key, body_hash, refund_no, out_refund_no,
 amount, currency, reason, status, wallet_ref, decline_code, decline_message, decline_wallet, created_at, not_before_at, since_at, stamp_at,
 sent_at, stray_at, called_at, finished_at, refunded_at, tries) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		r.ID, r.Payment, r.Merchant, r.Store, r.Terminal, r.Source, r.Scope(), r.Key, r.BodyHash, r.RefundNo, r.OutRefundNo,
		r.Amount.Fen(), r.Amount.Currency(), r.Reason, r.Status, r.WalletRef, r.Decline.Code, r.Decline.Message, r.Decline.Wallet,
		millis(r.Created), millis(r.NotBefore), millis(r.Since), millis(r.Stamp), millis(r.Sent), millis(r.Stray), millis(r.Called),
		millis(r.Finished), millis(r.RefundedAt), r.Tries)
}

// SaveRefund stores what may change of a refund.
func (tx *Tx) SaveRefund(r payment.Refund) error {
	n, err := tx.ExecCount(`UPDATE refund SET status=?, wallet_ref=?, decline_code=?, decline_message=?, decline_wallet=?, since_at=?, stamp_at=?,
 sent_at=?, stray_at=?, called_at=?, finished_at=?, refunded_at=?, tries=?, look_at=? WHERE id=?`,
		r.Status, r.WalletRef, r.Decline.Code, r.Decline.Message, r.Decline.Wallet, millis(r.Since), millis(r.Stamp),
		millis(r.Sent), millis(r.Stray), millis(r.Called), millis(r.Finished), millis(r.RefundedAt), r.Tries, millis(r.Look), r.ID)
	if err == nil && n != 1 {
		return fmt.Errorf("refund %s is not there to be saved", r.ID)
	}
	return err
}

// Refund finds a refund by its identifier (NotFound).
func (tx *Tx) Refund(id string) (payment.Refund, error) {
	r, err := scanRefund(tx.QueryRow("SELECT "+refundColumns+"WHERE id = ?", id).Scan)
	return r, found(err, "refund", id)
}

// RefundByKey finds a refund by its idempotency key (NotFound).
func (tx *Tx) RefundByKey(merchant string, source payment.Source, scope, key string) (payment.Refund, error) {
	r, err := scanRefund(tx.QueryRow("SELECT "+refundColumns+"WHERE merchant = ? AND source = ? AND scope = ? AND key = ?",
		merchant, source, scope, key).Scan)
	return r, found(err, "refund", key)
}

// RefundsOf lists a payment's refunds, newest first.
func (tx *Tx) RefundsOf(paymentID string, limit int) (list []payment.Refund, err error) {
	err = tx.Query(func(rows sqlite.Rows) error {
		r, err := scanRefund(rows.Scan)
		list = append(list, r)
		return err
	}, "SELECT "+refundColumns+"WHERE payment = ? ORDER BY id DESC LIMIT ?", paymentID, limit)
	return list, err
}

// Standing is what a payment's refunds take of it: all but the failed.
func (tx *Tx) Standing(paymentID string) (s payment.Standing, err error) {
	var last sql.NullInt64
	err = tx.QueryRow(`SELECT count(*), max(max(not_before_at, coalesce(sent_at, 0))) FROM refund WHERE payment = ? AND status <> 'failed'`,
		paymentID).Scan(&s.Count, &last)
	s.Last = moment(last)
	return s, err
}

// TillPayment finds the payment that a till's key made, on the till itself or, failing that, on another
// one of the merchant (NotFound).
func (tx *Tx) TillPayment(merchant, terminal, key string) (payment.Payment, error) {
	p, err := tx.PaymentByKey(merchant, payment.FromTill, terminal, key)
	if fault.KindOf(err) != fault.NotFound {
		return p, err
	}
	var owner string // asked till by till, so that each look finds its row by the key's own index
	err = tx.QueryRow(`SELECT t.id FROM terminal t JOIN payment p ON p.merchant = t.merchant AND p.source = 'till' AND p.scope = t.id AND p.key = ?
 WHERE t.merchant = ? LIMIT 1`, key, merchant).Scan(&owner)
	if err != nil {
		return p, found(err, "payment", key)
	}
	return tx.PaymentByKey(merchant, payment.FromTill, owner, key)
}

// OpenRefunds counts refunds without an outcome, and those of them in doubt.
func (tx *Tx) OpenRefunds() (open, unknown int, err error) {
	err = tx.QueryRow(`SELECT count(*), coalesce(sum(status = 'unknown'), 0) FROM refund WHERE finished_at IS NULL`).Scan(&open, &unknown)
	return open, unknown, err
}
