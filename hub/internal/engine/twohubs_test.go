package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// gate stops a hub as a stopped process is: it neither tells the time, nor calls, nor hears, until
// it is opened again. What is on its way meanwhile goes on.
type gate struct {
	mu   sync.Mutex
	shut chan struct{}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.shut)
	g.shut = nil
}

func (g *gate) pass() {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

func (g *gate) now() time.Time {
	g.pass()
	return time.Now()
}

// gated is the way to the wallet of a hub that may be stopped before a call leaves and before its
// answer is heard.
type gated struct {
	channel.Channel
	gate *gate
}

func (g gated) Pay(ctx context.Context, o channel.Order) channel.Answer {
	g.gate.pass()
	defer g.gate.pass()
	return g.Channel.Pay(ctx, o)
}

func (g gated) Query(ctx context.Context, r channel.Ref) channel.Answer {
	g.gate.pass()
	defer g.gate.pass()
	return g.Channel.Query(ctx, r)
}

func (g gated) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	g.gate.pass()
	defer g.gate.pass()
	return g.Channel.Reverse(ctx, r)
}

func (g gated) Present(ctx context.Context, o channel.Order) channel.Answer {
	g.gate.pass()
	defer g.gate.pass()
	return g.Channel.(channel.Presenter).Present(ctx, o)
}

func (g gated) PresentRules() channel.Rules { return g.Channel.(channel.Presenter).PresentRules() }

// screenless is a way that has no codes to show.
type screenless struct {
	channel.Channel
	channel.Refunder
}

func (g gated) Refund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	g.gate.pass()
	defer g.gate.pass()
	return g.Channel.(channel.Refunder).Refund(ctx, r)
}

func (g gated) QueryRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	g.gate.pass()
	defer g.gate.pass()
	return g.Channel.(channel.Refunder).QueryRefund(ctx, r)
}

func (g gated) RefundRules() channel.RefundRules { return g.Channel.(channel.Refunder).RefundRules() }

// freeze stops the hub in its tracks and has another take over; it gives the stopped one.
func (h *house) freeze(successor string) *hub {
	stale := h.hub
	stale.gate.close()
	h.node = successor
	h.start()
	return stale
}

// wake lets a stopped hub go on, and gives what it ended with.
func wake(stale *hub) error {
	stale.gate.open()
	return stale.ending()
}

// ending waits for a hub to end by itself.
func (h *hub) ending() error {
	select {
	case err := <-h.done:
		return errors.Join(err, h.store.DB().Close())
	case <-time.After(time.Minute):
		h.cancel()
		<-h.done
		return errors.Join(errors.New("it went on for a minute"), h.store.DB().Close())
	}
}

// replace stops the hub in its tracks until another took over, and wakes it some time after: it must
// write nothing and end. Tills that still reach it are turned away.
func (s *simulation) replace() {
	s.note("stop")
	stale := s.freeze(fmt.Sprint("n", s.seed))
	sleep, visit := time.Duration(s.rng.Int64N(int64(30*time.Second)))+11*time.Microsecond, s.rng.IntN(2) == 0
	key := fmt.Sprint("stale", s.seed)
	go func() {
		time.Sleep(sleep)
		stale.gate.open()
		var turned error
		if visit {
			turned = engine.Desk{Engine: stale.engine}.Pay(context.Background(), till, fromTill(key, "130000000000000000"))
		}
		ended := fault.CodeOf(stale.ending())
		if visit && fault.CodeOf(turned) != "hub.fenced" {
			ended = fmt.Sprintf("%s, a till was told %v", ended, turned)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stale = append(s.stale, ended)
	}()
	synctest.Wait()
}

func TestAStoppedHubIsReplacedAndFenced(t *testing.T) {
	for fate, want := range map[string]pay.Status{"64": pay.StatusSucceeded, "61": pay.StatusClosed, "55": pay.StatusReversed, "60": pay.StatusSucceeded, "71": pay.StatusReversed} {
		for _, pause := range []time.Duration{0, 3 * time.Second, 20 * time.Second, 47 * time.Second} {
			t.Run(fate+" after "+pause.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHouse(t)
					p := h.collect(ask("A1", "1300000000000000"+fate))
					time.Sleep(pause)
					frozen := time.Now()
					stale := h.freeze("n2")
					defer func() { h.stop() }()
					if waited := time.Since(frozen); waited > 20*time.Second {
						t.Errorf("taken over after %s", waited)
					}
					time.Sleep(30 * time.Second)
					reversals := h.wallet.reversals()
					if err := wake(stale); fault.CodeOf(err) != "hub.fenced" {
						t.Errorf("the stale hub ended with %v", err)
					}
					if again := h.wallet.reversals() - reversals; again > 1 {
						t.Errorf("%d reversals by the stale hub", again)
					}
					got := h.await(p.ID, 3*time.Minute)
					time.Sleep(5 * time.Minute)
					got = h.await(p.ID, time.Second)
					if pause > 0 && got.Status != want || !got.Attempt.Status.Final() {
						t.Errorf("%s, its attempt %s; want %s", got.Status, got.Attempt.Status, want)
					}
					if n := h.wallet.payCalls(); n > 1 {
						t.Errorf("%d pay calls", n)
					}
					if net := h.wallet.net(); (net == 1) != (got.Outcome() == pay.Paid) || net < 0 || net > 1 {
						t.Errorf("%s, and the wallet took %d", got.Status, net)
					}
				})
			})
		}
	}
}

func TestAFencedHubTakesNothingIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		stale := h.freeze("n2")
		defer func() { h.stop() }()
		stale.gate.open()
		calls := h.wallet.payCalls()
		if p, err := stale.engine.Collect(t.Context(), ask("A1", "130000000000000000")); fault.CodeOf(err) != "hub.fenced" {
			t.Errorf("collected %s, %v", p.ID, err)
		}
		if err := (engine.Desk{Engine: stale.engine}).Pay(t.Context(), till, fromTill("s1", "130000000000000100")); fault.CodeOf(err) != "hub.fenced" {
			t.Errorf("a till's payment: %v", err)
		}
		if err := stale.ending(); fault.CodeOf(err) != "hub.fenced" {
			t.Errorf("it ended with %v", err)
		}
		if h.wallet.payCalls() != calls {
			t.Error("the wallet was called")
		}
	})
}

// A hub that is stopped between writing "begun" and calling wakes too late to call.
func TestACallThatOutlivedItsLeaseDoesNotLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		stale := h.hub
		h.heard = sync.OnceFunc(stale.gate.close) // after the commit, before the call
		if err := (engine.Desk{Engine: h.engine}).Pay(t.Context(), till, fromTill("s1", "130000000000000000")); err != nil {
			t.Fatal(err)
		}
		h.node = "n2"
		h.start()
		defer func() { h.stop() }()
		if err := wake(stale); fault.CodeOf(err) != "hub.fenced" {
			t.Errorf("the stale hub ended with %v", err)
		}
		time.Sleep(2 * time.Minute)
		results, _ := h.told()
		if last := results[len(results)-1]; last.Status != pay.StatusClosed || h.wallet.payCalls() != 0 {
			t.Errorf("told %+v after %d pay calls", last, h.wallet.payCalls())
		}
	})
}

func TestTheLeaseIsHandedOnAndRetaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		began := time.Now()
		h.stop()
		h.node = "n2"
		h.start() // a clean stop hands it on
		if waited := time.Since(began); waited > 0 {
			t.Errorf("after a clean stop the next hub waited %s", waited)
		}
		crashed := memoryDir(t)
		if err := copyDatabase(h.dir, crashed); err != nil {
			t.Fatal(err)
		}
		h.abandon()
		h.dir = crashed
		h.start() // its folder's lock proves the earlier run of the same node dead
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the same node waited %s", waited)
		}
		h.stop()
	})
}

func TestALeaseIsKeptAsLongAsItsHubRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		other, err := store.Open(filepath.Join(h.dir, "hub.db"), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := other.DB().Close(); err != nil {
				t.Error(err)
			}
		}()
		for range 20 {
			time.Sleep(13 * time.Second)
			if l, err := other.Claim("n2", time.Now(), time.Minute); fault.CodeOf(err) != "hub.standby" {
				t.Fatalf("taken over from a living hub: %+v, %v", l, err)
			}
		}
	})
}
