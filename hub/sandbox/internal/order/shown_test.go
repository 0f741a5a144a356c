package order_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// TestCloseAndScan fills every cell of states × wallets for closing an order whose code is shown, and for a
// customer who scans it.
func TestCloseAndScan(t *testing.T) {
	cells := []struct {
		state         order.State
		wechat, alipa order.Verdict
		scan          order.Verdict
	}{
		{order.Ghost, order.Absent, order.Absent, order.OrderClosed},
		{order.Burnt, order.Absent, order.Absent, order.OrderClosed},
		{order.Offered, order.Done, order.Absent, order.Charged},
		{order.Waiting, order.Done, order.Done, order.Charged},
		{order.Paid, order.PaidBefore, order.PaidBefore, order.PaidBefore},
		{order.Refused, order.OrderClosed, order.OrderClosed, order.OrderClosed},
		{order.Closed, order.OrderClosed, order.OrderClosed, order.OrderClosed},
		{order.Undone, order.OrderClosed, order.OrderClosed, order.OrderClosed},
	}
	if len(cells) != len(order.States) {
		t.Fatalf("%d states are tried, there are %d", len(cells), len(order.States))
	}
	for _, c := range cells {
		for w, want := range map[pay.Wallet]order.Verdict{pay.WeChat: c.wechat, pay.Alipay: c.alipa} {
			o := order.Order{ID: 1, Wallet: w, State: c.state, Shown: true, Amount: money.Fen(5), Created: noon, Expires: noon.Add(time.Hour), PaidAt: noon}
			if s := order.Close(o, noon); s.Verdict != want || s.Line != nil || s.Save != (want == order.Done) {
				t.Errorf("%s %s closed: %+v, want %s", w, c.state, s, want)
			}
			if s := order.Scan(o, 0, noon); s.Verdict != c.scan || (s.Line != nil) != (c.scan == order.Charged) {
				t.Errorf("%s %s scanned: %+v, want %s", w, c.state, s, c.scan)
			}
			for _, fate := range []order.Fate{order.PasswordPaid, order.PasswordNever, order.LateCharge, order.UndoStubborn} {
				if o.Fate = fate; c.state == order.Waiting && order.Scan(o, 0, noon).Verdict != order.Pending {
					t.Errorf("%s: a second customer pays beside one whose fate is %d", w, fate)
				}
			}
		}
	}
}

// TestShownMoneyBalances throws random requests and customers at an order whose code is shown.
func TestShownMoneyBalances(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := []pay.Wallet{pay.WeChat, pay.Alipay}[r.IntN(2)]
		now := noon
		o := order.Offer(order.Order{Wallet: w, Mch: "m", Number: "n", Amount: money.Fen(5), Expires: now.Add(time.Minute)}, order.Order{}, now).Order
		o.ID = 1
		kinds, last := "", time.Time{}
		book := func(l *order.Line) {
			if l != nil {
				if kinds += string(l.Kind[:1]); l.At.Before(last) || l.At.After(now) || l.Amount != o.Amount {
					t.Fatalf("seed %d: line %+v at %s after %s", seed, *l, now, last)
				}
				last = l.At
			}
		}
		for range 12 {
			now = now.Add(time.Duration(r.IntN(9000)) * time.Millisecond)
			book(o.Settle(now))
			s := []func() order.Step{
				func() order.Step { return order.OfferAgain(o, o.Digest) },
				func() order.Step { return order.Query(o, now) },
				func() order.Step { return order.Close(o, now) },
				func() order.Step { return order.Reverse(o, now) },
				func() order.Step { return order.Scan(o, order.Fate(r.IntN(100)), now) },
				func() order.Step { return order.Scan(o, order.Fate(r.IntN(100)), now) },
			}[r.IntN(6)]()
			if book(s.Line); s.Save {
				o = s.Order
			}
		}
		now = now.Add(24 * time.Hour)
		book(o.Settle(now))
		want := map[bool]string{true: "c"}[o.State == order.Paid]
		if o.State == order.Undone && o.Returned {
			want = "cr"
		}
		if kinds != want || !o.Next().IsZero() || o.State == order.Offered || o.State == order.Waiting {
			t.Fatalf("seed %d, fate %d: lines %q for state %s, next %s", seed, o.Fate, kinds, o.State, o.Next())
		}
	}
}

func TestShownText(t *testing.T) {
	for w, want := range map[pay.Wallet]string{pay.WeChat: "weixin://wxpay/bizpayurl?pr=bx0000000042", pay.Alipay: "https://qr.alipay.com/bx0000000042"} {
		o := order.Order{ID: 42, Wallet: w}
		if o.Text() != want {
			t.Errorf("%s: %s, want %s", w, o.Text(), want)
		}
		if got, id, ok := order.ParseText(want); got != w || id != 42 || !ok {
			t.Errorf("%s is read as %s %d %t", want, got, id, ok)
		}
	}
	for _, bad := range []string{"", "x", "https://qr.alipay.com/bx", "https://qr.alipay.com/bx0000000000", "https://qr.alipay.com/bx00000000042", "https://evil.example/bx0000000042"} {
		if _, _, ok := order.ParseText(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}
