package engine

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// Bounds of one channel: what hangs on it hangs there alone.
const (
	inFlight  = 256             // pay calls of one channel at a time, when it says nothing else
	queueMost = 512             // that wait for their turn on one channel; more are turned away at once, untouched
	queueWait = 2 * time.Second // how long a pay call waits for its turn: older ones are refused before anything is sent
	chasers   = 64              // queries, reversals and refunds of one channel at a time: a lane of their own, so that new sales never starve them
)

// Way is a configured channel: whose it is, which wallet it reaches, and what routing knows of it.
type Way struct {
	Name     string
	Merchant string // empty: every merchant's
	Wallet   pay.Wallet
	Channel  channel.Channel

	Number  string           // the merchant number at the wallet: another one is another channel's health
	Drained bool             // people keep new payments away
	Pace    channel.Rules    // where not zero: instead of the wallet's
	AtOnce  int              // pay calls at a time; 0: as usual
	Breaker routing.Limits   // where zero: as usual
	Weight  int              // its share, when chosen by weight
	Fee     int64            // parts per million
	Closed  []routing.Window // when the wallet takes nothing
}

// way is a Way with what this run of the hub holds of it. What is behind pointers lives on when the configuration changes.
type way struct {
	Way
	rules   channel.Rules
	back    channel.Refunder  // nil: this way gives nothing back
	shows   channel.Presenter // nil: this way has no codes to show
	showing channel.Rules     // of orders whose code is shown
	backing channel.RefundRules
	limits  routing.Limits
	places  *places
	pulse   *pulse
	lane    *lane
}

// places are the pay calls of one channel.
type places struct {
	slots   chan struct{}
	waiting atomic.Int64
}

// pulse is the health of one channel under one merchant number.
type pulse struct {
	mu     sync.Mutex
	health routing.Health
}

func (p *pulse) now() routing.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.health
}

// roads are the channels in force, and those that left the configuration while this hub ran: what they began is still asked about.
type roads struct {
	ways  map[string]*way
	table routing.Table
}

// Reroute puts other channels and rules in force. Calls under way go on as they began; a channel that stays keeps its health,
// its places and its lane.
func (e *Engine) Reroute(ways []Way, rules routing.Table) {
	e.rerouting.Lock()
	defer e.rerouting.Unlock()
	next := &roads{ways: map[string]*way{}, table: rules}
	next.table.Channels = nil
	if before := e.roads.Load(); before != nil {
		for name, w := range before.ways {
			next.ways[name] = w
		}
	}
	for _, w := range ways {
		one := &way{Way: w, rules: paced(w.Channel.Rules(), w.Pace), limits: w.Breaker.With(routing.Usual), pulse: &pulse{}, lane: newLane(chasers)}
		if back, ok := w.Channel.(channel.Refunder); ok {
			one.back, one.backing = back, back.RefundRules()
		}
		if shows, ok := w.Channel.(channel.Presenter); ok {
			one.shows, one.showing = shows, shows.PresentRules()
		}
		if one.AtOnce == 0 {
			one.AtOnce = inFlight
		}
		one.places = &places{slots: make(chan struct{}, one.AtOnce)}
		if was := next.ways[w.Name]; was != nil {
			one.lane = was.lane
			if was.AtOnce == one.AtOnce {
				one.places = was.places
			}
			if was.Number == one.Number {
				one.pulse = was.pulse
			}
		}
		next.ways[w.Name] = one
		next.table.Channels = append(next.table.Channels, routing.Channel{Name: w.Name, Merchant: w.Merchant, Wallet: w.Wallet, Weight: w.Weight,
			Fee: w.Fee, Closed: w.Closed, Shows: one.shows != nil})
	}
	e.roads.Store(next)
}

// paced are a wallet's rules at another pace. When money may still move is not anybody's to change.
func paced(r, pace channel.Rules) channel.Rules {
	for _, f := range []struct{ rule, own *time.Duration }{{&r.CallTimeout, &pace.CallTimeout}, {&r.FirstQuery, &pace.FirstQuery},
		{&r.QueryEvery, &pace.QueryEvery}, {&r.GiveUp, &pace.GiveUp}} {
		if *f.own > 0 {
			*f.rule = *f.own
		}
	}
	return r
}

// way finds a channel by its name; nil when this hub knows none of it.
func (e *Engine) way(name string) *way { return e.roads.Load().ways[name] }

// seat is the right to send one payment over a channel: a place, the breaker's ticket, and the reasons.
type seat struct {
	way      *way
	ticket   routing.Ticket
	decision routing.Decision
	pick     routing.Pick
	left     sync.Once
}

// leave gives place and ticket back, with what the call said of the channel.
func (s *seat) leave(r routing.Result, took time.Duration, at time.Time) {
	s.left.Do(func() {
		<-s.way.places.slots
		s.way.note(s.ticket, r, took, at)
	})
}

func (w *way) note(t routing.Ticket, r routing.Result, took time.Duration, at time.Time) {
	w.pulse.mu.Lock()
	defer w.pulse.mu.Unlock()
	w.pulse.health = w.pulse.health.Note(w.limits, t, r, took, at)
}

func (w *way) ticket(at time.Time) (t routing.Ticket, ok bool) {
	w.pulse.mu.Lock()
	defer w.pulse.mu.Unlock()
	w.pulse.health, t, ok = w.pulse.health.Admit(w.limits, at)
	return t, ok
}

// decide asks the law which channels may take a payment now; those that had it are not asked again.
func (r *roads) decide(q routing.Question, tried []string) routing.Decision {
	d := routing.Decide(q, r.table, func(name string) routing.State {
		w := r.ways[name]
		return routing.State{Drained: w.Drained, Open: w.pulse.now().Refuses(w.limits, q.At)}
	})
	for _, name := range tried {
		d = without(d, name, routing.Tried)
	}
	return d
}

// without takes a channel out of those that are ready.
func without(d routing.Decision, name, why string) routing.Decision {
	var ready []routing.Pick
	for _, p := range d.Ready {
		if p.Channel != name {
			ready = append(ready, p)
		}
	}
	if len(ready) < len(d.Ready) {
		d.Passed = append(append([]routing.Pick{}, d.Passed...), routing.Pick{Channel: name, Why: why})
	}
	d.Ready = ready
	return d
}

// seatNow takes a place on the best channel that has one this moment; nil when none has, with the decision as it then stands.
func (e *Engine) seatNow(q routing.Question, tried []string) (*seat, routing.Decision) {
	all := e.roads.Load()
	d := all.decide(q, tried)
	for _, p := range d.Ready {
		w := all.ways[p.Channel]
		select {
		case w.places.slots <- struct{}{}:
		default:
			continue
		}
		if t, ok := w.ticket(e.Now()); ok {
			return &seat{way: w, ticket: t, pick: p, decision: overtaken(d, p.Channel)}, d
		}
		<-w.places.slots
		d = without(d, p.Channel, routing.BreakerOpen) // another payment is trying it at this moment
	}
	return nil, d
}

// overtaken says of the channels before the one that was taken that they were full.
func overtaken(d routing.Decision, taken string) routing.Decision {
	for len(d.Ready) > 0 && d.Ready[0].Channel != taken {
		d = without(d, d.Ready[0].Channel, routing.Full)
	}
	return d
}

// sit takes a place on the best channel that has one. When all are full it waits for the best one's, for a while and in a bounded
// crowd.
func (e *Engine) sit(ctx context.Context, q routing.Question) (*seat, error) {
	s, d := e.seatNow(q, nil)
	if s != nil {
		return s, nil
	}
	if len(d.Ready) == 0 {
		return nil, closed(q, d)
	}
	p := d.Ready[0]
	w := e.way(p.Channel)
	if !w.places.wait(ctx) {
		return nil, fault.New(fault.Unavailable, "payment.busy", "%s is too busy: nothing was charged, try again", q.Wallet)
	}
	t, ok := w.ticket(e.Now())
	if !ok {
		<-w.places.slots
		return nil, closed(q, without(d, p.Channel, routing.BreakerOpen))
	}
	return &seat{way: w, ticket: t, pick: p, decision: d}, nil
}

func (p *places) wait(ctx context.Context) bool {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > queueMost {
		return false
	}
	timer := time.NewTimer(queueWait)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// closed is why no channel takes a payment: for ever as things are configured, or just now.
func closed(q routing.Question, d routing.Decision) error {
	why := ""
	for _, p := range d.Passed {
		if p.Why != routing.NotInRule && p.Why != routing.Avoided {
			why = routing.Explain(p.Why)
		}
	}
	switch {
	case why != "":
		return fault.New(fault.Unavailable, "payment.channel_out", "%s cannot be taken now (%s): nothing was charged, take another wallet or try again later", q.Wallet, why)
	case len(d.Passed) > 0:
		return fault.New(fault.Invalid, "payment.no_channel", "rule %q leaves %s no channel for this payment: nothing was charged, take another wallet", d.Rule, q.Wallet)
	}
	return fault.New(fault.Invalid, "payment.no_channel", "%s is not set up for this merchant: take another wallet", q.Wallet)
}

// route is the record that is stored with the attempt.
func (s *seat) route(left *routing.Left) string {
	text, err := json.Marshal(routing.RecordOf(s.decision, s.pick, left))
	if err != nil {
		return "" // names and reasons: it cannot be
	}
	return string(text)
}

// said is what the answer to a pay call says of its channel. What kept the call from leaving here says nothing.
func (e *Engine) said(a channel.Answer) routing.Result {
	switch {
	case a.Finding == channel.Busy, e.life.Err() != nil, fault.CodeOf(a.Err) == "hub.lease":
		return routing.Neither
	case a.Finding == channel.Unknown:
		return routing.Failed
	}
	return routing.Answered
}
