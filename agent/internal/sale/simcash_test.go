package sale_test

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// takeCash journals a sale whose money is in the cashier's hand, whatever the link does. A cashier
// who saw no answer enters the order again: the journal's own rule makes it one sale.
func (w *world) takeCash(key string) {
	if w.open == nil {
		w.after(5*time.Second, func() { w.takeCash(key) })
		return
	}
	s, stored := w.journal[key]
	if !stored {
		s = sale.Taken(key, key, "", money.Fen(100), localapi.TenderCash, w.at())
	}
	if w.bugs.cashShownFirst {
		w.show(s)
	}
	if w.bugs.cashIsAsked {
		w.leaves(key, w.now+simRules.CodeLife)
	}
	if w.faulty(w.crash) {
		w.restart()
		if w.rng.IntN(2) == 0 { // else the customer and the cash are gone
			w.after(5*time.Second, func() { w.takeCash(key) })
		}
		return
	}
	if w.journal[key] = s; !stored {
		w.order = append(w.order, key)
	}
	if w.faulty(w.crash) {
		w.restart()
		w.after(5*time.Second, func() { w.takeCash(key) })
		return
	}
	w.show(s)
	w.after(w.upTo(90*time.Second), func() { // no word and no crash moves it
		for _, e := range sale.Events {
			if got, _ := w.law(s, sale.News{Event: e}); got != s {
				w.violation("%s was paid in cash and %s made it %s", key, e, got.State)
			}
		}
	})
}
