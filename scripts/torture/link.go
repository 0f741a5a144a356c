package main

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link carries TCP to an address and does to it what networks do. It sees bytes, not packets of MQTT: here bytes
// stop, wait and end. What happens to single messages is mqttproxy's part, behind most tills' links; behind the others
// TLS runs from end to end.
type link struct {
	door   net.Listener
	target string
	hold   [2]gate      // up, down
	delay  atomic.Int64 // nanoseconds each piece waits
	refuse atomic.Bool  // whoever comes is reset at once
	deaf   atomic.Bool  // whoever comes is let in and never heard: a connection with one end

	mu    sync.Mutex
	open  map[*net.TCPConn]bool
	ended bool
	tasks sync.WaitGroup
}

// The two ways through a link.
const (
	up = iota
	down
)

func newLink(target string) (*link, error) {
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lay a link: %w", err)
	}
	l := &link{door: door, target: target, open: map[*net.TCPConn]bool{}}
	l.hold[up].init()
	l.hold[down].init()
	l.tasks.Go(l.accept)
	return l, nil
}

func (l *link) address() string { return l.door.Addr().String() }

// cut ends every connection; reset tells the ends so rudely, with an RST and not a FIN.
func (l *link) cut(reset bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if reset {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
}

// heal undoes everything but what is cut already.
func (l *link) heal() {
	l.refuse.Store(false)
	if l.deaf.Swap(false) {
		l.cut(true) // nobody will ever answer those that were let in
	}
	l.delay.Store(0)
	l.hold[up].set(false)
	l.hold[down].set(false)
}

// whole reports that nothing is wrong with the link now.
func (l *link) whole() bool {
	return !l.refuse.Load() && !l.deaf.Load() && l.delay.Load() == 0 && !l.hold[up].shut() && !l.hold[down].shut()
}

func (l *link) close() {
	l.door.Close()
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.heal()
	l.cut(true)
	l.tasks.Wait()
}

func (l *link) accept() {
	for {
		c, err := l.door.Accept()
		if err != nil {
			return
		}
		near, ok := c.(*net.TCPConn)
		if !ok {
			c.Close()
			continue
		}
		l.tasks.Go(func() { l.carry(near) })
	}
}

func (l *link) keep(c *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.open[c] = true
	}
	return !l.ended
}

func (l *link) drop(c *net.TCPConn) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *link) carry(near *net.TCPConn) {
	defer l.drop(near)
	if l.refuse.Load() {
		_ = near.SetLinger(0)
		return
	}
	if !l.keep(near) {
		return
	}
	if l.deaf.Load() {
		io.Copy(io.Discard, near)
		return
	}
	c, err := net.Dial("tcp", l.target)
	if err != nil {
		_ = near.SetLinger(0)
		return
	}
	far, ok := c.(*net.TCPConn)
	if !ok {
		c.Close()
		return
	}
	defer l.drop(far)
	if !l.keep(far) {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		l.flow(near, far, down)
	}()
	l.flow(far, near, up)
	<-back
}

// flow carries one way. Its end is the end of both ways: none of our programs half-closes.
func (l *link) flow(to, from *net.TCPConn, way int) {
	defer to.Close()
	defer from.Close()
	piece := make([]byte, 16<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			if d := l.delay.Load(); d > 0 {
				time.Sleep(time.Duration(d))
			}
			l.hold[way].pass()
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// gate lets pass or makes wait.
type gate struct {
	mu     sync.Mutex
	cond   *sync.Cond
	closed bool
}

func (g *gate) init() { g.cond = sync.NewCond(&g.mu) }

func (g *gate) set(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = closed
	g.cond.Broadcast()
}

func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.closed {
		g.cond.Wait()
	}
}
