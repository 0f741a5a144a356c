package routing

import "time"

// Breaker is whether a channel takes new payments.
type Breaker string

// The states of a breaker.
const (
	Closed   Breaker = "closed"    // all is well
	Open     Breaker = "open"      // too many calls failed: no new payment
	HalfOpen Breaker = "half-open" // a few payments try whether it is well again
)

// Result is what one pay call says of its channel. What the wallet decided about the customer says nothing: a decline is an
// answer like any other.
type Result string

// The results.
const (
	Answered Result = "answered" // the wallet answered, whatever it said
	Failed   Result = "failed"   // no answer, or none that can be believed
	Neither  Result = "neither"  // nothing was learnt of the channel: our own signer was busy, or the call never left
)

// Limits are when a breaker opens and how it closes again.
type Limits struct {
	Failures int           // in the window, at least
	Percent  int           // of its calls, at least
	Window   time.Duration // what is looked at
	OpenFor  time.Duration // the first time; each time it opens again without having closed, twice as long
	OpenMost time.Duration
	Probes   int // payments at a time that try a channel
	Proofs   int // answered ones, one after the other, that close the breaker
}

// Usual are the limits of a channel that says nothing else. A wallet that is away shows by ten calls that time out, which a busy channel
// has within a second; one order's odd fate never opens a breaker.
var Usual = Limits{Failures: 10, Percent: 50, Window: 2 * time.Minute, OpenFor: 10 * time.Second, OpenMost: 5 * time.Minute, Probes: 1, Proofs: 3}

// With fills what is not said from the usual ones.
func (l Limits) With(usual Limits) Limits {
	for _, f := range []struct{ mine, other *int }{{&l.Failures, &usual.Failures}, {&l.Percent, &usual.Percent}, {&l.Probes, &usual.Probes}, {&l.Proofs, &usual.Proofs}} {
		if *f.mine == 0 {
			*f.mine = *f.other
		}
	}
	for _, f := range []struct{ mine, other *time.Duration }{{&l.Window, &usual.Window}, {&l.OpenFor, &usual.OpenFor}, {&l.OpenMost, &usual.OpenMost}} {
		if *f.mine == 0 {
			*f.mine = *f.other
		}
	}
	return l
}

// slices of the window.
const windowParts = 12

type part struct {
	number           int64 // which part of time
	answered, failed int
	took, longest    time.Duration
}

// Health is what the pay calls of one channel under one merchant number say of it. The zero value is a channel nothing is
// known of. It is a value: each step gives the next one.
type Health struct {
	State  Breaker // empty: closed
	Since  time.Time
	Trips  int // how often it opened since it was last well
	Probes int // under way
	Proofs int // answered since it is half open
	parts  [windowParts]part
}

// Ticket is the permission for one pay call; every one that was given is handed back with [Health.Note].
type Ticket struct {
	probe int // of which opening; 0: an ordinary call
}

// Breaker is the state, in words.
func (h Health) Breaker() Breaker {
	if h.State == "" {
		return Closed
	}
	return h.State
}

// Refuses reports that no payment is let through at this moment.
func (h Health) Refuses(l Limits, at time.Time) bool {
	_, _, ok := h.Admit(l, at)
	return !ok
}

// Admit asks to send one new payment. A breaker that was open for long enough is tried again.
func (h Health) Admit(l Limits, at time.Time) (Health, Ticket, bool) {
	switch h.Breaker() {
	case Closed:
		return h, Ticket{}, true
	case Open:
		if at.Before(h.Since.Add(h.openFor(l))) {
			return h, Ticket{}, false
		}
		h.State, h.Since, h.Probes, h.Proofs = HalfOpen, at, 0, 0
	}
	if h.Probes >= l.Probes {
		return h, Ticket{}, false
	}
	h.Probes++
	return h, Ticket{probe: h.Trips}, true
}

func (h Health) openFor(l Limits) time.Duration {
	return min(l.OpenFor<<min(max(0, h.Trips-1), 16), l.OpenMost)
}

// Note takes a ticket back with what the call said. Answers to calls that left before the breaker opened are counted and
// move nothing: only its probes tell whether a channel is well again.
func (h Health) Note(l Limits, t Ticket, r Result, took time.Duration, at time.Time) Health {
	if r != Neither {
		h.count(l, r, took, at)
	}
	switch probe := t.probe != 0 && t.probe == h.Trips; {
	case h.Breaker() == Closed && r == Failed:
		if f := h.Figures(l, at); f.Failed >= l.Failures && f.Failed*100 >= l.Percent*(f.Failed+f.Answered) {
			h.open(at)
		}
	case h.Breaker() == HalfOpen && probe:
		h.Probes--
		switch r {
		case Failed:
			h.open(at)
		case Answered:
			if h.Proofs++; h.Proofs >= l.Proofs {
				h = Health{State: Closed, Since: at} // what failed before counts no more
			}
		}
	}
	return h
}

func (h *Health) open(at time.Time) {
	h.State, h.Since, h.Trips, h.Probes, h.Proofs = Open, at, h.Trips+1, 0, 0
}

func (l Limits) part(at time.Time) int64 {
	return at.UnixNano() / max(1, int64(l.Window/windowParts))
}

func (h *Health) count(l Limits, r Result, took time.Duration, at time.Time) {
	number := l.part(at)
	p := &h.parts[number%windowParts]
	if p.number != number {
		*p = part{number: number}
	}
	if r == Failed {
		p.failed++
		return
	}
	p.answered++
	p.took, p.longest = p.took+took, max(p.longest, took)
}

// Figures are what the window says.
type Figures struct {
	Answered, Failed int
	Mean, Longest    time.Duration // of the answered calls
}

// Figures sums the window up.
func (h Health) Figures(l Limits, at time.Time) (f Figures) {
	newest := l.part(at)
	var took time.Duration
	for _, p := range h.parts {
		if p.number > newest-windowParts && p.number <= newest {
			f.Answered, f.Failed, took, f.Longest = f.Answered+p.answered, f.Failed+p.failed, took+p.took, max(f.Longest, p.longest)
		}
	}
	if f.Answered > 0 {
		f.Mean = took / time.Duration(f.Answered)
	}
	return f
}
