package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/logs"
)

const (
	// greetTime is how long a stranger may take for the TLS handshake and the CONNECT together; a
	// till on a bad mobile line needs three.
	greetTime = 10 * time.Second
	// queueTime is how long a connection may wait for its turn to shake hands. A place in the line is
	// worth more than another try: who is sent away waits twice as long the next time. But a till
	// gives up after eight seconds, all in.
	queueTime = 5 * time.Second
	// connectBurst is how many may shake hands at once after a quiet moment.
	connectBurst = 200
	// fewPending strangers from one address are always let in while there is room at all.
	fewPending = 64
	// ticketDays is how old a session ticket may be; neither end of TLS takes older ones. A till that
	// stays connected has none younger than its connection, so that less would spare a restart nothing.
	ticketDays = 7
)

// door accepts connections and makes strangers either known or gone.
type door struct {
	b       *Broker
	tls     *tls.Config
	limiter *rate.Limiter

	mu      sync.Mutex
	conns   map[*conn]bool
	pending map[string]int // by address, of those not authenticated
	waiting int            // sum of pending
	sealed  int64          // the day whose key seals tickets now
	wg      sync.WaitGroup
}

// conn is one connection. Its Close cuts the line without the TLS farewell, which could block for
// seconds behind a full socket.
type conn struct {
	net.Conn // TLS once the handshake is done
	Caller   // from the certificate, verified
	raw      net.Conn
	door     *door
	pending  bool     // under door.mu
	known    known    // after authentication
	session  *session // after authentication
}

func (c *conn) Close() error { return c.raw.Close() }

func newDoor(b *Broker) *door {
	config := b.TLS.Clone()
	config.ClientAuth = tls.RequireAndVerifyClientCert
	// Below 1.3 a ticket's key opens recorded traffic; from 1.3 on each resumption agrees on keys afresh.
	config.MinVersion = max(config.MinVersion, tls.VersionTLS13)
	if config.Time == nil {
		config.Time = b.Now
	}
	return &door{b: b, tls: config, limiter: rate.NewLimiter(rate.Limit(b.ConnectsPerSecond), connectBurst),
		conns: map[*conn]bool{}, pending: map[string]int{}}
}

// serve accepts until the listener is closed. Errors that pass by themselves are waited out: mochi's
// own listener would stop accepting for good, in silence.
func (d *door) serve(ctx context.Context) error {
	var delay time.Duration
	for {
		raw, err := d.b.Listener.Accept()
		if err == nil {
			delay = 0
			if c := d.admit(raw); c != nil {
				d.wg.Go(func() { d.handle(ctx, c) })
			}
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if !passing(err) {
			return fmt.Errorf("accept: %w", err)
		}
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		d.b.Log.Warn("cannot accept terminals for a moment", logs.Err, err)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit counts a connection in, or closes it when there are too many.
func (d *door) admit(raw net.Conn) *conn {
	address := raw.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// One address may hold as many places as are free besides: a mall, or a carrier's gateway, gets half
	// of them when nobody else comes, and never keeps the others out.
	free := d.b.MaxPending - d.waiting
	if len(d.conns) >= d.b.MaxConnections || free <= 0 || d.pending[address] >= min(d.b.MaxPendingPerIP, max(free, fewPending)) {
		_ = raw.Close()
		d.b.count.refusedConnections.Add(1)
		return nil
	}
	c := &conn{Conn: raw, Caller: Caller{Address: address}, raw: raw, door: d, pending: true}
	d.conns[c] = true
	d.pending[address]++
	d.waiting++
	return c
}

// handle greets a stranger, and then serves it on another goroutine: a handshake needs a big stack, which
// would stay with an idle till for as long as it is connected.
func (d *door) handle(ctx context.Context, c *conn) {
	served := false
	defer func() {
		if !served {
			d.release(c)
		}
	}()
	defer d.survive(c)
	if err := d.greet(ctx, c); err != nil {
		d.b.count.refusedConnections.Add(1)
		d.b.Log.Debug("a connection was refused", "from", c.Address, logs.Err, err) // strangers must not fill the log
		return
	}
	served = true
	d.wg.Go(func() {
		defer d.release(c)
		defer d.survive(c)
		_ = d.b.server.EstablishConnection("tls", c) // says why it ended; the hook has told what matters
	})
}

// survive keeps the hub alive when what a stranger sent makes the code that reads it panic.
func (d *door) survive(c *conn) {
	if v := recover(); v != nil {
		d.b.count.panics.Add(1)
		d.b.Log.Error("a terminal's connection panicked and was cut", logs.Terminal, c.Terminal, "panic", v, "stack", string(debug.Stack()))
	}
}

// greet shakes hands and reads the certificate. The deadline it sets also covers the CONNECT: mochi
// replaces it once the hook has let that pass.
func (d *door) greet(ctx context.Context, c *conn) error {
	ctx, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := c.raw.SetDeadline(deadline); err != nil {
		return err
	}
	turn, cancelTurn := context.WithTimeout(ctx, queueTime)
	defer cancelTurn()
	if err := d.limiter.Wait(turn); err != nil { // at once when the turn would come too late
		return fmt.Errorf("too many connect at once: %w", err)
	}
	d.rotate()
	secure := tls.Server(c.raw, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	leaf := secure.ConnectionState().PeerCertificates[0]
	var err error
	c.Conn, c.Serial = secure, registry.SerialOf(leaf)
	c.Terminal, c.Key, err = registry.TerminalOf(leaf)
	return err
}

// rotate has tickets sealed with today's key, and opens those of the days before. What a ticket stands
// for, the certificate, is held against the Directory at every connect all the same.
func (d *door) rotate() {
	if d.b.TicketKey == nil {
		return
	}
	today := d.b.Now().Unix() / int64(24*time.Hour/time.Second)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sealed == today {
		return
	}
	d.sealed = today
	keys := make([][32]byte, 0, ticketDays+1)
	for back := range int64(ticketDays + 1) {
		keys = append(keys, d.b.TicketKey(today-back))
	}
	d.tls.SetSessionTicketKeys(keys)
}

// authenticated takes a connection off the list of strangers.
func (d *door) authenticated(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(c)
}

func (d *door) settle(c *conn) {
	if !c.pending {
		return
	}
	c.pending = false
	d.waiting--
	if d.pending[c.Address]--; d.pending[c.Address] == 0 {
		delete(d.pending, c.Address)
	}
}

func (d *door) release(c *conn) {
	_ = c.Close()
	if c.session != nil {
		c.session.leave()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(c)
	delete(d.conns, c)
}

// close cuts every connection and waits for what served them.
func (d *door) close() {
	d.mu.Lock()
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
}

func (d *door) levels() (connections, pending int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns), d.waiting
}
