package channeltest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Subject is a connector to be proven against the sandbox.
type Subject struct {
	Wallet pay.Wallet
	// Connect makes the connector for the sandbox's merchant.
	Connect func(t *testing.T, s *Sandbox) channel.Channel
	// AlipayKey is the merchant's public key for Alipay, in PEM; other wallets leave it empty.
	AlipayKey string
	// Expired is how the wallet refuses a code older than its minute; Alipay has one word for it
	// and for a used one.
	Expired channel.DeclineCode
	// Refused is what a query finds after the customer said no: WeChat calls the order failed,
	// Alipay closes the trade.
	Refused channel.Finding
	// Beyond is how the wallet answers a refund beyond what is left of an order: Alipay refuses it,
	// WeChat has but a word for everything.
	Beyond channel.RefundFinding
	// Undone is how the wallet answers a refund of a reversed order: RefundUnknown when empty.
	Undone channel.RefundFinding
	// TooLate is how the wallet refuses a refund after its window; UnionPay has one word for all that
	// an order may lack.
	TooLate channel.DeclineCode
	// Accepts says that a pay call is told "accepted" at best, and only a query finds it paid:
	// UnionPay's way.
	Accepts bool
	// Unscanned is what a query finds of an order that is shown before anybody scanned it; empty for a
	// wallet that shows no codes. Alipay knows no trade then.
	Unscanned channel.Finding
}

// paid is what a pay call finds when all goes well.
func (x Subject) paid() channel.Finding {
	if x.Accepts {
		return channel.Pending
	}
	return channel.Approved
}

// attempt is one order in the sandbox, and the steps a test takes with it.
type attempt struct {
	*testing.T
	box   *Sandbox
	c     channel.Channel
	order channel.Order
	ref   channel.Ref
}

// Run plays every fate of the sandbox (DESIGN 6.5), without waiting for real time, and compares
// what the connector found with the wallet's ledger.
func Run(t *testing.T, x Subject) {
	box := start(t, x.AlipayKey)
	c := x.Connect(t, box)
	for i, f := range slices.Concat(answered(x), doubted(), undone(x)) {
		t.Run(f.digits+" "+f.name, func(t *testing.T) {
			a := &attempt{T: t, box: box, c: c}
			a.order = channel.Order{
				OutTradeNo: fmt.Sprintf("01J%s%020d", f.digits, i), SentAt: box.Now(), Amount: money.Fen(int64(8800 + i)),
				Code: box.code(t, x.Wallet, f.digits), Subject: "tea & 茶", Store: "sto_1", Terminal: "trm_1",
				Expires: box.Now().Add(c.Rules().Travel),
			}
			a.ref = channel.Ref{OutTradeNo: a.order.OutTradeNo, Amount: a.order.Amount, SentAt: a.order.SentAt}
			f.play(a)
		})
	}
	for i, f := range refunded(x) {
		t.Run(f.digits+" "+f.name, func(t *testing.T) { playRefund(t, x, box, c, i, f) })
	}
	if x.Unscanned != "" {
		presents(t, x, box, c)
	}
	t.Run("many at once", func(t *testing.T) { together(t, x, box, c) })
}

// together has many tills pay through one connector at the same time; each must get its own answer.
func together(t *testing.T, x Subject, box *Sandbox, c channel.Channel) {
	want := map[string]channel.Finding{"00": x.paid(), "50": channel.Declined, "55": channel.Pending, "60": channel.Unknown}
	if x.Accepts {
		want["50"] = channel.Pending
	}
	var tills sync.WaitGroup
	defer tills.Wait()
	for i := range 32 {
		digits := []string{"00", "50", "55", "60"}[i%4]
		o := channel.Order{OutTradeNo: fmt.Sprintf("01JMANY%019d", i), SentAt: box.Now(), Amount: money.Fen(int64(100 + i)), Subject: "tea",
			Code: box.code(t, x.Wallet, digits), Expires: box.Now().Add(c.Rules().Travel)}
		tills.Go(func() {
			if a := c.Pay(t.Context(), o); a.Finding != want[digits] {
				t.Errorf("%s: pay found %q (%v), want %q", digits, a.Finding, a.Err, want[digits])
			}
			a := c.Query(t.Context(), channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount, SentAt: o.SentAt})
			if paid := digits == "00" || digits == "60"; (a.Finding == channel.Approved) != paid {
				t.Errorf("%s: query found %q (%v), paid is %t", digits, a.Finding, a.Err, paid)
			}
		})
	}
}

// pay, query and reverse take one step and want its finding.
func (a *attempt) pay(want channel.Finding) channel.Answer {
	a.Helper()
	return a.want("pay", a.c.Pay(a.Context(), a.order), want)
}

func (a *attempt) query(want channel.Finding) channel.Answer {
	a.Helper()
	return a.want("query", a.c.Query(a.Context(), a.ref), want)
}

func (a *attempt) reverse(want channel.Finding) channel.Answer {
	a.Helper()
	return a.want("reverse", a.c.Reverse(a.Context(), a.ref), want)
}

func (a *attempt) want(call string, got channel.Answer, want channel.Finding) channel.Answer {
	a.Helper()
	if got.Finding != want {
		a.Fatalf("%s found %q (%+v, %v), want %q", call, got.Finding, got.Decline, got.Err, want)
	}
	if got.Err != nil && strings.Contains(got.Err.Error(), a.order.Code.Reveal()) {
		a.Errorf("%s: the error shows the payment code: %v", call, got.Err)
	}
	switch got.Finding {
	case channel.Approved:
		if got.WalletRef == "" || got.PaidAt.Location() != time.UTC || got.PaidAt.Sub(a.box.Now()).Abs() > time.Hour || got.Err != nil {
			a.Errorf("%s: approved as %q at %s (%v)", call, got.WalletRef, got.PaidAt, got.Err)
		}
		a.ref.WalletRef = got.WalletRef
	case channel.Unknown, channel.Busy:
		if got.Err == nil {
			a.Errorf("%s found %q without a cause", call, got.Finding)
		}
	}
	return got
}

// booked wants the wallet's ledger to hold exactly these kinds for the order, each of its amount.
func (a *attempt) booked(kinds ...string) {
	a.Helper()
	var got []string
	for _, l := range a.box.Ledger(a.T, a.order.OutTradeNo) {
		got = append(got, l.Kind)
		if l.Amount != a.order.Amount.Fen() || (a.ref.WalletRef != "" && l.WalletRef != a.ref.WalletRef) {
			a.Errorf("the wallet booked %+v, want %s for %s", l, a.order.Amount, a.ref.WalletRef)
		}
	}
	if !slices.Equal(got, kinds) {
		a.Fatalf("the wallet booked %v, want %v", got, kinds)
	}
}

// later lets the wallet take a reversal, or whatever else needs time.
func (a *attempt) later() { a.box.Wait(a.c.Rules().ReverseNotBefore + time.Second) }

type fate struct {
	digits, name string
	play         func(*attempt)
}

// charged is a fate whose money moved, whatever the pay call learnt.
func charged(pay channel.Finding) func(*attempt) {
	return func(a *attempt) {
		a.pay(pay)
		a.query(channel.Approved)
		a.booked("charge")
	}
}

// answered are the fates with an honest answer.
func answered(x Subject) []fate {
	refused := func(reason channel.DeclineCode) func(*attempt) {
		return func(a *attempt) {
			got := a.c.Pay(a.Context(), a.order)
			if x.Accepts && got.Finding == channel.Pending {
				got = a.c.Query(a.Context(), a.ref)
			}
			if d := a.want("pay", got, channel.Declined).Decline; d.Code != reason || d.Wallet == "" || d.Message == "" {
				a.Errorf("declined as %+v, want %q", d, reason)
			}
			a.booked()
		}
	}
	return []fate{
		{"00", "paid", charged(x.paid())},
		{"01", "number used before", func(a *attempt) {
			a.pay(x.paid())
			honest := a.order.Amount
			a.order.Amount = money.Fen(honest.Fen() + 1)
			a.pay(channel.Unknown) // neither a decline nor a reversal: somebody's order is paid
			a.order.Amount = honest
			a.query(channel.Approved)
			a.booked("charge")
		}},
		{"50", "balance too low", refused(channel.BalanceLow)},
		{"51", "code expired", refused(x.Expired)},
		{"52", "code used", refused(channel.CodeUsed)},
		{"53", "password, then paid", func(a *attempt) {
			a.pay(channel.Pending)
			a.query(channel.Pending)
			a.booked()
			a.box.Wait(6 * time.Second)
			a.query(channel.Approved)
			a.booked("charge")
		}},
		{"54", "password, refused", func(a *attempt) {
			a.pay(channel.Pending)
			a.query(channel.Pending)
			a.box.Wait(6 * time.Second)
			a.query(x.Refused)
			a.booked()
		}},
		{"90", "limited once", func(a *attempt) {
			a.pay(channel.Busy)
			a.booked()
			a.pay(x.paid())
			a.booked("charge")
		}},
	}
}

// doubted are the fates whose answer is lost, late or not to be believed.
func doubted() []fate {
	return []fate{
		{"60", "charged, answer lost", charged(channel.Unknown)},
		{"61", "request lost", func(a *attempt) {
			a.pay(channel.Unknown)
			a.query(channel.Absent)
			a.later()
			a.reverse(channel.Absent)
			a.booked()
		}},
		{"62", "system error after the charge", charged(channel.Unknown)},
		{"63", "system error before the charge", func(a *attempt) {
			a.pay(channel.Unknown)
			a.query(channel.Absent)
			a.booked()
		}},
		{"64", "answered after 8 s", func(a *attempt) {
			ctx, cancel := context.WithCancel(a.Context())
			defer cancel()
			answer := make(chan channel.Answer, 1)
			go func() { answer <- a.c.Pay(ctx, a.order) }()
			for tries := 0; len(a.box.Ledger(a.T, a.order.OutTradeNo)) == 0; tries++ {
				if tries == 10_000 {
					a.Fatal("the wallet never booked the charge")
				}
			}
			cancel() // our patience ends; the wallet's answer does not come for 8 s
			a.want("pay", <-answer, channel.Unknown)
			a.query(channel.Approved)
			a.booked("charge")
		}},
		{"65", "broken signature", charged(channel.Unknown)},
		{"66", "garbled", charged(channel.Unknown)},
		{"72", "found late", func(a *attempt) {
			a.pay(channel.Unknown)
			a.query(channel.Absent)
			a.query(channel.Absent)
			a.query(channel.Approved)
			a.booked("charge")
		}},
		{"80", "down", func(a *attempt) {
			a.pay(channel.Unknown)
			a.query(channel.Unknown)
			a.reverse(channel.Unknown)
			a.box.Wait(11 * time.Second)
			a.query(channel.Absent)
			a.booked()
		}},
	}
}

// undone are the fates that a reversal decides.
func undone(x Subject) []fate {
	return []fate{
		{"49", "paid, then undone", func(a *attempt) {
			a.pay(x.paid())
			a.later()
			a.reverse(channel.Reversed)
			a.query(channel.Reversed)
			a.reverse(channel.Reversed)
			a.booked("charge", "reversal")
		}},
		{"55", "password, never answered", func(a *attempt) {
			a.pay(channel.Pending)
			if a.c.Rules().ReverseNotBefore > 0 {
				a.reverse(channel.Unknown) // too early
			}
			a.later()
			a.query(channel.Pending)
			a.reverse(channel.Reversed)
			a.query(channel.Reversed)
			a.booked()
		}},
		{"48", "paid, and too late to undo", func(a *attempt) {
			a.pay(x.paid())
			a.box.Wait(a.c.Rules().UndoUntil(a.order.SentAt).Sub(a.box.Now()) + time.Second)
			a.reverse(channel.Unknown)
			a.booked("charge")
		}},
		{"70", "reversal wants to be repeated", func(a *attempt) {
			a.pay(channel.Unknown)
			a.later()
			a.reverse(channel.Unknown)
			a.reverse(channel.Unknown)
			a.reverse(channel.Reversed)
			a.query(channel.Reversed)
			a.booked()
		}},
		{"71", "charged after the reversal", func(a *attempt) {
			a.pay(channel.Unknown)
			a.later()
			a.reverse(channel.Reversed)
			a.query(channel.Reversed)
			a.booked()
			a.box.Wait(10 * time.Second)
			a.query(channel.Approved)
			a.booked("charge")
			a.reverse(channel.Reversed)
			a.query(channel.Reversed)
			a.booked("charge", "reversal")
		}},
	}
}
