package engine

import (
	"context"
	"time"

	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
)

// Bounds of the lease.
const (
	leaseLife  = 15 * time.Second // a hub that is silent for so long may be replaced; three missed renewals
	leaseRenew = 5 * time.Second
	leaseLook  = time.Second // how often a standby looks; it writes nothing
)

// Lead waits until this hub may write, and from then on every write is fenced: refused once another
// hub took over. Doors open after it. A node's own earlier lease is taken over at once, another's
// when it has expired by this hub's clock, was handed on, or was not renewed for its whole life while this
// hub watched, whatever the clocks say.
func (e *Engine) Lead(ctx context.Context) error {
	if e.leads.Load() != 0 {
		return nil
	}
	var seen store.Lease
	var since time.Time // when it was first seen as it is
	for waiting := false; ; waiting = true {
		at := e.Now()
		if waiting && at.Sub(since) > leaseLife {
			at = seen.Expires
		}
		lease, err := e.Store.Claim(e.Node, at, leaseLife)
		if lease != seen {
			seen, since = lease, e.Now()
		}
		if err == nil {
			e.clock.notBefore(lease.Expires.Add(-leaseLife))
			e.since.Store(e.Now().UnixNano())
			e.leads.Store(lease.Expires.UnixNano())
			e.Log.Info("this hub leads", "node", e.Node, "epoch", lease.Epoch)
			return nil
		}
		if fault.CodeOf(err) != "hub.standby" {
			return err
		}
		if !waiting {
			e.Log.Info("this hub stands by", "node", e.Node, "why", fault.MessageOf(err))
		}
		timer := time.NewTimer(leaseLook)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// keep renews the lease until ctx ends, then hands it on. An error means that another hub took over
// or that storage failed: this one must end.
func (e *Engine) keep(ctx context.Context) error {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return e.Store.Extend(e.Now())
		case <-e.Store.Fenced(): // a step's write was refused; ours will say it better
		case <-tick.C:
		}
		if err := e.renew(); err != nil {
			return err
		}
	}
}

// renew makes the lease last a whole life from now.
func (e *Engine) renew() error {
	expires := e.Now().Add(leaseLife)
	if err := e.Store.Extend(expires); err != nil {
		return err
	}
	e.leads.Store(expires.UnixNano())
	return nil
}

// mayCall refuses a wallet call of a hub that was replaced: one that was stopped between writing
// "begun" and calling, say. While the lease lasts by our own clock nobody can have replaced us; when it
// has run out, a renewal says so: it is stored only if nobody did. That spares a machine too busy to
// renew in time from refusing its customers.
func (e *Engine) mayCall() error {
	if e.lasts() {
		return nil
	}
	e.renewing.Lock() // many calls find it out at once; one renews for all
	defer e.renewing.Unlock()
	if e.lasts() {
		return nil
	}
	if err := e.renew(); err != nil {
		return fault.Wrap(err, fault.InDoubt, "hub.lease", "this hub's lease ran out before the call left")
	}
	return nil
}

func (e *Engine) lasts() bool { return e.Now().UnixNano() < e.leads.Load() }
