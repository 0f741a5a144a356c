package rig

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// Wire carries TCP to an address until it is cut: then what flows is lost and nobody gets through.
type Wire struct {
	door   net.Listener
	target string

	mu    sync.Mutex
	cut   bool
	open  map[net.Conn]bool
	tasks sync.WaitGroup
}

// NewWire lays a wire to the target on a port of its own.
func NewWire(target string) (*Wire, error) {
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lay a wire: %w", err)
	}
	w := &Wire{door: door, target: target, open: map[net.Conn]bool{}}
	w.tasks.Go(w.accept)
	return w, nil
}

// Address is the wire's near end.
func (w *Wire) Address() string { return w.door.Addr().String() }

// Cut cuts the wire.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.open {
		c.Close()
	}
}

// Heal mends it.
func (w *Wire) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}

// Close takes the wire away.
func (w *Wire) Close() {
	w.door.Close()
	w.Cut()
	w.tasks.Wait()
}

func (w *Wire) accept() {
	for {
		near, err := w.door.Accept()
		if err != nil {
			return
		}
		w.tasks.Go(func() { w.carry(near) })
	}
}

// keep notes a connection, unless the wire is cut.
func (w *Wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.cut {
		w.open[c] = true
	}
	return !w.cut
}

func (w *Wire) drop(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c)
}

func (w *Wire) carry(near net.Conn) {
	defer w.drop(near)
	if !w.keep(near) {
		return
	}
	far, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer w.drop(far)
	if !w.keep(far) {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		io.Copy(near, far)
		near.Close()
	}()
	io.Copy(far, near)
	far.Close()
	<-back
}
