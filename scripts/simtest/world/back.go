package world

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"cloudcashier/hub/hubtest"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// giving is a wallet's record of one refund, by its number.
type giving struct {
	name    string // in the story
	on      string // the payment's number
	of      *order // nil until a request has arrived
	asked   int64  // fen
	fate    backFate
	since   time.Time // the first request that arrived
	taken   bool      // and will be given, or refused for good
	given   int       // times
	closed  bool      // refused for good
	arrived int       // requests
	queries int
	unheard bool // given, and the answer was lost
	orphan  bool // given, and the hub that asked was dead when the answer came
}

// backFate is how a refund goes. The zero value is given at once.
type backFate struct {
	lostThere, lostBack  int // requests, answers
	failFirst, failAfter bool
	busy                 int
	low                  time.Duration // from the first request on, the merchant's account is empty
	broke                bool          // it always is
	working              time.Duration // with the wallet
	closes               bool          // then: no
	other                bool          // the first answer names other money
	hidden               int           // queries that know no such refund
	travel               time.Duration // of the first request
}

func (b *bank) drawBack(luck *rand.Rand) (f backFate) {
	k, n := luck.IntN(20), 1+luck.IntN(2)
	d := time.Second + time.Duration(luck.Int64N(int64(40*time.Second)))
	closes := luck.IntN(3) == 0
	switch on := b.w.on; {
	case k == 0:
		f.broke = true
	case k == 1 || k == 2:
		f.working, f.closes = d, closes
	case k == 3 && on("wallet busy"):
		f.busy = n
	case k == 4 && on("wallet loses"):
		f.lostThere = n
	case (k == 5 || k == 6 || k == 7) && on("wallet loses"):
		f.lostBack = n
	case k == 8 && on("wallet errs"):
		f.failFirst = true
	case (k == 9 || k == 10) && on("wallet errs"):
		f.failAfter = true
	case k == 11 && on("wallet errs"):
		f.other = true
	case k == 12 && on("wallet hides"):
		f.hidden, f.lostBack = n, 1
	case (k == 13 || k == 14) && on("wallet slow"): // the second request may overtake the first, and be refused
		f.travel, f.low = 12*time.Second+d, d
	case k == 15 && on("wallet slow"):
		f.travel = 12*time.Second + d
	}
	return f
}

// RefundRules are those of the product's connectors, none a whole number of seconds as in [way.Rules], and
// WeChat's refunds less apart than its minute: a schedule is short.
func (y way) RefundRules() hubtest.RefundRules {
	r := hubtest.RefundRules{CallTimeout: 10*time.Second + 31*time.Millisecond, Every: 5*time.Second + 37*time.Millisecond,
		Apart: 15 * time.Second, Window: 365 * 24 * time.Hour, Parts: 50}
	if y.wallet == pay.Alipay {
		r.Every, r.Apart, r.Parts = 3*time.Second+41*time.Millisecond, 0, 0
	}
	return r
}

func backUnknown(err error) hubtest.RefundAnswer {
	return hubtest.RefundAnswer{Finding: hubtest.RefundUnknown, Err: err}
}

// giving finds or begins a refund's record. Its name, and so its fate, hangs on whose payment it is of and on how
// many came before it, not on a number that a hub has drawn.
func (b *bank) giving(r hubtest.RefundOrder) *giving {
	whose := b.nameOf(r.Order.OutTradeNo)
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.givings[r.OutRefundNo]
	if g != nil {
		return g
	}
	n := 1
	for _, other := range b.givings {
		if other.on == r.Order.OutTradeNo {
			n++
		}
	}
	g = &giving{name: fmt.Sprintf("refund %d of %s", n, whose), on: r.Order.OutTradeNo}
	g.fate = b.drawBack(b.w.luck(g.name))
	b.givings[r.OutRefundNo] = g
	return g
}

// Refund gives money back.
func (y way) Refund(ctx context.Context, r hubtest.RefundOrder) hubtest.RefundAnswer {
	g := y.giving(r)
	y.mu.Lock()
	extra := g.fate.travel
	g.fate.travel = 0
	y.mu.Unlock()
	a := carry(ctx, y, g.name, extra, backUnknown, func() (hubtest.RefundAnswer, time.Duration, bool) { return y.giveBack(g, r) })
	y.mu.Lock()
	defer y.mu.Unlock()
	if g.given > 0 {
		g.unheard = g.unheard || a.Finding == hubtest.RefundUnknown
		g.orphan = g.orphan || y.hub.gone()
	}
	return a
}

// giveBack is a refund request at the wallet.
func (y way) giveBack(g *giving, r hubtest.RefundOrder) (a hubtest.RefundAnswer, slow time.Duration, lost bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	o := y.orders[r.Order.OutTradeNo]
	fen := r.Amount.Fen()
	switch {
	case o == nil || o.charged == 0:
		y.w.fail("a refund was sent for an order that the wallet never charged")
		return backUnknown(errCut), 0, false
	case g.of != nil && (g.of != o || g.asked != fen):
		y.w.fail("%s was sent with other content", g.name)
		return backUnknown(errCut), 0, false
	}
	if g.since.IsZero() {
		g.since = time.Now()
	}
	g.of, g.asked = o, fen
	if g.arrived++; g.arrived == 2 {
		y.w.saw("refund sent again under its number")
	}
	f := &g.fate
	switch {
	case y.w.on("wallet down") && y.w.down():
		return backUnknown(errDown), 0, false
	case g.taken || g.closed:
		y.progress(g)
		return y.tellsBack(g), 0, y.missed(&f.lostBack)
	case y.missed(&f.lostThere):
		return a, 0, true
	case f.failFirst:
		f.failFirst = false
		return backUnknown(errDown), 0, false
	case f.busy > 0 || y.tooSoon(g):
		f.busy = max(f.busy-1, 0)
		return hubtest.RefundAnswer{Finding: hubtest.RefundBusy, Err: errDown}, 0, false
	case f.broke || time.Since(g.since) < f.low: // this request is refused, and none is on the books
		y.w.saw("refund refused by the wallet")
		return hubtest.RefundAnswer{Finding: hubtest.RefundRefused, Decline: hubtest.Decline{Code: hubtest.MerchantBalanceLow, Message: "m",
			Wallet: "NOTENOUGH"}}, 0, y.missed(&f.lostBack)
	case o.back(y.bank)+fen > o.fen:
		y.w.fail("refunds of %s above what was charged were sent to the wallet", o.of.name)
		return backUnknown(errCut), 0, false
	}
	g.taken = true
	y.progress(g)
	switch {
	case f.failAfter:
		f.failAfter = false
		return backUnknown(errDown), 0, false
	case f.other:
		f.other = false
		return backUnknown(fault.New(fault.Internal, "wallet.amount", "the answer names another amount")), 0, false
	}
	return y.tellsBack(g), 0, y.missed(&f.lostBack)
}

// missed takes one of the messages that get lost.
func (b *bank) missed(left *int) bool {
	if *left == 0 {
		return false
	}
	*left--
	return true
}

// tooSoon reports that another refund of the order was taken a moment before.
func (y way) tooSoon(g *giving) bool {
	for _, other := range y.givings {
		if other != g && other.of == g.of && other.taken && time.Since(other.since).Abs() < y.RefundRules().Apart/5 {
			return true
		}
	}
	return false
}

// back is what the refunds of an order that were taken sum up to.
func (o *order) back(b *bank) (fen int64) {
	for _, g := range b.givings {
		if g.of == o && g.taken && !g.closed {
			fen += g.asked
		}
	}
	return fen
}

// progress brings a refund up to the present.
func (b *bank) progress(g *giving) {
	switch {
	case !g.taken || g.closed || g.given > 0 || time.Since(g.since) < g.fate.working:
	case g.fate.closes:
		g.closed = true
		b.w.note("wallet closes %s", g.name)
	default:
		g.given++
		b.w.note("wallet gives %d fen, %s", g.asked, g.name)
	}
}

func (b *bank) tellsBack(g *giving) hubtest.RefundAnswer {
	switch {
	case g.closed:
		b.w.saw("refund refused by the wallet")
		return hubtest.RefundAnswer{Finding: hubtest.RefundRefused, Decline: hubtest.Decline{Code: hubtest.RefusedOther, Message: "m", Wallet: "REFUNDCLOSE"}}
	case g.given > 0:
		return hubtest.RefundAnswer{Finding: hubtest.Refunded, WalletRef: "B" + g.of.of.name, RefundedAt: time.Now()}
	case g.taken:
		b.w.saw("refund with the wallet for a while")
		return hubtest.RefundAnswer{Finding: hubtest.RefundTaken}
	}
	return hubtest.RefundAnswer{Finding: hubtest.RefundAbsent}
}

// QueryRefund tells how a refund stands.
func (y way) QueryRefund(ctx context.Context, r hubtest.RefundOrder) hubtest.RefundAnswer {
	g := y.giving(r)
	return carry(ctx, y, g.name, 0, backUnknown, func() (hubtest.RefundAnswer, time.Duration, bool) {
		y.mu.Lock()
		defer y.mu.Unlock()
		if y.w.on("wallet down") && y.w.down() {
			return backUnknown(errors.New("503")), 0, false
		}
		if g.queries++; g.queries <= g.fate.hidden && y.w.on("wallet hides") {
			return hubtest.RefundAnswer{Finding: hubtest.RefundAbsent}, 0, false
		}
		y.progress(g)
		return y.tellsBack(g), 0, false
	})
}

// backOf is what was refunded of the payments for an order, in fen.
func (b *bank) backOf(what string) (fen int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range b.givings {
		if g.of != nil && g.of.of.order == what {
			b.progress(g)
			fen += int64(g.given) * g.asked
		}
	}
	return fen
}

// judgeBacks holds the wallets' refunds against the hub's books.
func (b *bank) judgeBacks(books hubtest.Books) {
	doubts := map[string]string{} // by refund, who has it
	for _, x := range books.Exceptions {
		if x.Open && x.Refund != "" {
			doubts[x.Refund] = x.Owner
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known, orders := map[string]bool{}, map[string]*order{}
	for _, p := range books.Payments {
		orders[p.ID] = b.orders[p.OutTradeNo]
	}
	for _, r := range books.Refunds {
		known[r.OutRefundNo] = true
		g := b.givings[r.OutRefundNo]
		if g == nil {
			g = &giving{}
		}
		b.progress(g)
		switch {
		case r.Outcome == pay.Refunded && (g.given != 1 || g.asked != r.Fen || g.of != orders[r.Payment]):
			b.w.fail("a refund over %d fen is %s at the hub, the wallet gave %d times %d", r.Fen, r.Status, g.given, g.asked)
		case r.Outcome == pay.NotRefunded && g.given > 0:
			b.w.fail("a refund over %d fen is %s at the hub (%s), and the wallet gave the money", r.Fen, r.Status, r.Why)
		case !r.Status.Final() && doubts[r.ID] == "":
			b.w.fail("a refund over %d fen is %s at the hub at the end, and nobody is told", r.Fen, r.Status)
		}
		b.sawBack(r, g)
	}
	for no, g := range b.givings {
		if !known[no] && g.arrived > 0 {
			b.w.fail("the wallet has a refund over %d fen that the hub does not know", g.asked)
		}
		if g.given > 1 {
			b.w.fail("the wallet gave a refund %d times", g.given)
		}
	}
	for _, o := range b.orders {
		if o.back(b) > o.fen || o.back(b) > 0 && o.returned > 0 {
			b.w.fail("of %s the wallet took %d fen, refunded %d, and reversed it %d times", o.of.name, o.fen, o.back(b), o.returned)
		}
	}
}

func (b *bank) sawBack(r hubtest.Refund, g *giving) {
	for what, is := range map[string]bool{
		"refund made after a lost answer":          r.Outcome == pay.Refunded && g.unheard,
		"refund in flight at a kill, made once":    r.Outcome == pay.Refunded && g.orphan,
		"refund of a payment cut by a kill":        r.Outcome == pay.Refunded && g.of != nil && g.of.of.orphan,
		"refund race refused":                      r.Why == "refund.too_much",
		"refund made though a copy of it was late": r.Outcome == pay.Refunded && g.fate.low > 0 && g.arrived > 1,
	} {
		if is {
			b.w.saw(what)
		}
	}
}
