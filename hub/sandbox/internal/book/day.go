package book

import (
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Moved is one transaction that moved money and was not taken back as if it had never been: a paid
// order, or what went back of one.
type Moved struct {
	Order order.Order
	Back  *order.Given // nil for the order's own charge
}

// Day gives what a wallet's merchant (any, when empty) did from one moment to before another, in
// the order in which it was asked for. Call [Book.Settle] first.
func (b *Book) Day(w pay.Wallet, mch string, from, to time.Time) (all []Moved, err error) {
	args := []any{string(w), mch, mch, from.UnixMilli(), to.UnixMilli()}
	err = b.db.View(func(tx *sqlite.Tx) error {
		err := tx.Query(func(rows sqlite.Rows) error {
			o, err := scan(rows)
			all = append(all, Moved{Order: o})
			return err
		}, selectOrder+` WHERE wallet = ? AND (? = '' OR mch = ?) AND created >= ? AND created < ? AND state = 'paid' ORDER BY created, id`, args...)
		if err != nil {
			return err
		}
		var of []int64
		var backs []order.Given
		err = tx.Query(func(rows sqlite.Rows) error {
			var id int64
			g, err := scanGiven(rows, &id)
			of, backs = append(of, id), append(backs, g)
			return err
		}, selectGiven+` JOIN orders o ON o.id = r.order_id WHERE o.wallet = ? AND (? = '' OR o.mch = ?) AND r.created >= ? AND r.created < ?
			AND r.state = 'returned' ORDER BY r.created, r.id`, args...)
		for i := range backs {
			if err != nil {
				return err
			}
			var o order.Order
			o, err = scan(tx.QueryRow(selectOrder+` WHERE id = ?`, of[i]))
			all = append(all, Moved{Order: o, Back: &backs[i]})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a day: %w", err)
	}
	return all, nil
}
