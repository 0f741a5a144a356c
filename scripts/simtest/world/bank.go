package world

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"cloudcashier/hub/hubtest"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// codeLife is how long a customer's code is good at the wallet.
const codeLife = 60 * time.Second

// bank is both wallets with their truth, and the customers who hold codes of them.
type bank struct {
	w       *World
	mu      sync.Mutex
	codes   map[string]*customer
	orders  map[string]*order  // by our number
	givings map[string]*giving // refunds, by theirs
	names   map[string]string  // of the customers whose attempts they are, by our number
}

// customer is who shows a code once, and how paying will go.
type customer struct {
	name              string // of the code in the story
	order             string // what it was scanned for
	wallet            pay.Wallet
	minted            time.Time
	fate              fate
	numbers           []string // under which it was asked to pay
	charged, returned int
	orphan            bool // charged, and the hub that asked was dead when the answer came
}

// fate is how a payment with a code goes. The zero value is paid at once.
type fate struct {
	low       bool
	password  time.Duration // until the customer has typed it; 0: none wanted
	refuses   bool          // the customer, then
	never     bool          // nobody ever types it
	busy      int           // how often the wallet turns the request away first
	lostThere bool          // the request
	lostBack  bool          // the answer
	failFirst bool          // system error before the charge
	failAfter bool          // and after it
	slow      time.Duration // until the answer
	other     bool          // the answer names other money: it proves nothing
	hidden    int           // queries that know no such order
	stubborn  int           // reversals that are told to come again
	late      time.Duration // the charge is booked so long after a reversal was answered; 0: never
	travel    time.Duration // of the request, beside the usual
}

// order is a wallet's record of one payment.
type order struct {
	of                *customer
	fen               int64
	since             time.Time
	declined          hubtest.Finding
	reason            hubtest.Decline
	queries, undos    int
	closed            bool
	charged, returned int
	late              time.Time
	asked             bool // the charge that is late was never answered
}

func newBank(w *World) *bank {
	return &bank{w: w, codes: map[string]*customer{}, orders: map[string]*order{}, givings: map[string]*giving{}, names: map[string]string{}}
}

// mint makes a fresh code for what is to be paid.
func (b *bank) mint(what string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.codes) + 1
	luck := b.w.luck("customer/" + what + fmt.Sprint(n))
	c := &customer{name: fmt.Sprint("c", n), order: what, minted: time.Now(), wallet: pay.WeChat, fate: b.draw(luck)}
	code := fmt.Sprintf("13%016d", n)
	if luck.IntN(2) == 0 {
		c.wallet, code = pay.Alipay, fmt.Sprintf("28%016d", n)
	}
	b.codes[code] = c
	return code
}

func (b *bank) draw(luck *rand.Rand) (f fate) {
	const n = 24
	k, d := luck.IntN(n), time.Duration(luck.Int64N(int64(time.Second)))
	whole := func(most int) time.Duration { return time.Duration(1+luck.IntN(most))*time.Second + d }
	extra := luck.IntN(4)
	switch on := b.w.on; {
	case k == 0:
		f.low = true
	case k == 1:
		f.password = whole(40)
	case k == 2:
		f.password = 40*time.Second + d
	case k == 3:
		f.password, f.refuses = whole(20), true
	case k == 4:
		f.never = true
	case k == 5 && on("wallet busy"):
		f.busy = 1 + luck.IntN(2)
	case k == 6 && on("wallet loses"):
		f.lostThere = true
	case k == 7 && on("wallet loses"), k == 8 && on("wallet loses"):
		f.lostBack = true
	case k == 9 && on("wallet errs"):
		f.failFirst = true
	case k == 10 && on("wallet errs"), k == 11 && on("wallet errs"):
		f.failAfter = true
	case k == 12 && on("wallet slow"):
		f.slow = whole(12)
	case k == 13 && on("wallet errs"):
		f.other = true
	case k == 14 && on("wallet hides"):
		f.hidden, f.lostBack = 1+luck.IntN(3), true
	case k == 15 && on("wallet late"), k == 16 && on("wallet late"):
		f.late, f.never = whole(9), true
	case k == 17 && on("wallet slow"):
		f.travel, f.lostBack = whole(45), true
	}
	if extra == 0 && b.w.on("wallet stubborn") {
		f.stubborn = 1 + luck.IntN(2)
	}
	return f
}

// way is one hub's way to one wallet.
type way struct {
	*bank
	wallet pay.Wallet
	hub    *hubRun
}

// Rules are those of the product's connectors, which keep to what the wallets publish. None is a whole number of
// seconds: a hub does much at the instant from which on it leads, and what follows must not meet again.
func (y way) Rules() hubtest.Rules {
	r := hubtest.Rules{CallTimeout: 10*time.Second + 3*time.Millisecond, FirstQuery: 5*time.Second + 7*time.Millisecond,
		QueryEvery: 5*time.Second + 11*time.Millisecond, GiveUp: 45*time.Second + 13*time.Millisecond, ReverseNotBefore: 15 * time.Second,
		ReverseEvery: 5*time.Second + 17*time.Millisecond, UndoWindow: 7 * 24 * time.Hour, Travel: 75 * time.Second}
	if y.wallet == pay.Alipay {
		r.FirstQuery, r.QueryEvery, r.ReverseEvery = 3*time.Second+19*time.Millisecond, 3*time.Second+23*time.Millisecond, 3*time.Second+29*time.Millisecond
		r.ReverseNotBefore, r.UndoWindow = 0, 24*time.Hour
	}
	return r
}

var (
	errCut  = errors.New("connection reset")
	errDown = errors.New("503")
)

// carry makes a call over the network. The request goes on its way even when the caller dies or gives up.
func (y way) carry(ctx context.Context, name string, extra time.Duration, call func() (hubtest.Answer, time.Duration, bool)) hubtest.Answer {
	return carry(ctx, y, name, extra, unknown, call)
}

// carry is [way.carry] for any kind of answer.
func carry[A any](ctx context.Context, y way, name string, extra time.Duration, unknown func(error) A, call func() (A, time.Duration, bool)) A {
	y.hub.gate.pass()
	if y.hub.gone() {
		return unknown(errCut)
	}
	luck := y.w.luck("wallet line/" + name)
	y.mu.Lock()
	there := time.Duration(luck.Int64N(int64(300*time.Millisecond))) + 20*time.Millisecond + extra
	back := time.Duration(luck.Int64N(int64(300*time.Millisecond))) + 20*time.Millisecond
	lostThere, lostBack, far := luck.IntN(8) == 0, luck.IntN(8) == 0, luck.IntN(10) == 0
	long := time.Duration(luck.Int64N(int64(20 * time.Second)))
	y.mu.Unlock()
	if y.w.on("wallet slow") && far {
		there += long
	}
	lostThere, lostBack = lostThere && y.w.on("wallet line"), lostBack && y.w.on("wallet line")
	answer := make(chan A, 1)
	y.w.after(luck, there, func() {
		if lostThere {
			return
		}
		a, slow, lost := call()
		if lost || lostBack {
			return
		}
		y.w.after(luck, back+slow, func() { answer <- a })
	})
	select {
	case a := <-answer:
		y.hub.gate.pass()
		return a
	case <-ctx.Done(): // perhaps at one instant with others, which began at one
		time.Sleep(y.w.in(luck, 0))
		y.hub.gate.pass()
		return unknown(ctx.Err())
	}
}

func unknown(err error) hubtest.Answer { return hubtest.Answer{Finding: hubtest.Unknown, Err: err} }

// Pay charges.
func (y way) Pay(ctx context.Context, o hubtest.Order) hubtest.Answer {
	y.mu.Lock()
	c := y.codes[o.Code.Reveal()]
	if c != nil {
		y.names[o.OutTradeNo] = c.name
	}
	y.mu.Unlock()
	if c == nil {
		y.w.fail("a code that nobody showed was sent to the wallet")
		return unknown(errCut)
	}
	a := y.carry(ctx, c.name, c.fate.travel, func() (hubtest.Answer, time.Duration, bool) { return y.take(c, o) })
	if y.hub.gone() {
		y.mu.Lock()
		c.orphan = c.orphan || c.charged > 0
		y.mu.Unlock()
	}
	return a
}

// take is a pay request at the wallet.
func (y way) take(c *customer, o hubtest.Order) (a hubtest.Answer, slow time.Duration, lost bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(c.numbers) == 0 || c.numbers[len(c.numbers)-1] != o.OutTradeNo {
		c.numbers = append(c.numbers, o.OutTradeNo)
	}
	switch {
	case len(c.numbers) > 1:
		y.w.fail("%s was sent to be charged under two numbers", c.name)
	case y.orders[o.OutTradeNo] != nil:
		y.w.fail("%s was sent to be charged twice under one number", c.name)
	}
	f := &c.fate
	if y.w.on("wallet down") && y.w.down() {
		return unknown(errDown), 0, false
	}
	if f.busy > 0 {
		f.busy--
		y.w.saw("wallet busy")
		return hubtest.Answer{Finding: hubtest.Busy}, 0, false
	}
	if f.lostThere {
		return a, 0, true
	}
	if f.failFirst {
		return unknown(errDown), 0, false
	}
	ord := &order{of: c, fen: o.Amount.Fen(), since: time.Now()}
	y.orders[o.OutTradeNo] = ord
	decline := func(code hubtest.Decline) (hubtest.Answer, time.Duration, bool) {
		ord.declined, ord.reason = hubtest.Declined, code
		y.w.note("wallet declines %s (%s)", c.name, code.Code)
		return hubtest.Answer{Finding: hubtest.Declined, Decline: code}, f.slow, f.lostBack
	}
	switch {
	case time.Since(c.minted) > codeLife:
		y.w.saw("expired code refused by the wallet")
		return decline(hubtest.Decline{Code: hubtest.CodeExpired, Wallet: "AUTHCODEEXPIRE"})
	case f.low:
		return decline(hubtest.Decline{Code: hubtest.BalanceLow, Wallet: "NOTENOUGH"})
	case f.password > 0 || f.never:
		return hubtest.Answer{Finding: hubtest.Pending}, 0, f.lostBack
	}
	y.charge(ord)
	switch {
	case f.failAfter:
		return unknown(errDown), 0, false
	case f.other:
		return unknown(fault.New(fault.Internal, "wallet.amount", "the answer names another amount")), 0, false
	}
	return hubtest.Answer{Finding: hubtest.Approved, WalletRef: "W" + c.name, PaidAt: time.Now()}, f.slow, f.lostBack
}

// charge takes the customer's money.
func (b *bank) charge(o *order) {
	o.charged++
	o.of.charged++
	b.w.note("wallet charges %s", o.of.name)
}

// turn brings an order up to the present.
func (b *bank) turn(o *order) {
	f, now := o.of.fate, time.Now()
	switch {
	case !o.late.IsZero() && !now.Before(o.late):
		o.late, o.closed = time.Time{}, false
		b.charge(o)
		b.w.saw("charge booked after its reversal")
	case o.closed || o.declined != "" || o.charged > 0 || f.password == 0 || now.Sub(o.since) < f.password:
	case f.refuses:
		o.declined, o.reason = hubtest.Declined, hubtest.Decline{Code: hubtest.CustomerRefused, Wallet: "USERREFUSED"}
	default:
		b.charge(o)
	}
}

func (b *bank) tells(o *order) hubtest.Answer {
	b.turn(o)
	switch {
	case o.declined != "":
		return hubtest.Answer{Finding: hubtest.Declined, Decline: o.reason}
	case o.closed:
		return hubtest.Answer{Finding: hubtest.Reversed}
	case o.charged > o.returned:
		if o.of.fate.password >= 40*time.Second {
			b.w.saw("customer took 40 s and paid")
		}
		return hubtest.Answer{Finding: hubtest.Approved, WalletRef: "W" + o.of.name, PaidAt: time.Now()}
	}
	return hubtest.Answer{Finding: hubtest.Pending}
}

// Query tells how an order stands.
func (y way) Query(ctx context.Context, r hubtest.Ref) hubtest.Answer {
	return y.carry(ctx, y.nameOf(r.OutTradeNo), 0, func() (hubtest.Answer, time.Duration, bool) {
		y.mu.Lock()
		defer y.mu.Unlock()
		o := y.orders[r.OutTradeNo]
		if y.w.on("wallet down") && y.w.down() {
			return unknown(errDown), 0, false
		}
		if o == nil {
			return hubtest.Answer{Finding: hubtest.Absent}, 0, false
		}
		if o.queries++; o.queries <= o.of.fate.hidden && y.w.on("wallet hides") {
			return hubtest.Answer{Finding: hubtest.Absent}, 0, false
		}
		return y.tells(o), 0, false
	})
}

// Reverse closes an order or gives its money back.
func (y way) Reverse(ctx context.Context, r hubtest.Ref) hubtest.Answer {
	return y.carry(ctx, y.nameOf(r.OutTradeNo), 0, func() (hubtest.Answer, time.Duration, bool) {
		y.mu.Lock()
		defer y.mu.Unlock()
		o := y.orders[r.OutTradeNo]
		if y.w.on("wallet down") && y.w.down() {
			return unknown(errDown), 0, false
		}
		if o == nil {
			return hubtest.Answer{Finding: hubtest.Absent}, 0, false
		}
		y.turn(o)
		if time.Since(o.since) < y.Rules().ReverseNotBefore {
			y.w.saw("reversal refused as too early")
			return unknown(errors.New("too early")), 0, false
		}
		if o.undos++; o.undos <= o.of.fate.stubborn && y.w.on("wallet stubborn") {
			y.w.saw("reversal told to try again")
			return unknown(errors.New("recall=Y")), 0, false
		}
		if f := o.of.fate; f.late > 0 && o.charged == 0 && !o.asked {
			o.asked, o.late = true, time.Now().Add(f.late)
		}
		if o.charged > o.returned {
			o.returned++
			o.of.returned++
			y.w.note("wallet gives %s back", o.of.name)
		}
		o.closed, o.declined = true, ""
		return hubtest.Answer{Finding: hubtest.Reversed}, 0, false
	})
}

// nameOf names whose attempt a number is. One whose request never left has a stream of chance of its own as well:
// two of them must not draw from one.
func (b *bank) nameOf(no string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name, ok := b.names[no]; ok {
		return name
	}
	return "nobody's " + no
}

// net is what the customers who showed a code for an order are out of.
func (b *bank) net(what string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.orders {
		b.turn(o)
	}
	for _, c := range b.codes {
		if c.order == what {
			n += c.charged - c.returned
		}
	}
	return n
}

// meant says what a code was scanned for in the end.
func (b *bank) meant(code, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.codes[code].order = what
}

// lateFor reports that a charge for an order may be booked after its reversal.
func (b *bank) lateFor(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.codes {
		if c.order == what && c.fate.late > 0 {
			return true
		}
	}
	return false
}
