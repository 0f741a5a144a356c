package store

import (
	"database/sql"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/sqlite"
)

// OpenException stores an exception, unless one of its kind is open for the payment or refund, or its
// matter was known before.
func (tx *Tx) OpenException(x payment.Exception) (opened bool, err error) {
	n, err := tx.ExecCount(`INSERT INTO exception (id, payment, refund, kind, matter, known, owner, opened_at, deadline_at)
 VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
		x.ID, x.Payment, x.Refund, x.Kind, x.Matter, x.Known, x.Owner, x.Opened.UnixMilli(), x.Deadline.UnixMilli())
	return n == 1, err
}

// EndException resolves the open exception of a kind about a payment, or about one of its refunds when
// that is named, if there is one, and gives its identifier.
func (tx *Tx) EndException(paymentID, refundID string, kind payment.ExceptionKind, by string, d payment.Decision, note string, at time.Time) (id string, err error) {
	err = tx.QueryRow(`UPDATE exception SET resolved_at = ?, resolved_by = ?, decision = ?, note = ?
 WHERE payment = ? AND refund = ? AND kind = ? AND resolved_at IS NULL RETURNING id`, at.UnixMilli(), by, d, note, paymentID, refundID, kind).Scan(&id)
	if sqlite.NoRows(err) {
		return "", nil
	}
	return id, err
}

const exceptionColumns = `id, payment, refund, kind, matter, known, owner, opened_at, deadline_at, resolved_at, resolved_by, decision, note FROM exception `

func scanException(scan func(...any) error) (x payment.Exception, err error) {
	var opened, deadline, resolved sql.NullInt64
	err = scan(&x.ID, &x.Payment, &x.Refund, &x.Kind, &x.Matter, &x.Known, &x.Owner, &opened, &deadline, &resolved, &x.By, &x.Decision, &x.Note)
	x.Opened, x.Deadline, x.Resolved = moment(opened), moment(deadline), moment(resolved)
	return x, err
}

// Exception finds an exception (NotFound).
func (tx *Tx) Exception(id string) (payment.Exception, error) {
	x, err := scanException(tx.QueryRow("SELECT "+exceptionColumns+"WHERE id = ?", id).Scan)
	return x, found(err, "exception", id)
}

// OpenExceptions counts what is not resolved.
func (tx *Tx) OpenExceptions() (n int, err error) {
	err = tx.QueryRow("SELECT count(*) FROM exception WHERE resolved_at IS NULL").Scan(&n)
	return n, err
}

// Exceptions lists exceptions with their payments, oldest first, from a database file that may be
// in use or a copy; the resolved ones only when all are asked for. It changes nothing.
func Exceptions(path string, all bool) (list []payment.Exception, of map[string]payment.Payment, err error) {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	rows, err := db.Query("SELECT "+exceptionColumns+"WHERE ? OR resolved_at IS NULL ORDER BY id", all)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	defer rows.Close()
	of = map[string]payment.Payment{}
	for rows.Next() {
		x, err := scanException(rows.Scan)
		if err != nil {
			return nil, nil, unreadable(path, err)
		}
		list = append(list, x)
		if _, known := of[x.Payment]; known {
			continue
		}
		if of[x.Payment], err = scanPayment(db.QueryRow("SELECT "+paymentColumns+"WHERE p.id = ?", x.Payment).Scan); err != nil {
			return nil, nil, unreadable(path, err)
		}
	}
	return list, of, rows.Err()
}
