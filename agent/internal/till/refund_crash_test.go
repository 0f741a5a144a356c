package till_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// TestEveryCrashPointOfARefund drops the memory at each step. P14 and P15 of the handbook: what was
// asked is asked again with the same words under the same key, and never a second time under another.
func TestEveryCrashPointOfARefund(t *testing.T) {
	for _, c := range []struct {
		name  string
		reach func(r *rig, x localapi.Refund)
		state localapi.RefundState
		ask   bool
	}{
		{"P14 queued, nothing left", func(*rig, localapi.Refund) {}, localapi.RefundQueued, true},
		{"P15 left, no answer", func(r *rig, x localapi.Refund) { r.leave(x.ID, wire.KindRefund) }, localapi.RefundQueued, true},
		{"P15 the hub has it", func(r *rig, x localapi.Refund) { r.hub(wire.KindRefundResult, back(x, pay.RefundCreated)) }, localapi.RefundPending, true},
		{"P15 the hub does not know either", func(r *rig, x localapi.Refund) { r.hub(wire.KindRefundResult, back(x, pay.RefundUnknown)) }, localapi.RefundPending, true},
		{"asked again after long silence", func(r *rig, x localapi.Refund) {
			r.hub(wire.KindRefundResult, back(x, pay.RefundPending))
			r.pass(time.Hour)
		}, localapi.RefundPending, true},
		{"refunded", func(r *rig, x localapi.Refund) { r.hub(wire.KindRefundResult, back(x, pay.RefundSucceeded)) }, localapi.RefundSucceeded, false},
		{"refused", func(r *rig, x localapi.Refund) { r.hub(wire.KindRefundResult, back(x, pay.RefundFailed)) }, localapi.RefundFailed, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			s := r.paid(1)
			x := r.refund(s.ID, localapi.NewRefund{Amount: 500, Reason: "cold"})
			first := r.leave(x.ID, wire.KindRefund).Body
			c.reach(r, x)
			outgoing := ""
			if c.ask {
				outgoing = "refund"
			}
			for range 3 { // a crash while recovering is one more crash
				r.crash()
				r.wantRefund(x.ID, c.state, outgoing)
				if c.ask && r.leave(x.ID, wire.KindRefund).Body != first {
					t.Error("it asks with other words")
				}
			}
			if !c.ask {
				return
			}
			r.hub(wire.KindRefundResult, back(x, pay.RefundSucceeded))
			r.wantRefund(x.ID, localapi.RefundSucceeded, "")
			r.wantBack(s.ID, 500, 0)
		})
	}
}

func TestP14ARefundThatIsOnNoDiskIsNotAsked(t *testing.T) {
	r := newRig(t)
	s := r.paid(1)
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: 500}); err == nil {
		t.Error("promised without a journal")
	}
	if r.outgoing() != "" {
		t.Errorf("outgoing: %s", r.outgoing())
	}
	toldNothing(t, watch)
	r.start()
	r.wantBack(s.ID, 0, 0)
}

// toldNothing fails when the watcher heard of a refund.
func toldNothing(t *testing.T, watch *till.Watch) {
	t.Helper()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for e, ok := watch.Next(over); ok; e, ok = watch.Next(over) {
		if e.Kind == localapi.EventRefund || e.Sale != nil && e.Sale.RefundedAmount != 0 {
			t.Errorf("a watcher was told %+v", e)
		}
	}
}

// TestP15AResultNotStoredIsRepeated: a result the journal did not take is not acknowledged, and
// nobody hears of it.
func TestP15AResultNotStoredIsRepeated(t *testing.T) {
	r := newRig(t)
	s := r.paid(1)
	x := r.refund(s.ID, localapi.NewRefund{Amount: 500})
	watch, err := r.till.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	done := envelope(t, 2, wire.KindRefundResult, back(x, pay.RefundSucceeded))
	if err := r.till.Receive(done); err == nil || r.till.DownSeq() != 1 {
		t.Fatalf("stored on a dead journal: %v, everything up to %d", err, r.till.DownSeq())
	}
	toldNothing(t, watch)
	for _, m := range r.till.Outgoing() {
		if r.till.Leaving(m.Seq) {
			t.Error("it still sends")
		}
	}
	r.start()
	r.wantRefund(x.ID, localapi.RefundQueued, "refund")
	if err := r.till.Receive(done); err != nil {
		t.Fatal(err)
	}
	r.wantRefund(x.ID, localapi.RefundSucceeded, "")
}

func TestEqualRequestsAreOneRefund(t *testing.T) {
	r := newRig(t)
	s := r.paid(1)
	ids, fresh := r.race(50, s.ID, func(int) localapi.NewRefund { return localapi.NewRefund{Amount: 1280, RefundNo: "R-1", Reason: "cold"} })
	if len(ids) != 1 || fresh != 1 {
		t.Errorf("%d refunds, %d of them new", len(ids), fresh)
	}
	r.wantBack(s.ID, 0, 1280)
}

// TestParallelRefundsNeverExceedTheSale: fifty of 100 fen for a sale of 1280, of which one is refunded.
func TestParallelRefundsNeverExceedTheSale(t *testing.T) {
	for name, of := range map[string]func(r *rig) localapi.Sale{
		"wallet": func(r *rig) localapi.Sale { return r.paid(1) },
		"cash":   func(r *rig) localapi.Sale { return r.cash("B-1") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := of(r)
			r.refund(s.ID, localapi.NewRefund{Amount: 80})
			ids, fresh := r.race(50, s.ID, func(int) localapi.NewRefund { return localapi.NewRefund{Amount: 100} })
			if len(ids) != 12 || fresh != 12 {
				t.Errorf("%d refunds fit, %d new; want 12", len(ids), fresh)
			}
			got, err := r.till.Sale(s.ID)
			if err != nil || got.RefundedAmount+got.RefundingAmount != 1280 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// race asks for n refunds at once and gives the refunds that came of it.
func (r *rig) race(n int, saleID string, ask func(int) localapi.NewRefund) (ids map[string]bool, fresh int) {
	r.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	ids = map[string]bool{}
	for i := range n {
		all.Go(func() {
			x, isFresh, err := r.till.NewRefund(saleID, ask(i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				ids[x.ID] = true
				if isFresh {
					fresh++
				}
			case fault.CodeOf(err) != "refund.too_much":
				r.Error(err)
			}
		})
	}
	all.Wait()
	return ids, fresh
}
