package sandbox

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// maxConns bounds the connections open at once: a few hundred for each of a few hubs.
	maxConns = 4096
	// firstByte is how long a connection may take to show whether it speaks TLS.
	firstByte = 5 * time.Second
	// tlsHandshake is the first byte of every TLS connection and of no HTTP request.
	tlsHandshake = 0x16
)

// split deals the connections of one port to two listeners by their first byte.
type split struct {
	raw           net.Listener
	secure, plain *dealt
	tls           *tls.Config
	places        chan struct{} // one for each open connection
	ended         chan struct{}
	once          sync.Once
	sniffing      sync.WaitGroup
}

func newSplit(raw net.Listener, conf *tls.Config) *split {
	s := &split{raw: raw, tls: conf, places: make(chan struct{}, maxConns), ended: make(chan struct{})}
	s.secure = &dealt{split: s, conns: make(chan net.Conn)}
	s.plain = &dealt{split: s, conns: make(chan net.Conn)}
	return s
}

// run accepts until close; it returns when every connection was dealt or dropped.
func (s *split) run() {
	defer s.sniffing.Wait()
	for {
		select {
		case s.places <- struct{}{}:
		case <-s.ended:
			return
		}
		conn, err := s.raw.Accept()
		if err != nil {
			<-s.places
			select {
			case <-s.ended:
				return
			case <-time.After(20 * time.Millisecond): // out of descriptors: others must close first
				continue
			}
		}
		s.sniffing.Go(func() { s.deal(&counted{Conn: conn, places: s.places}) })
	}
}

func (s *split) deal(conn *counted) {
	watch := make(chan struct{})
	defer close(watch)
	s.sniffing.Go(func() { // a connection that says nothing must not hold up the end
		select {
		case <-s.ended:
			_ = conn.SetReadDeadline(time.Unix(1, 0))
		case <-watch:
		}
	})
	_ = conn.SetReadDeadline(time.Now().Add(firstByte))
	if _, err := conn.Conn.Read(conn.first[:]); err != nil {
		_ = conn.Close()
		return
	}
	conn.held = true
	_ = conn.SetReadDeadline(time.Time{})
	to, ready := s.plain, net.Conn(conn)
	if conn.first[0] == tlsHandshake {
		to, ready = s.secure, tls.Server(conn, s.tls)
	}
	select {
	case to.conns <- ready:
	case <-s.ended:
		_ = conn.Close()
	}
}

func (s *split) close() {
	s.once.Do(func() {
		close(s.ended)
		_ = s.raw.Close()
	})
}

// dealt is one of the two listeners.
type dealt struct {
	split *split
	conns chan net.Conn
}

func (d *dealt) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.split.ended:
		return nil, net.ErrClosed
	}
}

func (d *dealt) Close() error {
	d.split.close()
	return nil
}

func (d *dealt) Addr() net.Addr { return d.split.raw.Addr() }

// counted is a connection whose first byte was read ahead, and which gives its place back.
type counted struct {
	net.Conn
	first  [1]byte
	held   bool // first is still to be read
	places chan struct{}
	once   sync.Once
}

func (c *counted) Read(p []byte) (int, error) {
	if c.held && len(p) > 0 {
		c.held = false
		return copy(p, c.first[:]), nil
	}
	return c.Conn.Read(p)
}

func (c *counted) Close() error {
	c.once.Do(func() { <-c.places })
	return c.Conn.Close()
}

// newcomers are connections that were served nothing yet. Shutdown gives each of them five seconds to
// say something, and idle clients keep such connections in reserve.
type newcomers struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	ended bool
}

func (n *newcomers) note(c net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(n.conns, c)
	case n.ended:
		_ = c.Close()
	default:
		n.conns[c] = struct{}{}
	}
}

func (n *newcomers) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	for c := range n.conns {
		_ = c.Close()
	}
}
