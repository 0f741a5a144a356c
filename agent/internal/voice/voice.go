// Package voice announces money that arrived: "微信收款到账十二点八元". It follows the event log with a
// cursor of its own, as the printer does, and speaks through a local player, a speaker on the network, or both.
//
// It refuses to speak of what is not stored as paid, to say anything twice, and to say anything late: a
// voice that comes when the next customer stands at the counter makes that one look paid. So what was
// under way when the agent started is never announced, nor what is older than [Life], and when in doubt
// it is silent: the screen and the paper tell the same. Newcomers get one thing wrong: the cursor is not
// kept over a restart, on purpose. It begins at the newest event, so that a crash in mid-sentence cannot
// make anybody hear a payment twice.
package voice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/announce"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

const (
	// Life is how long after its result was stored a payment may be announced.
	Life = 30 * time.Second
	// waitMost is how long a customer stands at the counter for a result, from the scan: what takes longer
	// than a code that we show lives, and the hub's asking after it, is no news for whoever stands there then.
	waitMost = 3 * time.Minute
	// boxSize bounds what waits for an output: a till has one customer at a time.
	boxSize  = 4
	feedMost = 20 // payments looked at in one go
)

// Deps are what the package needs from the world. Changed must not block.
type Deps struct {
	Now     func() time.Time
	Log     *slog.Logger
	Journal *store.Store
	Changed func(api.Voice)
}

// news is what an output says.
type news struct {
	id     string
	wallet pay.Wallet // [announce.Test]: this is a test
	amount money.Amount
	at     time.Time
	done   chan<- error // of a test: hears how it ended; it has room
}

func (n news) test() bool { return n.wallet == announce.Test }

// output makes a payment heard. say returns when it was, or cannot be.
type output interface {
	say(ctx context.Context, n news) error
}

// mouth is an output with what waits for it.
type mouth struct {
	name string
	output
	box chan news
}

// Voice is the till's voice.
type Voice struct {
	Deps
	mouths []*mouth
	since  int64 // the newest event when the agent started
	kick   chan struct{}

	mu      sync.Mutex // guards what follows
	state   api.Voice
	trouble map[string]string // by mouth: why its last announcement was not heard
}

// New makes the voice. What stands in the journal by now is no news to it.
func New(c Config, d Deps) (*Voice, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	v := &Voice{Deps: d, kick: make(chan struct{}, 1), state: api.Voice{State: api.VoiceReady}, trouble: map[string]string{}}
	add := func(name string, o output) { v.mouths = append(v.mouths, &mouth{name, o, make(chan news, boxSize)}) }
	if c.Player != "" {
		add("player", newPlayer(c))
		if _, err := compose(c.Clips, Clips()); c.Clips != "" && err != nil { // better now than at the first payment
			v.trouble["player"] = fault.MessageOf(err)
		}
	}
	if c.Speaker != "" {
		s, err := newSpeaker(c, d.Now)
		if err != nil {
			return nil, err
		}
		add("speaker", s)
	}
	v.weigh(&v.state)
	return v, d.Journal.View(func(tx *store.Tx) (err error) {
		v.since, err = tx.EventHead()
		return err
	})
}

// Look tells the voice that the journal has grown. It never blocks.
func (v *Voice) Look() {
	select {
	case v.kick <- struct{}{}:
	default:
	}
}

// State tells how the voice is.
func (v *Voice) State() api.Voice {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state
}

// tell changes the state, and says so when that is news.
func (v *Voice) tell(change func(*api.Voice)) {
	v.mu.Lock()
	before := v.state
	change(&v.state)
	after := v.state
	v.mu.Unlock()
	if after != before {
		v.Changed(after)
	}
}

// Run speaks until ctx ends or the journal fails.
func (v *Voice) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, m := range v.mouths {
		work.Go(func() { v.serve(ctx, m) })
	}
	for through := v.since; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-v.kick:
		}
		var err error
		if through, err = v.feed(through); err != nil {
			return err
		}
	}
}

// feed hands on what arrived since it last looked, and moves the cursor before anybody speaks.
func (v *Voice) feed(after int64) (through int64, err error) {
	for through = after; ; {
		var list []store.Arrival
		if err := v.Journal.View(func(tx *store.Tx) (err error) {
			list, through, err = tx.Arrivals(through, v.since, feedMost)
			return err
		}); err != nil {
			return through, err
		}
		for _, a := range list {
			n := news{id: a.PaymentID, wallet: a.Wallet, amount: a.Amount, at: a.At}
			if waited := a.At.Sub(a.Begun); waited < 0 || waited > waitMost {
				v.Log.Info("not announced: the customer has left", logs.Sale, a.Sale)
				v.tell(func(s *api.Voice) { s.Missed += len(v.mouths) })
				continue
			}
			for _, m := range v.mouths {
				select {
				case m.box <- n:
				default:
					v.Log.Warn("not announced: too much waits", "output", m.name, logs.Sale, a.Sale)
					v.tell(func(s *api.Voice) { s.Missed++ })
				}
			}
		}
		if len(list) < feedMost {
			return through, nil
		}
	}
}

// serve says what comes for one output until ctx ends.
func (v *Voice) serve(ctx context.Context, m *mouth) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-m.box:
			err := v.speak(ctx, m, n)
			if n.done != nil {
				n.done <- err
			}
		}
	}
}

// speak says one thing, if it is still news. A mistake in here costs its announcement and no more.
func (v *Voice) speak(ctx context.Context, m *mouth, n news) (err error) {
	defer func() {
		if what := recover(); what != nil {
			v.Log.Error("the voice panicked", "output", m.name, logs.Err, what, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "voice.panic", "the voice failed: see the agent's log")
		}
		v.note(ctx, m, n, err)
	}()
	if age := v.Now().Sub(n.at); age < 0 || age > Life { // set back, the clock makes a payment look fresh for hours
		return fault.New(fault.Unavailable, "voice.late", "it would have come %s after the payment", age.Round(time.Second))
	}
	return m.say(ctx, n)
}

// note counts what became of an announcement.
func (v *Voice) note(ctx context.Context, m *mouth, n news, err error) {
	if err != nil && ctx.Err() != nil {
		return // the agent is stopping
	}
	if err != nil {
		v.Log.Warn("not announced", "output", m.name, logs.Payment, n.id, logs.Err, err)
	} else {
		v.Log.Info("announced", "output", m.name, logs.Payment, n.id)
	}
	v.tell(func(s *api.Voice) {
		switch {
		case err != nil && !n.test():
			s.Missed++
		case err == nil && !n.test():
			s.Said++
		}
		delete(v.trouble, m.name)
		if err != nil {
			v.trouble[m.name] = fault.MessageOf(err)
		}
		v.weigh(s)
	})
}

// weigh tells what is wrong with the outputs together. The caller holds the lock.
func (v *Voice) weigh(s *api.Voice) {
	s.State, s.Message = api.VoiceReady, ""
	for _, m := range v.mouths {
		if why := v.trouble[m.name]; why != "" {
			s.State, s.Message = api.VoiceTrouble, m.name+": "+why
		}
	}
}

// Test has each output say that this is a test, and waits until it did.
func (v *Voice) Test(ctx context.Context) error {
	now := v.Now()
	ended := make(chan error, len(v.mouths))
	for _, m := range v.mouths {
		select {
		case m.box <- news{id: fmt.Sprintf("test_%d", now.UnixMilli()), wallet: announce.Test, at: now, done: ended}:
		default:
			return fault.New(fault.Unavailable, "voice.busy", "the %s is still busy with earlier announcements", m.name)
		}
	}
	var all []error
	for range v.mouths {
		select {
		case err := <-ended:
			all = append(all, err)
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "voice.hangs", "it was not said in time: look at the player and at the speaker")
		}
	}
	return errors.Join(all...)
}
