package ticket_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"cloudcashier/shared/ticket"
)

// server answers handshakes, or hangs up, or says no.
type server struct {
	t    *testing.T
	door net.Listener
	good *tls.Config
	root *x509.CertPool
}

func newServer(t *testing.T) *server {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"hub"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, root: x509.NewCertPool(), good: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	s.root.AddCert(leaf)
	if s.door, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.door.Close() })
	return s
}

// shake makes one handshake with a server that does as told, and says whether it resumed.
func (s *server) shake(c *ticket.Cache, serve func(net.Conn)) (resumed bool, err error) {
	s.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := s.door.Accept()
		if err == nil {
			serve(conn)
			conn.Close()
		}
	}()
	defer func() { <-done }()
	raw, err := net.Dial("tcp", s.door.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{ServerName: "hub", RootCAs: s.root, ClientSessionCache: c})
	if err := conn.Handshake(); err != nil {
		c.Failed(err)
		return false, err
	}
	_, _ = conn.Read(make([]byte, 1)) // the ticket comes behind the handshake
	return conn.ConnectionState().DidResume, nil
}

func (s *server) greet(conn net.Conn) { _, _ = tls.Server(conn, s.good).Write([]byte("x")) }
func (s *server) hangUp(net.Conn)     {}

// sayNo ends the handshake with an alert.
func (s *server) sayNo(conn net.Conn) {
	_ = tls.Server(conn, &tls.Config{Certificates: s.good.Certificates, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{}, ClientAuth: tls.RequireAnyClientCert}).Handshake()
}

func TestASessionOutlivesHangUps(t *testing.T) {
	s, c := newServer(t), &ticket.Cache{}
	if resumed, err := s.shake(c, s.greet); err != nil || resumed {
		t.Fatal(resumed, err)
	}
	for range 10 {
		if _, err := s.shake(c, s.hangUp); err == nil {
			t.Fatal("a handshake with nobody")
		}
	}
	if resumed, err := s.shake(c, s.greet); err != nil || !resumed {
		t.Errorf("resumed %v, %v", resumed, err)
	}
}

func TestASessionThatWasAnsweredIsForgotten(t *testing.T) {
	s, c := newServer(t), &ticket.Cache{}
	if _, err := s.shake(c, s.greet); err != nil {
		t.Fatal(err)
	}
	if _, err := s.shake(c, s.sayNo); err == nil {
		t.Fatal("a handshake that was refused")
	}
	if _, kept := c.Get(""); kept {
		t.Error("it is kept")
	}
}

func TestASessionIsGivenUpInTheEnd(t *testing.T) {
	s, c := newServer(t), &ticket.Cache{}
	if _, err := s.shake(c, s.greet); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, _ = s.shake(c, s.hangUp)
	}
	if _, kept := c.Get(""); kept {
		t.Error("it is kept for ever")
	}
}
