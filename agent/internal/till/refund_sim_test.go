package till_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// counter is a hub that keeps its contract about refunds, behind a line that loses, doubles and
// reorders: one refund per key, the same answer for the same words, and messages repeated until the
// till has stored them.
type counter struct {
	*rig
	dice  *rand.Rand
	paid  int64 // of the one sale
	asked map[string]wire.Refund
	now   map[string]pay.RefundStatus
	said  []wire.Envelope // all that was ever told, by number
}

func (c *counter) tell(key string) {
	s := c.now[key]
	c.said = append(c.said, envelope(c.T, uint64(len(c.said)+1), wire.KindRefundResult,
		wire.RefundResult{Key: key, RefundID: "hub_" + key, Status: s, Outcome: s.Outcome(), Amount: c.asked[key].Amount}))
}

// take is a request that arrived.
func (c *counter) take(m wire.Refund) {
	if first, ok := c.asked[m.Key]; ok {
		if first != m {
			c.Errorf("key %s came with other words: %+v, first %+v", m.Key, m, first)
		}
		c.tell(m.Key)
		return
	}
	c.asked[m.Key], c.now[m.Key] = m, pay.RefundCreated
	if c.standing() > c.paid || c.dice.IntN(6) == 0 {
		c.now[m.Key] = pay.RefundFailed
	}
	c.tell(m.Key)
}

// standing is what did not fail at the hub.
func (c *counter) standing() (fen int64) {
	for key, m := range c.asked {
		if c.now[key] != pay.RefundFailed {
			fen += m.Amount
		}
	}
	return fen
}

// work lets the hub learn something about a refund.
func (c *counter) work(to ...pay.RefundStatus) {
	for _, key := range slices.Sorted(maps.Keys(c.now)) {
		if !c.now[key].Final() {
			c.now[key] = to[c.dice.IntN(len(to))]
			c.tell(key)
			return
		}
	}
}

// deliver brings a message, any of those the till has not stored and sometimes an older one.
func (c *counter) deliver(n int) {
	if n < len(c.said) {
		if err := c.till.Receive(c.said[n]); err != nil {
			c.Fatal(err)
		}
	}
}

// send lets the till's messages leave; lost is how many of a hundred get lost.
func (c *counter) send(lost int) {
	for _, m := range c.till.Outgoing() {
		if c.till.Leaving(m.Seq) && c.dice.IntN(100) >= lost {
			c.take(m.Body.(wire.Refund))
		}
	}
}

// check compares what the till shows with what the hub knows at this instant.
func (c *counter) check(saleID string, settled bool) {
	c.Helper()
	list, err := c.till.Refunds(saleID)
	if err != nil {
		c.Fatal(err)
	}
	var standing int64
	for _, x := range list {
		if x.State != localapi.RefundFailed {
			standing += x.Amount
		}
		if x.State.Final() && x.Outcome != c.now[x.ID].Outcome() || settled && !x.State.Final() {
			c.Errorf("refund %s shows %s, the hub has it %q", x.ID, x.State, c.now[x.ID])
		}
	}
	if standing > c.paid || c.standing() > c.paid {
		c.Errorf("of %d paid %d go back by the till's word, %d by the hub's", c.paid, standing, c.standing())
	}
	if settled && len(list) != len(c.asked) {
		c.Errorf("%d refunds here, %d at the hub", len(list), len(c.asked))
	}
}

// TestRefundsUnderFaults: whatever the line and the power do, each refund is one at the hub, what is
// shown is true at every moment, and once all is healed everything has its end.
func TestRefundsUnderFaults(t *testing.T) {
	for seed := range uint64(10) {
		r := newRig(t)
		s := r.paid(1)
		c := &counter{rig: r, dice: rand.New(rand.NewPCG(seed, 0)), paid: s.Amount, asked: map[string]wire.Refund{},
			now: map[string]pay.RefundStatus{}, said: []wire.Envelope{{}}} // the sale's own result was the first
		for range 60 {
			switch c.dice.IntN(8) {
			case 0, 1:
				if _, _, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: 1 + c.dice.Int64N(600)}); err != nil && fault.CodeOf(err) != "refund.too_much" {
					t.Fatal(err)
				}
			case 2:
				c.send(50)
			case 3:
				c.work(pay.RefundPending, pay.RefundUnknown, pay.RefundSucceeded, pay.RefundFailed)
			case 4, 5:
				c.deliver(int(r.till.DownSeq()) + c.dice.IntN(4) - c.dice.IntN(2))
			case 6:
				r.crash()
				r.till.LinkChanged(hublink.State{Since: r.now(), Message: "no network"})
			case 7:
				r.pass(time.Duration(c.dice.IntN(90)) * time.Minute)
			}
			c.check(s.ID, false)
		}
		for range 30 { // healed
			c.send(0)
			c.work(pay.RefundSucceeded, pay.RefundFailed)
			for int(r.till.DownSeq()) < len(c.said) {
				c.deliver(int(r.till.DownSeq()))
			}
		}
		c.check(s.ID, true)
		if got := r.outgoing(); got != "" || t.Failed() {
			t.Fatalf("seed %d: outgoing %q, events %s", seed, got, r.events(s.ID))
		}
	}
}
