// Package hublink is the till's connection to the hub: it carries what the till's journal holds for
// the hub, and hands the journal what the hub says.
//
// It keeps nothing that matters. MQTT is a transport here, not a queue: every connection is a fresh
// client with a clean session, and what counts are the numbers and acknowledgements inside the
// signed messages of package wire. A message of the till is sent again until the till no longer
// lists it; a message of the hub is acknowledged when the till has stored it, delivered once, and in
// order. Behind them the hub gets a copy of the journal's events, as far as its own word says that it
// has none. Messages that the hub did not sign are refused, as are those that skip a number.
//
// Newcomers get one thing wrong: a successful publish, even one that MQTT acknowledged, is no answer.
// Only the hub's own message about the sale is, and only the till knows whether it came.
package hublink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/agent/internal/identity"
	"cloudcashier/agent/internal/pulse"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/ticket"
	"cloudcashier/shared/wire"
)

// Message is one durable message the till wants the hub to have. It stays in Outgoing until the
// hub's own answer removes it there.
type Message struct {
	Seq  uint64 // from 1, in the order they were stored
	Kind wire.Kind
	Body any       // one of package wire's structs
	Exp  time.Time // by the till's clock, translated into the hub's on the way; zero: none
}

// Till is the journal's side of the link. It is only called from within Run, one call at a time.
type Till interface {
	// Outgoing lists what the hub has not answered, in the order it is to be sent.
	Outgoing() []Message
	// Leaving is asked right before a message is sent, each time it is; false keeps it here.
	Leaving(seq uint64) bool
	// Receive stores one message of the hub: a numbered one, or "skipped", which says that some never
	// will come. An error means that the journal failed and ends Run.
	Receive(e wire.Envelope) error
	// DownSeq is the highest Seq of the hub that is stored, with all below it.
	DownSeq() uint64
}

// State is how the link stands.
type State struct {
	Up      bool          // the hub has greeted us
	Since   time.Time     // when Up changed
	Message string        // for people: why it is down and what to do
	Offset  time.Duration // the hub's clock minus ours
}

// Deps is what the link needs from the composition root.
type Deps struct {
	Now     func() time.Time
	Log     *slog.Logger
	Records Records    // what the hub gets a copy of
	Rand    *rand.Rand // for jitter; used only within Run
	// Greeted is told what came with each greeting: what the till may accept without a connection, as
	// the hub signed it ("": nothing), and the hub's clock minus ours. An error means that the journal
	// failed. It is called from within Run; may be nil.
	Greeted func(policy string, offset time.Duration) error
	// Roster is told which list of operators the hub sent, "" for none, and whether it answered a greeting. Otherwise
	// like Greeted; it comes after it.
	Roster  func(signed string, answered bool) error
	Changed func(State) // told of every change, from within Run; must not block; may be nil
	Version string      // of the program
	Boot    string      // names this run of it
	IDs     *id.Source
	// Dial opens the network connection, below TLS; nil means TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Open opens a line to the hub, ready to carry messages both ways; nil means MQTT over TLS.
	Open func(ctx context.Context) (Line, error)
}

const (
	firstDelay = 500 * time.Millisecond
	// lastDelay keeps a stopped hub's return from being a storm, and a till's wait bearable.
	lastDelay = 30 * time.Second
	// urgentDelay bounds the wait once there is something to send: a payment code dies in a minute.
	urgentDelay = time.Second
	// openTime is more than connecting, subscribing and giving up may take together.
	openTime = 2*connectTime + 2*stopTime
	// steadyAfter is how long a connection must have held for the delays to start over.
	steadyAfter = 20 * time.Second
)

// Link is the connection to the hub.
type Link struct {
	Deps
	who     identity.Identity
	till    Till
	tickets ticket.Cache
	wake    chan struct{}
	grown   chan struct{}
	hurry   atomic.Bool // Sync was called
	pulse   pulse.Pulse
	clock   clock

	mu    sync.Mutex
	state State
}

// New makes a link; Run opens it.
func New(who identity.Identity, till Till, d Deps) *Link {
	if d.Dial == nil {
		d.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	l := &Link{Deps: d, who: who, till: till, wake: make(chan struct{}, 1), grown: make(chan struct{}, 1), pulse: pulse.New(),
		state: State{Since: d.Now(), Message: "connecting to the hub"}}
	if d.Open == nil {
		l.Open = l.mqtt
	}
	return l
}

// Wake says that Outgoing has grown. It never blocks.
func (l *Link) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Grown says that the journal has new events. They travel when there are enough or after a moment,
// and do not hurry a link that is down. It never blocks.
func (l *Link) Grown() {
	select {
	case l.grown <- struct{}{}:
	default:
	}
}

// Sync has everything sent now that the hub does not have, as soon as there is a line. It never blocks.
func (l *Link) Sync() {
	l.hurry.Store(true)
	l.Wake()
}

// Ask returns nil once the link's loop has come by, be there a line or none.
func (l *Link) Ask(ctx context.Context) error { return l.pulse.Ask(ctx) }

// State tells how the link stands.
func (l *Link) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

func (l *Link) change(up bool, message string) {
	l.mu.Lock()
	next := State{Up: up, Since: l.state.Since, Message: message, Offset: l.clock.offset}
	if up != l.state.Up {
		next.Since = l.Now()
	}
	same := next == l.state
	l.state = next
	l.mu.Unlock()
	if !same && l.Changed != nil {
		l.Changed(next)
	}
}

// journalError is a failure of the till's own storage: no later connection can mend it.
type journalError struct{ error }

func (e journalError) Unwrap() error { return e.error }

// Run keeps the link until ctx ends (nil) or the till's journal fails.
func (l *Link) Run(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		lasted, err := l.connect(ctx)
		if ctx.Err() != nil {
			l.change(false, "the agent is stopping")
			return nil
		}
		var broken journalError
		if errors.As(err, &broken) {
			l.change(false, "the till's journal failed: restart the agent")
			return fmt.Errorf("link to the hub: %w", broken.error)
		}
		if l.State().Up || attempt == 0 {
			l.Log.Warn("no link to the hub", logs.Err, err, "after", lasted)
		} else {
			l.Log.Debug("no link to the hub", logs.Err, err, "attempt", attempt)
		}
		l.change(false, explain(err))
		if lasted >= steadyAfter {
			attempt = 0
		}
		if !l.pause(ctx, attempt) {
			l.change(false, "the agent is stopping")
			return nil
		}
	}
}

// pause waits before the next attempt, with full jitter, so that a thousand tills do not come back
// in step. Something new to send cuts a long wait short. It is false when ctx ended.
func (l *Link) pause(ctx context.Context, attempt int) bool {
	most := lastDelay
	if attempt < 6 { // 0.5 s × 2⁶ is above the last
		most = min(most, firstDelay<<attempt)
	}
	delay := time.NewTimer(time.Duration(l.Rand.Int64N(int64(most))))
	defer delay.Stop()
	wake := l.wake
	for {
		select {
		case <-ctx.Done():
			return false
		case <-delay.C:
			return true
		case <-l.pulse:
		case <-wake:
			wake = nil // once per pause
			if most > urgentDelay {
				delay.Reset(time.Duration(l.Rand.Int64N(int64(urgentDelay))))
			}
		}
	}
}

// connect opens one connection and talks over it until it ends. lasted is the time since the hub's greeting.
func (l *Link) connect(ctx context.Context) (lasted time.Duration, err error) {
	var n Line
	l.pulse.During(openTime, func() { n, err = l.Open(ctx) })
	if err != nil {
		return 0, err
	}
	defer n.Close()
	t := newTalk(l, n)
	defer t.stop()
	err = t.run(ctx)
	if !t.greeted.IsZero() {
		lasted = l.Now().Sub(t.greeted)
	}
	return lasted, err
}
