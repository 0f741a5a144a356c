// Package broker is the hub's front door for terminals: MQTT over TLS with client certificates,
// carrying the signed messages of package wire.
//
// One terminal may publish to exactly one topic and read exactly one, both named by its own
// certificate. The broker refuses everything else: wildcards, shared and retained messages, wills,
// quality 2, kept sessions, certificates that are not the registered ones, connections that say
// nothing. Whatever a terminal sends is handed to the Desk inside the broker's publish hook, so
// that the PUBACK means "committed" and nothing less; no message ever travels from one terminal to
// another. Messages for terminals wait in the Mailbox and are sent in order until they are
// acknowledged by number; MQTT's own delivery guarantees are not used (they drop messages).
//
// Newcomers get one thing wrong: a PUBACK and an answer are different things. The PUBACK tells the
// terminal that its request is stored; the answer comes as a message of its own, later, and again
// and again until the terminal has stored it.
package broker

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/id"
	"cloudcashier/shared/wire"
)

// Desk takes the terminals' requests. A nil error means committed; an error means that nothing may
// be acknowledged, and the terminal sends it again. Answers travel as messages of the Mailbox.
//
// A Pay that arrives after its envelope expired is handed over with a CodeAgeMS beyond every code's
// life: the Desk's rule for the age of codes refuses it when it is new and answers it when the same
// payment is known already. Refusing it here would lose that second case.
type Desk interface {
	Pay(ctx context.Context, t registry.Terminal, p wire.Pay) error
	Fence(ctx context.Context, t registry.Terminal, f wire.Fence) error
	Cancel(ctx context.Context, t registry.Terminal, c wire.Cancel) error
	Refund(ctx context.Context, t registry.Terminal, r wire.Refund) error
}

// Archive keeps a copy of the tills' journals.
type Archive interface {
	// Records stores rows of the till's journal, one or several messages of them in the order they
	// came, and tells what is stored. They are answered by that alone, once: who misses the answer
	// asks again. Unavailable means not now, and is not answered.
	Records(ctx context.Context, t registry.Terminal, ms ...wire.Records) (wire.Stored, error)
}

// Mailbox keeps the messages for terminals. A terminal's numbers start at 1 and have no gaps.
type Mailbox interface {
	// Waiting lists committed messages with Seq > after, in order.
	Waiting(terminal string, after uint64, limit int) ([]Down, error)
	// Acknowledge forgets everything up to seq.
	Acknowledge(terminal string, seq uint64) error
	// Forgotten is the number up to which everything is forgotten.
	Forgotten(terminal string) (uint64, error)
}

// Down is a committed message for a terminal.
type Down struct {
	Seq  uint64
	Kind wire.Kind
	Body json.RawMessage
	At   time.Time
}

// Directory knows the terminals: NotFound or Denied for one that is unknown or revoked.
type Directory interface {
	Terminal(id string) (registry.Terminal, error)
}

// Config says where and how to listen. The zero limits mean the defaults.
type Config struct {
	Listener   net.Listener       // plain; Run closes it
	TLS        *tls.Config        // the hub's certificate and ClientCAs; the rest is set here
	SigningKey ed25519.PrivateKey // signs what goes down
	// TicketKey gives the secret that seals the TLS session tickets of a day, counted from 1970 in UTC.
	// Hubs with the same secrets resume each other's sessions, and a restarted hub its own: a fleet that
	// comes back costs it two thirds of what it cost to come. nil: each run draws its own.
	TicketKey func(day int64) [32]byte

	// Offline gives what a terminal may take without a connection, signed; nil: nothing.
	Offline func(registry.Terminal) string

	// Operators gives who works in a terminal's store, signed; nil: nobody is named. An error is the storage's: the
	// greeting waits, because a till that hears of nobody asks nobody for a PIN.
	Operators func(registry.Terminal) (string, error)

	MaxConnections    int // in all; 20,000, which is what 1 GiB holds at 50 KiB each
	MaxPending        int // not yet authenticated; 6,000, a reconnect storm's queueTime; those that wait cost 6 KiB
	MaxPendingPerIP   int // of those from one address, when so many are free; 3,000, because a mall of tills shares one
	ConnectsPerSecond int // handshakes begun; 1,000, under half of what two processors do
}

// Deps is what the broker stands on.
type Deps struct {
	Desk      Desk
	Archive   Archive
	Mailbox   Mailbox
	Directory Directory
	Now       func() time.Time
	IDs       *id.Source
	Log       *slog.Logger
}

// Broker serves the terminals.
type Broker struct {
	Config
	Deps
	server *mqtt.Server
	door   *door
	ctx    context.Context    // of Run, for the Desk
	end    context.CancelFunc // of ctx, where lines are brought
	failed chan error         // what ends Run; room for the first
	pumps  sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*session
	closing  bool
	revoked  uint64 // counts Revoke, to notice one that crossed a connect

	count counters
}

type counters struct {
	connected, refusedConnections, refusedPackets, received, committed, deskErrors, panics, sent, resent, takeovers, clones, skips atomic.Int64
}

// Stats are figures for metrics: the first three are levels, the rest only grow.
type Stats struct {
	Connections, Pending, Sessions          int64
	Connected, Takeovers                    int64
	Clones                                  int64 // take-overs by another run of the agent while the first was alive: an alarm
	Skips                                   int64 // greetings behind what was acknowledged in their name: an alarm
	RefusedConnections, RefusedPackets      int64
	Received, Committed, DeskErrors, Panics int64
	Sent, Resent                            int64
}

// New makes a broker; Run opens it.
func New(c Config, d Deps) (*Broker, error) {
	if c.TLS == nil || c.TLS.ClientCAs == nil || c.Listener == nil || len(c.SigningKey) != ed25519.PrivateKeySize {
		return nil, errors.New("broker: a listener, a certificate, the terminals' CA and a signing key are required")
	}
	for _, limit := range []struct {
		value    *int
		standard int
	}{{&c.MaxConnections, 20_000}, {&c.MaxPending, 6_000}, {&c.MaxPendingPerIP, 3_000}, {&c.ConnectsPerSecond, 1_000}} {
		if *limit.value <= 0 {
			*limit.value = limit.standard
		}
	}
	b := &Broker{Config: c, Deps: d, failed: make(chan error, 1), sessions: map[string]*session{}}
	b.door = newDoor(b)
	b.server = mqtt.New(&mqtt.Options{
		Capabilities: capabilities(c.MaxConnections),
		// mochi logs whole packets, and a packet holds a payment code.
		Logger:                   slog.New(slog.DiscardHandler),
		SysTopicResendInterval:   int64(24 * time.Hour / time.Second), // nobody may read $SYS, and it stops the world
		ClientNetReadBufferSize:  1024,                                // a message has about 600 bytes
		ClientNetWriteBufferSize: 1024,
	})
	if err := b.server.AddHook(&hook{b: b}, nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b, nil
}

// capabilities are mochi's own limits. Several of its "available" switches are not enforced by it
// (handbook: terminal, section 4.2); the hook enforces all that matter.
func capabilities(clients int) *mqtt.Capabilities {
	return &mqtt.Capabilities{
		MaximumClients:               int64(clients),
		MaximumMessageExpiryInterval: 3600,
		MaximumClientWritesPending:   16, // 8 bytes each per client; the pump writes by itself and needs none
		MaximumSessionExpiryInterval: 60,
		MaximumPacketSize:            2 * wire.MaxMessage, // checked before a byte is allocated
		ReceiveMaximum:               256,
		MaximumInflight:              256,
		MinimumProtocolVersion:       4,
		MaximumQos:                   1,
	}
}

// Run serves until ctx ends, the listener breaks or the Mailbox fails.
func (b *Broker) Run(ctx context.Context) error {
	if b.server == nil {
		return b.runInside(ctx)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b.ctx = ctx
	if err := b.server.Serve(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	accepting := make(chan error, 1)
	go func() { accepting <- b.door.serve(ctx) }()
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-b.failed:
	case failure = <-accepting:
		accepting <- nil
	}
	stop()
	_ = b.Listener.Close()
	<-accepting
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	b.door.close() // waits for every connection, and with them for the handlers
	b.pumps.Wait()
	if err := b.server.Close(); failure == nil && err != nil {
		failure = err
	}
	if failure != nil {
		return fmt.Errorf("broker: %w", failure)
	}
	return nil
}

// fail ends Run with the first failure.
func (b *Broker) fail(err error) {
	select {
	case b.failed <- err:
	default:
	}
}

// Wake says that something was committed for the terminal. It never blocks.
func (b *Broker) Wake(terminal string) {
	if s := b.session(terminal); s != nil {
		s.kick(func(*orders) {})
	}
}

// StaffChanged has the connected terminals of a store, or with "" of all of a merchant's, told who works there.
func (b *Broker) StaffChanged(merchant, store string) {
	b.mu.Lock()
	var of []*session
	for _, s := range b.sessions {
		if s.known.Merchant == merchant && (store == "" || s.known.Store == store) {
			of = append(of, s)
		}
	}
	b.mu.Unlock()
	for _, s := range of {
		s.kick(func(o *orders) { o.staff = true })
	}
}

// Revoke cuts the terminal's live connection. The Directory must refuse it already.
func (b *Broker) Revoke(terminal string) {
	b.mu.Lock()
	b.revoked++
	s := b.sessions[terminal]
	b.mu.Unlock()
	if s != nil {
		s.close()
	}
}

func (b *Broker) session(terminal string) *session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions[terminal]
}

// Stats tells the figures.
func (b *Broker) Stats() Stats {
	var connections, pending int
	if b.door != nil {
		connections, pending = b.door.levels()
	}
	b.mu.Lock()
	sessions := len(b.sessions)
	b.mu.Unlock()
	c := &b.count
	return Stats{
		Connections: int64(connections), Pending: int64(pending), Sessions: int64(sessions),
		Connected: c.connected.Load(), Takeovers: c.takeovers.Load(), Clones: c.clones.Load(), Skips: c.skips.Load(),
		RefusedConnections: c.refusedConnections.Load(), RefusedPackets: c.refusedPackets.Load(),
		Received: c.received.Load(), Committed: c.committed.Load(), DeskErrors: c.deskErrors.Load(), Panics: c.panics.Load(),
		Sent: c.sent.Load(), Resent: c.resent.Load(),
	}
}
