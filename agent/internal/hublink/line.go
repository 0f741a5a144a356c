package hublink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"cloudcashier/shared/wire"
)

const (
	keepAlive   = 15 * time.Second
	pingTime    = 5 * time.Second
	connectTime = 8 * time.Second // of dialling, TLS and CONNACK; the hub hangs up after ten
	writeTime   = 5 * time.Second
	stopTime    = 2 * time.Second // for paho's goroutines, which end at once when the socket is closed
	// inbox is several of the hub's windows of 128 unacknowledged messages. What does not fit is
	// dropped, and the hub sends it again.
	inbox = 512
)

var errRefused = errors.New("the hub does not let this till read its messages")

// Line is one connection to the hub, used once. Below it messages are carried and no more: they may
// come late, twice, or not at all.
type Line interface {
	// Publish hands a message over. An error means that the line is of no use any more. The channel is
	// closed when the hub has taken a message of quality 1 (its PUBACK came), which is not an answer.
	Publish(qos byte, payload []byte) (taken <-chan struct{}, err error)
	// In gives what the hub sent; what finds no room in it is dropped, and the hub sends it again.
	In() <-chan []byte
	// Lost gives the reason, once, when the line has broken.
	Lost() <-chan error
	// Close cuts the line and waits for what served it.
	Close()
}

// line is one MQTT connection with its own client: paho resends behind our back when it reconnects by
// itself.
type line struct {
	client paho.Client
	up     string // topic
	in     chan []byte
	lost   chan error    // the first reason
	gone   chan struct{} // closed when paho's goroutines have ended
	mu     sync.Mutex
	conn   net.Conn
}

// mqtt connects and subscribes: MQTT over TLS.
func (l *Link) mqtt(ctx context.Context) (Line, error) {
	down := wire.Topic(l.who.Terminal, wire.Down)
	n := &line{up: wire.Topic(l.who.Terminal, wire.Up), in: make(chan []byte, inbox), lost: make(chan error, 1), gone: make(chan struct{})}
	options := paho.NewClientOptions().
		AddBroker("ssl://" + l.who.MQTT).
		SetClientID(l.who.Terminal).
		SetProtocolVersion(4). // else a refusal is tried again as MQTT 3.1
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetKeepAlive(keepAlive).
		SetPingTimeout(pingTime).
		SetConnectTimeout(connectTime).
		SetWriteTimeout(writeTime).
		SetOrderMatters(true). // handlers only enqueue
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return l.secure(ctx, n) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			n.lost <- err // paho says it once, and there is room
			close(n.gone)
		})
	n.client = paho.NewClient(options)
	n.client.AddRoute(down, func(_ paho.Client, m paho.Message) {
		select {
		case n.in <- m.Payload():
		default:
		}
	})
	connecting := n.client.Connect()
	if !connecting.WaitTimeout(connectTime + stopTime) {
		n.cut()
		return nil, errors.New("connecting takes too long")
	}
	if err := connecting.Error(); err != nil {
		n.cut()
		return nil, err
	}
	subscribing := n.client.Subscribe(down, 0, nil).(*paho.SubscribeToken)
	var err error
	select {
	case err = <-n.lost:
	case <-ctx.Done():
		err = ctx.Err()
	case <-subscribing.Done():
		// A refusal is no error to paho: only the result code tells.
		if err = subscribing.Error(); err == nil && subscribing.Result()[down] != 0 {
			err = errRefused
		}
	case <-time.After(connectTime):
		err = errors.New("subscribing takes too long")
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// secure dials and shakes hands. The connection ends with ctx.
func (l *Link) secure(ctx context.Context, n *line) (net.Conn, error) {
	within, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	host, _, err := net.SplitHostPort(l.who.MQTT)
	if err != nil {
		return nil, err
	}
	raw, err := l.Dial(within, l.who.MQTT)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(raw, &tls.Config{
		ServerName: host, RootCAs: l.who.CA, Certificates: []tls.Certificate{l.who.Certificate},
		MinVersion: tls.VersionTLS12, ClientSessionCache: &l.tickets, Time: l.Now,
	})
	if err := secure.HandshakeContext(within); err != nil {
		l.tickets.Failed(err)
		_ = raw.Close()
		return nil, err
	}
	c := &guarded{Conn: secure, raw: raw}
	c.unhook = context.AfterFunc(ctx, func() { _ = raw.Close() })
	n.mu.Lock()
	n.conn = c
	n.mu.Unlock()
	return c, nil
}

func (n *line) In() <-chan []byte  { return n.in }
func (n *line) Lost() <-chan error { return n.lost }

// Publish hands a message to paho.
func (n *line) Publish(qos byte, payload []byte) (taken <-chan struct{}, err error) {
	token := n.client.Publish(n.up, qos, false, payload)
	select {
	case <-token.Done():
		return token.Done(), token.Error()
	default:
		return token.Done(), nil
	}
}

func (n *line) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn != nil {
		_ = n.conn.Close()
	}
}

// Close does not rely on paho's own Disconnect, which may return before its goroutines have.
func (n *line) Close() {
	n.cut()
	select {
	case <-n.gone:
	case <-time.After(stopTime):
	}
}

// guarded bounds every write: paho sends pings without a deadline, and one stuck in a full socket
// keeps it from noticing that nothing comes back. Close skips the TLS farewell, which can block too.
type guarded struct {
	net.Conn
	raw    net.Conn
	unhook func() bool
}

func (c *guarded) Write(p []byte) (int, error) {
	late := time.AfterFunc(writeTime, func() { _ = c.raw.Close() })
	defer late.Stop()
	return c.Conn.Write(p)
}

func (c *guarded) SetDeadline(t time.Time) error    { return c.Conn.SetReadDeadline(t) }
func (c *guarded) SetWriteDeadline(time.Time) error { return nil }
func (c *guarded) Close() error {
	c.unhook()
	return c.raw.Close()
}

// explain says why there is no link and what to do about it.
func explain(err error) string {
	var untrusted *tls.CertificateVerificationError
	var invalid x509.CertificateInvalidError
	var op *net.OpError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the hub's certificate is not valid now: check this till's clock"
	case errors.As(err, &untrusted):
		return "whoever answers is not our hub: check the network, then the hub's address"
	case errors.As(err, &op) && op.Op == "remote error":
		return "the hub refuses this till's certificate: activate the till again"
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised), errors.Is(err, errRefused):
		return "the hub does not know this till, or has revoked it: activate the till again"
	case errors.Is(err, errSilent):
		return "the hub does not answer: tell the operator of the hub if it lasts"
	}
	return "the hub cannot be reached: check the network"
}

var errSilent = fmt.Errorf("no greeting within %v", greetTime)
