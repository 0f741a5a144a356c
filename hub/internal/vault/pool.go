package vault

import (
	"runtime"
	"sync/atomic"
	"time"

	"cloudcashier/shared/fault"
)

// PoolConfig bounds the signing. Zero values take the defaults.
type PoolConfig struct {
	Workers int           // signatures at once; the number of cores
	Queue   int           // that wait for their turn; 64 for each worker
	MaxAge  time.Duration // from the asking to the answer; 2 s
}

// Pool lets a bounded number of signatures run at once: more would only take memory and a thread each
// from the cores that work. What cannot be answered in time is refused while nothing has been sent.
type Pool struct {
	slots   chan struct{}
	waiting atomic.Int64
	most    int64
	maxAge  time.Duration
	now     func() time.Time
	refused atomic.Int64
	done    atomic.Int64
}

// NewPool makes a pool.
func NewPool(cfg PoolConfig, now func() time.Time) *Pool {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 64 * cfg.Workers
	}
	if cfg.MaxAge <= 0 {
		cfg.MaxAge = 2 * time.Second
	}
	return &Pool{slots: make(chan struct{}, cfg.Workers), most: int64(cfg.Queue), maxAge: cfg.MaxAge, now: now}
}

// Stats are what the pool did.
type Stats struct{ Waiting, Done, Refused int64 }

// Stats counts.
func (p *Pool) Stats() Stats {
	return Stats{Waiting: p.waiting.Load(), Done: p.done.Load(), Refused: p.refused.Load()}
}

// run does work on a worker of the pool. Unavailable "vault.busy": the queue is full, or the turn or
// the answer did not come in time; what such work still yields is thrown away, and its worker is
// taken until it ends.
func (p *Pool) run(work func() ([]byte, error)) ([]byte, error) {
	asked := p.now()
	timer := time.NewTimer(p.maxAge)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}: // a worker is free, so nobody waits: a worker that ends goes to the first who does
	default:
		if err := p.wait(timer); err != nil {
			return nil, err
		}
	}
	if p.now().Sub(asked) >= p.maxAge { // both were ready, or this machine slept
		<-p.slots
		return nil, p.refuse("no signer was free in time")
	}
	type result struct {
		sign []byte
		err  error
	}
	ended := make(chan result, 1)
	go func() {
		sign, err := work()
		<-p.slots
		ended <- result{sign, err}
	}()
	select {
	case r := <-ended:
		p.done.Add(1)
		return r.sign, r.err
	case <-timer.C:
		return nil, p.refuse("the signature did not come in time")
	}
}

// wait takes a place in the queue until a worker is free: first come, first served.
func (p *Pool) wait(timer *time.Timer) error {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.most {
		return p.refuse("too many signatures wait already")
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return p.refuse("no signer was free in time")
	}
}

func (p *Pool) refuse(why string) error {
	p.refused.Add(1)
	return fault.New(fault.Unavailable, "vault.busy", "%s: nothing was sent, try again", why)
}
