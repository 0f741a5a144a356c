// Package engine carries payments out: it loads, asks the law, stores, and only then acts.
//
// Every step is one transaction, and no wallet is called inside one; the hub's own stored value is none,
// and is booked in the transaction that takes its payment in. What must be said to a
// terminal or a merchant leaves as a row of that same transaction; doors read it from there. The
// engine refuses to guess: an answer it does not get, a panic, a restart in the middle of a call,
// all leave the payment unknown, and the schedule asks again. One engine leads on a database; one
// that was replaced writes nothing more and ends. Newcomers get one thing wrong: the
// payment code lives in memory only, so a call whose outcome is unknown is never repeated, not
// even by accident.
package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// Deps is what the engine stands on.
type Deps struct {
	Store   *store.Store
	Node    string // this hub's name among those that may take over this database
	Ways    []Way
	Routes  routing.Table    // the rules between them; its channels are the ways
	CodeKey []byte           // keys the digests of payment codes
	Now     func() time.Time // with a monotonic reading, which the engine's own time goes by
	IDs     *id.Source
	Log     *slog.Logger
	Told    func(terminal string) // something was written for a terminal; must not block
}

// Engine is the payments' engine. It is safe for concurrent use.
type Engine struct {
	Deps
	roads   atomic.Pointer[roads]
	orphans *lane         // of payments whose channel nobody knows
	copying chan struct{} // a place for each message of a till's journal being stored
	clock   *clock        // what Now gives here
	agenda  *agenda
	paid    *watches[payment.Payment] // who waits for a payment
	given   *watches[payment.Refund]  // and for a refund
	wanted  turns                     // who asks the wallet because somebody wants to know at once
	life    context.Context           // ends when Run's does; calls outlive the request that began them
	die     context.CancelFunc
	since   atomic.Int64 // when this hub began to lead, Unix ns by our clock
	leads   atomic.Int64 // until when our lease holds, Unix ns by our clock; 0: this hub does not lead yet
	calls   sync.WaitGroup

	renewing  sync.Mutex  // held by a call that found the lease run out
	rerouting sync.Mutex  // held while the channels are changed
	stopping  atomic.Bool // nothing new is begun

	mu     sync.Mutex
	active map[string]bool     // payments and refunds with a call in flight; true: a step came due meanwhile
	codes  map[string]pay.Code // codes of payments whose pay call may be sent again (the wallet was busy)
	trips  map[string]*trip    // of payments whose pay call has no answer yet, or may be sent again
}

// New makes an engine; nothing runs before Run.
func New(d Deps) *Engine {
	e := &Engine{Deps: d, orphans: newLane(chasers), copying: make(chan struct{}, copyings), agenda: newAgenda(),
		paid: newWatches[payment.Payment](), given: newWatches[payment.Refund](), wanted: turns{next: map[string]time.Time{}}, active: map[string]bool{}, codes: map[string]pay.Code{}, trips: map[string]*trip{}}
	e.clock = newClock(d.Now)
	e.Now = e.clock.now
	e.Reroute(d.Ways, d.Routes)
	e.life, e.die = context.WithCancel(context.Background())
	return e
}

// Run leads, takes up the work an earlier hub left, and keeps the schedule until ctx ends; then it
// waits for the calls in flight, so that each still learns its answer or its timeout, and hands the
// lease on. It ends with an error at once when another hub took over.
func (e *Engine) Run(ctx context.Context) error {
	defer e.die()
	if err := e.Lead(ctx); err != nil {
		return err
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	leading, handOn := context.WithCancel(context.WithoutCancel(ctx))
	defer handOn()
	kept := make(chan error, 1)
	go func() {
		err := e.keep(leading)
		if err != nil {
			e.die() // an answer could not be stored any more
			stop()
		}
		kept <- err
	}()
	err := e.work(work)
	e.stopping.Store(true)
	e.calls.Wait()
	handOn()
	return errors.Join(err, <-kept)
}

// work takes up the stored work and does what falls due until ctx ends.
func (e *Engine) work(ctx context.Context) error {
	if err := e.resume(); err != nil {
		return err
	}
	for {
		if !e.agenda.wait(ctx, e.Now) {
			return nil
		}
		for _, entity := range e.agenda.take(e.Now()) {
			e.pursue(entity)
		}
	}
}

// resume reads the schedule from the store. A call found begun may have reached the wallet: the
// law is told that its answer is lost.
func (e *Engine) resume() error {
	var work []store.Work
	turn := e.agenda.turn() // before the look: what is decided meanwhile is newer
	if err := e.Store.View(func(tx *store.Tx) (err error) { work, err = tx.AllWork(); return err }); err != nil {
		return err
	}
	for _, w := range work {
		if !w.Begun {
			e.agenda.put(w.Entity, w.Due, turn)
			continue
		}
		if err := e.relic(w.Entity); err != nil {
			return err
		}
	}
	return nil
}

// relic tells the law that a call of an earlier run lost its answer. One that this run took in
// before it looked has a call of its own in flight, or one that has ended: neither is a relic.
func (e *Engine) relic(entity string) error {
	if !e.enter(entity) {
		return nil
	}
	defer e.leave(entity)
	now := e.Now()
	return e.Store.Update(func(tx *store.Tx) error {
		begun, err := tx.Begun(entity)
		if err != nil || !begun {
			return err
		}
		return e.lose(tx, entity, "restart", now)
	})
}

// lose tells the law of payments, or that of refunds, that a call's answer will not come.
func (e *Engine) lose(tx *store.Tx, entity, cause string, now time.Time) error {
	if isRefund(entity) {
		r, err := tx.Refund(entity)
		if err == nil {
			_, err = e.applyRefund(tx, r, cause, payment.RefundEvent{Kind: payment.RefundLose}, now)
		}
		return err
	}
	p, err := tx.PaymentOf(entity)
	if err == nil {
		_, err = e.apply(tx, p, cause, payment.Event{Kind: payment.Lose}, now)
	}
	return err
}

// Depth is how many payments and refunds wait for a step.
func (e *Engine) Depth() int { return e.agenda.depth() }

// spawn runs do on a goroutine that Run waits for. A panic in it is an answer that was lost: the
// payment or refund turns unknown and is asked about.
func (e *Engine) spawn(entity string, do func()) {
	e.calls.Go(func() {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			e.Log.Error("a step panicked", logs.Payment, entity, logs.Err, v, "stack", string(debug.Stack()))
			e.arrive(entity)
			now := e.Now()
			if err := e.Store.Update(func(tx *store.Tx) error { return e.lose(tx, entity, "panic", now) }); err != nil {
				e.storageTrouble(entity, err)
			}
		}()
		do()
	})
}

// digest names a payment code without keeping it.
func (e *Engine) digest(c pay.Code) []byte {
	mac := hmac.New(sha256.New, e.CodeKey)
	mac.Write([]byte(c.Reveal()))
	return mac.Sum(nil)
}

// enter claims a payment or refund for one call; false when one is in flight.
func (e *Engine) enter(entity string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, busy := e.active[entity]; busy {
		return false
	}
	e.active[entity] = false
	return true
}

// later has a step that found a call in flight taken again when the call has ended: the next step
// may come due between the call's commit and its end, and must not be lost.
func (e *Engine) later(entity string) {
	e.mu.Lock()
	if _, busy := e.active[entity]; busy {
		e.active[entity] = true
		e.mu.Unlock()
		return
	}
	e.mu.Unlock()
	e.agenda.put(entity, e.Now(), e.agenda.turn())
}

func (e *Engine) leave(entity string) {
	e.mu.Lock()
	missed := e.active[entity]
	delete(e.active, entity)
	e.mu.Unlock()
	if missed {
		e.agenda.put(entity, e.Now(), e.agenda.turn())
	}
}

func (e *Engine) keepCode(paymentID string, c pay.Code) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.IsZero() {
		delete(e.codes, paymentID)
	} else {
		e.codes[paymentID] = c
	}
}

func (e *Engine) code(paymentID string) pay.Code {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.codes[paymentID]
}
