package book

import (
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Booked is a line of the ledger as a bill needs it.
type Booked struct {
	order.Line
	Order  order.Order
	Refund *order.Given // of a refund, and of an undo with a number of its own
	Before money.Amount // what the merchant had left of the order before this line; nothing before its charge
}

// Booked gives a wallet's merchant's ledger up to a moment, by time: what bills are made of. Call [Book.Settle] first.
func (b *Book) Booked(w pay.Wallet, mch string, until time.Time) (all []Booked, err error) {
	err = b.db.View(func(tx *sqlite.Tx) error {
		var of, back []int64
		err := tx.Query(func(rows sqlite.Rows) error {
			var (
				x                          Booked
				amount, ms, order, refunds int64
			)
			err := rows.Scan(&x.Kind, &amount, &ms, &order, &refunds)
			x.Amount, x.At = money.Fen(amount), at(ms)
			all, of, back = append(all, x), append(of, order), append(back, refunds)
			return err
		}, `SELECT l.kind, l.amount, l.at, l.order_id, coalesce(l.refund_id, 0) FROM lines l JOIN orders o ON o.id = l.order_id
			WHERE o.wallet = ? AND (? = '' OR o.mch = ?) AND l.at < ? ORDER BY l.at, l.seq`, string(w), mch, mch, until.UnixMilli())
		left := map[int64]int64{}
		for i := range all {
			if err != nil {
				return err
			}
			x := &all[i]
			if x.Order, err = scan(tx.QueryRow(selectOrder+` WHERE id = ?`, of[i])); err != nil {
				return err
			}
			if back[i] != 0 {
				var g order.Given
				var id int64
				g, err = scanGiven(tx.QueryRow(selectGiven+` WHERE r.id = ?`, back[i]), &id)
				x.Refund = &g
			}
			x.Before = money.Fen(left[of[i]])
			if x.Kind == order.Charge {
				left[of[i]] += x.Amount.Fen()
			} else {
				left[of[i]] -= x.Amount.Fen()
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger for a bill: %w", err)
	}
	return all, nil
}
