package engine_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/store"
)

// A hub whose clock was a day ahead died with the lease. Nobody waits a day for it, and the time in the books does
// not run back. (What a clock does that is set while the hub runs is the whole chain's to show: scripts/simtest.)
func TestALeaseFromTheFutureIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.stop()
		ahead := time.Now().Add(24 * time.Hour)
		dead, err := store.Open(filepath.Join(h.dir, "hub.db"), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dead.Claim("n9", ahead, 15*time.Second); err != nil {
			t.Fatal(err)
		}
		if err := dead.DB().Close(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		h.node = "n2"
		h.start()
		defer h.stop()
		if waited := time.Since(began); waited > 20*time.Second {
			t.Errorf("taken over after %s", waited)
		}
		if p := h.collect(ask("A1", "130000000000000000")); p.Created.Before(ahead) {
			t.Errorf("a payment of %s, after a lease of %s", p.Created, ahead)
		}
	})
}

// A lease that is renewed is nobody else's, however wrong the clock of its hub.
func TestALeaseFromTheFutureIsKeptWhileItIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		other, err := store.Open(filepath.Join(h.dir, "hub.db"), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		before, err := other.Claim("n2", time.Now(), time.Minute)
		if err == nil {
			t.Fatalf("taken from a living hub: %+v", before)
		}
		time.Sleep(12 * time.Second)
		after, _ := other.Claim("n2", time.Now(), time.Minute)
		if after == before || after.Holder != before.Holder {
			t.Errorf("the standby sees %+v, then %+v", before, after)
		}
		if err := other.DB().Close(); err != nil {
			t.Error(err)
		}
	})
}
