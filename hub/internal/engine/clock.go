package engine

import (
	"sync/atomic"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
)

// clock is the engine's own time. Its schedule lives by how much time has passed: since a call left, since an
// attempt was undone. A wall clock that is set would say "a day" after a second, so that "no such order" is
// proof while the request still travels; or, set back, it would leave every payment alone for a day. So
// this one starts where the wall clock stands, goes on by the monotonic reading, and never begins before
// the time that stands in the books already.
type clock struct {
	wall  func() time.Time
	start time.Time // a reading of wall

	ahead atomic.Int64 // ns, of where it would be by that reading
}

func newClock(wall func() time.Time) *clock { return &clock{wall: wall, start: wall()} }

func (c *clock) now() time.Time { return c.at(c.wall()) }

// at is this clock's time at a reading of the wall clock.
func (c *clock) at(reading time.Time) time.Time {
	return c.start.Add(reading.Sub(c.start) + time.Duration(c.ahead.Load()))
}

// vouched is a payment as far as this run of the hub can vouch for the time that has passed: what happened
// before it led counts from then. Who knows what was done to the clock while no hub, or another, ran: "no
// such order" must not become proof, nor a look at an undone attempt be taken, because a date jumped.
func (e *Engine) vouched(p payment.Payment) payment.Payment {
	since := time.Unix(0, e.since.Load())
	for _, at := range []*time.Time{&p.Attempt.Sent, &p.Attempt.Settled} {
		if !at.IsZero() && at.Before(since) {
			*at = since
		}
	}
	return p
}

// vouchedRefund is the same for a refund: a sending of an earlier run may still arrive.
func (e *Engine) vouchedRefund(r payment.Refund) payment.Refund {
	if since := time.Unix(0, e.since.Load()); !r.Stray.IsZero() && r.Stray.Before(since) {
		r.Stray = since
	}
	return r
}

// plan is the payment's next call, its looks by the time that this run can vouch for.
func (e *Engine) plan(p payment.Payment, rules channel.Rules) (payment.Task, time.Time) {
	p.Attempt.Settled = e.vouched(p).Attempt.Settled
	return payment.Plan(p, rules)
}

// notBefore sets the clock forward to a moment that has been before.
func (c *clock) notBefore(past time.Time) {
	behind := past.Sub(c.now().Round(0))
	if behind > 0 {
		c.ahead.Add(int64(behind))
	}
}

// outside is a moment of this clock as others' clocks should show it, when ours is right.
func (c *clock) outside(moment time.Time) time.Time {
	reading := c.wall()
	return reading.Round(0).Add(moment.Round(0).Sub(c.at(reading).Round(0)))
}
