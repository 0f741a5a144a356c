package store

import (
	"database/sql"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/shift"
	"cloudcashier/shared/sqlite"
)

// TillBooks are the copied log of one till and the hub's payments and refunds of it, from a database file that may be
// in use or a copy. It changes nothing.
type TillBooks struct {
	db       *sql.DB
	terminal string
}

// OpenTillBooks opens the books of a terminal (NotFound). Close them.
func OpenTillBooks(path, terminal string) (*TillBooks, error) {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	var known bool
	err = db.QueryRow("SELECT EXISTS (SELECT 1 FROM terminal WHERE id = ?)", terminal).Scan(&known)
	if err == nil && !known {
		err = fault.New(fault.NotFound, "terminal.unknown", "there is no terminal %q", terminal)
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &TillBooks{db, terminal}, nil
}

// Close ends the reading.
func (b *TillBooks) Close() error { return b.db.Close() }

// Log hands the copied rows to on, in their order.
func (b *TillBooks) Log(on func(shift.Entry) error) error {
	rows, err := b.db.Query("SELECT seq, sale, kind, body, at, hash FROM till_record WHERE terminal = ? ORDER BY seq", b.terminal)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e shift.Entry
		var at int64
		var body string
		if err := rows.Scan(&e.Seq, &e.Sale, &e.Kind, &body, &at, &e.Hash); err != nil {
			return err
		}
		e.Body, e.At = []byte(body), time.UnixMilli(at).UTC()
		if err := on(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// TillRow is what the hub has under one key of the till.
type TillRow struct {
	ID, Status string
	Amount     int64 // fen
	Wallet     pay.Wallet
}

// Payment finds the payment of a sale; ok is false when there is none.
func (b *TillBooks) Payment(key string) (r TillRow, ok bool, err error) {
	return b.find("SELECT id, status, amount, wallet FROM payment WHERE merchant = (SELECT merchant FROM terminal WHERE id = ?1) AND source = 'till' AND scope = ?1 AND key = ?2", key)
}

// Refund finds the refund of a key.
func (b *TillBooks) Refund(key string) (r TillRow, ok bool, err error) {
	return b.find(`SELECT r.id, r.status, r.amount, p.wallet FROM refund r JOIN payment p ON p.id = r.payment
 WHERE r.merchant = (SELECT merchant FROM terminal WHERE id = ?1) AND r.source = 'till' AND r.scope = ?1 AND r.key = ?2`, key)
}

func (b *TillBooks) find(query, key string) (r TillRow, ok bool, err error) {
	err = b.db.QueryRow(query, b.terminal, key).Scan(&r.ID, &r.Status, &r.Amount, &r.Wallet)
	if sqlite.NoRows(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Strays hands to on the payments that succeeded and whose sales the copied log does not have.
func (b *TillBooks) Strays(on func(key string, fen int64)) error {
	rows, err := b.db.Query(`SELECT p.key, p.amount FROM payment p WHERE p.merchant = (SELECT merchant FROM terminal WHERE id = ?1) AND p.source = 'till'
 AND p.scope = ?1 AND p.status = 'succeeded' AND NOT EXISTS (SELECT 1 FROM till_record t WHERE t.terminal = ?1 AND t.sale = p.key) ORDER BY p.id`, b.terminal)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var fen int64
		if err := rows.Scan(&key, &fen); err != nil {
			return err
		}
		on(key, fen)
	}
	return rows.Err()
}
