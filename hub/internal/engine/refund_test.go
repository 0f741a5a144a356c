package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// sold is a payment of 100 fen that is paid.
func (h *house) sold(order, code string) payment.Payment {
	h.t.Helper()
	p := h.await(h.collect(ask(order, code)).ID, time.Minute)
	if p.Outcome() != pay.Paid {
		h.t.Fatalf("%s is %s", order, p.Status)
	}
	return p
}

func askBack(p payment.Payment, no string, fen int64, fate string) engine.RefundAsk {
	return engine.RefundAsk{Merchant: merchant, Source: payment.FromAPI, Key: no, BodyHash: fmt.Sprint(p.ID, no, fen, fate), RefundNo: no,
		Amount: money.Fen(fen), Reason: fate, Payment: p.ID}
}

func (h *house) refund(a engine.RefundAsk) payment.Refund {
	h.t.Helper()
	r, err := h.engine.Refund(h.t.Context(), a)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) awaitRefund(id string, patience time.Duration) payment.Refund {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := h.engine.AwaitRefund(ctx, merchant, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) payment(id string) payment.Payment {
	h.t.Helper()
	p, err := h.engine.Payment(h.t.Context(), merchant, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func TestEveryRefundEndsAsItShould(t *testing.T) {
	for fate, want := range map[string]struct {
		status   pay.RefundStatus
		reason   string
		sendings int
	}{
		"":      {pay.RefundSucceeded, "", 1},
		"taken": {pay.RefundSucceeded, "", 1},
		"lost":  {pay.RefundSucceeded, "", 1}, // asking tells
		"never": {pay.RefundSucceeded, "", 2}, // the same again
		"busy":  {pay.RefundSucceeded, "", 2},
		"panic": {pay.RefundSucceeded, "", 2},
		"low":   {pay.RefundFailed, "merchant_balance_low", 1},
		"shut":  {pay.RefundFailed, "refused", 1},
		"stale": {pay.RefundFailed, "refused", 6}, // it never arrives, and this wallet takes its number for five minutes alone
	} {
		t.Run(fate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.stop()
				p := h.sold("A1", "130000000000000000")
				r := h.awaitRefund(h.refund(askBack(p, "R1", 30, fate)).ID, 20*time.Minute)
				if r.Status != want.status || r.Decline.Code != want.reason {
					t.Errorf("%s %+v, want %s %s", r.Status, r.Decline, want.status, want.reason)
				}
				time.Sleep(time.Hour)
				given, sendings := h.wallet.gaveBack(p.Attempt.OutTradeNo)
				if sendings != want.sendings || (given == 30) != (want.status == pay.RefundSucceeded) || given != 0 && given != 30 {
					t.Errorf("the wallet gave back %d in %d sendings, want %d", given, sendings, want.sendings)
				}
				if p := h.payment(p.ID); p.Refunded.Fen() != given || !p.Refunding.IsZero() || p.Status != pay.StatusSucceeded {
					t.Errorf("the payment is %s with %d back and %d under way", p.Status, p.Refunded.Fen(), p.Refunding.Fen())
				}
				if _, n := h.exception(payment.SlowRefund); n != 0 {
					t.Error("an exception was opened for a refund that ended")
				}
			})
		})
	}
}

func TestEqualRefundsGiveOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		var wg sync.WaitGroup
		got := make([]payment.Refund, 50)
		for i := range got {
			wg.Go(func() {
				r, err := h.engine.Refund(t.Context(), askBack(p, "R1", 40, "lost"))
				if err == nil {
					r, err = h.engine.AwaitRefund(t.Context(), merchant, r.ID)
				}
				if err != nil {
					t.Error(err)
				}
				got[i] = r
			})
		}
		wg.Wait()
		for _, r := range got {
			if r != got[0] {
				t.Fatalf("answers differ: %+v and %+v", r, got[0])
			}
		}
		if given, sendings := h.wallet.gaveBack(p.Attempt.OutTradeNo); given != 40 || sendings != 1 || got[0].Outcome() != pay.Refunded {
			t.Errorf("%s, and the wallet gave back %d in %d sendings", got[0].Status, given, sendings)
		}
	})
}

// Forty at once of a tenth each: ten are made, a minute apart as this wallet wants it, and thirty are
// turned away, whoever was first.
func TestFortyTenthsAreTen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet()
		w.apart = time.Minute
		h := newHouseOver(t, w, w)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		var wg sync.WaitGroup
		var mu sync.Mutex
		ends := map[string]int{}
		hold := make(chan struct{}) // the writer is busy, so that all of them share one commit
		wg.Go(func() { _ = h.store.Update(func(*store.Tx) error { <-hold; return nil }) })
		synctest.Wait()
		for i := range 40 {
			wg.Go(func() {
				fate := []string{"", "lost", "never", "taken"}[i%4]
				r, err := h.engine.Refund(t.Context(), askBack(p, fmt.Sprint("R", i), 10, fate))
				if err == nil {
					r, err = h.engine.AwaitRefund(t.Context(), merchant, r.ID)
				}
				mu.Lock()
				defer mu.Unlock()
				ends[fmt.Sprintf("%s %s %v", r.Status, r.Decline.Code, err)]++
			})
		}
		synctest.Wait()
		began := time.Now()
		close(hold)
		wg.Wait()
		if ends["succeeded  <nil>"] != 10 || ends["failed refund.too_much <nil>"] != 30 {
			t.Errorf("%v", ends)
		}
		if took := time.Since(began); took < 9*time.Minute || took > 12*time.Minute {
			t.Errorf("ten refunds a minute apart took %v", took)
		}
		if given, _ := h.wallet.gaveBack(p.Attempt.OutTradeNo); given != 100 || h.payment(p.ID).Refunded.Fen() != 100 {
			t.Errorf("the wallet gave back %d, the hub knows of %d", given, h.payment(p.ID).Refunded.Fen())
		}
	})
}

func TestRefundRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		open := h.collect(ask("A2", "130000000000000155"))
		synctest.Wait()
		h.awaitRefund(h.refund(askBack(p, "R1", 30, "")).ID, time.Minute)
		_, before := h.wallet.gaveBack("")
		other := func(a engine.RefundAsk, change func(*engine.RefundAsk)) engine.RefundAsk { change(&a); return a }
		for name, c := range map[string]struct {
			ask  engine.RefundAsk
			kind fault.Kind
			code string
		}{
			"same key, other body":    {other(askBack(p, "R1", 31, ""), func(*engine.RefundAsk) {}), fault.Conflict, "refund.conflict"},
			"another's payment":       {other(askBack(p, "R1", 30, ""), func(a *engine.RefundAsk) { a.Merchant = "mer_other" }), fault.NotFound, "payment.unknown"},
			"nobody's payment":        {other(askBack(p, "R2", 30, ""), func(a *engine.RefundAsk) { a.Payment = "pay_x" }), fault.NotFound, "payment.unknown"},
			"nothing":                 {askBack(p, "R2", 0, ""), fault.Invalid, "money.not_positive"},
			"less than nothing":       {askBack(p, "R2", -1, ""), fault.Invalid, "money.not_positive"},
			"more than can be":        {askBack(p, "R2", money.Max+1, ""), fault.Invalid, "money.too_large"},
			"more than is left":       {askBack(p, "R3", 71, ""), -1, payment.RefundTooMuch},
			"of one that is not paid": {askBack(open, "R4", 1, ""), -1, payment.RefundNotPaid},
		} {
			for range 2 { // each copy gets the same answer
				r, err := h.engine.Refund(t.Context(), c.ask)
				if c.kind == -1 {
					if err != nil || r.Status != pay.RefundFailed || r.Decline.Code != c.code || !r.Sent.IsZero() {
						t.Errorf("%s: %+v, %v", name, r, err)
					}
				} else if fault.KindOf(err) != c.kind || fault.CodeOf(err) != c.code {
					t.Errorf("%s: %+v, %v", name, r, err)
				}
			}
		}
		h.refund(askBack(p, "R2", 1, "")) // none of those stored anything under the number
		time.Sleep(time.Minute)
		if _, sendings := h.wallet.gaveBack(""); sendings != before+1 {
			t.Errorf("%d refunds were sent", sendings-before)
		}
		r := h.refund(askBack(p, "R1", 30, ""))
		for _, err := range []error{
			second(h.engine.ReadRefund(t.Context(), "mer_other", r.ID)), second(h.engine.RefreshRefund(t.Context(), "mer_other", r.ID)),
			second(h.engine.AwaitRefund(t.Context(), "mer_other", r.ID)), second(h.engine.Refunds(t.Context(), "mer_other", p.ID)),
		} {
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("another merchant's: %v", err)
			}
		}
		if list, err := h.engine.Refunds(t.Context(), merchant, p.ID); err != nil || len(list) != 3 || list[0].RefundNo != "R2" {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// A hub that dies between the call and the commit asks, or sends the same again: what was begun may
// have been done.
func TestARestartNeverRefundsTwice(t *testing.T) {
	for _, fate := range []string{"", "never", "taken", "low", "shut"} {
		t.Run(fate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				p := h.sold("A1", "130000000000000000")
				h.wallet.linger = 8 * time.Second
				r := h.refund(askBack(p, "R1", 30, fate))
				time.Sleep(time.Second) // the call is under way
				crashed := t.TempDir()
				if err := copyDatabase(h.dir, crashed); err != nil { // what a kill leaves
					t.Fatal(err)
				}
				h.stop()
				h.wallet.linger = 0
				h.dir = crashed
				h.start()
				defer func() { h.stop() }()
				got := h.awaitRefund(r.ID, 20*time.Minute)
				want := map[string]pay.RefundStatus{"low": pay.RefundFailed, "shut": pay.RefundFailed}[fate]
				if want == "" {
					want = pay.RefundSucceeded
				}
				given, _ := h.wallet.gaveBack(p.Attempt.OutTradeNo)
				if got.Status != want || (given == 30) != (want == pay.RefundSucceeded) || got.OutRefundNo != r.OutRefundNo {
					t.Errorf("%s, want %s; the wallet gave back %d", got.Status, want, given)
				}
				lost := 0
				_ = h.store.View(func(tx *store.Tx) error {
					return tx.QueryRow("SELECT count(*) FROM refund WHERE stray_at IS NOT NULL").Scan(&lost)
				})
				if lost != 1 {
					t.Error("the call that a restart found begun is not known as one that may still arrive")
				}
			})
		})
	}
}

// A hub that was stopped with a refund begun, replaced and woken gives nothing twice and writes nothing.
func TestAReplacedHubRefundsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		p := h.sold("A1", "130000000000000000")
		h.wallet.linger = 8 * time.Second
		r := h.refund(askBack(p, "R1", 30, ""))
		time.Sleep(time.Second) // the call is under way
		stale := h.freeze("n2")
		got := h.awaitRefund(r.ID, 20*time.Minute)
		if given, _ := h.wallet.gaveBack(p.Attempt.OutTradeNo); got.Status != pay.RefundSucceeded || given != 30 {
			t.Errorf("%s, and the wallet gave back %d", got.Status, given)
		}
		if err := wake(stale); fault.CodeOf(err) != "hub.fenced" {
			t.Errorf("the stale hub ended with %v", err)
		}
		if given, _ := h.wallet.gaveBack(p.Attempt.OutTradeNo); given != 30 {
			t.Errorf("in the end the wallet gave back %d", given)
		}
		h.stop()
	})
}

// A hub that was stopped between writing a refund's call down and making it, replaced and woken, does
// not call any more: its lease ran out.
func TestARefundDoesNotLeaveWithoutTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		stale := h.hub
		var told atomic.Int64
		told.Store(-1000) // not counting yet
		h.heard = func() {
			if told.Add(1) == 2 { // taken in, then begun: it stands still before the call
				stale.gate.close()
			}
		}
		if err := (engine.Desk{Engine: h.engine}).Pay(t.Context(), till, fromTill("s1", "130000000000000000")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		told.Store(0)
		if err := (engine.Desk{Engine: h.engine}).Refund(t.Context(), till, backFrom("r1", "s1", 30)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, sendings := h.wallet.gaveBack(""); told.Load() != 2 || sendings != 0 {
			t.Fatalf("told %d times, %d sendings", told.Load(), sendings)
		}
		h.node = "n2"
		h.start()
		defer func() { h.stop() }()
		time.Sleep(time.Minute)
		_, before := h.wallet.gaveBack("")
		if err := wake(stale); fault.CodeOf(err) != "hub.fenced" {
			t.Errorf("the stale hub ended with %v", err)
		}
		if _, after := h.wallet.gaveBack(""); before != 1 || after != 1 {
			t.Errorf("%d sendings, then %d", before, after)
		}
		results, _ := h.backTold(till.ID)
		if last := results[len(results)-1]; last.Outcome != pay.Refunded {
			t.Errorf("told %+v", results)
		}
	})
}

func TestARefundInDoubtIsKnownToPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		r := h.refund(askBack(p, "R1", 30, "silent"))
		time.Sleep(9 * time.Minute)
		if _, n := h.exception(payment.SlowRefund); n != 0 {
			t.Error("opened too soon")
		}
		time.Sleep(15 * time.Minute)
		x, n := h.exception(payment.SlowRefund)
		if n != 1 || x.Refund != r.ID || x.Payment != p.ID || !strings.Contains(x.Known, r.OutRefundNo) {
			t.Fatalf("%d exceptions: %+v", n, x)
		}
		if _, err := h.decide(x, payment.Settled); fault.CodeOf(err) != "exception.going_on" {
			t.Errorf("settled while it goes on: %v", err)
		}
		if _, err := h.decide(x, payment.WrittenOff); fault.CodeOf(err) != "exception.no_write_off" {
			t.Errorf("written off: %v", err)
		}
		if left := h.payment(p.ID).Refundable(); left != 70 {
			t.Errorf("%d are left while 30 are in doubt", left)
		}
		h.wallet.mu.Lock()
		for _, b := range h.wallet.backs {
			b.fate = "" // the wallet finds its words again
		}
		_, sendings := h.wallet, h.wallet.sendings
		h.wallet.mu.Unlock()
		if _, err := h.decide(x, payment.Retry); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second) // long before the next look would have been
		if got := h.awaitRefund(r.ID, time.Second); got.Status != pay.RefundSucceeded {
			t.Errorf("tried again: %s after %d sendings", got.Status, sendings)
		}
		if x, _ = h.exception(payment.SlowRefund); x.Resolved.IsZero() || x.By != "hub" {
			t.Errorf("proof did not end it: %+v", x)
		}
	})
}

func TestARefundIsAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		r := h.refund(askBack(p, "R1", 30, "taken"))
		time.Sleep(21 * time.Second) // done by now, and the hub will not look for a while
		h.wallet.mu.Lock()
		for _, b := range h.wallet.backs {
			b.given = true
		}
		h.wallet.mu.Unlock()
		if got, err := h.engine.RefreshRefund(t.Context(), merchant, r.ID); err != nil || got.Status != pay.RefundSucceeded || got.WalletRef != "B1" {
			t.Errorf("%+v, %v", got, err)
		}
		again, err := h.engine.RefreshRefund(t.Context(), merchant, r.ID)
		if err != nil || again.Status != pay.RefundSucceeded {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

// TestRefundEventsTellTheStory: each sending and each change, chained like all events.
func TestRefundEventsTellTheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		r := h.awaitRefund(h.refund(askBack(p, "R1", 30, "never")).ID, time.Minute)
		away := h.refund(askBack(p, "R2", 71, ""))
		for id, want := range map[string]string{r.ID: "refund.create refund.send refund.send refund.done", away.ID: "refund.turn_away"} {
			var got string
			err := h.store.View(func(tx *store.Tx) error {
				return tx.QueryRow("SELECT group_concat(kind, ' ' ORDER BY seq) FROM event WHERE entity = ?", id).Scan(&got)
			})
			if err != nil || got != want {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
		}
	})
}
