package routing_test

import (
	"math/rand/v2"
	"testing"
	"time"

	. "cloudcashier/hub/internal/routing"
)

var tight = Limits{Failures: 3, Percent: 50, Window: time.Minute, OpenFor: 10 * time.Second, OpenMost: 60 * time.Second, Probes: 1, Proofs: 2}

func inState(s Breaker) (h Health, probe Ticket, at time.Time) {
	at = noon
	if s == Closed {
		return h, probe, at
	}
	for range tight.Failures {
		_, t, _ := h.Admit(tight, at)
		h = h.Note(tight, t, Failed, time.Second, at)
	}
	if s == Open {
		return h, probe, at
	}
	at = at.Add(tight.OpenFor)
	h, probe, _ = h.Admit(tight, at)
	return h, probe, at
}

// TestTheBreakersTable is every state against everything that can happen to it.
func TestTheBreakersTable(t *testing.T) {
	late := Ticket{} // of a call that left while the breaker was closed
	for _, c := range []struct {
		from  Breaker
		what  string
		do    func(h Health, probe Ticket, at time.Time) Health
		want  Breaker
		takes bool // a payment is let through afterwards, at the same moment
	}{
		{Closed, "nothing", func(h Health, _ Ticket, _ time.Time) Health { return h }, Closed, true},
		{Closed, "answered", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Answered, 1, at) }, Closed, true},
		{Closed, "failed once", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Failed, 1, at) }, Closed, true},
		{Closed, "neither", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Neither, 1, at) }, Closed, true},
		{Closed, "failed enough", func(h Health, _ Ticket, at time.Time) Health {
			for range 3 {
				h = h.Note(tight, late, Failed, 1, at)
			}
			return h
		}, Open, false},
		{Closed, "failed enough, but not half of all", func(h Health, _ Ticket, at time.Time) Health {
			for range 4 {
				h = h.Note(tight, late, Answered, 1, at)
			}
			for range 3 {
				h = h.Note(tight, late, Failed, 1, at)
			}
			return h
		}, Closed, true},
		{Closed, "failed enough, but long ago", func(h Health, _ Ticket, at time.Time) Health {
			for i := range 6 {
				h = h.Note(tight, late, Failed, 1, at.Add(time.Duration(i)*31*time.Second))
			}
			return h
		}, Closed, true},
		{Closed, "neither, many times", func(h Health, _ Ticket, at time.Time) Health {
			for range 100 {
				h = h.Note(tight, late, Neither, 1, at)
			}
			return h
		}, Closed, true},
		{Open, "answered late", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Answered, 1, at) }, Open, false},
		{Open, "failed late", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Failed, 1, at) }, Open, false},
		{Open, "neither late", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Neither, 1, at) }, Open, false},
		{Open, "asked too early", func(h Health, _ Ticket, at time.Time) Health {
			h, _, _ = h.Admit(tight, at.Add(tight.OpenFor-1))
			return h
		}, Open, false},
		{Open, "asked in time", func(h Health, _ Ticket, at time.Time) Health {
			h, _, _ = h.Admit(tight, at.Add(tight.OpenFor))
			return h
		}, HalfOpen, false},
		{HalfOpen, "a second probe", func(h Health, _ Ticket, at time.Time) Health { h, _, _ = h.Admit(tight, at); return h }, HalfOpen, false},
		{HalfOpen, "the probe answered", func(h Health, p Ticket, at time.Time) Health { return h.Note(tight, p, Answered, 1, at) }, HalfOpen, true},
		{HalfOpen, "two probes answered", func(h Health, p Ticket, at time.Time) Health {
			h = h.Note(tight, p, Answered, 1, at)
			h, p, _ = h.Admit(tight, at)
			return h.Note(tight, p, Answered, 1, at)
		}, Closed, true},
		{HalfOpen, "the probe failed", func(h Health, p Ticket, at time.Time) Health { return h.Note(tight, p, Failed, 1, at) }, Open, false},
		{HalfOpen, "the probe told nothing", func(h Health, p Ticket, at time.Time) Health { return h.Note(tight, p, Neither, 1, at) }, HalfOpen, true},
		{HalfOpen, "answered late", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Answered, 1, at) }, HalfOpen, false},
		{HalfOpen, "failed late", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Failed, 1, at) }, HalfOpen, false},
		{HalfOpen, "neither late", func(h Health, _ Ticket, at time.Time) Health { return h.Note(tight, late, Neither, 1, at) }, HalfOpen, false},
		{HalfOpen, "a probe of an opening before", func(h Health, p Ticket, at time.Time) Health {
			h = h.Note(tight, p, Failed, 1, at) // opens again
			h, _, _ = h.Admit(tight, at.Add(2*tight.OpenFor))
			return h.Note(tight, p, Answered, 1, at)
		}, HalfOpen, false},
	} {
		h, probe, at := inState(c.from)
		if h.Breaker() != c.from {
			t.Fatalf("a breaker could not be brought to %s: %s", c.from, h.Breaker())
		}
		h = c.do(h, probe, at)
		if h.Breaker() != c.want || h.Refuses(tight, at) == c.takes {
			t.Errorf("%s, %s: %s, takes a payment %v; want %s, %v", c.from, c.what, h.Breaker(), !h.Refuses(tight, at), c.want, c.takes)
		}
	}
}

// TestItStaysOpenLongerEachTime, up to the most; once it was well it begins anew.
func TestItStaysOpenLongerEachTime(t *testing.T) {
	h, p, at := inState(HalfOpen)
	for _, want := range []time.Duration{20, 40, 60, 60} {
		h = h.Note(tight, p, Failed, 1, at)
		wait := want * time.Second
		if _, _, ok := h.Admit(tight, at.Add(wait-1)); ok {
			t.Fatalf("tried again before %v", wait)
		}
		at = at.Add(wait)
		var ok bool
		if h, p, ok = h.Admit(tight, at); !ok {
			t.Fatalf("not tried again after %v", wait)
		}
	}
	for range tight.Proofs {
		h = h.Note(tight, p, Answered, 1, at)
		h, p, _ = h.Admit(tight, at)
	}
	if h.Breaker() != Closed || h.Trips != 0 {
		t.Fatalf("well again, and %s after %d openings", h.Breaker(), h.Trips)
	}
	for range tight.Failures {
		h = h.Note(tight, Ticket{}, Failed, 1, at)
	}
	if _, _, ok := h.Admit(tight, at.Add(tight.OpenFor)); !ok {
		t.Error("what it did before it was well counts still")
	}
}

// TestPropertiesOfHealth: whatever comes in whatever order, declines (answers) alone never open a breaker, probes stay bounded, and
// a channel that answers is open to payments in the end.
func TestPropertiesOfHealth(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 7))
		l := Limits{Failures: 1 + rng.IntN(5), Percent: 1 + rng.IntN(100), Window: time.Minute, OpenFor: time.Second, OpenMost: 30 * time.Second, Probes: 1 + rng.IntN(3), Proofs: 1 + rng.IntN(3)}
		broken := seed%4 != 0
		var h Health
		var out []Ticket
		at := noon
		for range 400 {
			at = at.Add(time.Duration(rng.IntN(2000)) * time.Millisecond)
			if rng.IntN(2) == 0 {
				next, ticket, ok := h.Admit(l, at)
				if ok {
					out = append(out, ticket)
				} else if next != h {
					t.Fatalf("seed %d: a refusal changed something", seed)
				}
				h = next
			} else if n := len(out); n > 0 {
				i := rng.IntN(n)
				r := Answered
				if broken && rng.IntN(2) == 0 {
					r = Failed
				}
				if rng.IntN(5) == 0 {
					r = Neither
				}
				h = h.Note(l, out[i], r, time.Millisecond, at)
				out = append(out[:i], out[i+1:]...)
			}
			if h.Probes < 0 || h.Probes > l.Probes {
				t.Fatalf("seed %d: %d probes under way", seed, h.Probes)
			}
			if !broken && h.Breaker() != Closed {
				t.Fatalf("seed %d: answers opened the breaker", seed)
			}
		}
		for _, ticket := range out {
			h = h.Note(l, ticket, Answered, time.Millisecond, at)
		}
		for range l.Proofs + 1 {
			at = at.Add(l.OpenMost)
			next, ticket, ok := h.Admit(l, at)
			if !ok {
				t.Fatalf("seed %d: %s for ever", seed, h.Breaker())
			}
			h = next.Note(l, ticket, Answered, time.Millisecond, at)
		}
		if h.Breaker() != Closed {
			t.Fatalf("seed %d: %s after it answered", seed, h.Breaker())
		}
	}
}

func TestFigures(t *testing.T) {
	var h Health
	for i := range 10 {
		h = h.Note(tight, Ticket{}, Answered, time.Duration(i+1)*time.Millisecond, noon)
	}
	h = h.Note(tight, Ticket{}, Failed, 10*time.Second, noon.Add(30*time.Second))
	if f := h.Figures(tight, noon.Add(30*time.Second)); f != (Figures{Answered: 10, Failed: 1, Mean: 5500 * time.Microsecond, Longest: 10 * time.Millisecond}) {
		t.Errorf("%+v", f)
	}
	if f := h.Figures(tight, noon.Add(61*time.Second)); f != (Figures{Failed: 1}) {
		t.Errorf("a minute later: %+v", f)
	}
}
