package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

func TestEveryFateEndsAsItShould(t *testing.T) {
	for fate, want := range map[string]pay.Status{
		"00": pay.StatusSucceeded, "50": pay.StatusDeclined, "53": pay.StatusSucceeded, "54": pay.StatusDeclined, "55": pay.StatusReversed,
		"60": pay.StatusSucceeded, "61": pay.StatusClosed, "62": pay.StatusSucceeded, "63": pay.StatusClosed, "64": pay.StatusSucceeded,
		"65": pay.StatusSucceeded, "66": pay.StatusSucceeded, "70": pay.StatusReversed, "71": pay.StatusReversed, "72": pay.StatusSucceeded,
		"80": pay.StatusClosed, "90": pay.StatusSucceeded, "99": pay.StatusClosed,
	} {
		t.Run(fate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.stop()
				p := h.await(h.collect(ask("A1", "1300000000000000"+fate)).ID, 120*time.Second)
				if p.Status != want {
					t.Errorf("%s, want %s", p.Status, want)
				}
				time.Sleep(5 * time.Minute) // looks after a reversal, late bookings
				again := h.await(p.ID, time.Second)
				if again.Status != p.Status || !again.Attempt.Status.Final() {
					t.Errorf("later it is %s, its attempt %s", again.Status, again.Attempt.Status)
				}
				if net := h.wallet.net(); (net == 1) != (again.Outcome() == pay.Paid) || net < 0 || net > 1 {
					t.Errorf("%s, and the wallet took %d", again.Status, net)
				}
				if n := h.wallet.payCalls(); n != 1 && fate != "90" {
					t.Errorf("%d pay calls", n)
				}
			})
		})
	}
}

func TestEqualRequestsMakeOneCharge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		var wg sync.WaitGroup
		got := make([]payment.Payment, 50)
		for i := range got {
			wg.Go(func() {
				p, err := h.engine.Collect(t.Context(), ask("A1", "130000000000000000"))
				if err == nil {
					p, err = h.engine.Await(t.Context(), merchant, p.ID)
				}
				if err != nil {
					t.Error(err)
				}
				got[i] = p
			})
		}
		wg.Wait()
		for _, p := range got {
			if p != got[0] {
				t.Fatalf("answers differ: %+v and %+v", p, got[0])
			}
		}
		if h.wallet.payCalls() != 1 || h.wallet.net() != 1 {
			t.Errorf("%d pay calls, %d charges", h.wallet.payCalls(), h.wallet.net())
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		h.await(h.collect(ask("PAID", "130000000000000000")).ID, time.Minute)
		h.collect(ask("OPEN", "130000000000000155"))
		synctest.Wait()
		other := func(a engine.Ask, change func(*engine.Ask)) engine.Ask { change(&a); return a }
		for name, c := range map[string]struct {
			ask  engine.Ask
			kind fault.Kind
			code string
		}{
			"same key, other body": {other(ask("PAID", "130000000000000000"), func(a *engine.Ask) { a.BodyHash = "x" }), fault.Conflict, "payment.order_conflict"},
			"order paid, new key":  {other(ask("PAID", "130000000000000200"), func(a *engine.Ask) { a.Key = "K2" }), fault.Conflict, "payment.order_paid"},
			"order open, new key":  {other(ask("OPEN", "130000000000000300"), func(a *engine.Ask) { a.Key = "K3" }), fault.Conflict, "payment.order_open"},
			"code used before":     {ask("NEW", "130000000000000000"), fault.Conflict, "code.used"},
			"old code":             {other(ask("NEW", "130000000000000400"), func(a *engine.Ask) { a.CodeAge = time.Minute }), fault.Invalid, "code.expired"},
			"wallet not set up":    {ask("NEW", "280000000000000000"), fault.Invalid, "payment.no_channel"},
			"no wallet's code":     {ask("NEW", "6901234567892"), fault.Invalid, "code.unknown_wallet"},
			"nothing":              {other(ask("NEW", "130000000000000500"), func(a *engine.Ask) { a.Amount = money.Fen(0) }), fault.Invalid, "money.not_positive"},
			"too much":             {other(ask("NEW", "130000000000000600"), func(a *engine.Ask) { a.Amount = money.Fen(money.Max + 1) }), fault.Invalid, "money.too_large"},
		} {
			calls := h.wallet.payCalls()
			if p, err := h.engine.Collect(t.Context(), c.ask); fault.KindOf(err) != c.kind || fault.CodeOf(err) != c.code {
				t.Errorf("%s: %s, %v", name, p.ID, err)
			}
			if h.wallet.payCalls() != calls {
				t.Errorf("%s: the wallet was called", name)
			}
		}
		if _, err := h.engine.Payment(t.Context(), "mer_other", h.collect(ask("PAID", "130000000000000000")).ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("another merchant's payment: %v", err)
		}
	})
}

// A hub that dies after the call left must ask, never pay again; one that dies while the wallet was
// too busy to take the call knows that nothing happened.
func TestRestartAsksAndNeverPaysAgain(t *testing.T) {
	for fate, want := range map[string]pay.Status{"64": pay.StatusSucceeded, "61": pay.StatusClosed, "55": pay.StatusReversed, "71": pay.StatusReversed} {
		t.Run(fate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				p := h.collect(ask("A1", "1300000000000000"+fate))
				// What a kill leaves: the rows of the moment, with the call marked begun.
				crashed := t.TempDir()
				if err := copyDatabase(h.dir, crashed); err != nil {
					t.Fatal(err)
				}
				h.stop()
				h.dir = crashed
				h.start()
				defer func() { h.stop() }()
				got := h.await(p.ID, 120*time.Second)
				if got.Status != want {
					t.Errorf("%s, want %s", got.Status, want)
				}
				time.Sleep(5 * time.Minute)
				if n := h.wallet.payCalls(); n != 1 {
					t.Errorf("%d pay calls", n)
				}
				if net := h.wallet.net(); (net == 1) != (got.Outcome() == pay.Paid) {
					t.Errorf("%s, and the wallet took %d", got.Status, net)
				}
			})
		})
	}
}

func TestTillIsToldEachStepOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		desk := engine.Desk{Engine: h.engine}
		if err := desk.Pay(t.Context(), till, fromTill("s1", "130000000000000053")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		results, _ := h.told()
		var story []string
		for _, r := range results {
			story = append(story, fmt.Sprintf("%s/%s/%v", r.Status, r.Outcome, r.Waiting))
		}
		if got, want := fmt.Sprint(story), "[pending/unknown/false pending/unknown/true succeeded/paid/false]"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		if err := desk.Pay(t.Context(), till, fromTill("s1", "130000000000000053")); err != nil {
			t.Fatal(err)
		}
		if again, _ := h.told(); len(again) != 4 || again[3].Outcome != pay.Paid {
			t.Errorf("a repeat was told %+v", again)
		}
		if h.wallet.payCalls() != 1 {
			t.Errorf("%d pay calls", h.wallet.payCalls())
		}
	})
}

func TestFenceKeepsOutWhatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		desk := engine.Desk{Engine: h.engine}
		for range 2 {
			if err := desk.Fence(t.Context(), till, wire.Fence{Key: "s1"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := desk.Pay(t.Context(), till, fromTill("s1", "130000000000000000")); err != nil {
			t.Fatal(err)
		}
		results, refused := h.told()
		if len(results) != 2 || results[0].Outcome != pay.NotPaid || results[0].PaymentID != "" || len(refused) != 1 || refused[0].Code != "payment.fenced" {
			t.Errorf("told %+v and %+v", results, refused)
		}
		if h.wallet.payCalls() != 0 {
			t.Error("a fenced payment was charged")
		}
	})
}

func TestFenceAndCancelOfOneThatArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		desk := engine.Desk{Engine: h.engine}
		if err := desk.Pay(t.Context(), till, fromTill("s1", "130000000000000055")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := desk.Fence(t.Context(), till, wire.Fence{Key: "s1"}); err != nil {
			t.Fatal(err)
		}
		if results, _ := h.told(); results[len(results)-1].Status != pay.StatusPending {
			t.Errorf("a fence changed it: %+v", results)
		}
		if err := desk.Cancel(t.Context(), till, wire.Cancel{Key: "s1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) // the wallet takes no reversal in the first 15
		results, _ := h.told()
		if last := results[len(results)-1]; last.Status != pay.StatusReversed || h.wallet.net() != 0 {
			t.Errorf("cancelled, told %+v, the wallet took %d", last, h.wallet.net())
		}
	})
}

func TestCancelOfAPaidOneIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.await(h.collect(ask("A1", "130000000000000000")).ID, time.Minute)
		if _, err := h.engine.Cancel(t.Context(), merchant, p.ID); fault.CodeOf(err) != "payment.paid" {
			t.Errorf("cancel: %v", err)
		}
		got, err := h.engine.Refresh(t.Context(), merchant, p.ID)
		p.Rev = got.Rev // the answer was stored
		if err != nil || got != p {
			t.Errorf("refresh: %+v, %v", got, err)
		}
	})
}

func TestCodesNeverTouchTheDiskOrTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var codes []string
		for i, fate := range []string{"00", "50", "60", "61", "90", "99"} {
			code := fmt.Sprintf("13%014d%s", 777000+i, fate)
			codes = append(codes, code)
			h.await(h.collect(ask(fmt.Sprint("A", i), code)).ID, 3*time.Minute)
		}
		h.stop()
		files, err := filepath.Glob(filepath.Join(h.dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files: %v", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, code := range codes {
				if bytes.Contains(data, []byte(code)) {
					t.Errorf("%s holds a payment code", filepath.Base(file))
				}
			}
		}
		for _, code := range codes {
			if bytes.Contains(h.logs.Bytes(), []byte(code)) {
				t.Error("the log holds a payment code")
			}
		}
	})
}
