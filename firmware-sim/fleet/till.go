package fleet

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"cloudcashier/shared/id"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/ticket"
	"cloudcashier/shared/wire"
)

// What follows repeats the agent's own figures: a load that is kinder than the tills proves nothing.
const (
	connectTime = 8 * time.Second
	greetTime   = 8 * time.Second
	firstDelay  = 500 * time.Millisecond
	lastDelay   = 30 * time.Second
	urgentDelay = time.Second // with money waiting
	steadyAfter = 20 * time.Second
	firstRetry  = 1500 * time.Millisecond
	lastRetry   = 30 * time.Second
	codeLife    = 45 * time.Second
	quietTime   = 2 * time.Minute // without a word about a sale the hub has
	inbox       = 64
)

// sale is one sale of a pretended till; its till's goroutine alone touches it.
type sale struct {
	key, orderNo, code string
	amount             int64
	scanned            time.Time
	left               bool      // a byte of it may have left
	fence              bool      // asked about instead of charged
	tries              int       // since it last changed what it asks
	due                time.Time // of the next message about it; zero while the hub's next word is awaited
	heard              time.Time // the hub's last word about it; zero: none
	payment            string
	refusal            string
}

// till is one pretended till. Its journal is its memory: it forgets all with the process, so that a
// fleet is for load and never for crashes of tills.
type till struct {
	f       *fleet
	who     identity
	from    net.Addr // nil: whatever the system takes
	tickets ticket.Cache
	dice    *rand.Rand
	wake    chan struct{}

	mu    sync.Mutex
	fresh []*sale          // asked for and not yet taken up
	open  map[string]*sale // changed by the till's own goroutine alone

	// The goroutine's own.
	down   uint64        // the hub's messages stored, with all below
	acked  uint64        // of those, told to the hub
	seq    uint64        // of our own messages
	hello  time.Time     // when the latest one left
	offset time.Duration // the hub's clock minus ours
	up     bool          // greeted by the hub
	lostAt time.Time     // when the line was lost; zero: it is up, or never was
}

// sell adds a sale. It never blocks.
func (t *till) sell(s *sale) {
	t.mu.Lock()
	t.fresh = append(t.fresh, s)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// busy is how many sales have no final word.
func (t *till) busy() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open) + len(t.fresh)
}

// run keeps the till connected until ctx ends, coming back as a till does: full jitter, ever longer
// waits, a fresh connection each time.
func (t *till) run(ctx context.Context) {
	for attempt := 0; ; attempt++ {
		lasted, err := t.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		t.f.stats.lost(t, err)
		if lasted >= steadyAfter {
			attempt = 0
		}
		if !t.pause(ctx, attempt) {
			return
		}
	}
}

func (t *till) pause(ctx context.Context, attempt int) bool {
	most := lastDelay
	if attempt < 6 { // 0.5 s × 2⁶ is above the last
		most = min(most, firstDelay<<attempt)
	}
	if t.busy() > 0 {
		most = min(most, urgentDelay)
	}
	delay := time.NewTimer(time.Duration(t.dice.Int64N(int64(most))))
	defer delay.Stop()
	wake := t.wake
	for {
		select {
		case <-ctx.Done():
			return false
		case <-delay.C:
			t.overdue(time.Now())
			return true
		case <-wake:
			wake = nil
			if most > urgentDelay {
				delay.Reset(time.Duration(t.dice.Int64N(int64(urgentDelay))))
			}
		}
	}
}

// connect opens one connection and talks over it until it ends.
func (t *till) connect(ctx context.Context) (lasted time.Duration, err error) {
	within, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	host, _, err := net.SplitHostPort(t.who.address)
	if err != nil {
		return 0, err
	}
	dialer := net.Dialer{LocalAddr: t.from}
	raw, err := dialer.DialContext(within, "tcp", t.who.address)
	if err != nil {
		return 0, err
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	config := &tls.Config{ServerName: host, RootCAs: t.who.ca, Certificates: []tls.Certificate{t.who.cert}, MinVersion: tls.VersionTLS13}
	if !t.f.Cold {
		config.ClientSessionCache = &t.tickets
	}
	secure := tls.Client(raw, config)
	if err := secure.HandshakeContext(within); err != nil {
		t.tickets.Failed(err)
		return 0, err
	}
	t.f.stats.shook(secure.ConnectionState().DidResume)
	down := wire.Topic(t.who.terminal, wire.Down)
	n := &line{conn: secure, up: wire.Topic(t.who.terminal, wire.Up), in: bufio.NewReaderSize(secure, readBuffer)}
	if err := n.greet(t.who.terminal, down); err != nil {
		return 0, err
	}
	in, lost := make(chan []byte, inbox), make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lost <- listen(n, down, in)
	}()
	defer func() { _ = raw.Close(); <-ended }()
	return t.talk(ctx, n, in, lost)
}

// listen reads until the line breaks. What finds the till's inbox full is dropped; the hub sends it again.
func listen(n *line, down string, in chan<- []byte) error {
	for {
		head, body, err := n.read()
		if err != nil {
			return err
		}
		if m := message(head, body, down); m != nil {
			select {
			case in <- m:
			default:
			}
		}
	}
}

var errSilent = errors.New("the hub does not greet")

// talk is the conversation over one connection.
func (t *till) talk(ctx context.Context, n *line, in <-chan []byte, lost <-chan error) (lasted time.Duration, err error) {
	t.hello = time.Now()
	if err := t.send(n, 1, wire.KindHello, wire.Hello{Version: t.f.Version, Boot: t.f.boot, SentAt: t.hello.UTC()}, 0, time.Time{}); err != nil {
		return 0, err
	}
	var greeted time.Time
	timer := time.NewTimer(greetTime)
	defer timer.Stop()
	ping := time.NewTicker(keepAlive)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case err = <-lost:
		case payload := <-in:
			var welcome bool
			if welcome, err = t.receive(payload); welcome && greeted.IsZero() {
				greeted = time.Now()
				t.f.stats.back(t)
				t.again(greeted)
			}
			if err == nil && len(in) == 0 {
				err = t.acknowledge(n)
			}
		case <-ping.C:
			err = n.ping()
		case <-t.wake:
		case <-timer.C:
			if greeted.IsZero() {
				err = errSilent
			}
		}
		if err == nil && !greeted.IsZero() {
			var next time.Time
			if next, err = t.forward(n); !next.IsZero() {
				timer.Reset(max(time.Until(next), time.Millisecond))
			}
		}
		if err != nil {
			if !greeted.IsZero() {
				lasted = time.Since(greeted)
			}
			return lasted, err
		}
	}
}

// forward sends what is due and tells when something is next.
func (t *till) forward(n *line) (next time.Time, err error) {
	now := time.Now()
	t.overdue(now)
	t.mu.Lock()
	var due []*sale
	for _, s := range t.open {
		if !s.due.IsZero() && !s.due.After(now) {
			due = append(due, s)
		}
	}
	t.mu.Unlock()
	for _, s := range due {
		if err := t.ask(n, s, now); err != nil {
			return next, err
		}
	}
	for _, s := range t.open {
		at := s.due
		if at.IsZero() {
			at = s.heard.Add(quietTime)
		}
		if !s.fence && s.payment == "" { // its life may end before
			if end := s.scanned.Add(codeLife); end.Before(at) {
				at = end
			}
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next, nil
}

// again has everything the hub has not answered sent over the new line.
func (t *till) again(now time.Time) {
	for _, s := range t.open {
		if !s.due.IsZero() {
			s.due, s.tries = now, 0
		}
	}
}

// ask sends the message about a sale. It may have left even when this fails.
func (t *till) ask(n *line, s *sale, now time.Time) error {
	wait := lastRetry
	if s.tries < 5 { // 1.5 s × 2⁵ is above the last
		wait = min(wait, firstRetry<<s.tries)
	}
	s.tries++
	s.due, s.left = now.Add(wait), true
	t.seq++
	if s.fence {
		return t.send(n, 1, wire.KindFence, wire.Fence{Key: s.key}, t.seq, time.Time{})
	}
	return t.send(n, 1, wire.KindPay, wire.Pay{Key: s.key, OrderNo: s.orderNo, Amount: s.amount, Currency: "CNY", Code: s.code,
		CodeAgeMS: now.Sub(s.scanned).Milliseconds(), Subject: "fleet", ScannedAt: s.scanned.UTC()}, t.seq, s.scanned.Add(codeLife))
}

// overdue takes new sales up, and fences what waited too long: past its life a code must not leave.
func (t *till) overdue(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.fresh {
		t.open[s.key], s.due = s, now
	}
	t.fresh = nil
	for key, s := range t.open {
		switch {
		case s.fence || s.payment != "":
			if s.due.IsZero() && now.Sub(s.heard) >= quietTime {
				s.fence, s.due, s.tries = true, now, 0
			}
		case now.Sub(s.scanned) < codeLife:
		case s.left:
			s.fence, s.due, s.tries = true, now, 0
		default:
			delete(t.open, key)
			t.f.stats.settled(t, s, "lapsed", pay.NotPaid)
		}
	}
}

// receive takes one of the hub's messages.
func (t *till) receive(payload []byte) (welcome bool, err error) {
	e, err := wire.Open(payload, t.who.terminal, wire.Down, t.who.hubKey)
	if err != nil {
		return false, err
	}
	if e.Kind == wire.KindWelcome {
		w, err := wire.Decode[wire.Welcome](e)
		now := time.Now()
		t.offset = w.Now.Sub(now) + now.Sub(t.hello)/2
		return err == nil, err
	}
	if e.Seq != t.down+1 { // one we have, or one too early: the hub sends it again
		return false, nil
	}
	t.down = e.Seq
	switch e.Kind {
	case wire.KindResult:
		r, err := wire.Decode[wire.Result](e)
		if err != nil {
			return false, err
		}
		t.hear(r)
	case wire.KindRefused:
		r, err := wire.Decode[wire.Refused](e)
		if err != nil {
			return false, err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if s := t.open[r.Key]; s != nil && !s.fence { // another copy may yet be taken: believed only behind the fence
			s.refusal, s.fence, s.due, s.tries = r.Code, true, time.Now(), 0
		}
	}
	return false, nil
}

// hear takes the hub's word about a sale.
func (t *till) hear(r wire.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[r.Key]
	if s == nil {
		t.f.stats.repeated(t, r)
		return
	}
	s.payment, s.heard, s.due, s.tries = r.PaymentID, time.Now(), time.Time{}, 0
	if r.Outcome == pay.Unknown {
		return
	}
	delete(t.open, r.Key)
	state := string(r.Status)
	if r.PaymentID == "" {
		if state = "lapsed"; s.refusal != "" {
			state = "refused " + s.refusal
		}
	}
	t.f.stats.settled(t, s, state, r.Outcome)
}

func (t *till) acknowledge(n *line) error {
	if t.acked == t.down {
		return nil
	}
	return t.send(n, 0, wire.KindAck, struct{}{}, 0, time.Time{})
}

// send signs and publishes; every message acknowledges what is stored.
func (t *till) send(n *line, qos byte, kind wire.Kind, body any, seq uint64, exp time.Time) error {
	e := wire.Envelope{Kind: kind, ID: t.f.ids.New(id.Message), Seq: seq, Ack: t.down, At: time.Now()}
	if !exp.IsZero() {
		e.Exp = exp.Add(t.offset)
	}
	data, err := wire.Seal(e, body, t.who.terminal, wire.Up, t.who.key)
	if err != nil {
		return err
	}
	t.acked = t.down
	return n.publish(qos, data)
}
