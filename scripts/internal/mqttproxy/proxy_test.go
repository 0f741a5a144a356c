package mqttproxy

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// house has an authority's files, and makes certificates of its.
type house struct {
	t      *testing.T
	dir    string
	parent *x509.Certificate
	key    ed25519.PrivateKey
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, dir: t.TempDir()}
	h.cert("ca", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	return h
}

// cert writes NAME.crt and NAME.key.
func (h *house) cert(name string, shape func(*x509.Certificate)) tls.Certificate {
	h.t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	h.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	shape(template)
	if h.parent == nil {
		h.parent, h.key = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, h.parent, public, h.key)
	h.must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	h.must(err)
	for file, block := range map[string]*pem.Block{h.file(name + ".crt"): {Type: "CERTIFICATE", Bytes: der}, h.file(name + ".key"): {Type: "PRIVATE KEY", Bytes: secret}} {
		h.must(os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	c, err := tls.LoadX509KeyPair(h.file(name+".crt"), h.file(name+".key"))
	h.must(err)
	return c
}

func (h *house) file(name string) string { return filepath.Join(h.dir, name) }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(h.file("ca.crt"))
	h.must(err)
	pool.AppendCertsFromPEM(pem)
	return pool
}

// peer speaks frames over TLS.
type peer struct {
	t    *testing.T
	conn net.Conn
	from *bufio.Reader
}

func newPeer(t *testing.T, c net.Conn) *peer { return &peer{t, c, bufio.NewReader(c)} }

func (p *peer) say(packets ...Packet) {
	p.t.Helper()
	for _, k := range packets {
		if _, err := p.conn.Write(k.Append(nil)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// hear gives what comes until a ping: the payloads of messages, and "ack".
func (p *peer) hear() (list []string) {
	p.t.Helper()
	for {
		k, err := Read(p.from)
		if err != nil {
			p.t.Fatalf("after %q: %v", list, err)
		}
		switch k.Type {
		case Pingreq:
			return list
		case Puback:
			list = append(list, "ack")
		default:
			m, err := k.Message()
			if err != nil {
				p.t.Fatal(err)
			}
			list = append(list, string(m.Payload))
		}
	}
}

// line is a hub and a till with a proxy between them.
type line struct {
	*house
	*Proxy
	door net.Listener
	till tls.Certificate
}

func newLine(t *testing.T) *line {
	h := newHouse(t)
	server := h.cert("hub", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	l := &line{house: h, till: h.cert("till", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}
	var err error
	l.door, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: h.pool()})
	h.must(err)
	t.Cleanup(func() { l.door.Close() })
	l.Proxy, err = New(l.door.Addr().String(), Keys{Authority: h.file("ca.crt"), Secret: h.file("ca.key"), Cert: h.file("till.crt"), Key: h.file("till.key")}, 1)
	h.must(err)
	t.Cleanup(l.Proxy.Close)
	return l
}

// connect makes a connection that both ends think is good.
func (l *line) connect() (till, hub *peer) {
	l.t.Helper()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.door.Accept()
		if err == nil {
			err = c.(*tls.Conn).Handshake()
		}
		if err != nil {
			l.t.Error(err)
		}
		accepted <- c
	}()
	near, err := tls.Dial("tcp", l.Address(), &tls.Config{RootCAs: l.pool(), Certificates: []tls.Certificate{l.till}})
	l.must(err)
	l.t.Cleanup(func() { near.Close() })
	till = newPeer(l.t, near)
	till.say(Packet{Type: Connect, Body: []byte("hello")})
	hub = newPeer(l.t, <-accepted)
	l.t.Cleanup(func() { hub.conn.Close() })
	if k, err := Read(hub.from); err != nil || k.Type != Connect {
		l.t.Fatalf("%+v, %v", k, err)
	}
	hub.say(Packet{Type: Connack, Body: []byte{0, 0}})
	if k, err := Read(till.from); err != nil || k.Type != Connack {
		l.t.Fatalf("%+v, %v", k, err)
	}
	return till, hub
}

func note(text string, id uint16) Packet {
	m := Message{Topic: "t", Payload: []byte(text)}
	if id > 0 {
		m.QoS, m.ID = 1, id
	}
	return m.Packet()
}

func ack(id uint16) Packet { return Packet{Type: Puback, Body: []byte{byte(id >> 8), byte(id)}} }

// expect has one end say something and compares what the other hears. A ping behind it always passes.
func (l *line) expect(what string, from, to *peer, say []Packet, want ...string) {
	l.t.Helper()
	from.say(append(say, Packet{Type: Pingreq})...)
	if got := to.hear(); !slices.Equal(got, want) {
		l.t.Errorf("%s: heard %q, want %q", what, got, want)
	}
}

// TestFates does each thing to messages, both ways.
func TestFates(t *testing.T) {
	const ever = time.Hour
	for _, c := range []struct {
		name       string
		rates      Rates
		say        []Packet
		now, after []string // after: what comes when all is calm, however long it was to wait
	}{
		{"nothing", Rates{}, []Packet{note("a", 1), ack(1), note("b", 0)}, []string{"a", "ack", "b"}, nil},
		{"lost", Rates{Lost: 1000}, []Packet{note("a", 1), note("b", 0), ack(1)}, []string{"ack"}, nil},
		{"doubled", Rates{Doubled: 1000}, []Packet{note("a", 1), note("b", 0)}, []string{"a", "a", "b", "b"}, nil},
		{"swapped", Rates{Swapped: 1000}, []Packet{note("a", 1), note("b", 2), note("c", 3)}, []string{"b", "a"}, []string{"c"}},
		{"late", Rates{Late: 1000, Longest: ever}, []Packet{note("a", 1), ack(1)}, []string{"ack"}, []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLine(t)
			till, hub := l.connect()
			for _, ends := range [][2]*peer{{till, hub}, {hub, till}} {
				l.Disturb(c.rates)
				if l.Busy() != (c.name != "nothing") {
					t.Error("the proxy does not know whether it disturbs")
				}
				l.expect("disturbed", ends[0], ends[1], slices.Clone(c.say), c.now...)
				l.Calm()
				l.expect("calm", ends[0], ends[1], []Packet{note("end", 9)}, append(slices.Clone(c.after), "end")...)
			}
		})
	}
}

// TestAcknowledgements: of those that are disturbed some are lost, some come twice, some come later.
func TestAcknowledgements(t *testing.T) {
	l := newLine(t)
	till, hub := l.connect()
	l.Disturb(Rates{Acks: 1000})
	var say []Packet
	for id := range uint16(60) {
		say = append(say, ack(id+1))
	}
	hub.say(append(say, Packet{Type: Pingreq})...)
	ids := map[uint16]int{}
	for k, err := Read(till.from); k.Type != Pingreq; k, err = Read(till.from) {
		if err != nil {
			t.Fatal(err)
		}
		ids[k.ID()]++
	}
	twice := 0
	for _, n := range ids {
		if n == 2 {
			twice++
		}
	}
	if n := l.Counts().Acks; twice == 0 || len(ids) == 60 || n != 60 {
		t.Errorf("%d of 60 came, %d twice, %d counted", len(ids), twice, n)
	}
}

// TestDamage changes one bit of what a message says and nothing else.
func TestDamage(t *testing.T) {
	l := newLine(t)
	till, hub := l.connect()
	l.Disturb(Rates{Damaged: 1000})
	till.say(note("abcdefgh", 7), Packet{Type: Pingreq})
	k, err := Read(hub.from)
	if err != nil {
		t.Fatal(err)
	}
	m, err := k.Message()
	if err != nil || m.ID != 7 || m.Topic != "t" || m.QoS != 1 || len(m.Payload) != 8 {
		t.Fatalf("%+v, %v", m, err)
	}
	bits := 0
	for i := range m.Payload {
		for d := m.Payload[i] ^ "abcdefgh"[i]; d != 0; d &= d - 1 {
			bits++
		}
	}
	if bits != 1 {
		t.Errorf("%d bits are changed: %q", bits, m.Payload)
	}
}

// TestAcross: what was delayed, or is replayed, travels on the till's connection of that moment.
func TestAcross(t *testing.T) {
	l := newLine(t)
	till, hub := l.connect()
	l.Disturb(Rates{Late: 1000, Longest: time.Hour})
	l.expect("up, late", till, hub, []Packet{note("up", 3)})
	l.expect("down, late", hub, till, []Packet{note("down", 0)})
	till.conn.Close()
	if _, err := Read(hub.from); err == nil {
		t.Error("the till's end does not end the hub's")
	}
	l.Calm() // due while there is no connection
	till, hub = l.connect()
	for want, at := range map[string]*peer{"up": hub, "down": till} {
		k, err := Read(at.from)
		m, _ := k.Message() // of no publish: empty
		if err != nil || string(m.Payload) != want {
			t.Errorf("at the next connection: %+v, %v, want %q", k, err, want)
		}
	}
	l.Replay(t.Context(), 10)
	l.expect("up, replayed", till, hub, nil, "up")
	l.expect("down, replayed", hub, till, nil, "down")
	c := l.Counts()
	if c.Across != 2 || c.Replayed != [2]int{1, 1} || c.Late != 2 || len(c.Strange) != 0 {
		t.Errorf("%+v", c)
	}
	hub.conn.Close()
	if _, err := Read(till.from); err == nil {
		t.Error("the hub's end does not end the till's")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.Replay(ctx, 10) // nobody there, and it does not wait
}

// TestTape keeps the newest.
func TestTape(t *testing.T) {
	var tp tape
	for i := range reel + 3 {
		tp.add(Packet{Type: Publish, Body: []byte{byte(i), byte(i >> 8)}})
	}
	last := tp.last(reel + 3)
	for i, p := range last {
		if n := int(p.Body[0]) | int(p.Body[1])<<8; n != i+3 {
			t.Fatalf("place %d holds %d", i, n)
		}
	}
	if len(last) != reel || len(tp.last(5)) != 5 {
		t.Errorf("%d are kept", len(last))
	}
}

// TestStrangers: who is not the till gets no further, and a packet nobody should send ends the line and is counted.
func TestStrangers(t *testing.T) {
	l := newLine(t)
	other := l.cert("other", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	go func() {
		if c, err := l.door.Accept(); err == nil {
			_ = c.(*tls.Conn).Handshake() // the proxy's side of it is looked at
		}
	}()
	near, err := tls.Dial("tcp", l.Address(), &tls.Config{RootCAs: l.pool(), Certificates: []tls.Certificate{other}})
	if err == nil { // with TLS 1.3 the client hears of it when it reads
		_, err = near.Read(make([]byte, 1))
		near.Close()
	}
	if err == nil {
		t.Error("another till of the same authority is let in")
	}
	l = newLine(t)
	till, hub := l.connect()
	if _, err := till.conn.Write([]byte("\x50\x02\x00\x01")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(hub.from); err == nil {
		t.Error("a packet of a stranger's protocol travels on")
	}
	if c := l.Counts(); len(c.Strange) != 1 {
		t.Errorf("%+v", c)
	}
	if _, err := New(l.door.Addr().String(), Keys{Authority: "nowhere", Cert: l.file("till.crt"), Key: l.file("till.key")}, 1); err == nil {
		t.Error("a proxy without an authority")
	}
}
