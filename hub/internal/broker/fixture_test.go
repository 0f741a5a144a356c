package broker

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// till is a terminal's side: what its folder holds.
type till struct {
	id   string
	key  ed25519.PrivateKey
	cert tls.Certificate
}

func (u till) public() ed25519.PublicKey { return u.key.Public().(ed25519.PublicKey) }

func (u till) seal(t *testing.T, e wire.Envelope, body any) []byte {
	t.Helper()
	e.ID = "msg_test"
	data, err := wire.Seal(e, body, u.id, wire.Up, u.key)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (u till) pay(t *testing.T, seq uint64, key string) []byte {
	return u.seal(t, wire.Envelope{Kind: wire.KindPay, Seq: seq, At: time.Unix(1, 0)}, wire.Pay{Key: key, Amount: 1, Currency: "CNY"})
}

func (u till) hello(t *testing.T, ack uint64, boot string) []byte {
	return u.seal(t, wire.Envelope{Kind: wire.KindHello, Ack: ack, At: time.Unix(1, 0)}, wire.Hello{Version: "1", Boot: boot, SentAt: time.Unix(5, 0).UTC()})
}

func (u till) ack(t *testing.T, ack uint64) []byte {
	return u.seal(t, wire.Envelope{Kind: wire.KindAck, Ack: ack, At: time.Unix(1, 0)}, struct{}{})
}

// desk records what it is handed; on decides what it says.
type desk struct {
	mu   sync.Mutex
	got  []any
	from []string
	on   func(ctx context.Context, m any) error
}

func (d *desk) take(ctx context.Context, t registry.Terminal, m any) error {
	d.mu.Lock()
	d.got, d.from = append(d.got, m), append(d.from, t.ID)
	on := d.on
	d.mu.Unlock()
	if on == nil {
		return nil
	}
	return on(ctx, m)
}
func (d *desk) Pay(ctx context.Context, t registry.Terminal, p wire.Pay) error {
	return d.take(ctx, t, p)
}
func (d *desk) Fence(ctx context.Context, t registry.Terminal, f wire.Fence) error {
	return d.take(ctx, t, f)
}
func (d *desk) Cancel(ctx context.Context, t registry.Terminal, c wire.Cancel) error {
	return d.take(ctx, t, c)
}
func (d *desk) Refund(ctx context.Context, t registry.Terminal, r wire.Refund) error {
	return d.take(ctx, t, r)
}
func (d *desk) Records(ctx context.Context, t registry.Terminal, ms ...wire.Records) (s wire.Stored, err error) {
	for _, m := range ms {
		if s, err = (wire.Stored{Through: m.After + uint64(len(m.Rows))}), d.take(ctx, t, m); err != nil {
			return s, err
		}
	}
	return s, nil
}
func (d *desk) seen() []any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]any(nil), d.got...)
}

// mailbox is the store's part, in memory.
type mailbox struct {
	mu    sync.Mutex
	last  map[string]uint64
	rows  map[string][]Down
	acked []uint64
	err   error
}

func (m *mailbox) put(terminal, key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last[terminal]++
	body, _ := json.Marshal(wire.Result{Key: key, Status: pay.StatusSucceeded, Outcome: pay.Paid})
	m.rows[terminal] = append(m.rows[terminal], Down{Seq: m.last[terminal], Kind: wire.KindResult, Body: body, At: time.Unix(9, 0)})
}
func (m *mailbox) Waiting(terminal string, after uint64, limit int) (list []Down, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows[terminal] {
		if d.Seq > after && len(list) < limit {
			list = append(list, d)
		}
	}
	return list, m.err
}
func (m *mailbox) Acknowledge(terminal string, seq uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acked = append(m.acked, seq)
	for len(m.rows[terminal]) > 0 && m.rows[terminal][0].Seq <= seq {
		m.rows[terminal] = m.rows[terminal][1:]
	}
	return m.err
}
func (m *mailbox) Forgotten(terminal string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if rows := m.rows[terminal]; len(rows) > 0 {
		return rows[0].Seq - 1, m.err
	}
	return m.last[terminal], m.err
}
func (m *mailbox) left(terminal string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows[terminal])
}

type directory struct {
	mu    sync.Mutex
	known map[string]registry.Terminal
	asked func() // when set, called outside the lock after a look-up
}

func (d *directory) Terminal(id string) (registry.Terminal, error) {
	d.mu.Lock()
	t, ok := d.known[id]
	asked := d.asked
	d.mu.Unlock()
	if asked != nil {
		asked()
	}
	if !ok {
		return t, fault.New(fault.NotFound, "terminal.unknown", "no terminal %s", id)
	}
	if t.Revoked {
		return t, fault.New(fault.Denied, "terminal.revoked", "revoked")
	}
	return t, nil
}
func (d *directory) change(id string, f func(*registry.Terminal)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.known[id]
	f(&t)
	d.known[id] = t
}

// pipes is a listener without a network, for virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
func (p *pipes) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// hub is a running broker with its surroundings.
type hub struct {
	*Broker
	t    *testing.T
	ca   *registry.CA
	desk *desk
	mail *mailbox
	dir  *directory
	dial func() (net.Conn, error)
	log  *bytes.Buffer
	key  ed25519.PrivateKey
	end  func() error // stops Run and gives what it returned
	over chan struct{}
	live *client
}

// newHub runs a broker; a nil listener means a real one on loopback. limits may change the Config.
func newHub(t *testing.T, listener *pipes, limits ...func(*Config)) *hub {
	t.Helper()
	now := time.Now()
	ca, err := registry.NewCA(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.ServerCertificate(rand.Reader, []string{"hub.test"}, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{t: t, ca: ca, desk: &desk{}, mail: &mailbox{last: map[string]uint64{}, rows: map[string][]Down{}},
		dir: &directory{known: map[string]registry.Terminal{}}, log: &bytes.Buffer{}, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
	// Over a pipe, which holds nothing, the server's tickets and the client's CONNECT wait for each other.
	c := Config{TLS: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: ca.Pool(), SessionTicketsDisabled: listener != nil}, SigningKey: h.key}
	if listener != nil {
		c.Listener, h.dial = listener, listener.dial
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.Listener, h.dial = l, func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	}
	for _, f := range limits {
		f(&c)
	}
	h.Broker, err = New(c, Deps{Desk: h.desk, Archive: h.desk, Mailbox: h.mail, Directory: h.dir, Now: time.Now, IDs: id.NewSource(time.Now, nil),
		Log: slog.New(slog.NewTextHandler(&locked{w: h.log}, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	h.over = make(chan struct{})
	go func() { ended <- h.Run(ctx); close(h.over) }()
	h.end = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { h.end() })
	return h
}

// done is closed when Run has returned.
func (h *hub) done() <-chan struct{} { return h.over }

// finish hangs up and stops the hub, for the end of a bubble.
func (h *hub) finish(clients ...*client) {
	h.t.Helper()
	for _, c := range clients {
		c.conn.Close()
	}
	if err := h.end(); err != nil {
		h.t.Error(err)
	}
}

// mustLeave hangs up the live client and waits until the hub has noticed.
func (h *hub) mustLeave() {
	h.live.conn.Close()
	for h.Stats().Sessions > 0 {
		runtime.Gosched()
	}
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// enrol makes a till and has the Directory know it.
func (h *hub) enrol(name string) till {
	h.t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.certify(name, key, time.Now(), true)
}

func (h *hub) certify(name string, key ed25519.PrivateKey, at time.Time, known bool) till {
	h.t.Helper()
	u := till{id: name, key: key}
	chain, serial, err := h.ca.TerminalCertificate(rand.Reader, u.id, u.public(), at)
	if err != nil {
		h.t.Fatal(err)
	}
	block, _ := pem.Decode(chain)
	u.cert = tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
	if known {
		h.dir.change(u.id, func(t *registry.Terminal) {
			*t = registry.Terminal{ID: u.id, Merchant: "mer", Store: "sto", Key: u.public(), Serial: serial}
		})
	}
	return u
}
