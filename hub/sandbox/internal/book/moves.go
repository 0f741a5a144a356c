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

// Movement is a line of the ledger with all that a bill tells of it.
type Movement struct {
	order.Line
	Seq   int64
	Order order.Order
	Back  order.Given // of a refund
}

// Movements gives what moved at a wallet's merchant from one moment to before another, in booking order. Call
// [Book.Settle] first.
func (b *Book) Movements(w pay.Wallet, mch string, from, to time.Time) (all []Movement, err error) {
	err = b.db.View(func(tx *sqlite.Tx) error {
		var orders, backs []int64
		err := tx.Query(func(rows *sql.Rows) error {
			var m Movement
			var of, back, amount, ms int64
			err := rows.Scan(&m.Seq, &m.Kind, &amount, &ms, &of, &back)
			m.Amount, m.At = money.Fen(amount), at(ms)
			all, orders, backs = append(all, m), append(orders, of), append(backs, back)
			return err
		}, `SELECT l.seq, l.kind, l.amount, l.at, l.order_id, coalesce(l.refund_id, 0) FROM lines l JOIN orders o ON o.id = l.order_id
			WHERE o.wallet = ? AND o.mch = ? AND l.at >= ? AND l.at < ? ORDER BY l.seq`, string(w), mch, from.UnixMilli(), to.UnixMilli())
		for i := range all {
			if err != nil {
				return err
			}
			all[i].Order, err = scan(tx.QueryRow(selectOrder+` WHERE id = ?`, orders[i]))
			if err == nil && backs[i] != 0 {
				all[i].Back, err = scanGiven(tx.QueryRow(selectGiven+` WHERE r.id = ?`, backs[i]), &orders[i])
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what moved: %w", err)
	}
	return all, nil
}
