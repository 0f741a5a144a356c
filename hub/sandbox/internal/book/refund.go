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

const selectGiven = `SELECT r.id, r.order_id, r.number, r.stamp, r.undo, r.amount, r.state, r.created, r.ended, r.due FROM refunds r`

// scanGiven reads a refund, and which order it is of.
func scanGiven(r row, of *int64) (g order.Given, err error) {
	var amount, created int64
	var ended, due sql.NullInt64
	err = r.Scan(&g.ID, of, &g.Number, &g.Stamp, &g.Undo, &amount, &g.State, &created, &ended, &due)
	g.Amount, g.Created, g.EndedAt, g.Plan = money.Fen(amount), at(created), moment(ended), moment(due)
	return g, err
}

// storeGiven writes a refund, its order, and the line it booked.
func (b *Book) storeGiven(tx *sqlite.Tx, o *order.Order, g *order.Given, line *order.Line) error {
	var err error
	fresh := g.ID == 0
	if fresh {
		err = tx.QueryRow(`INSERT INTO refunds (order_id, number, stamp, undo, amount, state, created, ended, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			o.ID, g.Number, g.Stamp, g.Undo, g.Amount.Fen(), string(g.State), g.Created.UnixMilli(), millis(g.EndedAt), millis(g.Plan)).Scan(&g.ID)
	} else {
		err = tx.Exec(`UPDATE refunds SET state = ?, ended = ?, due = ? WHERE id = ?`, string(g.State), millis(g.EndedAt), millis(g.Plan), g.ID)
	}
	if err == nil && line != nil {
		err = tx.Exec(`INSERT INTO lines (order_id, refund_id, kind, amount, at) VALUES (?, ?, ?, ?, ?)`,
			o.ID, g.ID, string(line.Kind), line.Amount.Fen(), line.At.UnixMilli())
	}
	if err == nil {
		err = b.noteBack(tx, o, g, fresh)
	}
	if err != nil {
		return fmt.Errorf("store refund: %w", err)
	}
	if err := b.store(tx, o, nil); err != nil {
		return err
	}
	if ms := g.Plan.UnixMilli(); !g.Plan.IsZero() && ms < b.nextDue {
		b.nextDue = ms
	}
	return nil
}

// RefundRef names a refund: by the merchant's number, or by the wallet's own, which wins.
type RefundRef struct {
	Number    string
	WalletRef string
}

// given finds a refund of the merchant. Alipay's numbers are those of one trade, the others' of all.
func given(tx *sqlite.Tx, o order.Order, r RefundRef) (g order.Given, orderID int64, err error) {
	query, args := ` JOIN orders o ON o.id = r.order_id WHERE o.wallet = ? AND o.mch = ? AND r.number = ?`, []any{string(o.Wallet), o.Mch, r.Number}
	if o.Wallet == pay.Alipay {
		query, args = ` WHERE r.order_id = ? AND r.number = ?`, []any{o.ID, r.Number}
	}
	if r.WalletRef != "" {
		id, _ := order.ParseRef(r.WalletRef)
		query, args = ` JOIN orders o ON o.id = r.order_id WHERE o.wallet = ? AND o.mch = ? AND r.id = ?`, []any{string(o.Wallet), o.Mch, id}
	}
	g, err = scanGiven(tx.QueryRow(selectGiven+query, args...), &orderID)
	if sqlite.NoRows(err) || err == nil && r.WalletRef != "" && g.Ref(o.Wallet) != r.WalletRef {
		return order.Given{}, 0, nil
	}
	return g, orderID, err
}

// Refund carries out a refund request. total is what the merchant says the order's whole amount is,
// the zero Amount when it says nothing; without a number the whole order is meant, under its own.
func (b *Book) Refund(now time.Time, r Ref, asked order.Given, total money.Amount) (s order.RefundStep, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error {
		o, found, err := find(tx, r)
		if err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		if !found {
			s = order.RefundStep{Verdict: order.Absent}
			return nil
		}
		known, orderID, err := given(tx, o, RefundRef{Number: asked.Number})
		if err == nil && known.ID == 0 && o.Wallet == pay.UnionPay { // its refunds are orders among the others
			var other order.Order
			if other, _, err = find(tx, Ref{Wallet: o.Wallet, Mch: o.Mch, Number: asked.Number}); other.ID != 0 {
				s = order.RefundStep{Order: o, Verdict: order.NumberUsed}
				return err
			}
		}
		switch {
		case err != nil:
			return fmt.Errorf("load refund: %w", err)
		case known.ID != 0 && orderID != o.ID, o.ID != 0 && o.State != order.Ghost && !total.IsZero() && total != o.Amount:
			s = order.RefundStep{Order: o, Verdict: order.OtherAmount}
			return nil
		}
		if s = order.Back(o, known, asked, now); !s.Save {
			return nil
		}
		return b.storeGiven(tx, &s.Order, &s.Refund, s.Line)
	})
	return s, err
}

// Refunds answers a question about refunds: one, or with an empty r all of the order's, oldest first.
func (b *Book) Refunds(now time.Time, of Ref, r RefundRef) (o order.Order, list []order.Given, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error { // settles first
		if of.Number != "" || of.WalletRef != "" {
			var found bool
			if o, found, err = find(tx, of); err != nil || !found || o.ID == 0 {
				o = order.Order{}
				return err
			}
		} else {
			o = order.Order{Wallet: of.Wallet, Mch: of.Mch}
		}
		if r != (RefundRef{}) {
			g, orderID, err := given(tx, o, r)
			if err != nil || g.ID == 0 || o.ID != 0 && o.ID != orderID {
				return err
			}
			list = []order.Given{g}
			o, err = scan(tx.QueryRow(selectOrder+` WHERE id = ?`, orderID))
			return err
		}
		return tx.Query(func(rows sqlite.Rows) error {
			g, err := scanGiven(rows, &o.ID)
			list = append(list, g)
			return err
		}, selectGiven+` WHERE r.order_id = ? ORDER BY r.id`, o.ID)
	})
	if err != nil {
		return o, nil, fmt.Errorf("find refunds: %w", err)
	}
	return o, list, nil
}
