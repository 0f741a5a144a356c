package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// posted is an answer to POST /v1/sales: from then on the till must never forget the sale.
type posted struct {
	Till, Order, Sale string
	Nth               int // which code of the order
	Amount            int64
}

// workload makes customers: an open loop whose customers come whether or not the last one was served, until too many
// stand there.
type workload struct {
	w      *world
	dice   *rand.Rand
	enough func() bool // payments are ahead of the kills
	fates  []fate

	made    atomic.Int64
	present chan struct{} // one token per customer who is still being served

	mu     sync.Mutex
	posts  []posted
	backs  []asked                      // refunds that were answered
	asked  map[string]int64             // orders sent to the merchant API, with their amounts
	finals map[string]string            // first final answer of the API for each order
	codes  map[string]bool              // every payment code that ever existed here
	orders map[string]map[string]string // till and order to code to sale
}

// crowd is how many customers are served at a time; the one that finds it full waits outside.
const crowd = 800

// queue is how many sales without a final word a till may have; then customers go to another till. Real cashiers
// stop far sooner, but each of ours makes many sales at a time, and one whose request a kill swallowed is open for more
// than a minute: with a short queue the programs wait for that proof instead of working.
const queue = 400

// most is how many customers stand at a till at a time: few at a copy, whose line to the hub is taken from it all the
// time. What it is shown does not count as open, so that the queue would not end.
func (t *till) most() int64 {
	if t.of != nil {
		return 6
	}
	return crowd
}

// apart is the mean time between customers: above what two cores can serve, so that they are the limit.
const apart = 5 * time.Millisecond

type fate struct {
	digits string
	weight int
}

// quick fates are settled within ten seconds, slow ones need up to a minute and a half of asking.
var (
	quick = []fate{{"", 64}, {"50", 3}, {"51", 2}, {"52", 2}, {"53", 2}, {"54", 2}, {"60", 4}, {"62", 3}, {"64", 3}, {"65", 2}, {"66", 2}, {"72", 2}, {"90", 2}}
	slow  = []fate{{"55", 1}, {"61", 1}, {"63", 1}, {"70", 1}, {"71", 1}, {"80", 1}}
)

func newWorkload(w *world, dice *rand.Rand, fates []fate) *workload {
	return &workload{w: w, dice: dice, fates: fates, present: make(chan struct{}, crowd), asked: map[string]int64{},
		finals: map[string]string{}, codes: map[string]bool{}, orders: map[string]map[string]string{}}
}

// customer is one who pays, drawn before anything happens.
type customer struct {
	till            *till // nil: at the merchant's own till, through the API
	order           string
	amount          int64
	code, second    string // second: shown when the first did not pay
	twice           bool   // the cashier's finger slips: two requests at the same time
	again           time.Duration
	cancel          time.Duration
	waitMS, patient int
	back            int64 // fen that are asked back when it is paid; 0: none
}

// run lets customers come until ctx ends, and returns when the last was served.
func (l *workload) run(ctx context.Context) {
	var all sync.WaitGroup
	for rest(ctx, time.Duration(l.dice.Int64N(int64(2*apart)))) {
		t := l.free()
		if l.enough() || t == nil {
			rest(ctx, 10*time.Millisecond)
			continue
		}
		select {
		case l.present <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		c := l.draw(t)
		if c.till != nil {
			t.served.Add(1)
		}
		all.Go(func() {
			defer func() {
				if <-l.present; c.till != nil {
					t.served.Add(-1)
				}
			}()
			switch {
			case c.till == nil:
				l.online(ctx, c)
			case c.till.scanner && c.till.lane.TryLock():
				l.scanned(ctx, c)
				c.till.lane.Unlock()
			default:
				l.typed(ctx, c)
			}
		})
	}
	all.Wait()
}

// free draws a till that can serve; nil when none can. Most customers go where the screen shows a line: what the
// others sell lapses, most of it, and is work without a payment.
func (l *workload) free() *till {
	all, brave := l.w.selling(), l.dice.IntN(8) == 0
	first := l.dice.IntN(len(all))
	for i := range all {
		t := all[(first+i)%len(all)]
		if (brave || t.linked.Load()) && t.served.Load() < t.most() && l.w.shown.waiting(t.name()) < queue {
			return t
		}
	}
	return nil
}

func (l *workload) draw(t *till) customer {
	n := l.made.Add(1)
	c := customer{order: fmt.Sprintf("T%06d", n), amount: int64(1 + l.dice.IntN(99999)), code: l.mint(), waitMS: l.dice.IntN(3000), patient: l.dice.IntN(8)}
	if l.dice.IntN(5) > 0 {
		c.till = t
	}
	c.twice = l.dice.IntN(12) == 0
	if l.dice.IntN(10) == 0 {
		c.again = time.Duration(1+l.dice.IntN(4000)) * time.Millisecond
	}
	if l.dice.IntN(12) == 0 {
		c.cancel = time.Duration(1+l.dice.IntN(2500)) * time.Millisecond
	}
	if l.dice.IntN(25) == 0 {
		c.second = l.mint()
	}
	if l.dice.IntN(5) == 0 {
		c.back = 1 + l.dice.Int64N(c.amount)
	}
	return c
}

// mint makes a payment code that was never there before; its last digits are its fate.
func (l *workload) mint() string {
	for {
		prefix := fmt.Sprintf("1%d", l.dice.IntN(6))
		if l.dice.IntN(2) == 0 {
			prefix = "28"
		}
		total := 0
		for _, f := range l.fates {
			total += f.weight
		}
		digits, n := "", l.dice.IntN(total)
		for _, f := range l.fates {
			if n -= f.weight; n < 0 {
				digits = f.digits
				break
			}
		}
		if digits == "" {
			digits = fmt.Sprintf("%02d", l.dice.IntN(50))
		}
		code := fmt.Sprintf("%s%014d%s", prefix, l.dice.Int64N(100_000_000_000_000), digits)
		l.mu.Lock()
		fresh := !l.codes[code]
		l.codes[code] = true
		l.mu.Unlock()
		if fresh {
			return code
		}
	}
}

// patience is how long a cashier tries the same code: the wallet would not take it much longer.
const patience = 40 * time.Second

// post makes a sale and repeats the same request until it is answered. An empty sale: it never was. Our customers
// are all different people, so that one in doubt holds up no other of the same amount.
func (l *workload) post(ctx context.Context, c customer, code string, nth int) localapi.Sale {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for ctx.Err() == nil && !c.till.gone.Load() {
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		asked := time.Now()
		sale, err := c.till.Client.NewSale(try, localapi.NewSale{Amount: c.amount, OrderNo: c.order, Code: code, Again: true})
		cancel()
		if err == nil {
			l.answered(c, code, nth, sale)
			l.w.shown.sale(c.till, "POST", 0, asked, sale)
			return sale
		}
		switch fault.KindOf(err) {
		case fault.Invalid, fault.Denied, fault.Conflict, fault.NotFound:
			l.w.defect(fmt.Sprintf("%s refuses order %s: %v", c.till.name(), c.order, err))
			return localapi.Sale{}
		}
		rest(ctx, 60*time.Millisecond) // down or in doubt: the same request again, the order number keeps it one sale
	}
	return localapi.Sale{}
}

// answered notes that a sale was promised. The same order with the same code must always be the same sale.
func (l *workload) answered(c customer, code string, nth int, sale localapi.Sale) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posts = append(l.posts, posted{Till: c.till.name(), Order: c.order, Sale: sale.ID, Nth: nth, Amount: c.amount})
	key := c.till.name() + " " + c.order
	if l.orders[key] == nil {
		l.orders[key] = map[string]string{}
	}
	if first := l.orders[key][code]; first != "" && first != sale.ID {
		go l.w.defect(fmt.Sprintf("order %s asked for twice with one code gave %s and %s", c.order, first, sale.ID))
	}
	l.orders[key][code] = sale.ID
}

// typed is a sale whose code comes with it.
func (l *workload) typed(ctx context.Context, c customer) {
	var other sync.WaitGroup
	if c.twice {
		other.Go(func() { l.post(ctx, c, c.code, 0) })
	}
	sale := l.post(ctx, c, c.code, 0)
	other.Wait()
	if sale.ID == "" {
		return
	}
	if c.again > 0 && rest(ctx, c.again) {
		l.post(ctx, c, c.code, 0)
	}
	l.finish(ctx, c, sale)
}

// finish is what the cashier does after the code was read.
func (l *workload) finish(ctx context.Context, c customer, sale localapi.Sale) {
	if c.cancel > 0 && rest(ctx, c.cancel) {
		l.cancel(ctx, c.till, sale.ID)
	}
	for range c.patient {
		if !rest(ctx, 250*time.Millisecond) {
			return
		}
		l.glance(ctx, c.till, sale.ID)
	}
	if now, ok := l.w.shown.last(sale.ID); ok && c.second != "" && now.Outcome == "not_paid" {
		l.post(ctx, c, c.second, 1)
	}
	l.giveBack(ctx, c, sale.ID)
}

// glance looks at one sale.
func (l *workload) glance(ctx context.Context, t *till, id string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	asked := time.Now()
	if sale, err := t.Client.Sale(ctx, id); err == nil {
		l.w.shown.sale(t, "GET", 0, asked, sale)
	} else if fault.CodeOf(err) == "sale.unknown" {
		l.w.defect(fmt.Sprintf("%s does not know sale %s any more: %v", t.name(), id, err))
	}
}

func (l *workload) cancel(ctx context.Context, t *till, id string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	asked := time.Now()
	if sale, err := t.Client.Cancel(ctx, id); err == nil {
		l.w.shown.sale(t, "cancel", 0, asked, sale)
	}
}

// scanned is a sale that waits for the scanner. A code that gets lost on its way is scanned again; a sale nobody
// pays is cancelled, now or when all is healed.
func (l *workload) scanned(ctx context.Context, c customer) {
	sale := l.post(ctx, c, "", 0)
	if sale.ID == "" {
		return
	}
	for range 3 {
		if err := c.till.Scan(c.code); err != nil {
			l.w.defect("the pretended scanner is gone: " + err.Error())
			return
		}
		for range 10 {
			if !rest(ctx, 50*time.Millisecond) {
				return
			}
			l.glance(ctx, c.till, sale.ID)
			if now, ok := l.w.shown.last(sale.ID); ok && now.State != string(localapi.StateWaiting) {
				l.finish(ctx, c, sale)
				return
			}
		}
		rest(ctx, 600*time.Millisecond) // the reader takes the same code twice in a moment for one
	}
	l.cancel(ctx, c.till, sale.ID)
}
