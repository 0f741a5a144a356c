package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/pay"
)

// witness stands before the wallet and looks, at each call, at what the store has of it by then.
type witness struct {
	*wallet
	t     *testing.T
	house *house

	mu   sync.Mutex
	busy map[string]int // calls in flight, by order
	most int
}

// call looks, makes a call that takes its time, and counts how many there are at once.
func (w *witness) call(no string, look bool, do func() channel.Answer) channel.Answer {
	if look {
		var begun bool
		err := w.house.store.View(func(tx *store.Tx) error {
			return tx.QueryRow("SELECT w.begun FROM work w JOIN attempt a ON a.payment = w.entity WHERE a.out_trade_no = ?", no).Scan(&begun)
		})
		if err != nil || !begun {
			w.t.Errorf("a call about %s left while the store has it begun: %v (%v)", no, begun, err)
		}
	}
	w.mu.Lock()
	w.busy[no]++
	w.most = max(w.most, w.busy[no])
	w.mu.Unlock()
	time.Sleep(time.Second)
	a := do()
	w.mu.Lock()
	w.busy[no]--
	w.mu.Unlock()
	return a
}

func (w *witness) Pay(ctx context.Context, o channel.Order) channel.Answer {
	return w.call(o.OutTradeNo, true, func() channel.Answer { return w.wallet.Pay(ctx, o) })
}

func (w *witness) Query(ctx context.Context, r channel.Ref) channel.Answer {
	return w.call(r.OutTradeNo, false, func() channel.Answer { return w.wallet.Query(ctx, r) })
}

func (w *witness) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	return w.call(r.OutTradeNo, true, func() channel.Answer { return w.wallet.Reverse(ctx, r) })
}

func newWitnessed(t *testing.T) (*house, *witness) {
	w := &witness{wallet: newWallet(), t: t, busy: map[string]int{}}
	w.house = newHouseOver(t, w.wallet, w)
	return w.house, w
}

// TestNothingLeavesBeforeItIsStored holds the store's writer: no wallet hears of a payment until the
// commit. And whatever leaves, a charge or a reversal, is marked begun by then.
func TestNothingLeavesBeforeItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := newWitnessed(t)
		defer h.stop()
		hold, held := make(chan struct{}), make(chan struct{})
		go func() { _ = h.store.Update(func(*store.Tx) error { close(held); <-hold; return nil }) }()
		<-held
		collected := make(chan error, 1)
		go func() {
			_, err := h.engine.Collect(t.Context(), ask("A1", "130000000000000055"))
			collected <- err
		}()
		time.Sleep(5 * time.Second)
		if n := w.payCalls(); n != 0 || len(collected) != 0 {
			t.Errorf("before the commit: %d pay calls, %d answers", n, len(collected))
		}
		close(hold)
		if err := <-collected; err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute) // never answered: it is asked about and reversed
		if w.payCalls() != 1 || w.net() != 0 {
			t.Errorf("%d pay calls, the wallet took %d", w.payCalls(), w.net())
		}
	})
}

// TestOneCallAtATime: whoever asks to refresh, one payment has one call in flight.
func TestOneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := newWitnessed(t)
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000055"))
		end, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		for range 5 {
			go func() {
				for end.Err() == nil {
					if _, err := h.engine.Refresh(end, merchant, p.ID); err != nil {
						t.Error(err)
					}
					time.Sleep(300 * time.Millisecond)
				}
			}()
		}
		<-end.Done()
		synctest.Wait()
		time.Sleep(3 * time.Second)
		if w.most != 1 {
			t.Errorf("%d calls at once", w.most)
		}
		if got := h.await(p.ID, time.Second); got.Status != "reversed" {
			t.Errorf("it is %s", got.Status)
		}
	})
}

// A payment that is taken in before Run looks for relics of a crash is no relic.
func TestAFreshCallIsNoRelic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.stop()
		ctx := h.open()
		p := h.collect(ask("A1", "130000000000000064"))
		h.run(ctx)
		defer h.stop()
		time.Sleep(time.Second)
		got, err := h.engine.Payment(t.Context(), merchant, p.ID)
		if err != nil || got.Status != pay.StatusPending {
			t.Errorf("a call in flight is %s, %v", got.Status, err)
		}
		if got = h.await(p.ID, time.Minute); got.Status != pay.StatusSucceeded {
			t.Errorf("it ends %s", got.Status)
		}
	})
}

// A till repeats a sale of long ago: under the same order many others were tried since, and one was paid. It hears of its own sale, not that
// the order is paid, which it would take for "nothing was charged for this one".
func TestAnOldKeyHearsOfItsPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		old := fromTill("s0", "130000000000000050")
		old.OrderNo = "O-1"
		desk := engine.Desk{Engine: h.engine}
		if err := desk.Pay(t.Context(), till, old); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for n := range 25 {
			fate := "50"
			if n == 24 {
				fate = "00"
			}
			a := ask("O-1", fmt.Sprintf("13%014d%s", n+1, fate))
			a.Key, a.Wait = fmt.Sprint("k", n), time.Minute
			if p, err := h.engine.Collect(t.Context(), a); err != nil || !p.Final() {
				t.Fatalf("%d: %s, %v", n, p.Status, err)
			}
		}
		before, _ := h.told()
		if err := desk.Pay(t.Context(), till, old); err != nil {
			t.Fatal(err)
		}
		after, refused := h.told()
		if len(refused) != 0 || len(after) != len(before)+1 {
			t.Fatalf("told %d results more, and refused %+v", len(after)-len(before), refused)
		}
		if last := after[len(after)-1]; last.Key != "s0" || last.Status != pay.StatusDeclined || last.Reason != string(channel.BalanceLow) {
			t.Errorf("told %+v", last)
		}
	})
}
