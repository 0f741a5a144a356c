package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// exceptions checks that each late success had its exception and ended by proof, and that nothing
// waits for a person: this wallet never contradicts itself.
func (s *simulation) exceptions() error {
	all, _, err := store.Exceptions(filepath.Join(s.dir, "hub.db"), true)
	if err != nil {
		return err
	}
	late := map[string]int{}
	for _, x := range all {
		if x.Resolved.IsZero() || x.By != "hub" {
			return fmt.Errorf("%s of %s is open or was ended by %q", x.Kind, x.Payment, x.By)
		}
		if x.Kind == payment.LateSuccess {
			late[x.Payment]++
			s.seen["late success resolved"]++
		}
	}
	return s.store.View(func(tx *store.Tx) error {
		return tx.Query(func(rows store.Rows) error {
			var entity string
			var n int
			err := rows.Scan(&entity, &n)
			if err == nil && n > late[entity] {
				err = fmt.Errorf("%s had %d late successes and %d exceptions", entity, n, late[entity])
			}
			return err
		}, "SELECT entity, count(*) FROM event WHERE json_extract(body, '$.note') = 'late_success' GROUP BY entity")
	})
}

// stubborn is a way to a wallet that answers what a test says: queries and reversals each.
type stubborn struct {
	*wallet
	says, does atomic.Pointer[channel.Answer] // nil: the truth
}

func (s *stubborn) Query(ctx context.Context, r channel.Ref) channel.Answer {
	a := s.wallet.Query(ctx, r)
	if said := s.says.Load(); said != nil {
		return *said
	}
	return a
}

func (s *stubborn) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	if done := s.does.Load(); done != nil {
		return *done
	}
	return s.wallet.Reverse(ctx, r)
}

// Rules are the wallet's, with a window of an hour: a day of retries teaches no more.
func (s *stubborn) Rules() channel.Rules {
	r := s.wallet.Rules()
	r.UndoWindow = time.Hour
	return r
}

var silence = &channel.Answer{Finding: channel.Unknown, Err: errLost}

func newStubborn(t *testing.T) (*house, *stubborn) {
	way := &stubborn{wallet: newWallet()}
	return newHouseOver(t, way.wallet, way), way
}

// exception finds the newest exception of a kind.
func (h *house) exception(kind payment.ExceptionKind) (x payment.Exception, n int) {
	h.t.Helper()
	all, _, err := store.Exceptions(filepath.Join(h.dir, "hub.db"), true)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, one := range all {
		if one.Kind == kind {
			x, n = one, n+1
		}
	}
	return x, n
}

// decide carries a decision out in its two steps.
func (h *house) decide(x payment.Exception, d payment.Decision) (engine.Verdict, error) {
	h.t.Helper()
	j := engine.Judgement{Exception: x.ID, By: "Li Wei", Note: "asked the wallet", Decision: d}
	v, err := h.engine.Resolve(h.t.Context(), j)
	if err != nil {
		return v, err
	}
	if v.Confirm == "" || !v.Exception.Resolved.IsZero() {
		h.t.Fatalf("the first step acted: %+v", v)
	}
	j.Confirm = v.Confirm
	return h.engine.Resolve(h.t.Context(), j)
}

func TestLateSuccessOpensAndProofEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.await(h.collect(ask("A1", "130000000000000171")).ID, 2*time.Minute)
		time.Sleep(5 * time.Minute)
		x, n := h.exception(payment.LateSuccess)
		if n != 1 || x.Payment != p.ID || x.Resolved.IsZero() || x.By != "hub" || x.Owner != payment.OwnerHub {
			t.Errorf("%d exceptions, the last %+v", n, x)
		}
		if again := h.await(p.ID, time.Second); again.Status != p.Status || h.wallet.net() != 0 {
			t.Errorf("%s became %s, the wallet took %d", p.Status, again.Status, h.wallet.net())
		}
	})
}

func TestASlowReversalIsHandedToPeopleUntilProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, way := newStubborn(t)
		defer h.stop()
		way.says.Store(silence)
		way.does.Store(silence)
		p := h.collect(ask("A1", "130000000000000060"))
		time.Sleep(9 * time.Minute)
		if _, n := h.exception(payment.SlowReversal); n != 0 {
			t.Error("slow before its time")
		}
		time.Sleep(3 * time.Minute)
		slow, n := h.exception(payment.SlowReversal)
		if n != 1 || !slow.Resolved.IsZero() || slow.Owner != payment.OwnerOperations {
			t.Fatalf("%d exceptions, the last %+v", n, slow)
		}
		for d, code := range map[payment.Decision]string{payment.Settled: "exception.going_on", payment.WrittenOff: "exception.window_open"} {
			if _, err := h.decide(slow, d); fault.CodeOf(err) != code {
				t.Errorf("decision %q while reversing: %v", d, err)
			}
		}
		time.Sleep(34 * time.Minute) // a quarter of the window is left
		if x, n := h.exception(payment.UndoEnding); n != 1 || !x.Resolved.IsZero() {
			t.Errorf("near the window's end: %d, %+v", n, x)
		}
		way.says.Store(nil)
		way.does.Store(nil)
		if v, err := h.decide(slow, payment.Retry); err != nil || !v.Exception.Resolved.IsZero() {
			t.Errorf("retry: %+v, %v", v, err)
		}
		synctest.Wait()
		if got := h.await(p.ID, time.Second); got.Status != pay.StatusReversed {
			t.Errorf("after the retry it is %s", got.Status)
		}
		for _, kind := range []payment.ExceptionKind{payment.SlowReversal, payment.UndoEnding} {
			if x, n := h.exception(kind); n != 1 || x.By != "hub" {
				t.Errorf("%s: %d, %+v", kind, n, x)
			}
		}
	})
}

func TestWrittenOffStopsTryingAndChangesNoOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, way := newStubborn(t)
		defer h.stop()
		way.says.Store(silence)
		way.does.Store(silence)
		p := h.collect(ask("A1", "130000000000000060"))
		time.Sleep(61 * time.Minute)
		slow, _ := h.exception(payment.SlowReversal)
		first, err := h.engine.Resolve(t.Context(), engine.Judgement{Exception: slow.ID, By: "Li Wei", Note: "paid back by bank", Decision: payment.WrittenOff})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.engine.Resolve(t.Context(), engine.Judgement{Exception: slow.ID, By: "Li Wei", Note: "another note", Decision: payment.WrittenOff, Confirm: first.Confirm})
		if fault.CodeOf(err) != "exception.confirm" {
			t.Errorf("a word for another judgement: %v", err)
		}
		v, err := h.decide(slow, payment.WrittenOff)
		if err != nil || v.Exception.By != "Li Wei" || v.Exception.Decision != payment.WrittenOff {
			t.Fatalf("%+v, %v", v, err)
		}
		time.Sleep(time.Minute)
		calls := h.wallet.callsMade()
		time.Sleep(time.Hour)
		got := h.await(p.ID, time.Second)
		if got.Status != pay.StatusReversing || got.Outcome() != pay.Unknown || h.wallet.callsMade() != calls || h.engine.Depth() != 0 {
			t.Errorf("%s, %d more calls, %d waiting", got.Status, h.wallet.callsMade()-calls, h.engine.Depth())
		}
		if _, err := h.decide(slow, payment.WrittenOff); fault.CodeOf(err) != "exception.resolved" {
			t.Errorf("twice: %v", err)
		}
		if _, n := h.exception(payment.SlowReversal); n != 1 {
			t.Errorf("%d exceptions of one matter", n)
		}
	})
}

func TestUnansweredLooksAndContradictionsNeedAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, way := newStubborn(t)
		defer h.stop()
		p := h.await(h.collect(ask("A1", "130000000000000055")).ID, 2*time.Minute)
		way.says.Store(silence)
		time.Sleep(time.Hour)
		x, n := h.exception(payment.Unlooked)
		if n != 1 || !x.Resolved.IsZero() || h.engine.Depth() != 0 {
			t.Fatalf("%d exceptions, the last %+v", n, x)
		}
		if v, err := h.decide(x, payment.Settled); err != nil || v.Exception.By != "Li Wei" {
			t.Errorf("%+v, %v", v, err)
		}
		if _, err := h.engine.Refresh(t.Context(), merchant, p.ID); err != nil {
			t.Error(err)
		}
		if _, n := h.exception(payment.Unlooked); n != 1 {
			t.Error("a matter that was judged was opened again")
		}

		way.says.Store(nil)
		paid := h.await(h.collect(ask("A2", "130000000000000200")).ID, time.Minute)
		synctest.Wait() // the pay call has ended: until then nothing else is asked about the payment
		way.says.Store(&channel.Answer{Finding: channel.Reversed})
		for range 3 {
			if got, err := h.engine.Refresh(t.Context(), merchant, paid.ID); err != nil || got.Status != pay.StatusSucceeded {
				t.Errorf("%s, %v", got.Status, err)
			}
		}
		if x, n := h.exception(payment.RefusedEvent); n != 1 || x.Payment != paid.ID || !x.Resolved.IsZero() {
			t.Errorf("%d contradictions, the last %+v", n, x)
		}
	})
}

func TestOtherMoneyNeedsAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, way := newStubborn(t)
		defer h.stop()
		way.says.Store(&channel.Answer{Finding: channel.Unknown, Err: fault.New(fault.InDoubt, "wechat.amount", "another amount")})
		h.collect(ask("A1", "130000000000000060"))
		time.Sleep(30 * time.Second)
		if x, n := h.exception(payment.AnswerDiffers); n != 1 || x.Matter != "wechat.amount" || !x.Resolved.IsZero() {
			t.Errorf("%d exceptions, the last %+v", n, x)
		}
	})
}
