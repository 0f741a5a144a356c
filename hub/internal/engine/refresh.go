package engine

import (
	"context"
	"sync"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/pay"
)

// Bounds of asking a wallet because somebody wants to know at once: wallets limit us, and people are impatient.
const (
	wantedApart = time.Second     // between two questions about one payment
	wantedWait  = 3 * time.Second // how long one waits for his turn
)

// turns hands out moments at which a wallet may be asked about a payment.
type turns struct {
	mu   sync.Mutex
	next map[string]time.Time // the first moment that is free
}

// turn gives how long to wait; false when too many wait already.
func (t *turns) turn(entity string, now time.Time) (pause time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.next) > 1000 {
		for of, free := range t.next {
			if free.Before(now) {
				delete(t.next, of)
			}
		}
	}
	pause = max(0, t.next[entity].Sub(now))
	if pause > wantedWait {
		return 0, false
	}
	t.next[entity] = now.Add(pause + wantedApart)
	return pause, true
}

// Refresh asks the wallet now, also about a payment that is final, and gives what is known then. It waits for its
// turn, once a second for each payment, and then no longer than one call may take; who comes while three wait
// gets what is known.
func (e *Engine) Refresh(ctx context.Context, merchant, paymentID string) (payment.Payment, error) {
	p, err := e.Payment(ctx, merchant, paymentID)
	if err != nil || p.Attempt.Sent.IsZero() {
		return p, err
	}
	pause, ok := e.wanted.turn(paymentID, e.Now())
	if !ok {
		return p, nil
	}
	if pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return p, nil
		}
	}
	if !e.enter(paymentID) {
		return e.Payment(ctx, merchant, paymentID) // a call is in flight: its answer is as fresh
	}
	if p, err = e.Payment(ctx, merchant, paymentID); err != nil { // as it is now that no other call changes it
		e.leave(paymentID)
		return p, err
	}
	done := make(chan struct{})
	e.spawn(paymentID, func() {
		defer close(done)
		defer e.leave(paymentID)
		e.perform(p, payment.TaskAsk, pay.Code{})
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
	return e.Payment(ctx, merchant, paymentID)
}
