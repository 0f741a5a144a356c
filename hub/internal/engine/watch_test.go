package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/shared/fault"
)

// Two changes share a commit, and the goroutine of the first wakes last: who waits is told the second. What is told before anybody
// listens is kept for whoever has joined, and nothing is kept for nobody.
func TestLateNewsReplaceNothing(t *testing.T) {
	w := engine.NewWatches()
	w.Tell("pay_1", "nobody hears it", 1)
	one, other := w.Join("pay_1"), w.Join("pay_1")
	w.Tell("pay_1", "paid", 3)
	w.Tell("pay_1", "pending", 2)
	w.Tell("pay_2", "paid", 4)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := one.Until(t.Context(), "new", func(s string) bool { return s != "new" }); got != "paid" {
		t.Errorf("told %q", got)
	}
	if got := one.Until(over, "as it was", func(string) bool { return false }); got != "as it was" {
		t.Errorf("at the end of its patience it is told %q", got)
	}
	one.Quit()
	w.Tell("pay_1", "refunded", 5)
	if got := other.Until(t.Context(), "new", func(s string) bool { return s == "refunded" }); got != "refunded" {
		t.Errorf("the other is told %q", got)
	}
	if other.Quit(); w.Waiting() != 0 {
		t.Error("those who left are kept")
	}
}

// A nonce is used up with the payment that it came with, in one transaction, also by a repeated request; with a request that was
// refused it is not, so that the door sees to it. One that was used before brings no payment.
func TestANonceGoesWithItsPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		once := func(nonce string) *engine.Once {
			return &engine.Once{Key: "key_1", Nonce: nonce, Expires: time.Now().Add(time.Hour)}
		}
		try := func(order, code string, o *engine.Once) error {
			a := ask(order, code)
			a.Once, a.Wait = o, time.Minute
			p, err := h.engine.Collect(t.Context(), a)
			if err == nil && !p.Final() {
				t.Errorf("%s: nobody waited: %s", order, p.Status)
			}
			return err
		}
		first := once("nonce-one")
		if err := try("A1", "130000000000000000", first); err != nil || !first.Used || first.Replayed {
			t.Errorf("%+v, %v", first, err)
		}
		again := once("nonce-one")
		if err := try("A2", "130000000000000100", again); fault.KindOf(err) != fault.Denied || again.Used || !again.Replayed {
			t.Errorf("a used nonce: %+v, %v", again, err)
		}
		repeat := once("nonce-two")
		if err := try("A1", "130000000000000000", repeat); err != nil || !repeat.Used {
			t.Errorf("a repeated request: %+v, %v", repeat, err)
		}
		refused := once("nonce-three")
		if err := try("A3", "130000000000000000", refused); fault.CodeOf(err) != "code.used" || refused.Used || refused.Replayed {
			t.Errorf("a refused request: %+v, %v", refused, err)
		}
		for nonce, want := range map[string]bool{"nonce-one": false, "nonce-two": false, "nonce-three": true} {
			if fresh, err := h.store.UseNonce("key_1", nonce, time.Now()); fresh != want || err != nil {
				t.Errorf("%s is fresh: %t, %v", nonce, fresh, err)
			}
		}
		if n := h.wallet.payCalls(); n != 1 {
			t.Errorf("the wallet was called %d times", n)
		}
	})
}
