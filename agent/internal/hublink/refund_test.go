package hublink

import (
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// TestCarriesRefunds: a request is repeated as it is until its answer is stored, and the hub's signed
// word about it reaches the till once, in its place among the others.
func TestCarriesRefunds(t *testing.T) {
	ask := wire.Refund{Key: "ref_1", Sale: "sale_1", RefundNo: "R-1", Amount: 500, Currency: "CNY", Reason: "cold", AskedAt: time.Unix(1, 0).UTC()}
	inBubble(t, func(w *world) {
		w.j.put(2)
		w.j.out = append(w.j.out, Message{Seq: 1, Kind: wire.KindRefund, Body: ask})
	}, func(w *world) {
		time.Sleep(2 * time.Second) // virtual: one repeat
		list := w.told(wire.KindPay, wire.KindRefund)
		equal(t, "sent in the till's order", seqs(list), []uint64{2, 1, 2, 1})
		for _, s := range list {
			if s.Kind != wire.KindRefund {
				continue
			}
			if got, err := wire.Decode[wire.Refund](s.Envelope); err != nil || got != ask || !s.Exp.IsZero() {
				t.Errorf("%+v until %v, %v", got, s.Exp, err)
			}
		}
		done := wire.RefundResult{Key: "ref_1", RefundID: "hub_1", Status: pay.RefundSucceeded, Outcome: pay.Refunded, Amount: 500}
		w.say(2, wire.KindRefundResult, done) // too early
		w.say(1, wire.KindResult, wire.Result{Key: "k"})
		w.say(2, wire.KindRefundResult, done)
		w.say(2, wire.KindRefundResult, done)
		synctest.Wait()
		equal(t, "received", w.j.got(), []uint64{1, 2})
		if got, err := wire.Decode[wire.RefundResult](w.j.received[1]); err != nil || got != done || w.j.received[1].Kind != wire.KindRefundResult {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
