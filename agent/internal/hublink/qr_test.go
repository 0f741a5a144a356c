package hublink

import (
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// TestCarriesShownCodes: the wish for a code leaves with its end by the hub's clock, and the code comes back as it
// was signed.
func TestCarriesShownCodes(t *testing.T) {
	ask := wire.Pay{Key: "sale_1", OrderNo: "A-1", Amount: 1280, Currency: "CNY", ScannedAt: time.Unix(1, 0).UTC(), Mode: wire.ModeQR, Wallet: pay.Alipay}
	var exp time.Time
	inBubble(t, func(w *world) {
		exp = time.Now().Add(45 * time.Second)
		w.hub.skew = time.Hour
		w.j.out = append(w.j.out, Message{Seq: 1, Kind: wire.KindPay, Exp: exp, Body: ask})
	}, func(w *world) {
		time.Sleep(time.Second) // virtual
		list := w.told(wire.KindPay)
		if len(list) != 1 {
			t.Fatalf("%d messages", len(list))
		}
		if got, err := wire.Decode[wire.Pay](list[0].Envelope); err != nil || got != ask || !list[0].Exp.Equal(exp.Add(time.Hour)) {
			t.Errorf("%+v until %v, %v", got, list[0].Exp, err)
		}
		until := time.Now().Add(time.Hour + 2*time.Minute).UTC().Round(0)
		shown := wire.Result{Key: "sale_1", PaymentID: "pay_1", Status: pay.StatusPending, Outcome: pay.Unknown, Wallet: pay.Alipay,
			QR: "https://qr.alipay.com/bax03431ljhokirwl38f00a7", QRUntil: &until}
		w.say(1, wire.KindResult, shown)
		synctest.Wait()
		equal(t, "received", w.j.got(), []uint64{1})
		got, err := wire.Decode[wire.Result](w.j.received[0])
		if err != nil || got.QR != shown.QR || got.QRUntil == nil || !got.QRUntil.Equal(until) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
