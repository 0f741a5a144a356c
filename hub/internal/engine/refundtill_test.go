package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// backTold are the messages about refunds that wait for a till, and its refusals.
func (h *house) backTold(terminal string) (results []wire.RefundResult, refused []wire.Refused) {
	h.t.Helper()
	downs, err := h.store.Waiting(terminal, 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range downs {
		switch d.Kind {
		case wire.KindRefundResult:
			var r wire.RefundResult
			if err := json.Unmarshal(d.Body, &r); err != nil {
				h.t.Error(err)
			}
			results = append(results, r)
		case wire.KindRefused:
			var r wire.Refused
			if err := json.Unmarshal(d.Body, &r); err != nil {
				h.t.Error(err)
			}
			refused = append(refused, r)
		}
	}
	return results, refused
}

func backFrom(key, sale string, fen int64) wire.Refund {
	return wire.Refund{Key: key, Sale: sale, RefundNo: "N-" + key, Amount: fen, Currency: "CNY"}
}

func TestATillsRefundIsToldEachStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		var heard atomic.Int64
		h.heard = func() { heard.Add(1) }
		desk := engine.Desk{Engine: h.engine}
		if err := desk.Pay(t.Context(), till, fromTill("s1", "130000000000000000")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		m := backFrom("r1", "s1", 30)
		m.Reason = "taken"
		for range 2 { // the second copy is answered with what is there
			if err := desk.Refund(t.Context(), till, m); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		results, refused := h.backTold(till.ID)
		var story []string
		for _, r := range results {
			if r.Key != "r1" || r.RefundID != results[0].RefundID || r.Amount != 30 || (r.RefundedAt != nil) != (r.Status == pay.RefundSucceeded) {
				t.Errorf("%+v", r)
			}
			story = append(story, string(r.Status)+"/"+string(r.Outcome))
		}
		want := "created/unknown unknown/unknown pending/unknown succeeded/refunded succeeded/refunded"
		if got := strings.Join(story, " "); got != want || len(refused) != 0 || heard.Load() < 5 {
			t.Errorf("told %s and %+v, heard %d; want %s", got, refused, heard.Load(), want)
		}
		if last := results[len(results)-1]; last.WalletRef != "B1" {
			t.Errorf("%+v", last)
		}
	})
}

func TestATillsRefundsThatAreNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.stop()
		neighbour := registry.Terminal{ID: "trm_2", Merchant: merchant, Store: "sto_1", Key: till.Key, Serial: "02"}
		stranger := registry.Terminal{ID: "trm_3", Merchant: "mer_2", Store: "sto_2", Key: till.Key, Serial: "03"}
		err := h.store.Update(func(tx *store.Tx) error {
			if err := tx.PutMerchant(registry.Merchant{ID: "mer_2"}); err != nil {
				return err
			}
			if err := tx.PutStore(registry.Store{ID: "sto_2", Merchant: "mer_2"}); err != nil {
				return err
			}
			if err := tx.PutTerminal(neighbour); err != nil {
				return err
			}
			return tx.PutTerminal(stranger)
		})
		if err != nil {
			t.Fatal(err)
		}
		desk := engine.Desk{Engine: h.engine}
		if err := desk.Pay(t.Context(), till, fromTill("s1", "130000000000000000")); err != nil {
			t.Fatal(err)
		}
		if err := desk.Pay(t.Context(), till, fromTill("s2", "130000000000000150")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := desk.Refund(t.Context(), till, backFrom("r1", "s1", 30)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		for i, c := range []struct {
			who    registry.Terminal
			m      wire.Refund
			reason string // stored as failed
			code   string // refused, nothing stored
		}{
			{till, backFrom("r2", "s1", 71), payment.RefundTooMuch, ""},
			{till, backFrom("r3", "s2", 1), payment.RefundNotPaid, ""},
			{neighbour, backFrom("r1", "s1", 1), payment.RefundOtherTerminal, ""},
			{stranger, backFrom("r1", "s1", 1), "", "payment.unknown"},
			{till, backFrom("r4", "s9", 1), "", "payment.unknown"},
			{till, backFrom("r1", "s1", 31), "", "refund.conflict"},
			{till, backFrom("r5", "s1", 0), "", "money.not_positive"},
			{till, wire.Refund{Key: "r6", Sale: "s1", RefundNo: "N", Amount: 1, Currency: "USD"}, "", "money.currency"},
			{till, wire.Refund{Key: "r7", Sale: "s1", Amount: 1, Currency: "CNY"}, "", "refund.refund_no"},
			{till, wire.Refund{Key: "r8", RefundNo: "N", Amount: 1, Currency: "CNY"}, "", "refund.sale"},
			{till, wire.Refund{Key: "r9", Sale: "s1", RefundNo: "N", Amount: 1, Currency: "CNY", Reason: strings.Repeat("x", 257)}, "", "refund.reason"},
		} {
			for range 2 {
				results, refused := h.backTold(c.who.ID)
				if err := desk.Refund(t.Context(), c.who, c.m); err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				more, no := h.backTold(c.who.ID)
				more, no = more[len(results):], no[len(refused):]
				switch {
				case c.reason != "" && len(more) == 1 && len(no) == 0 && more[0].Reason == c.reason && more[0].Key == c.m.Key && more[0].Message != "" &&
					more[0].Outcome == pay.NotRefunded && more[0].Status == pay.RefundFailed:
				case c.code != "" && len(more) == 0 && len(no) == 1 && no[0].Code == c.code && no[0].Key == c.m.Key:
				default:
					t.Errorf("%d: told %+v and %+v, want %s%s", i, more, no, c.reason, c.code)
				}
			}
		}
		if err := desk.Refund(t.Context(), till, backFrom("", "s1", 1)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("without a key: %v", err)
		}
		if _, sendings := h.wallet.gaveBack(""); sendings != 1 {
			t.Errorf("%d sendings", sendings)
		}
	})
}

// What a till asked for is answered over a restart.
func TestATillsRefundSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		if err := (engine.Desk{Engine: h.engine}).Pay(t.Context(), till, fromTill("s1", "130000000000000000")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		m := backFrom("r1", "s1", 100)
		m.Reason = "taken"
		if err := (engine.Desk{Engine: h.engine}).Refund(t.Context(), till, m); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		h.stop()
		h.start()
		defer func() { h.stop() }()
		time.Sleep(time.Minute)
		results, _ := h.backTold(till.ID)
		if last := results[len(results)-1]; last.Outcome != pay.Refunded {
			t.Errorf("told %s", fmt.Sprint(results))
		}
	})
}
