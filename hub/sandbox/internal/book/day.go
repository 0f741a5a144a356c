package book

import (
	"database/sql"
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Moved is one transaction that moved money and was not taken back as if it had never been: a paid
// order, or what went back of one.
type Moved struct {
	Order order.Order
	Back  *order.Contra // nil for the order's own charge
}

// Day gives what a wallet's merchant (any, when empty) did from one moment to before another, in
// the order in which it was asked for. Call [Book.Settle] first.
func (b *Book) Day(w pay.Wallet, mch string, from, to time.Time) (all []Moved, err error) {
	args := []any{string(w), mch, mch, from.UnixMilli(), to.UnixMilli()}
	err = b.db.View(func(tx *sqlite.Tx) error {
		orders := map[int64]order.Order{}
		err := tx.Query(func(rows *sql.Rows) error {
			o, err := scan(rows)
			all = append(all, Moved{Order: o})
			return err
		}, selectOrder+` WHERE wallet = ? AND (? = '' OR mch = ?) AND created >= ? AND created < ? AND state = 'paid' ORDER BY created, id`, args...)
		if err != nil {
			return err
		}
		err = tx.Query(func(rows *sql.Rows) error {
			o, err := scan(rows)
			orders[o.ID] = o
			return err
		}, selectOrder+` WHERE wallet = ? AND id IN (SELECT order_id FROM contras WHERE (? = '' OR mch = ?) AND created >= ? AND created < ?)`, args...)
		if err != nil {
			return err
		}
		return tx.Query(func(rows *sql.Rows) error {
			var (
				back                  order.Contra
				orderID, fen, created int64
			)
			err := rows.Scan(&back.ID, &orderID, &back.Number, &back.Stamp, &back.Kind, &fen, &created)
			o, known := orders[orderID]
			back.Amount, back.Created, back.Of = money.Fen(fen), at(created), o.Ref()
			if known {
				all = append(all, Moved{Order: o, Back: &back})
			}
			return err
		}, `SELECT id, order_id, number, stamp, kind, amount, created FROM contras
			WHERE (? = '' OR mch = ?) AND created >= ? AND created < ? ORDER BY created, id`, args[1:]...)
	})
	if err != nil {
		return nil, fmt.Errorf("read a day: %w", err)
	}
	return all, nil
}
