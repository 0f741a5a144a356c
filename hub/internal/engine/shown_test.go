package engine_test

import (
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

func askShown(order string) engine.Ask {
	return engine.Ask{Merchant: merchant, Source: payment.FromAPI, Key: order, BodyHash: order, OrderNo: order, Amount: money.Fen(100), Subject: "tea", Shown: true}
}

func shownAtTill(key string) wire.Pay {
	return wire.Pay{Key: key, OrderNo: "O-" + key, Amount: 100, Currency: "CNY", Mode: "qr"}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.CodeOf(err)
}

// natures runs a story at a wallet that has an order from the beginning, and at one that makes it when somebody scans.
func natures(t *testing.T, story func(t *testing.T, h *house)) {
	for name, lazy := range map[string]bool{"an order at once": false, "an order when scanned": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.stop()
				h.wallet.lazy = lazy
				story(t, h)
			})
		})
	}
}

// show collects and waits for the code.
func (h *house) show(order string) payment.Payment {
	h.t.Helper()
	p := h.await(h.collect(askShown(order)).ID, 5*time.Second)
	if !p.Showing() || p.Attempt.QR != textOf(p.Attempt.OutTradeNo) || p.Outcome() != pay.Unknown {
		h.t.Fatalf("no code to show: %+v", p)
	}
	return p
}

// now reads a payment as it stands.
func (h *house) now(p payment.Payment) payment.Payment {
	h.t.Helper()
	synctest.Wait()
	p, err := h.engine.Payment(h.t.Context(), merchant, p.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// within waits for a status, and holds that the outcome was not told before.
func (h *house) within(p payment.Payment, want pay.Status, patience time.Duration) payment.Payment {
	h.t.Helper()
	for began := time.Now(); time.Since(began) <= patience; time.Sleep(250 * time.Millisecond) {
		if p = h.now(p); p.Final() {
			break
		}
	}
	if p.Status != want || p.Showing() {
		h.t.Fatalf("%s, its attempt %s, want %s", p.Status, p.Attempt.Status, want)
	}
	return p
}

func TestAShownCodeFromScreenToPaid(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		if again := h.collect(askShown("A1")); again.ID != p.ID || again.Attempt.QR != p.Attempt.QR {
			t.Errorf("asked again: %+v", again)
		}
		time.Sleep(20 * time.Second)
		h.stop()
		h.start()
		after := h.now(p)
		if after.Attempt.QR != p.Attempt.QR || !after.Ends().Equal(p.Ends()) || !after.Showing() {
			t.Errorf("after a restart %+v", after.Attempt)
		}
		if got := after.Ends().Sub(after.Created); got != 2*time.Minute {
			t.Errorf("the code ends after %s", got)
		}
		if !h.wallet.scan(p.Attempt.OutTradeNo, "53") {
			t.Fatal("the code cannot be scanned")
		}
		time.Sleep(4 * time.Second)
		if typing := h.now(p); !typing.Waiting || !typing.Showing() {
			t.Errorf("at the password: %+v", typing)
		}
		h.within(p, pay.StatusSucceeded, 10*time.Second)
		if h.wallet.net() != 1 || h.wallet.payCalls() != 1 {
			t.Errorf("the wallet took %d, asked %d times", h.wallet.net(), h.wallet.payCalls())
		}
	})
}

func TestTheTillIsToldTheCodeAndItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		desk := engine.Desk{Engine: h.engine}
		for range 2 {
			if err := desk.Pay(t.Context(), till, shownAtTill("K1")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		results, _ := h.told()
		last := results[len(results)-1]
		if len(results) != 3 || last.Status != pay.StatusPending || last.Waiting || last.QR == "" || last.QRUntil == nil || !last.QRUntil.After(time.Now().Add(115*time.Second)) {
			t.Fatalf("the till was told %+v", results)
		}
		h.wallet.scan(last.QR[len(textOf("")):], "00")
		time.Sleep(4 * time.Second)
		results, _ = h.told()
		if last := results[len(results)-1]; last.Status != pay.StatusSucceeded || last.QR != "" || last.QRUntil != nil {
			t.Errorf("the till was told %+v", last)
		}
		other := shownAtTill("K1")
		other.Wallet = pay.WeChat
		late := shownAtTill("K2")
		late.CodeAgeMS = 46_000
		code := shownAtTill("K3")
		code.Code = "130000000000000000"
		for want, m := range map[string]wire.Pay{"payment.order_conflict": other, "payment.stale": late, "payment.mode": code} {
			if err := desk.Pay(t.Context(), till, m); err != nil {
				t.Fatal(err)
			}
			if _, refused := h.told(); refused[len(refused)-1].Code != want {
				t.Errorf("%+v was refused with %+v, want %s", m, refused, want)
			}
		}
	})
}

func TestNobodyScans(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		time.Sleep(2*time.Minute - time.Second)
		if p = h.now(p); !p.Showing() || p.Status != pay.StatusPending {
			t.Errorf("a second before its end it is %s", p.Status)
		}
		want := pay.StatusReversed
		if h.wallet.lazy { // only "no such order" proves it, once nobody can scan any more
			want = pay.StatusClosed
			time.Sleep(25 * time.Second)
			if p = h.now(p); p.Outcome() != pay.Unknown {
				t.Errorf("told %s before it is proven", p.Outcome())
			}
		}
		p = h.within(p, want, 20*time.Second)
		if h.wallet.lazy && p.Attempt.Cause != "gave_up" || h.wallet.scan(p.Attempt.OutTradeNo, "00") {
			t.Errorf("cause %q, or the code can still be paid", p.Attempt.Cause)
		}
		time.Sleep(3 * time.Minute)
		if h.engine.Depth() != 0 || h.wallet.net() != 0 {
			t.Errorf("%d steps wait, the wallet took %d", h.engine.Depth(), h.wallet.net())
		}
	})
}

func TestPaidInTheLastSecond(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		time.Sleep(time.Until(p.Attempt.Until.Truncate(time.Second).Add(-100 * time.Millisecond)))
		if !h.wallet.scan(p.Attempt.OutTradeNo, "00") {
			t.Fatal("the code ended too early")
		}
		h.within(p, pay.StatusSucceeded, 10*time.Second)
		if h.wallet.reversals() != 0 || h.wallet.net() != 1 {
			t.Errorf("%d reversals of a paid order, the wallet took %d", h.wallet.reversals(), h.wallet.net())
		}
	})
}

func TestCancelOfAShownOrder(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		time.Sleep(10 * time.Second)
		p, err := h.engine.Cancel(t.Context(), merchant, p.ID)
		if err != nil || p.Status != pay.StatusReversing || p.Showing() {
			t.Fatalf("%s, %v", p.Status, err)
		}
		if !h.wallet.lazy {
			h.within(p, pay.StatusReversed, 5*time.Second)
			return
		}
		time.Sleep(time.Minute) // the customer still has it on his screen
		if p = h.now(p); p.Outcome() != pay.Unknown || !h.wallet.scan(p.Attempt.OutTradeNo, "00") {
			t.Fatalf("told %s though the code can be scanned", p.Outcome())
		}
		h.within(p, pay.StatusReversed, 90*time.Second)
		if h.wallet.net() != 0 || h.wallet.charges(p.Attempt.OutTradeNo) != 1 {
			t.Errorf("the wallet took %d", h.wallet.net())
		}
	})
}

// The customer is charged after the wallet said that the order is closed: the money goes back, once, and people know.
func TestAShownOrderPaidAfterItWasClosed(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		h.wallet.scan(p.Attempt.OutTradeNo, "71")
		if _, err := h.engine.Cancel(t.Context(), merchant, p.ID); err != nil {
			t.Fatal(err)
		}
		p = h.within(p, pay.StatusReversed, 5*time.Second)
		time.Sleep(2 * time.Minute)
		if p = h.now(p); p.Status != pay.StatusReversed || p.Attempt.Status != pay.StatusReversed || p.Attempt.Cause != "late_success" {
			t.Errorf("%s, its attempt %s because of %s", p.Status, p.Attempt.Status, p.Attempt.Cause)
		}
		if x, n := h.exception(payment.LateSuccess); n != 1 || x.Resolved.IsZero() {
			t.Errorf("%d exceptions, the last %+v", n, x)
		}
		if h.wallet.net() != 0 || h.wallet.charges(p.Attempt.OutTradeNo) != 1 {
			t.Errorf("the wallet took %d of %d", h.wallet.net(), h.wallet.charges(p.Attempt.OutTradeNo))
		}
	})
}

// One order is tried by a shown code and by the customer's code, in both orders, and captured once.
func TestOneOrderByQRAndByCode(t *testing.T) {
	byCode := func(h *house, key string) (payment.Payment, string) {
		a := ask("A1", "1300000000000000"+key)
		a.Key, a.BodyHash = key, key // another sale of the same order
		p, err := h.engine.Collect(h.t.Context(), a)
		return p, codeOf(err)
	}
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		if _, code := byCode(h, "00"); code != "payment.order_open" {
			t.Errorf("a code beside a shown one: %q", code)
		}
		if _, err := h.engine.Cancel(t.Context(), merchant, p.ID); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for began := time.Now(); ; time.Sleep(time.Second) {
			q, code := byCode(h, "00")
			synctest.Wait()
			proven := h.now(p).Final()
			if code == "" {
				if !proven {
					t.Fatal("a code was taken before the shown one was proven unpaid")
				}
				if q = h.await(q.ID, time.Minute); q.Status != pay.StatusSucceeded {
					t.Errorf("by code it is %s", q.Status)
				}
				break
			}
			if refused++; code != "payment.order_open" || time.Since(began) > 4*time.Minute {
				t.Fatalf("%q after %s", code, time.Since(began))
			}
		}
		if h.wallet.scan(p.Attempt.OutTradeNo, "00") || refused == 0 || h.wallet.net() != 1 {
			t.Errorf("the shown code is still alive, or never stood in the way (%d), or the wallet took %d", refused, h.wallet.net())
		}
	})
	natures(t, func(t *testing.T, h *house) { // the customer scans while the cashier does
		p := h.show("A1")
		h.wallet.scan(p.Attempt.OutTradeNo, "53")
		if _, code := byCode(h, "01"); code != "payment.order_open" {
			t.Errorf("a code beside a scanned one: %q", code)
		}
		h.within(p, pay.StatusSucceeded, 10*time.Second)
		if _, code := byCode(h, "01"); code != "payment.order_paid" || h.wallet.net() != 1 {
			t.Errorf("a code for a paid order: %q, the wallet took %d", code, h.wallet.net())
		}
	})
	natures(t, func(t *testing.T, h *house) { // first by code
		q, _ := byCode(h, "55")
		a := askShown("A1")
		if _, err := h.engine.Collect(t.Context(), a); fault.CodeOf(err) != "payment.order_open" {
			t.Errorf("a shown code beside the customer's: %v", err)
		}
		if q = h.await(q.ID, 2*time.Minute); q.Status != pay.StatusReversed {
			t.Fatal(q.Status)
		}
		p := h.show("A1")
		h.wallet.scan(p.Attempt.OutTradeNo, "00")
		h.within(p, pay.StatusSucceeded, 10*time.Second)
		if h.wallet.net() != 1 {
			t.Errorf("the wallet took %d", h.wallet.net())
		}
	})
}

func TestWhoseCodeIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		for wallet, want := range map[pay.Wallet]string{"": "", pay.WeChat: "", pay.UnionPay: "payment.qr_unavailable", pay.StoredValue: "payment.qr_unavailable",
			pay.Alipay: "payment.no_channel", "qq": "payment.no_channel"} {
			a := askShown("A-" + string(wallet))
			a.Wallet = wallet
			if _, err := h.engine.Collect(t.Context(), a); codeOf(err) != want {
				t.Errorf("%q: %v, want %q", wallet, err, want)
			}
		}
		h.engine.Ways = append(h.engine.Ways, engine.Way{Name: "a", Merchant: "mer_other", Wallet: pay.Alipay, Channel: h.way})
		h.engine.Reroute(h.engine.Ways, h.engine.Routes)
		if _, err := h.engine.Collect(t.Context(), askShown("B")); err != nil {
			t.Errorf("beside another merchant's wallet: %v", err)
		}
		h.engine.Ways[2].Merchant = merchant
		h.engine.Reroute(h.engine.Ways, h.engine.Routes)
		if _, err := h.engine.Collect(t.Context(), askShown("D")); fault.CodeOf(err) != "payment.wallet_needed" {
			t.Errorf("of two wallets: %v", err)
		}
		stale := askShown("C")
		stale.CodeAge = 46 * time.Second
		if _, err := h.engine.Collect(t.Context(), stale); fault.CodeOf(err) != "payment.stale" {
			t.Errorf("asked for long ago: %v", err)
		}
	})
}

// Some wallets undo an order that is shown in another way, so each call says which it is.
func TestEveryCallSaysShown(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		h.collect(ask("A2", "130000000000000053"))
		h.wallet.scan(p.Attempt.OutTradeNo, "55")
		time.Sleep(10 * time.Second)
		if _, err := h.engine.Cancel(t.Context(), merchant, p.ID); err != nil {
			t.Fatal(err)
		}
		h.within(p, pay.StatusReversed, 10*time.Second)
		if h.wallet.misled != 0 || h.wallet.callsMade() < 4 {
			t.Errorf("%d of %d calls said otherwise", h.wallet.misled, h.wallet.callsMade())
		}
	})
}
