package till_test

import (
	"context"
	"testing"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// TestNothingIsToldThatIsNotStored: the hub says "paid" and the journal takes no more. Nobody may
// hear of it: a till that shows what it cannot store shows something else after its next start.
func TestNothingIsToldThatIsNotStored(t *testing.T) {
	r := newRig(t)
	s := r.charging(1)
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.till.Receive(envelope(t, 1, wire.KindResult, result(s.ID, pay.StatusSucceeded))); err == nil {
		t.Error("a result that could not be stored was taken")
	}
	if got := r.till.DownSeq(); got != 0 {
		t.Errorf("the hub is told that %d messages are stored", got)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for e, ok := watch.Next(over); ok; e, ok = watch.Next(over) {
		if e.Kind == localapi.EventSale && e.Sale.Outcome == pay.Paid {
			t.Error("a watcher was told that it is paid")
		}
	}
	if got, err := r.till.Sale(s.ID); err != nil || got.State != localapi.StateSending {
		t.Errorf("the sale shows %q, %v", got.State, err)
	}
}
