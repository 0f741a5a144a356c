package book

import (
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/sqlite"
)

// token is how the text of a shown code is remembered: in the place of a payment code, which such an order has none of.
func token(text string) order.Code { return order.Code{Hash: hashOfText("shown " + text)} }

// Show carries out an order whose code is shown; text is what stands in the code.
func (b *Book) Show(now time.Time, asked order.Order, text string) (s order.Step, err error) {
	asked.Code = token(text)
	err = b.update(now, func(tx *sqlite.Tx) error {
		known, _, err := find(tx, Ref{Wallet: asked.Wallet, Mch: asked.Mch, Number: asked.Number})
		if err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		if known.ID == 0 {
			known = order.Order{}
		}
		if s = order.Show(asked, known, now); !s.Save {
			return nil
		}
		return b.store(tx, &s.Order, s.Line)
	})
	return s, err
}

// Scan has a customer scan a shown code; Absent when there is none with that text.
func (b *Book) Scan(now time.Time, text string, fate order.Fate) (s order.Step, err error) {
	err = b.update(now, func(tx *sqlite.Tx) error {
		known, ok := b.codes[token(text).Hash]
		if !ok {
			s = order.Step{Verdict: order.Absent}
			return nil
		}
		o, err := scan(tx.QueryRow(selectOrder+` WHERE id = ?`, known.usedBy))
		if err != nil {
			return fmt.Errorf("load order: %w", err)
		}
		if s = order.Scan(o, fate, now); !s.Save {
			return nil
		}
		return b.store(tx, &s.Order, s.Line)
	})
	return s, err
}

// Shown reports an order whose code is shown with that text, as opposed to one of a payment code.
func (b *Book) Shown(o order.Order, text string) bool { return o.Code.Hash == token(text).Hash }

// Decide carries out a request about an order that a wallet decides in its own way.
func (b *Book) Decide(now time.Time, r Ref, decide func(order.Order, time.Time) order.Step) (order.Step, error) {
	return b.step(now, r, decide)
}
