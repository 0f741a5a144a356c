package sale_test

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
)

// simPolicy lets two of the three sales wait at a time, so that the third is refused now and then.
var simPolicy = storedvalue.Policy{PerSale: money.Fen(100), Count: 2, Sum: money.Fen(1000), Age: time.Hour, Expires: start.Add(time.Hour)}

// waiting are the sales that the journal holds as accepted without a connection, and the hub has not
// answered for.
func (w *world) waiting() (t sale.Tally) {
	t.Sum = money.Fen(0)
	for _, key := range w.order {
		s := w.journal[key]
		if s.Deferred.IsZero() || s.State.Final() {
			continue
		}
		t.Count++
		t.Sum, _ = t.Sum.Add(s.Amount)
		if t.Oldest.IsZero() || s.Deferred.Before(t.Oldest) {
			t.Oldest = s.Deferred
		}
	}
	return t
}

// deferSale takes a stored-value code while the link is down; past the limits the customer waits.
func (w *world) deferSale(key string) {
	again := func() { w.after(5*time.Second, func() { w.scan(key) }) }
	if err := sale.Within(simPolicy, w.waiting(), w.open[key].Amount, w.at()); err != nil && !w.bugs.deferredNoLimit {
		w.note("limit", key, "")
		again()
		return
	}
	if !w.apply(key, sale.News{Event: sale.Defer, Wallet: pay.StoredValue, Claim: "claim of " + key, Deferred: w.at()}) {
		again() // unless it was stored: then the scan finds no waiting sale
	}
	if n := w.waiting().Count; n > simPolicy.Count {
		w.violation("%d sales wait for the hub, %d may", n, simPolicy.Count)
	}
}

// deferredBug is what a planted bug makes of an event of a deferred sale.
func (w *world) deferredBug(s sale.Sale, n sale.News) (after sale.Sale, done bool) {
	switch {
	case w.bugs.deferredIsPaid && n.Event == sale.Defer:
		s.Scanned, s.Deferred, s.Wallet = w.at(), w.at(), n.Wallet
		return w.end(s, localapi.StatePaid), true
	case w.bugs.deferredForgets && n.Event == sale.Cancel && s.Left:
		return w.end(s, localapi.StateCancelled), true
	case w.bugs.deferredEnds && n.Event == sale.Refused:
		return w.end(s, localapi.StateDeclined), true
	case w.bugs.deferredNotLeft && n.Event == sale.Restart:
		return s, true
	}
	return s, false
}
