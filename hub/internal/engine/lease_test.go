package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/pay"
)

// A hub that did not come to renew its lease in time is no hub that was replaced: the first call renews it, and
// the customer is charged. One that was replaced calls no more.
func TestACallRenewsALeaseThatRanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.stop()
		ctx := h.open() // it leads, and nothing renews the lease
		idle := h.hub
		time.Sleep(time.Minute)
		p := h.await(h.collect(ask("A1", "130000000000000000")).ID, time.Minute)
		if p.Outcome() != pay.Paid || h.wallet.payCalls() != 1 {
			t.Fatalf("%s after %d calls", p.Status, h.wallet.payCalls())
		}
		time.Sleep(time.Minute)
		other, err := store.Open(idle.store.DB().Path(), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Claim("n2", time.Now(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, err := idle.engine.Collect(t.Context(), ask("A2", "130000000000000100")); err == nil {
			t.Error("a hub that was replaced takes a payment in")
		}
		synctest.Wait()
		if n := h.wallet.payCalls(); n != 1 {
			t.Errorf("%d calls", n)
		}
		if err := other.DB().Close(); err != nil {
			t.Error(err)
		}
		h.run(ctx)
		_ = idle.close() // it ends because it was replaced
	})
}
