// Package fleet pretends to be thousands of tills in one process: each activated with a code, with a key
// and a certificate of its own, speaking the terminals' protocol over TLS, selling to pretended customers
// and coming back after a broken line as a till does.
//
// It refuses to be kinder to the hub than the agent is: the same waits, the same retries, a fence behind
// every doubt. Newcomers get one thing wrong: the tills' journals are the process's memory. A fleet loads a
// hub and outlives the hub's crashes; what survives a crash of a till is the agent's to prove.
package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/pay"
)

// Options say what the fleet does.
type Options struct {
	Hub       string        // https://host:port
	CA        []byte        // PEM: who may call itself the hub
	Codes     []string      // activation codes, one for each till
	Rate      int           // sales a second, all tills together; 0: they only stay connected
	Busy      int           // sales without a final word a till may have; a cashier has one
	Addresses int           // loopback addresses the tills come from, at most 60,000; 0: the system takes one
	Fates     []string      // last two digits of the payment codes, drawn evenly; none: 00 to 49, paid at once
	Ramp      time.Duration // tills come up spread over so long
	For       time.Duration // then no more sales; 0: until ctx ends
	Settle    time.Duration // the longest wait for open sales at the end
	Every     time.Duration // between reports
	Cold      bool          // without TLS tickets: each handshake is a whole one
	Seed      uint64        // of sales and waits
	Sales     io.Writer     // a line for each finished sale; may be nil
	Version   string
}

// fleet is a running one.
type fleet struct {
	Options
	boot  string
	ids   *id.Source
	tills []*till
	stats *stats
}

// Run activates the tills, connects them and sells until ctx or Options.For ends; then it waits for the
// sales that are open and hangs up. It writes reports to out, a line of JSON each, the last one with the
// event "end".
func Run(ctx context.Context, o Options, out io.Writer) error {
	who, err := o.enrol(ctx)
	if err != nil {
		return err
	}
	f := &fleet{Options: o, ids: id.NewSource(time.Now, nil), stats: &stats{sales: o.Sales, outcomes: map[string]int{}, states: map[string]int{},
		causes: map[string]int{}, ends: map[string]pay.Outcome{}, all: make(chan struct{})}}
	f.boot = f.ids.New("boot")
	for i, w := range who {
		t := &till{f: f, who: w, dice: rand.New(rand.NewPCG(o.Seed, uint64(i)+1)), wake: make(chan struct{}, 1), open: map[string]*sale{}}
		if n := i % max(o.Addresses, 1); o.Addresses > 0 {
			t.from = &net.TCPAddr{IP: net.IPv4(127, 1, byte(n/250), byte(n%250+1))}
		}
		f.tills = append(f.tills, t)
	}
	if err := f.tell(out, "enrolled"); err != nil {
		return err
	}
	life, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var all sync.WaitGroup
	for i, t := range f.tills {
		all.Go(func() {
			if rest(ctx, o.Ramp*time.Duration(i)/time.Duration(len(f.tills))) {
				t.run(life)
			}
		})
	}
	err = f.day(ctx, out)
	hangUp()
	all.Wait()
	if err == nil {
		err = f.tell(out, "end")
	}
	if n := f.stats.report("end", 0).Open; err == nil && n > 0 {
		err = fault.New(fault.InDoubt, "fleet.open", "%d sales have no final word", n)
	}
	return err
}

// day is from the first connection to the last sale's end.
func (f *fleet) day(ctx context.Context, out io.Writer) error {
	selling, close := context.WithCancel(ctx)
	defer close()
	if f.For > 0 {
		time.AfterFunc(f.For, close)
	}
	var customers sync.WaitGroup
	customers.Go(func() { f.sell(selling) })
	defer customers.Wait()
	tick := time.NewTicker(f.Every)
	defer tick.Stop()
	first, deadline := f.stats.all, (<-chan time.Time)(nil)
	over := selling.Done()
	for {
		event := "tick"
		select {
		case <-first:
			first, event = nil, "connected"
		case <-tick.C:
		case <-over:
			over, deadline = nil, time.After(f.Settle)
			continue
		case <-deadline:
			return nil
		}
		if err := f.tell(out, event); err != nil {
			return err
		}
		if over == nil && f.stats.report("", 0).Open == 0 {
			return nil
		}
	}
}

// sell has customers come at even distances whether or not the last one was served. One who finds every
// till busy goes elsewhere.
func (f *fleet) sell(ctx context.Context) {
	if f.Rate <= 0 || !wait(ctx, f.stats.all) {
		return
	}
	dice := rand.New(rand.NewPCG(f.Seed, 0))
	apart := time.Second / time.Duration(f.Rate)
	next := time.Now()
	for rest(ctx, time.Until(next)) {
		t := f.free(dice)
		if t != nil {
			f.stats.sold()
			t.sell(f.draw(dice, next))
		}
		next = next.Add(apart)
	}
}

// free draws a till that can serve; nil when the first few are busy.
func (f *fleet) free(dice *rand.Rand) *till {
	for range 8 {
		if t := f.tills[dice.IntN(len(f.tills))]; t.busy() < f.Busy {
			return t
		}
	}
	return nil
}

func (f *fleet) draw(dice *rand.Rand, at time.Time) *sale {
	wallet := fmt.Sprintf("1%d", dice.IntN(6)) // WeChat
	if dice.IntN(2) == 0 {
		wallet = "28" // Alipay
	}
	fate := fmt.Sprintf("%02d", dice.IntN(50))
	if len(f.Fates) > 0 {
		fate = f.Fates[dice.IntN(len(f.Fates))]
	}
	key := f.ids.New(id.Sale)
	return &sale{key: key, orderNo: "F-" + key[len(id.Sale)+1:], code: fmt.Sprintf("%s%014d%s", wallet, dice.Int64N(100_000_000_000_000), fate),
		amount: 1 + dice.Int64N(99_999), scanned: at}
}

func (f *fleet) tell(out io.Writer, event string) error {
	if f.stats.failure() != nil {
		return f.stats.failure()
	}
	return json.NewEncoder(out).Encode(f.stats.report(event, len(f.tills)))
}

// rest waits; false when ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func wait(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-done:
		return true
	}
}
