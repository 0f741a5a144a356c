package hublink

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"cloudcashier/agent/internal/identity"
	"cloudcashier/shared/id"
	"cloudcashier/shared/wire"
)

const terminal = "trm_01JGJ0000000000000000000" // of package wire's golden files

// goldenKey signs package wire's golden files, both ways.
var goldenKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

// journal is a till's journal in memory.
type journal struct {
	mu       sync.Mutex
	out      []Message
	held     map[uint64]bool // Leaving says no
	received []wire.Envelope
	seq      uint64
	fail     error
	log      []wire.Record // events
	stored   []wire.Stored // the hub's words about its copy
	greeted  []string      // what came with the greetings
	staff    []string      // the lists of operators, and whether they answered
}

// Greeted is the link's Deps.Greeted.
func (j *journal) Greeted(policy string, _ time.Duration) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.greeted = append(j.greeted, policy)
	return j.fail
}

// Roster is the link's Deps.Roster.
func (j *journal) Roster(signed string, answered bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.staff = append(j.staff, fmt.Sprintf("%s %t", signed, answered))
	return j.fail
}

func (j *journal) Outgoing() []Message {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.out)
}

func (j *journal) Leaving(seq uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !j.held[seq]
}
func (j *journal) Receive(e wire.Envelope) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return j.fail
	}
	j.received, j.seq = append(j.received, e), e.Seq
	return nil
}
func (j *journal) DownSeq() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq
}
func (j *journal) put(seqs ...uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, seq := range seqs {
		j.out = append(j.out, Message{Seq: seq, Kind: wire.KindPay, Body: wire.Pay{Key: "k"}})
	}
}
func (j *journal) hold(seqs ...uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.held)
	for _, seq := range seqs {
		j.held[seq] = true
	}
}
func (j *journal) answer(seq uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out = slices.DeleteFunc(j.out, func(m Message) bool { return m.Seq == seq })
}
func (j *journal) got() []uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := []uint64{}
	for _, e := range j.received {
		list = append(list, e.Seq)
	}
	return list
}

// said is a message the hub received.
type said struct {
	wire.Envelope
	at  time.Time
	qos byte
}

// hub is a broker with the hub's manners, each of which can be switched off.
type hub struct {
	mqtt.HookBase
	t      *testing.T
	server *mqtt.Server
	tls    *tls.Config
	key    ed25519.PrivateKey
	till   ed25519.PublicKey

	mu      sync.Mutex
	skew    time.Duration
	silent  bool // no welcome
	deaf    bool // no access to topics
	busy    bool // takes no message, and does not acknowledge
	unknown bool // no access at all
	down    bool // nobody listens
	frozen  bool // lines carry nothing, and nobody is told
	stuck   bool // lines are full: the hub reads nothing
	copy    int  // events the hub has
	differs bool // and they are of another journal
	mute    bool // does not answer events
	lossy   int  // of how many messages of events one is lost; 0: none
	luck    *mrand.Rand
	saying  sync.Mutex
	unsaid  []wire.Stored // answers to events, which leave in order
	heard   []said
	conns   []*freezing
	dials   int
	wg      sync.WaitGroup
}

func (h *hub) ID() string { return "hub" }
func (h *hub) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck || b == mqtt.OnPublish
}
func (h *hub) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return !h.is(&h.unknown) }
func (h *hub) OnACLCheck(*mqtt.Client, string, bool) bool              { return !h.is(&h.deaf) }
func (h *hub) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	e, err := wire.Open(pk.Payload, terminal, wire.Up, h.till)
	if err != nil || pk.TopicName != wire.Topic(terminal, wire.Up) || pk.FixedHeader.Retain {
		h.t.Errorf("the till sent %s on %s: %v", pk.Payload, pk.TopicName, err)
	}
	h.mu.Lock()
	h.heard = append(h.heard, said{e, time.Now(), pk.FixedHeader.Qos})
	silent, skew := h.silent, h.skew
	h.mu.Unlock()
	if e.Kind == wire.KindHello && !silent {
		hello, err := wire.Decode[wire.Hello](e)
		if err != nil {
			h.t.Error(err)
		}
		h.wg.Go(func() { h.say(0, wire.KindWelcome, wire.Welcome{SentAt: hello.SentAt, Now: time.Now().Add(skew)}) })
	}
	if e.Kind == wire.KindRecords {
		h.takeRecords(e)
	}
	if e.Kind != wire.KindHello && h.is(&h.busy) {
		return pk, packets.ErrRejectPacket
	}
	return pk, packets.CodeSuccessIgnore
}

func (h *hub) is(flag *bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return *flag
}

func (h *hub) set(flag *bool, to bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*flag = to
}

// say sends a message the way the hub does.
func (h *hub) say(seq uint64, kind wire.Kind, body any) {
	data, err := wire.Seal(wire.Envelope{Kind: kind, ID: "msg_hub", Seq: seq, At: time.Now()}, body, terminal, wire.Down, h.key)
	if err != nil {
		h.t.Error(err)
	}
	h.raw(data)
}

func (h *hub) raw(data []byte) {
	if err := h.server.Publish(wire.Topic(terminal, wire.Down), data, false, 0); err != nil {
		h.t.Error(err)
	}
}

func (h *hub) result(seq uint64) { h.say(seq, wire.KindResult, wire.Result{Key: "k"}) }

// dial is the link's network: a pipe, with TLS above it on the hub's side.
func (h *hub) dial(context.Context, string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials++
	if h.down {
		return nil, errors.New("connection refused")
	}
	here, there := net.Pipe()
	end := h.freezing(there)
	h.conns = append(h.conns, end)
	h.wg.Go(func() { _ = h.server.EstablishConnection("pipe", tls.Server(end, h.tls)) })
	return here, nil
}

// dialled counts the attempts to connect.
func (h *hub) dialled() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dials
}

// cut breaks every connection.
func (h *hub) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		c.once.Do(func() { close(c.over) })
	}
	h.conns = nil
}

// told gives what was received of some kinds since the last call, and forgets it.
func (h *hub) told(kinds ...wire.Kind) (list []said) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.heard {
		if slices.Contains(kinds, s.Kind) {
			list = append(list, s)
		}
	}
	h.heard = nil
	return list
}

func seqs(list []said) []uint64 {
	out := []uint64{}
	for _, s := range list {
		out = append(out, s.Seq)
	}
	return out
}

// world is a till, its link and a hub.
type world struct {
	*hub
	j      *journal
	link   *Link
	states chan State
	ctx    context.Context
	stop   context.CancelFunc
	ended  chan error
}

// inBubble runs a test in virtual time with a link that is up, unless prepare changes the hub first.
func inBubble(t *testing.T, prepare func(*world), test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if prepare != nil {
			prepare(w)
		}
		go func() { w.ended <- w.link.Run(w.ctx) }()
		synctest.Wait()
		test(w)
		w.stop()
		if err := <-w.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		w.hub.cut()
		w.wg.Wait()
		w.server.Close()
	})
}

func newWorld(t *testing.T) *world {
	who, config := papers(t, goldenKey)
	h := &hub{t: t, tls: config, key: goldenKey, till: goldenKey.Public().(ed25519.PublicKey),
		luck: mrand.New(mrand.NewPCG(3, 4))}
	h.server = mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	if err := h.server.AddHook(h, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.server.Serve(); err != nil {
		t.Fatal(err)
	}
	w := &world{hub: h, j: &journal{held: map[uint64]bool{}}, ended: make(chan error, 1), states: make(chan State, 1000)}
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.link = New(who, w.j, Deps{Now: time.Now, Records: w.j, Greeted: w.j.Greeted, Roster: w.j.Roster, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Rand: mrand.New(mrand.NewPCG(1, 2)),
		Changed: func(s State) { w.states <- s }, Version: "1.2.3", Boot: "b1", IDs: id.NewSource(time.Now, nil), Dial: h.dial})
	return w
}

// papers makes a till's identity and the hub's TLS to go with it.
func papers(t *testing.T, key ed25519.PrivateKey) (identity.Identity, *tls.Config) {
	t.Helper()
	_, caKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(template, parent *x509.Certificate, public any) *x509.Certificate {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(10000*time.Hour)
		template.SerialNumber = big.NewInt(1)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, public, caKey)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root = issue(root, root, caKey.Public())
	pair := func(name string, usage x509.ExtKeyUsage, key ed25519.PrivateKey) tls.Certificate {
		cert := issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{usage}}, root, key.Public())
		return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	who := identity.Identity{Terminal: terminal, Certificate: pair(terminal, x509.ExtKeyUsageClientAuth, key), SigningKey: key,
		HubKey: goldenKey.Public().(ed25519.PublicKey), CA: pool, MQTT: "hub.test:8883"}
	return who, &tls.Config{Certificates: []tls.Certificate{pair("hub.test", x509.ExtKeyUsageServerAuth, caKey)},
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// otherPool is a CA that did not sign the hub.
func otherPool(t *testing.T) (*x509.CertPool, *tls.Config) {
	who, config := papers(t, goldenKey)
	return who.CA, config
}

// freezing is the hub's end of a line that can go dead without a word. It holds what was written
// until it is read, as a socket does: over a bare pipe two ends that both write wait for ever.
type freezing struct {
	net.Conn
	h    *hub
	out  chan []byte
	over chan struct{}
	once sync.Once
}

func (h *hub) freezing(c net.Conn) *freezing {
	f := &freezing{Conn: c, h: h, out: make(chan []byte, 1000), over: make(chan struct{})}
	h.wg.Go(func() {
		defer c.Close()
		for over := false; ; {
			select {
			case p := <-f.out:
				if _, err := c.Write(p); err != nil {
					return
				}
				continue
			default:
			}
			if over { // and nothing is left
				return
			}
			select {
			case p := <-f.out:
				if _, err := c.Write(p); err != nil {
					return
				}
			case <-f.over:
				over = true
			}
		}
	})
	return f
}

func (f *freezing) Write(p []byte) (int, error) {
	if f.h.is(&f.h.frozen) {
		return len(p), nil
	}
	select {
	case f.out <- bytes.Clone(p):
		return len(p), nil
	case <-f.over:
		return 0, net.ErrClosed
	}
}

func (f *freezing) Read(p []byte) (int, error) {
	for {
		if f.h.is(&f.h.stuck) {
			<-f.over
			return 0, net.ErrClosed
		}
		n, err := f.Conn.Read(p)
		if err != nil || !f.h.is(&f.h.frozen) {
			return n, err
		}
	}
}

func (f *freezing) Close() error {
	if !f.h.is(&f.h.frozen) {
		f.once.Do(func() { close(f.over) })
	}
	return nil
}

// Deadlines are for reading: what was written is out of the writer's hands.
func (f *freezing) SetDeadline(t time.Time) error    { return f.SetReadDeadline(t) }
func (f *freezing) SetWriteDeadline(time.Time) error { return nil }
