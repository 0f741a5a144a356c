// Package mqttproxy stands between a till and the hub and does to single MQTT packets what networks, brokers and
// people with a recorder do: it loses, doubles, delays, reorders, damages and replays them, also on a later
// connection than the one they came on.
//
// It refuses packets that neither program should send, and whoever is not the till it was made for. It terminates
// TLS on both sides with the lab's own keys, which only a rig can have: towards the till it is the hub by a
// certificate of the lab's authority, towards the hub it is the till by the till's own. Newcomers get one thing
// wrong: it can read and repeat messages but make none, for they are signed inside; what it changes must be refused.
package mqttproxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Way is a direction.
type Way int

// The two ways.
const (
	Up   Way = iota // till to hub
	Down            // hub to till
)

// patience bounds the handshakes of a connection.
const patience = 10 * time.Second

// Proxy is the stranger on one till's line.
type Proxy struct {
	target     string
	door       net.Listener
	server     *tls.Config
	client     *tls.Config
	ctx        context.Context
	cancel     context.CancelFunc
	tasks      sync.WaitGroup
	mu         sync.Mutex
	dice       *rand.Rand
	rates      Rates
	live       *pair // the newest connection that the hub has let in
	open       map[*pair]bool
	waiting    [2][]Packet // whose time came while there was no connection
	late       map[*delayed]bool
	held       [2]*delayed // waits to be overtaken by one other
	seen       [2]tape
	counts     Counts
	moved      time.Time // when a message last passed
	hasStopped bool
}

// pair is one connection of the till with ours to the hub.
type pair struct{ ends [2]*end } // by the way that ends there: ends[Up] is the hub's

// end is one end. Writers take turns: packets come from the other end, from timers and from tapes.
type end struct {
	mu  sync.Mutex
	raw net.Conn
	tls *tls.Conn
}

func (e *end) write(p Packet) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.tls.Write(p.Append(nil))
	return err
}

// cut ends both without a farewell, which could wait behind a full socket.
func (p *pair) cut() {
	for _, e := range p.ends {
		e.raw.Close()
	}
}

// New opens a proxy to the hub's door for terminals. The seed chooses what happens to which packet.
func New(target string, k Keys, seed uint64) (*Proxy, error) {
	server, client, err := k.configs(target)
	if err != nil {
		return nil, fmt.Errorf("open a proxy: %w", err)
	}
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a proxy: %w", err)
	}
	p := &Proxy{target: target, door: door, server: server, client: client, dice: rand.New(rand.NewPCG(seed, 3)),
		open: map[*pair]bool{}, late: map[*delayed]bool{}, moved: time.Now()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.tasks.Go(func() {
		for {
			raw, err := door.Accept()
			if err != nil {
				return
			}
			p.tasks.Go(func() { p.carry(raw) })
		}
	})
	return p, nil
}

// Address is where the till finds the hub.
func (p *Proxy) Address() string { return p.door.Addr().String() }

// Close ends everything and forgets what is still delayed.
func (p *Proxy) Close() {
	p.door.Close()
	p.cancel()
	p.mu.Lock()
	p.hasStopped = true
	for l := range p.late {
		l.timer.Stop()
	}
	for c := range p.open {
		c.cut()
	}
	p.mu.Unlock()
	p.tasks.Wait()
}

func (p *Proxy) carry(raw net.Conn) {
	defer raw.Close()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	var dialer net.Dialer
	far, err := dialer.DialContext(ctx, "tcp", p.target)
	if err != nil {
		return
	}
	defer far.Close()
	c := &pair{ends: [2]*end{Up: {raw: far, tls: tls.Client(far, p.client)}, Down: {raw: raw, tls: tls.Server(raw, p.server)}}}
	if !p.keep(c) {
		return
	}
	defer p.drop(c)
	for _, e := range c.ends {
		if err := e.tls.HandshakeContext(ctx); err != nil {
			return
		}
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		p.flow(c, Down)
	}()
	p.flow(c, Up)
	<-back
}

func (p *Proxy) keep(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.hasStopped {
		p.open[c] = true
	}
	return !p.hasStopped
}

func (p *Proxy) drop(c *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	if p.live == c {
		p.live = nil
	}
}

// flow carries one way until it ends, and with it the other.
func (p *Proxy) flow(c *pair, way Way) {
	defer c.cut()
	from := bufio.NewReader(c.ends[1-way].tls)
	for {
		packet, err := Read(from)
		if err != nil {
			p.strange(err)
			return
		}
		for _, out := range p.judge(c, way, packet) {
			if c.ends[way].write(out) != nil {
				return
			}
		}
		if packet.Type == Connack && way == Down {
			p.arrive(c)
		}
	}
}

// arrive makes a connection the live one and sends what waited for one.
func (p *Proxy) arrive(c *pair) {
	p.mu.Lock()
	p.live = c
	waiting := p.waiting
	p.waiting = [2][]Packet{}
	p.counts.Across += len(waiting[Up]) + len(waiting[Down])
	p.mu.Unlock()
	for way, list := range waiting {
		for _, packet := range list {
			_ = c.ends[way].write(packet) // a connection that broke is noticed by who reads it
		}
	}
}

// strange counts packets that nobody should send; the end of a connection is none.
func (p *Proxy) strange(err error) {
	if !errors.Is(err, ErrFrame) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts.Strange = append(p.counts.Strange, err.Error())
}

// stranger refuses who is not the till.
func stranger(leaf []byte) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, leaf) {
			return errors.New("another certificate than the till's")
		}
		return nil
	}
}
