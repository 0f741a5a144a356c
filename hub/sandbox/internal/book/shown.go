package book

import (
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/sqlite"
)

// Offer carries out a request for a code to show that a door has checked.
func (b *Book) Offer(now time.Time, asked order.Order) (s order.Step, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error {
		seen, _, err := find(tx, Ref{Wallet: asked.Wallet, Mch: asked.Mch, Number: asked.Number})
		switch {
		case err != nil:
			return fmt.Errorf("load order: %w", err)
		case seen.State != order.Ghost:
			s = order.OfferAgain(seen, asked.Digest)
		default:
			s = order.Offer(asked, seen, now)
		}
		if !s.Save {
			return nil
		}
		return b.store(tx, &s.Order, s.Line)
	})
	return s, err
}

// CloseOrder carries out a request to close an order.
func (b *Book) CloseOrder(now time.Time, r Ref) (order.Step, error) {
	return b.step(now, r, order.Close)
}

// Scan carries out what a customer does who scans a shown code; found is false when it is none of ours.
func (b *Book) Scan(now time.Time, text string, fate order.Fate) (s order.Step, found bool, err error) {
	wallet, id, ok := order.ParseText(text)
	if !ok {
		return s, false, nil
	}
	err = b.update(now, func(tx *sqlite.Tx) error {
		o, err := scan(tx.QueryRow(selectOrder+` WHERE id = ?`, id))
		if sqlite.NoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		if found = o.Wallet == wallet && o.Shown; !found {
			return nil
		}
		if s = order.Scan(o, fate, now); !s.Save {
			return nil
		}
		return b.store(tx, &s.Order, s.Line)
	})
	return s, found, err
}
