// Package counter is merchants' load at the hub's API: real programs, HTTPS, sandbox, hub and customers in a process
// each; callers who come one after the other, and customers who come when they come.
//
// It refuses to flatter: a customer's time begins when he was due, not when somebody was free to serve him, and a
// run whose books differ has no figures. Newcomers get one thing wrong: hub, wallets and customers share the
// processors here. What is the hub's own is its processor time for a payment, and what it does to one at a time.
package counter

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// served is what came of a stretch of load.
type served struct {
	paid   int
	failed int
	first  error // of those that failed
	took   time.Duration
	waited []time.Duration // of each paid one, sorted
}

func (s served) perSecond() float64 { return float64(s.paid) / s.took.Seconds() }

// quantile of the waits, in percent.
func (s served) quantile(percent int) time.Duration {
	if len(s.waited) == 0 {
		return 0
	}
	return s.waited[(len(s.waited)-1)*percent/100]
}

// tally collects what several callers saw.
type tally struct {
	mu sync.Mutex
	served
}

func (t *tally) add(wait time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if t.failed++; t.first == nil {
			t.first = err
		}
		return
	}
	t.paid++
	t.waited = append(t.waited, wait)
}

func (t *tally) end(began time.Time) served {
	t.took = time.Since(began)
	slices.Sort(t.waited)
	return t.served
}

// lines opens so many connections.
func (m *merchant) lines(ctx context.Context, n int) (list []*line, hangUp func(), err error) {
	hangUp = func() {
		for _, l := range list {
			l.conn.Close()
		}
	}
	for range n {
		l, err := m.dial(ctx)
		if err != nil {
			hangUp()
			return nil, func() {}, err
		}
		list = append(list, l)
	}
	return list, hangUp, nil
}

// closed has callers collect one payment after the other for a while: what they get is the most there is.
func (m *merchant) closed(ctx context.Context, callers int, span time.Duration) (served, error) {
	list, hangUp, err := m.lines(ctx, callers)
	defer hangUp()
	if err != nil {
		return served{}, err
	}
	var t tally
	var wg sync.WaitGroup
	began := time.Now()
	for _, l := range list {
		wg.Go(func() {
			for ctx.Err() == nil && time.Since(began) < span {
				at := time.Now()
				err := l.pay(m.customer())
				t.add(time.Since(at), err)
				if err != nil && !errors.Is(err, errNotPaid) {
					return // the connection is of no use any more
				}
			}
		})
	}
	wg.Wait()
	return t.end(began), ctx.Err()
}

// open has customers arrive at a rate, whoever is served by then: gaps as of people who know nothing of each other, from a seed.
func (m *merchant) open(ctx context.Context, rate float64, span time.Duration, seed uint64) (served, error) {
	const tills = 256 // connections; who finds none free waits for one, and that is his wait
	list, hangUp, err := m.lines(ctx, tills)
	defer hangUp()
	if err != nil {
		return served{}, err
	}
	due := arrivals(rate, span, seed)
	came := make(chan time.Time, len(due)) // never full: whoever comes is let in
	var t tally
	var wg sync.WaitGroup
	for _, l := range list {
		wg.Go(func() {
			for at := range came {
				err := l.pay(m.customer())
				t.add(time.Since(at), err)
				if err != nil && !errors.Is(err, errNotPaid) {
					return
				}
			}
		})
	}
	began := time.Now()
	for _, after := range due {
		at := began.Add(after)
		if wait := time.Until(at); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		came <- at
	}
	close(came)
	wg.Wait()
	for range came { // all lines are broken
		t.add(0, errNobody)
	}
	return t.end(began), ctx.Err()
}

var errNobody = errors.New("nobody was left to serve")

// arrivals are moments from the start, exponential gaps with the mean of the rate.
func arrivals(rate float64, span time.Duration, seed uint64) (due []time.Duration) {
	chance := rand.New(rand.NewPCG(seed, 0))
	for at := time.Duration(0); ; {
		at += time.Duration(chance.ExpFloat64() / rate * float64(time.Second))
		if at >= span {
			return due
		}
		due = append(due, at)
	}
}
