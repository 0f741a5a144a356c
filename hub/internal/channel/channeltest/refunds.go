package channeltest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// givingBack is one paid order, and the steps a test takes to refund it.
type givingBack struct {
	*attempt
	back  channel.Refunder
	takes bool // a refund is taken first and done later
	apart bool // refunds of one order must stand apart
	blind bool // the order's own answers know nothing of its refunds, and a repeat is no more than refused
	paid  channel.Finding
	n     int // refunds made up so far
}

type refundFate struct {
	digits, name string
	play         func(*givingBack)
}

func playRefund(t *testing.T, x Subject, box *Sandbox, c channel.Channel, i int, f refundFate) {
	a := &attempt{T: t, box: box, c: c}
	a.order = channel.Order{OutTradeNo: fmt.Sprintf("01JBACK%019d", i), SentAt: box.Now(), Amount: money.Fen(1000), Code: box.code(t, x.Wallet, f.digits),
		Subject: "tea & 茶", Expires: box.Now().Add(c.Rules().Travel)}
	a.ref = channel.Ref{OutTradeNo: a.order.OutTradeNo, Amount: a.order.Amount, SentAt: a.order.SentAt}
	back, ok := c.(channel.Refunder)
	if !ok {
		t.Fatal("the connector refunds nothing")
	}
	apart := back.RefundRules().Apart > 0
	f.play(&givingBack{attempt: a, back: back, takes: apart || x.Accepts, apart: apart, blind: x.Accepts, paid: x.paid()})
}

// part makes a refund of the order up.
func (g *givingBack) part(fen int64) channel.Refund {
	g.n++
	return channel.Refund{OutRefundNo: fmt.Sprintf("%sR%d", g.order.OutTradeNo, g.n), SentAt: g.box.Now(), Order: g.ref, Amount: money.Fen(fen), Reason: "cold <1> & 茶"}
}

func (g *givingBack) refund(r channel.Refund, want channel.RefundFinding) channel.RefundAnswer {
	g.Helper()
	return g.found("refund", g.back.Refund(g.Context(), r), want)
}

func (g *givingBack) ask(r channel.Refund, want channel.RefundFinding) channel.RefundAnswer {
	g.Helper()
	return g.found("asking", g.back.QueryRefund(g.Context(), r), want)
}

func (g *givingBack) found(call string, got channel.RefundAnswer, want channel.RefundFinding) channel.RefundAnswer {
	g.Helper()
	if got.Finding != want {
		g.Fatalf("%s found %q (%+v, %v), want %q", call, got.Finding, got.Decline, got.Err, want)
	}
	switch got.Finding {
	case channel.RefundUnknown, channel.RefundBusy:
		if got.Err == nil {
			g.Errorf("%s found %q without a cause", call, got.Finding)
		}
	case channel.RefundRefused:
		if got.Decline.Code == "" || got.Decline.Message == "" || got.Decline.Wallet == "" {
			g.Errorf("%s was refused without a reason: %+v", call, got.Decline)
		}
	}
	return got
}

// first is what a wallet says to a refund that it makes.
func (g *givingBack) first() channel.RefundFinding {
	if g.takes {
		return channel.RefundTaken
	}
	return channel.Refunded
}

// done sends a refund and waits until it is made.
func (g *givingBack) done(r channel.Refund) {
	g.Helper()
	g.refund(r, g.first())
	g.box.Wait(4 * time.Second)
	if a := g.ask(r, channel.Refunded); a.RefundedAt.IsZero() || a.RefundedAt.Sub(g.box.Now()).Abs() > time.Minute || (a.WalletRef != "") != g.takes {
		g.Errorf("refunded as %q at %s", a.WalletRef, a.RefundedAt)
	}
}

// next lets the wallet take another refund of the order.
func (g *givingBack) next() { g.box.Wait(g.back.RefundRules().Apart) }

// ledger wants the wallet to have booked exactly this for the order: "charge 1000".
func (g *givingBack) ledger(want ...string) {
	g.Helper()
	var got []string
	for _, l := range g.box.Ledger(g.T, g.order.OutTradeNo) {
		got = append(got, fmt.Sprintf("%s %d", l.Kind, l.Amount))
		if (l.Kind == "refund") != (l.OutRefundNo != "") {
			g.Errorf("the line of a %s names refund %q", l.Kind, l.OutRefundNo)
		}
	}
	if !slices.Equal(got, want) {
		g.Fatalf("the wallet booked %v, want %v", got, want)
	}
}

// refunded are the ways of a refund.
func refunded(x Subject) []refundFate {
	return slices.Concat(refundsMade(x), refundsRefused(x), refundsLost())
}

func refundsMade(x Subject) []refundFate {
	return []refundFate{
		{"00", "refunded in two parts", func(g *givingBack) {
			g.pay(g.paid)
			one, two := g.part(400), g.part(600)
			g.ask(one, channel.RefundAbsent)
			g.done(one)
			if g.apart { // too close behind the first
				g.refund(two, channel.RefundBusy)
			}
			g.next()
			g.done(two)
			g.refund(one, map[bool]channel.RefundFinding{true: channel.RefundTaken, false: channel.RefundUnknown}[g.apart]) // moves nothing
			g.ask(one, channel.Refunded)
			g.ledger("charge 1000", "refund 400", "refund 600")
		}},
		{"01", "number used for another amount", func(g *givingBack) {
			g.pay(g.paid)
			one := g.part(400)
			g.done(one)
			other := one
			other.Amount = money.Fen(500)
			again, asked := g.refund(other, channel.RefundUnknown), g.ask(other, channel.RefundUnknown)
			for _, a := range []channel.RefundAnswer{again, asked} {
				if !strings.HasSuffix(fault.CodeOf(a.Err), ".amount") && !(g.blind && a == again) {
					g.Errorf("another amount under the number is %v", a.Err)
				}
			}
			g.ledger("charge 1000", "refund 400")
		}},
		{"02", "what the order says then", func(g *givingBack) {
			g.pay(g.paid)
			g.done(g.part(400))
			part := g.c.Query(g.Context(), g.ref)
			if part.Finding == channel.Reversed || part.Finding == channel.Declined {
				g.Errorf("partly refunded, the order is %q", part.Finding)
			}
			g.later()
			g.reverse(channel.Unknown) // the rest of it must not go back behind the merchant
			g.next()
			g.done(g.part(600))
			if all := g.c.Query(g.Context(), g.ref); all.Finding == channel.Approved && !g.blind || all.Finding == channel.Declined {
				g.Errorf("wholly refunded, the order is %q", all.Finding)
			}
			g.ledger("charge 1000", "refund 400", "refund 600")
		}},
		{"03", "many copies at once", func(g *givingBack) {
			g.pay(g.paid)
			one := g.part(700)
			answers := make(chan channel.RefundAnswer)
			for range 8 {
				go func() { answers <- g.back.Refund(g.Context(), one) }()
			}
			for range 8 {
				if a := <-answers; a.Finding != g.first() && a.Finding != channel.RefundUnknown {
					g.Errorf("one of eight copies found %q (%v)", a.Finding, a.Err)
				}
			}
			g.box.Wait(4 * time.Second)
			g.ask(one, channel.Refunded)
			g.ledger("charge 1000", "refund 700")
		}},
		{"04", "beyond the order", func(g *givingBack) {
			g.pay(g.paid)
			g.done(g.part(400))
			g.next()
			beyond := g.part(601)
			g.refund(beyond, x.Beyond)
			g.ask(beyond, channel.RefundAbsent)
			beyond.Amount = money.Fen(1001) // more than the order ever was: it must not even leave
			g.refund(beyond, channel.RefundUnknown)
			g.ledger("charge 1000", "refund 400")
		}},
	}
}

func refundsRefused(x Subject) []refundFate {
	refused := func(g *givingBack, reason channel.DeclineCode) {
		g.Helper()
		r := g.part(400)
		if a := g.refund(r, channel.RefundRefused); a.Decline.Code != reason {
			g.Errorf("refused as %+v, want %q", a.Decline, reason)
		}
		g.ask(r, channel.RefundAbsent)
		g.ledger("charge 1000")
	}
	givenUp := func(g *givingBack) {
		g.Helper()
		r := g.part(400)
		g.refund(r, channel.RefundTaken)
		g.ask(r, channel.RefundTaken)
		g.box.Wait(4 * time.Second)
		g.ask(r, channel.RefundRefused)
		g.ledger("charge 1000")
	}
	return []refundFate{
		{"05", "too late", func(g *givingBack) {
			g.pay(g.paid)
			g.box.Wait(g.back.RefundRules().Window + time.Second)
			refused(g, x.TooLate)
		}},
		{"74", "the merchant's account is empty", func(g *givingBack) {
			g.pay(g.paid)
			if g.blind {
				givenUp(g)
				return
			}
			refused(g, channel.MerchantBalanceLow)
		}},
		{"73", "taken, then given up", func(g *givingBack) {
			g.pay(g.paid)
			if !g.takes {
				refused(g, channel.MerchantBalanceLow)
				return
			}
			givenUp(g)
		}},
		{"50", "never paid", func(g *givingBack) {
			g.pay(map[bool]channel.Finding{true: channel.Pending, false: channel.Declined}[g.blind])
			if a := g.back.Refund(g.Context(), g.part(400)); a.Finding == channel.Refunded || a.Finding == channel.RefundTaken {
				g.Errorf("found %q", a.Finding)
			}
			g.ledger()
		}},
		{"49", "reversed", func(g *givingBack) {
			g.pay(g.paid)
			g.later()
			g.reverse(channel.Reversed)
			r := g.part(400)
			g.refund(r, cmp.Or(x.Undone, map[bool]channel.RefundFinding{true: channel.RefundRefused, false: channel.RefundUnknown}[g.blind]))
			g.ask(r, channel.RefundAbsent)
			g.ledger("charge 1000", "reversal 1000")
		}},
		{"61", "no such order", func(g *givingBack) {
			r := g.part(400)
			if a := g.back.Refund(g.Context(), r); a.Finding == channel.Refunded || a.Finding == channel.RefundTaken {
				g.Errorf("found %q", a.Finding)
			}
			g.ask(r, channel.RefundAbsent)
			g.ledger()
		}},
	}
}

// refundsLost are refunds whose request or answer does not arrive whole.
func refundsLost() (all []refundFate) {
	for i, c := range []struct {
		fault string
		made  bool
	}{{"lost_before", false}, {"lost_after", true}, {"garbled", true}} {
		all = append(all, refundFate{fmt.Sprintf("0%d", 6+i), c.fault, func(g *givingBack) {
			g.pay(g.paid)
			r := g.part(400)
			g.box.faults(g.T, map[string]any{c.fault: 1})
			g.refund(r, channel.RefundUnknown)
			g.ask(r, channel.RefundUnknown)
			g.box.faults(g.T, map[string]any{})
			g.box.Wait(4 * time.Second)
			if !c.made {
				g.ask(r, channel.RefundAbsent)
				g.done(r)
			}
			g.ask(r, channel.Refunded)
			g.ledger("charge 1000", "refund 400")
		}})
	}
	return all
}

// faults sets the sandbox's fault rates.
func (s *Sandbox) faults(t *testing.T, rates map[string]any) {
	t.Helper()
	var ignored any
	s.post(t, "/sandbox/faults", map[string]any{"seed": 1, "rates": rates}, &ignored)
}
