package broker

import (
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

const (
	// window is how many messages may be under way unacknowledged; a till acknowledges every 16.
	window = 128
	// batch is how many are read from the Mailbox at a time.
	batch = 32
)

// patience is how long the broker waits for an acknowledgement before it sends again; the last
// entry repeats.
var patience = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second}

// session is a terminal's live connection and what is under way to it. Its goroutine, the pump,
// exists only while there is something to do: ten thousand idle tills cost no stacks.
type session struct {
	b        *Broker
	line     Line
	address  string
	known    registry.Terminal
	replaced *past         // the connection this one took over; read on the reading goroutine
	most     atomic.Uint64 // our highest number ever sent on this connection

	mu      sync.Mutex
	closed  bool
	running bool // a pump is
	again   bool // and has to look once more
	orders  orders
	timer   *time.Timer
	boot    string
	heard   time.Time
	records []wire.Records // of the till's journal, for the Desk
	copying bool           // a goroutine takes them there

	// The pump's own.
	floor uint64 // acknowledged by the terminal
	sent  uint64 // sent on this connection
	tries int    // how often in a row the patience ran out
}

// orders is what others want of the pump.
type orders struct {
	listening bool         // the terminal is subscribed; stays
	greeted   bool         // hello came; stays
	hello     *wire.Hello  // unanswered
	ack       uint64       // the terminal's latest
	rewind    bool         // the patience ran out
	stored    *wire.Stored // unsaid: what is stored of the till's journal
	staff     bool         // unsaid: who works in its store
}

// copied has the pump say what is stored. The latest word says it all, but for a contradiction that
// was not said yet: what came after it cannot take it back.
func (o *orders) copied(s wire.Stored) {
	if o.stored != nil && s.Fork == 0 {
		s.Fork = o.stored.Fork
	}
	o.stored = &s
}

// past is what is remembered of a connection that was taken over while it lived.
type past struct {
	boot, address string
	heard         time.Time
}

var errClosing = errors.New("the hub is stopping")

// authenticate holds the certificate against the Directory.
func (b *Broker) authenticate(who Caller) (k known, err error) {
	b.mu.Lock()
	k.epoch = b.revoked
	b.mu.Unlock()
	t, err := b.Directory.Terminal(who.Terminal)
	if err != nil {
		return k, err
	}
	switch {
	case t.Revoked:
		return k, fault.New(fault.Denied, "terminal.revoked", "the terminal is revoked")
	case t.ID != who.Terminal || !who.Key.Equal(t.Key):
		return k, fault.New(fault.Denied, "terminal.key", "the certificate's key is not the terminal's")
	case t.Serial != who.Serial:
		return k, fault.New(fault.Denied, "terminal.serial", "certificate %s is not the one in force", who.Serial)
	}
	k.Terminal = t
	return k, nil
}

// known is a terminal that was authenticated.
type known struct {
	registry.Terminal
	epoch uint64 // Broker.revoked when the Directory was asked
}

// establish makes the connection the terminal's live one. The old one is cut first: mochi would
// send it a farewell under a lock that a full socket may hold for a minute and a half.
func (b *Broker) establish(who Caller, k known, l Line) *session {
	s := &session{b: b, line: l, address: who.Address, known: k.Terminal, heard: b.Now()}
	b.mu.Lock()
	stale, closing, old := b.revoked != k.epoch, b.closing, b.sessions[s.known.ID]
	b.sessions[s.known.ID] = s
	b.mu.Unlock()
	b.count.connected.Add(1)
	if old != nil {
		if s.replaced = old.close(); s.replaced != nil {
			b.count.takeovers.Add(1)
			b.Log.Info("a terminal's connection was taken over", logs.Terminal, s.known.ID, "from", s.address, "before", s.replaced.address)
		}
	}
	err := error(nil)
	if closing {
		err = errClosing
	} else if stale { // somebody was revoked since the Directory was asked
		_, err = b.authenticate(who)
	}
	if err != nil {
		b.Log.Info("a terminal was cut while connecting", logs.Terminal, s.known.ID, logs.Err, err)
		s.close()
	}
	return s
}

// close ends the session and cuts the line. It tells what there was, unless it was closed before.
func (s *session) close() *past {
	defer s.line.Close() // last: it wakes the reading goroutine, which closes too
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	return &past{boot: s.boot, address: s.address, heard: s.heard}
}

// leave ends the session when its connection has ended.
func (s *session) leave() {
	s.close()
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.sessions[s.known.ID] == s {
		delete(s.b.sessions, s.known.ID)
	}
}

// kick gives the pump an order and starts it when it does not run.
func (s *session) kick(order func(*orders)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	order(&s.orders)
	s.again = true
	if s.closed || s.running {
		return
	}
	s.running = true
	s.b.pumps.Add(1)
	go s.pump()
}

// take gives the pump its orders; ok is false when there are none and the pump has to end.
func (s *session) take() (o orders, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.again {
		s.running = false
		return o, false
	}
	o = s.orders
	s.again, s.orders.hello, s.orders.rewind, s.orders.stored, s.orders.staff = false, nil, false, nil, false
	return o, true
}

func (s *session) pump() {
	defer s.b.pumps.Done()
	defer func() {
		if v := recover(); v != nil {
			s.b.count.panics.Add(1)
			s.b.Log.Error("sending to a terminal panicked; it was cut", logs.Terminal, s.known.ID, "panic", v, "stack", string(debug.Stack()))
			s.close()
		}
	}()
	for {
		o, ok := s.take()
		if !ok {
			return
		}
		err := s.work(o)
		switch {
		case err == nil:
		case fault.KindOf(err) == fault.Unavailable: // the Mailbox, for a moment
			s.b.Log.Warn("a terminal's messages cannot be read now", logs.Terminal, s.known.ID, logs.Err, err)
			s.arm(time.Second)
		default:
			s.b.fail(err)
			s.close()
		}
	}
}

// work does one round: note the acknowledgement, answer hello, send what fits. Its errors are the
// Mailbox's; a broken line closes the session.
func (s *session) work(o orders) error {
	if o.hello != nil && !o.listening {
		return s.retry(o, nil) // nobody would hear the answer yet
	}
	progress, err := s.acknowledge(o)
	if err != nil || !o.greeted || !o.listening {
		return err
	}
	if o.hello != nil {
		welcome := wire.Welcome{SentAt: o.hello.SentAt}
		if s.b.Offline != nil {
			welcome.Offline = s.b.Offline(s.known)
		}
		if welcome.Operators, err = s.operators(); err != nil {
			return s.retry(o, err)
		}
		welcome.Now = s.b.Now()
		s.send(wire.KindWelcome, 0, welcome.Now, welcome)
		if s.floor > o.ack {
			s.b.count.skips.Add(1)
			s.b.Log.Error("ALARM: more was acknowledged in a terminal's name than it has: two tills use one identity, an old journal was put back, or somebody replays its greetings",
				logs.Terminal, s.known.ID, "boot", o.hello.Boot, "from", s.address, "has", o.ack, "acknowledged", s.floor)
			s.send(wire.KindSkipped, 0, s.b.Now(), wire.Skipped{Through: s.floor})
		}
	}
	if o.staff && o.hello == nil {
		operators, err := s.operators()
		if err != nil {
			return s.retry(o, err)
		}
		if !s.send(wire.KindWelcome, 0, s.b.Now(), wire.Welcome{Operators: operators}) {
			return nil
		}
	}
	if o.stored != nil && !s.send(wire.KindStored, 0, s.b.Now(), *o.stored) {
		return nil
	}
	switch {
	case progress || o.hello != nil:
		s.tries = 0
		s.disarm()
	case o.rewind:
		s.tries++
		s.disarm()
	}
	for s.sent < s.floor+window {
		list, err := s.b.Mailbox.Waiting(s.known.ID, s.sent, int(min(batch, s.floor+window-s.sent)))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			if !s.send(d.Kind, d.Seq, d.At, d.Body) {
				return nil
			}
			s.sent = d.Seq
		}
	}
	if s.sent > s.floor {
		s.arm(patience[min(s.tries, len(patience)-1)])
	}
	return nil
}

// operators is who works in the terminal's store, signed.
func (s *session) operators() (string, error) {
	if s.b.Operators == nil {
		return "", nil
	}
	return s.b.Operators(s.known)
}

// acknowledge moves the floor and tells the Mailbox. A hello starts over from what it says, or from the first message
// that is still there: what somebody acknowledged in the terminal's name cannot be sent again.
func (s *session) acknowledge(o orders) (progress bool, err error) {
	if o.hello != nil {
		// Most tills have nothing to forget when they come back; a look is cheaper than a commit.
		gone, err := s.b.Mailbox.Forgotten(s.known.ID)
		if err == nil && gone < o.ack {
			err = s.b.Mailbox.Acknowledge(s.known.ID, o.ack)
		}
		if err != nil {
			return false, s.retry(o, err)
		}
		s.floor = max(o.ack, gone)
		s.sent = s.floor
		return true, nil
	}
	if o.rewind {
		s.sent = s.floor
	}
	if o.ack <= s.floor {
		return false, nil
	}
	if err := s.b.Mailbox.Acknowledge(s.known.ID, o.ack); err != nil {
		return false, s.retry(o, err)
	}
	s.floor, s.sent = o.ack, max(s.sent, o.ack)
	return true, nil
}

// retry keeps a hello that could not be served, and what was to be told.
func (s *session) retry(o orders, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders.hello == nil {
		s.orders.hello = o.hello
	}
	s.orders.staff = s.orders.staff || o.staff
	return err
}

// send writes one message, waiting for the socket. false: the line is broken, the session closed.
func (s *session) send(kind wire.Kind, seq uint64, at time.Time, body any) bool {
	again := seq > 0 && seq <= s.most.Load()
	s.most.Store(max(s.most.Load(), seq)) // before it leaves, because the acknowledgement may be quick
	// Ack stays 0: every request gets its own answer, and a till may send doubts before older charges,
	// so that no number of its says anything about those below.
	e := wire.Envelope{Kind: kind, ID: s.b.IDs.New(id.Message), Seq: seq, At: at}
	data, err := wire.Seal(e, body, s.known.ID, wire.Down, s.b.SigningKey)
	if err == nil {
		err = s.line.Send(data)
	}
	if err != nil {
		s.b.Log.Debug("a message did not leave for its terminal", logs.Terminal, s.known.ID, logs.Kind, kind, logs.Err, err)
		s.close()
		return false
	}
	s.b.count.sent.Add(1)
	if again {
		s.b.count.resent.Add(1)
	}
	return true
}

// arm sets the patience running unless it runs already.
func (s *session) arm(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.timer != nil {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.kick(func(o *orders) {
			if s.timer == t { // else it was disarmed while it fired
				o.rewind, s.timer = true, nil
			}
		})
	})
	s.timer = t
}

func (s *session) disarm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
