package book

import (
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// Pay carries out a pay request that a door has checked. asked holds what the request says; its
// Code and Fate are read from code.
func (b *Book) Pay(now time.Time, asked order.Order, code pay.Code) (s order.Step, err error) {
	asked.Fate, asked.Code.Hash = order.FateOf(code.Reveal()), hashOf(code)
	err = b.update(now, func(tx *sqlite.Tx) error {
		asked.Code = b.codes.get(asked.Code.Hash)
		// Nearly every number is new, so write first: that saves looking for what is not there.
		if s = order.Open(asked, order.Order{}, now); s.Save && s.Order.State != order.Ghost {
			err := b.store(tx, &s.Order, s.Line)
			if !sqlite.NoRows(err) {
				return err
			}
		}
		seen, _, err := find(tx, Ref{Wallet: asked.Wallet, Mch: asked.Mch, Number: asked.Number})
		switch {
		case err != nil:
			return fmt.Errorf("load order: %w", err)
		case seen.State != order.Ghost:
			s = order.Repeat(seen, asked.Digest)
		case seen.ID != 0:
			s = order.Open(asked, seen, now)
		default:
			s = order.Open(asked, order.Order{}, now)
		}
		if !s.Save {
			return nil
		}
		return b.store(tx, &s.Order, s.Line)
	})
	return s, err
}

// Query carries out a query. It writes only when the order changes by being looked at.
func (b *Book) Query(now time.Time, r Ref) (s order.Step, err error) {
	var found, due bool
	err = b.db.View(func(tx *sqlite.Tx) error {
		var o order.Order
		if o, found, err = find(tx, r); err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		due = o.Due(now)
		s = order.Query(o, now)
		return nil
	})
	switch {
	case err != nil:
		return s, err
	case !found:
		return order.Step{Verdict: order.Absent}, nil
	case !due && !s.Save:
		return s, nil
	}
	return b.step(now, r, order.Query)
}

// Reverse carries out a reversal.
func (b *Book) Reverse(now time.Time, r Ref) (order.Step, error) {
	return b.step(now, r, order.Reverse)
}

func (b *Book) step(now time.Time, r Ref, decide func(order.Order, time.Time) order.Step) (s order.Step, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error {
		o, found, err := find(tx, r)
		if err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		if !found {
			s = order.Step{Verdict: order.Absent}
			return nil
		}
		if s = decide(o, now); !s.Save {
			return nil
		}
		return b.store(tx, &s.Order, s.Line)
	})
	return s, err
}

// Entry is a line of the ledger with the order it belongs to.
type Entry struct {
	order.Line
	Seq    int64
	Refund string      // the merchant's number of the refund or undo; empty for other lines
	Order  order.Order // Wallet, Mch, Number, ID and Created, enough for its Ref
}

// Settle writes down what happened by itself until now.
func (b *Book) Settle(now time.Time) error {
	return b.update(now, func(*sqlite.Tx) error { return nil })
}

// Lines gives up to limit lines after seq, in booking order. Call [Book.Settle] first.
func (b *Book) Lines(seq int64, limit int) (entries []Entry, err error) {
	err = b.db.View(func(tx *sqlite.Tx) error {
		return tx.Query(func(rows sqlite.Rows) error {
			var (
				e                   Entry
				created, amount, ms int64
			)
			err := rows.Scan(&e.Seq, &e.Kind, &amount, &ms, &e.Order.ID, &e.Order.Wallet, &e.Order.Mch, &e.Order.Number, &created, &e.Refund)
			e.Order.Created, e.At, e.Amount = at(created), at(ms), money.Fen(amount)
			entries = append(entries, e)
			return err
		}, `SELECT l.seq, l.kind, l.amount, l.at, o.id, o.wallet, o.mch, o.number, o.created, coalesce(r.number, '')
			FROM lines l JOIN orders o ON o.id = l.order_id LEFT JOIN refunds r ON r.id = l.refund_id WHERE l.seq > ? ORDER BY l.seq LIMIT ?`, seq, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return entries, nil
}
