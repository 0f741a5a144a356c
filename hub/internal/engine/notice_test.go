package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/pay"
)

// charge has the customer pay an order after all, whatever became of it before.
func (w *wallet) charge(no string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.orders[no]
	o.charged, o.closed = o.charged+1, false
}

// hasten has a refund done now.
func (w *wallet) hasten(no string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.backs[no].since = time.Time{}
}

func paidNotice(p payment.Payment) channel.Notice {
	return channel.Notice{OutTradeNo: p.Attempt.OutTradeNo, WalletRef: p.Attempt.WalletRef, Amount: p.Amount, Finding: channel.Approved, SentAt: p.Attempt.Stamp}
}

func (h *house) hear(n channel.Notice, want engine.Hearing) {
	h.t.Helper()
	got, err := h.engine.Hear("w", n)
	if err != nil || got != want {
		h.t.Errorf("the notice was %s (%v), want %s", got, err, want)
	}
}

// The wallet's notice has it asked at once, not at the schedule's next turn; the answer decides.
func TestANoticeHasTheWalletAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000055")) // waits for a password
		time.Sleep(1500 * time.Millisecond)
		h.hear(paidNotice(p), engine.HeardAsked) // the wallet does not say so when it is asked
		time.Sleep(time.Second)
		if p = h.payment(p.ID); p.Outcome() != pay.Unknown || h.wallet.callsMade() != 1 {
			t.Fatalf("after a notice that is not true: %s, asked %d times", p.Status, h.wallet.callsMade())
		}
		h.wallet.charge(p.Attempt.OutTradeNo)
		h.hear(paidNotice(p), engine.HeardAsked)
		if p = h.await(p.ID, time.Second); p.Status != pay.StatusSucceeded || h.wallet.callsMade() != 2 {
			t.Errorf("%s, asked %d times", p.Status, h.wallet.callsMade())
		}
		h.hear(paidNotice(p), engine.HeardSettled)
		time.Sleep(time.Hour)
		if h.wallet.callsMade() != 2 {
			t.Errorf("the notice's double had the wallet asked again: %d times", h.wallet.callsMade())
		}
	})
}

// Whoever repeats a notice makes us ask once a second, not once a notice.
func TestRepeatedNoticesAskNoFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000055"))
		for range 400 {
			time.Sleep(10 * time.Millisecond)
			h.hear(paidNotice(p), engine.HeardAsked)
		}
		if n := h.wallet.callsMade(); n < 3 || n > 4 {
			t.Errorf("400 notices in 4 s had the wallet asked %d times", n)
		}
	})
}

// What is at rest is looked at again when the wallet says that money moved, also after lost answers and a restart.
func TestANoticeOfLateMoney(t *testing.T) {
	for name, restart := range map[string]bool{"running": false, "restarted before the look": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWallet()
				deafened := &hardOfHearing{wallet: w}
				h := newHouseOver(t, w, deafened)
				defer func() { h.stop() }()
				p := h.await(h.collect(ask("A1", "130000000000000050")).ID, time.Minute) // declined at once
				if p.Status != pay.StatusDeclined {
					t.Fatalf("it is %s", p.Status)
				}
				w.charge(p.Attempt.OutTradeNo)
				deafened.answers.Store(3)
				h.hear(paidNotice(p), engine.HeardAsked)
				if restart { // at rest, the look waits half a minute from the last call
					time.Sleep(time.Second)
					if deafened.asked.Load() != 0 {
						t.Fatal("it was looked at before the restart: the test shows nothing")
					}
					h.stop()
					h.start()
				}
				time.Sleep(5 * time.Minute)
				after := h.payment(p.ID)
				if deafened.asked.Load() < 4 || after.Attempt.Status != pay.StatusReversed || after.Status != pay.StatusDeclined {
					t.Errorf("asked %d times; the attempt is %s, the payment %s", deafened.asked.Load(), after.Attempt.Status, after.Status)
				}
				if n := w.netOf(p.Attempt.OutTradeNo); n != 0 {
					t.Errorf("the customer is out of %d", n)
				}
			})
		})
	}
}

// hardOfHearing is a wallet whose first answers to questions are lost.
type hardOfHearing struct {
	*wallet
	answers, asked atomic.Int32
}

func (d *hardOfHearing) Query(ctx context.Context, r channel.Ref) channel.Answer {
	d.asked.Add(1)
	if d.answers.Add(-1) >= 0 {
		return channel.Answer{Finding: channel.Unknown, Err: errors.New("reset")}
	}
	return d.wallet.Query(ctx, r)
}

// A notice that comes before the answer to the pay call leaves the work row as it is: the call may have left.
func TestANoticeBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000064")) // answered after 8 s
		time.Sleep(time.Second)
		h.hear(paidNotice(p), engine.HeardAsked)
		err := h.store.View(func(tx *store.Tx) error {
			if begun, err := tx.Begun(p.ID); err != nil || !begun {
				t.Errorf("the pay call is in flight and the work row says begun=%t (%v)", begun, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if p = h.await(p.ID, time.Minute); p.Status != pay.StatusSucceeded || h.wallet.payCalls() != 1 {
			t.Errorf("%s after %d pay calls", p.Status, h.wallet.payCalls())
		}
	})
}

func TestANoticeOfARefund(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.sold("A1", "130000000000000000")
		r := h.refund(askBack(p, "R1", 30, "taken")) // given after 20 s
		time.Sleep(7 * time.Second)                  // the schedule's next question comes 3 s later
		h.wallet.hasten(r.OutRefundNo)
		r, err := h.engine.ReadRefund(t.Context(), merchant, r.ID)
		if err != nil || r.Status != pay.RefundPending {
			t.Fatalf("%s, %v", r.Status, err)
		}
		n := channel.Notice{OutTradeNo: p.Attempt.OutTradeNo, OutRefundNo: r.OutRefundNo, WalletRef: r.WalletRef, Amount: r.Amount,
			OrderAmount: p.Amount, OrderRef: p.Attempt.WalletRef, Refund: channel.Refunded}
		h.hear(n, engine.HeardAsked)
		if r = h.awaitRefund(r.ID, time.Second); r.Status != pay.RefundSucceeded {
			t.Errorf("the refund is %s", r.Status)
		}
		h.hear(n, engine.HeardSettled)
		sum := n // Alipay's way to tell it
		sum.Amount, sum.BackAmount = payment.Refund{}.Amount, n.Amount
		h.hear(sum, engine.HeardSettled)
		sum.BackAmount = payment.Refund{}.Amount
		h.hear(sum, engine.HeardDiffers) // of no money at all
	})
}
