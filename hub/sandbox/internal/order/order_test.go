package order_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

var noon = time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC)

// TestReverse fills every cell of states × wallets for a reversal one minute after the order, and
// again past the wallet's window.
func TestReverse(t *testing.T) {
	cells := []struct {
		state                      order.State
		wechat, alipay             order.Verdict
		wechatTooLate, alipTooLate order.Verdict
	}{ // UnionPay's are WeChat's
		{order.Ghost, order.Absent, order.Nothing, order.Absent, order.Nothing},
		{order.Burnt, order.Nothing, order.Nothing, order.Nothing, order.Nothing},
		{order.Offered, order.Absent, order.Absent, order.Absent, order.Absent}, // not one that any wallet reverses
		{order.Waiting, order.Done, order.Done, order.TooLate, order.TooLate},
		{order.Paid, order.Done, order.Done, order.TooLate, order.TooLate},
		{order.Refused, order.Done, order.Done, order.TooLate, order.TooLate},
		{order.Closed, order.Done, order.Done, order.TooLate, order.TooLate},
		{order.Undone, order.Done, order.Done, order.Done, order.Done},
	}
	if len(cells) != len(order.States) {
		t.Fatalf("%d states are tried, there are %d", len(cells), len(order.States))
	}
	for _, c := range cells {
		for _, k := range []struct {
			wallet pay.Wallet
			after  time.Duration
			want   order.Verdict
		}{
			{pay.WeChat, time.Minute, c.wechat}, {pay.WeChat, 7*24*time.Hour + 1, c.wechatTooLate}, {pay.WeChat, 7 * 24 * time.Hour, c.wechat},
			{pay.Alipay, time.Minute, c.alipay}, {pay.Alipay, 24*time.Hour + 1, c.alipTooLate}, {pay.Alipay, 24 * time.Hour, c.alipay},
			// Noon's order, until 23:00 in China.
			{pay.UnionPay, time.Minute, c.wechat}, {pay.UnionPay, 11*time.Hour - 1, c.wechat}, {pay.UnionPay, 11 * time.Hour, c.wechatTooLate},
		} {
			o := order.Order{ID: 1, Wallet: k.wallet, State: c.state, Amount: money.Fen(5), Created: noon, Expires: noon.Add(time.Hour), PaidAt: noon}
			s := order.Reverse(o, noon.Add(k.after))
			if s.Verdict != k.want {
				t.Errorf("%s %s after %s: %s, want %s", k.wallet, c.state, k.after, s.Verdict, k.want)
			}
			if booked := s.Line != nil; booked != (c.state == order.Paid && k.want == order.Done) {
				t.Errorf("%s %s after %s: a line was booked: %t", k.wallet, c.state, k.after, booked)
			}
		}
	}
}

// TestPasswordHold shows the one reversal that is refused for being early.
func TestPasswordHold(t *testing.T) {
	for fate := order.Fate(0); fate < 100; fate++ {
		for _, w := range []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay} {
			o := order.Order{ID: 1, Wallet: w, Fate: fate, State: order.Waiting, Amount: money.Fen(5), Created: noon, Expires: noon.Add(time.Hour)}
			want := w == pay.WeChat && fate >= 53 && fate <= 55
			if got := order.Reverse(o, noon.Add(14999*time.Millisecond)).Verdict == order.InPassword; got != want {
				t.Errorf("%s, fate %d at 14.999 s: refused %t, want %t", w, fate, got, want)
			}
			if order.Reverse(o, noon.Add(15*time.Second)).Verdict == order.InPassword {
				t.Errorf("%s, fate %d at 15 s: refused", w, fate)
			}
		}
	}
}

// TestMoneyBalances throws random requests at random orders for a long time. Whatever the answers
// said, an order is charged at most once, reversed at most once and never uncharged, and its state
// says exactly where the money is.
func TestMoneyBalances(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 0))
		w := []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay}[r.IntN(3)]
		asked := order.Order{Wallet: w, Mch: "m", Number: "n", Fate: order.Fate(r.IntN(100)), Amount: money.Fen(5)}
		var (
			o    order.Order
			kind string // of the lines booked, in order
			last time.Time
			now  = noon
		)
		book := func(l *order.Line) {
			if l == nil {
				return
			}
			if kind += string(l.Kind[:1]); l.At.Before(last) || l.At.After(now) || l.Amount != asked.Amount {
				t.Fatalf("seed %d: line %+v at %s after %s", seed, *l, now, last)
			}
			last = l.At
		}
		for range 12 {
			now = now.Add(time.Duration(r.IntN(9000)) * time.Millisecond)
			book(o.Settle(now))
			var s order.Step
			switch r.IntN(4) {
			case 0, 1:
				asked.Expires = now.Add(time.Duration(r.IntN(60)) * time.Second)
				if o.ID != 0 && o.State != order.Ghost {
					s = order.Repeat(o, o.Digest)
				} else {
					s = order.Open(asked, o, now)
				}
			case 2:
				if o.ID == 0 {
					o = order.Order{Wallet: w, State: order.Ghost}
				}
				s = order.Query(o, now)
			case 3:
				if o.ID == 0 {
					o = order.Order{Wallet: w, State: order.Ghost}
				}
				s = order.Reverse(o, now)
			}
			book(s.Line)
			if s.Save {
				o = s.Order
				o.ID = 1
			} else if o.ID == 0 {
				o = order.Order{}
			}
			if s.Verdict == order.Charged && o.State != order.Paid {
				t.Fatalf("seed %d: the merchant was told charged, the order is %s", seed, o.State)
			}
		}
		now = now.Add(24 * time.Hour)
		book(o.Settle(now))
		want := map[bool]string{true: "c"}[o.State == order.Paid]
		if o.State == order.Undone && o.Returned {
			want = "cr"
		}
		if kind != want || !o.Next().IsZero() {
			t.Fatalf("seed %d, fate %d: lines %q for state %s, next %s", seed, asked.Fate, kind, o.State, o.Next())
		}
	}
}

// TestGhosts asks a second time under a number that the wallet never executed.
func TestGhosts(t *testing.T) {
	for _, c := range []struct {
		seen, fate order.Fate
		after      time.Duration
		want       order.Verdict
	}{
		{order.Outage, order.Outage, 9999 * time.Millisecond, order.Down}, {order.Outage, order.Outage, time.Minute, order.Down},
		{order.Outage, 0, 9999 * time.Millisecond, order.Down}, {order.Outage, 0, 10 * time.Second, order.Charged},
		{order.Outage, order.RateLimited, time.Minute, order.Limited}, {order.RateLimited, order.RateLimited, 0, order.Charged},
		{order.RateLimited, 0, 0, order.Charged}, {order.RateLimited, order.Outage, 0, order.Down},
	} {
		asked := order.Order{Wallet: pay.WeChat, Fate: c.fate, Amount: money.Fen(5), Expires: noon.Add(time.Hour)}
		seen := order.Order{ID: 7, Wallet: pay.WeChat, Fate: c.seen, State: order.Ghost, Created: noon, Amount: money.Fen(5)}
		s := order.Open(asked, seen, noon.Add(c.after))
		if s.Verdict != c.want || s.Save && s.Order.ID != 7 || (s.Line != nil) != (c.want == order.Charged) {
			t.Errorf("%d after %d: %+v, want %s", c.fate, c.seen, s, c.want)
		}
	}
}

func TestRef(t *testing.T) {
	for w, want := range map[pay.Wallet]string{pay.WeChat: "4200000001202601020000000042", pay.Alipay: "2026010222001400000000000042", pay.UnionPay: "202601022010000000042"} {
		o := order.Order{ID: 42, Wallet: w, Created: time.Date(2026, 1, 1, 16, 0, 0, 0, time.UTC)} // already the 2nd in China
		if got := o.Ref(); got != want {
			t.Errorf("%s: %s, want %s", w, got, want)
		}
		if id, ok := order.ParseRef(want); !ok || id != 42 {
			t.Errorf("%s: id %d, %t", w, id, ok)
		}
	}
	for _, bad := range []string{"", "42", "42000000012026010200000000x2", "4200000001202601020000000000", "42000000012026010200000000042", "420000000120260102-000000042"} {
		if id, ok := order.ParseRef(bad); ok {
			t.Errorf("%q was taken as %d", bad, id)
		}
	}
}
