package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/scripts/history"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

const (
	historyClients = 6
	historyAsks    = 14 // of each client
	historyOrders  = 4
	historyKeys    = 3 // of each order
	histories      = 12
)

// clients ask one hub, all at the same time, about few orders: pay under few keys with two bodies, cancel,
// look. They lose answers, send copies that arrive late, and the hub is replaced under their hands.
type clients struct {
	*house
	book history.Book
	seed uint64

	mu   sync.Mutex
	now  *hub              // that the clients reach
	ids  map[string]string // payments by key, as far as anybody heard
	late sync.WaitGroup    // copies under way
}

// TestHistories: whatever many clients heard of the hub, one hub that does one thing after the other and
// keeps to the law of orders could have said.
func TestHistories(t *testing.T) {
	asked, lost := 0, 0
	for seed := range uint64(histories) {
		synctest.Test(t, func(t *testing.T) {
			c := &clients{house: newHouse(t), seed: seed, ids: map[string]string{}}
			c.now = c.hub
			c.run()
			a, l := c.book.Count()
			asked, lost = asked+a, lost+l
			if err := c.book.Check(time.Minute); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			c.stop()
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d requests, %d without an answer", asked, lost)
	if lost < asked/50 {
		t.Errorf("only %d of %d answers were lost: that proves little", lost, asked)
	}
}

func (c *clients) run() {
	dice := rand.New(rand.NewPCG(c.seed, 0))
	var all sync.WaitGroup
	over := make(chan struct{})
	for n := range historyClients {
		all.Go(func() { c.client(n) })
	}
	c.late.Go(func() { c.crowd(over) })
	for range 2 { // requests to the hub that is stopped hang until it wakes, and are refused
		time.Sleep(time.Duration(dice.Int64N(int64(20 * time.Second))))
		stale := c.freeze(fmt.Sprint("n", c.seed, dice.Int()))
		c.mu.Lock()
		c.now = c.hub
		c.mu.Unlock()
		time.Sleep(20 * time.Second)
		if err := wake(stale); fault.CodeOf(err) != "hub.fenced" {
			c.t.Errorf("a hub that was replaced ended with %v", err)
		}
	}
	all.Wait()
	close(over)
	c.late.Wait()
	time.Sleep(6 * time.Minute) // every wallet has an answer by then
	for o := range historyOrders {
		c.list(historyClients, fmt.Sprint("o", o))
	}
}

// beat is when clients come: many at the same moment.
const beat = 500 * time.Millisecond

// crowd has the writer busy at every beat, so that all who come then share its next commit.
func (c *clients) crowd(over <-chan struct{}) {
	for next := time.Now().Add(beat - time.Microsecond); ; next = next.Add(beat) {
		select {
		case <-over:
			return
		case <-time.After(time.Until(next)):
			// A hub that is stopped or replaced refuses; then there is no crowd.
			_ = c.hubNow().store.Update(func(*store.Tx) error { time.Sleep(time.Millisecond); return nil })
		}
	}
}

// fate of a key's payment code.
var historyFates = []string{"00", "50", "53", "54", "60", "61", "64", "70", "72", "90"}

func (c *clients) client(n int) {
	dice := rand.New(rand.NewPCG(c.seed, uint64(n)+1))
	for range historyAsks {
		time.Sleep(time.Duration(dice.IntN(8)) * beat)
		order := fmt.Sprint("o", dice.IntN(historyOrders))
		key := fmt.Sprint(order, "k", dice.IntN(historyKeys))
		switch dice.IntN(10) {
		case 0, 1, 2:
			c.list(n, order)
		case 3:
			c.cancel(n, order, key)
		default:
			c.pay(n, dice, order, key)
		}
	}
}

// hubNow is the hub that a client reaches at this moment.
func (c *clients) hubNow() *hub {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clients) pay(n int, dice *rand.Rand, order, key string) {
	amount := money.Fen(100)
	if dice.IntN(4) == 0 {
		amount = money.Fen(200)
	}
	a := historyAsk(c.seed, order, key, amount)
	end := c.book.Begin(n, history.Ask{Kind: history.Pay, Order: order, Key: key, Body: a.BodyHash})
	try := func() history.Heard {
		p, err := c.hubNow().engine.Collect(context.Background(), a)
		if err != nil {
			return c.refusal(err)
		}
		return c.shown(p)
	}
	luck, later := dice.IntN(6), time.Duration(dice.IntN(60))*beat
	switch luck {
	case 0: // the answer is lost
		try()
	case 1: // the client hears nothing, and a copy arrives much later
		c.late.Go(func() {
			time.Sleep(later)
			try()
		})
	default:
		end(try())
	}
}

func historyAsk(seed uint64, order, key string, amount money.Amount) engine.Ask {
	luck := rand.New(rand.NewPCG(seed, uint64(len(key))<<32|uint64(key[1])<<8|uint64(key[3])))
	a := ask(key, fmt.Sprintf("13%014d%s", seed<<20|uint64(key[1])<<8|uint64(key[3]), historyFates[luck.IntN(len(historyFates))]))
	a.Source, a.Terminal, a.Store, a.OrderNo, a.Amount, a.BodyHash = payment.FromTill, till.ID, "sto_1", order, amount, amount.String()
	return a
}

func (c *clients) cancel(n int, order, key string) {
	c.mu.Lock()
	id := c.ids[key]
	c.mu.Unlock()
	if id == "" {
		return
	}
	end := c.book.Begin(n, history.Ask{Kind: history.Cancel, Order: order, Key: key})
	p, err := c.hubNow().engine.Cancel(context.Background(), merchant, id)
	if err != nil {
		end(c.refusal(err))
		return
	}
	end(c.shown(p))
}

func (c *clients) list(n int, order string) {
	end := c.book.Begin(n, history.Ask{Kind: history.List, Order: order})
	all, err := c.hubNow().engine.Payments(context.Background(), merchant, order)
	if err != nil {
		c.t.Error(err)
		return
	}
	end(c.shown(all...))
}

func (c *clients) shown(all ...payment.Payment) history.Heard {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := history.Heard{Payments: map[string]history.Shown{}}
	for _, p := range all {
		c.ids[p.Key] = p.ID
		h.Payments[p.Key] = history.Shown{ID: p.ID, Body: p.Amount.String(), Status: p.Status}
	}
	return h
}

// refusal is an answer, unless the hub could not say whether it did it.
func (c *clients) refusal(err error) history.Heard {
	switch fault.KindOf(err) {
	case fault.InDoubt, fault.Internal:
		return history.Heard{Lost: true}
	}
	return history.Heard{Refused: fault.CodeOf(err)}
}
