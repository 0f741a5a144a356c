package engine_test

import (
	"bytes"
	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/pay"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// deafened loses what the wallet answers about shown codes, for a while.
type deafened struct {
	*wallet
	lose atomic.Int32
}

func (d *deafened) Present(ctx context.Context, o channel.Order) channel.Answer {
	a := d.wallet.Present(ctx, o)
	if d.lose.Add(-1) >= 0 {
		return channel.Answer{Finding: channel.Unknown, Err: errLost}
	}
	return a
}

// A code whose answer is lost is asked for again, and the hub's restart in between changes nothing: it is the same order.
func TestALostCodeIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &deafened{wallet: newWallet()}
		way.lose.Store(3)
		h := newHouseOver(t, way.wallet, way)
		defer h.stop()
		p := h.collect(askShown("A1"))
		time.Sleep(4 * time.Second)
		h.stop()
		h.start()
		if p = h.await(p.ID, 20*time.Second); !p.Showing() || h.wallet.paysFor(p.Attempt.OutTradeNo) != 4 || len(h.wallet.orders) != 1 {
			t.Fatalf("%+v, asked %d times for %d orders", p, h.wallet.paysFor(p.Attempt.OutTradeNo), len(h.wallet.orders))
		}
		h.wallet.scan(p.Attempt.OutTradeNo, "00")
		h.within(p, pay.StatusSucceeded, 10*time.Second)

		way.lose.Store(1 << 30)
		p = h.collect(askShown("A2"))
		time.Sleep(44 * time.Second)
		if p = h.now(p); p.Status != pay.StatusUnknown {
			t.Errorf("%s", p.Status)
		}
		h.within(p, pay.StatusReversed, 10*time.Second)
	})
}

// A hub that stood still for longer than the code lives asks before it gives up, and believes what it hears.
func TestAHubAwayWhileTheCustomerPays(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p, q := h.show("A1"), h.show("A2")
		h.stop()
		h.wallet.scan(p.Attempt.OutTradeNo, "00")
		time.Sleep(10 * time.Minute)
		h.start()
		h.within(q, map[bool]pay.Status{false: pay.StatusReversed, true: pay.StatusClosed}[h.wallet.lazy], 4*time.Minute)
		if p = h.now(p); p.Final() && p.Outcome() == pay.NotPaid && h.wallet.netOf(p.Attempt.OutTradeNo) != 0 {
			t.Errorf("%s, and the wallet keeps the money", p.Status)
		}
		if !p.Final() || p.Outcome() == pay.Paid && h.wallet.netOf(p.Attempt.OutTradeNo) != 1 {
			t.Errorf("%s", p.Status)
		}
	})
}

func TestAShownTextIsInNoLogAndNoEvent(t *testing.T) {
	natures(t, func(t *testing.T, h *house) {
		p := h.show("A1")
		h.wallet.scan(p.Attempt.OutTradeNo, "00")
		h.within(p, pay.StatusSucceeded, 10*time.Second)
		if bytes.Contains(h.logs.Bytes(), []byte("weixin://")) {
			t.Error("the log shows the code's text")
		}
		var found int
		if err := h.store.View(func(tx *store.Tx) error {
			return tx.QueryRow("SELECT count(*) FROM event WHERE instr(body, 'weixin://')").Scan(&found)
		}); err != nil || found != 0 {
			t.Errorf("%d events show the code's text (%v)", found, err)
		}
	})
}

// However often somebody wants to know at once, the wallet is asked once a second.
func TestRefreshKeepsAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000055"))
		time.Sleep(time.Second)
		calls, began := h.wallet.callsMade(), time.Now()
		for range 50 {
			if _, err := h.engine.Refresh(t.Context(), merchant, p.ID); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) > 3*time.Second {
				break
			}
		}
		if n := h.wallet.callsMade() - calls; n < 3 || n > 10 { // the schedule asks as well
			t.Errorf("asked %d times in %s", n, time.Since(began))
		}
		if s := fmt.Sprint(p.Status); !strings.Contains("pending unknown", s) {
			t.Error(s)
		}
	})
}
