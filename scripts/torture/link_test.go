package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// echo answers every byte with itself.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// TestLink does to a link each thing it can do, and sees that it happens and that healing undoes it.
func TestLink(t *testing.T) {
	l, err := newLink(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.address())
		if err != nil { // a link that resets what it takes may do so before the dial returns
			return nil
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	const soon = 100 * time.Millisecond // long enough for a line that flows to answer
	said := func(c net.Conn, within time.Duration) bool {
		t.Helper()
		if c == nil {
			return false
		}
		if err := c.SetDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(c, "hello")
		_, err := bufio.NewReader(c).ReadString('\n')
		return err == nil
	}
	for _, f := range []struct {
		name    string
		do      func()
		oldWill bool // a connection from before goes on once it is healed
		newWill bool // one made meanwhile goes on once it is healed
		newDoes bool // one made meanwhile flows at once
	}{
		{"closed", func() { l.cut(false) }, false, true, true},
		{"reset", func() { l.cut(true) }, false, true, true},
		{"away", func() { l.refuse.Store(true); l.cut(true) }, false, false, false},
		{"held up", func() { l.hold[up].set(true) }, true, true, false},
		{"held down", func() { l.hold[down].set(true) }, true, true, false},
		{"slow", func() { l.delay.Store(int64(4 * soon)) }, true, true, false},
		{"deaf", func() { l.deaf.Store(true); l.cut(false) }, false, false, false},
	} {
		t.Run(f.name, func(t *testing.T) {
			old := dial()
			if !said(old, 10*time.Second) {
				t.Fatal("a whole link carries nothing")
			}
			f.do()
			if said(old, soon) {
				t.Error("nothing happened to the connection that was there")
			}
			fresh := dial()
			if got := said(fresh, map[bool]time.Duration{true: 10 * time.Second, false: soon}[f.newDoes]); got != f.newDoes {
				t.Errorf("a connection made meanwhile flows: %t", got)
			}
			l.heal()
			if !l.whole() {
				t.Error("healed, and not whole")
			}
			if got := said(old, map[bool]time.Duration{true: 10 * time.Second, false: soon}[f.oldWill]); got != f.oldWill {
				t.Errorf("healed: the old connection flows: %t", got)
			}
			if got := said(fresh, map[bool]time.Duration{true: 10 * time.Second, false: soon}[f.newWill]); got != f.newWill {
				t.Errorf("healed: the connection made meanwhile flows: %t", got)
			}
			if !said(dial(), 10*time.Second) {
				t.Error("healed: a new connection does not flow")
			}
		})
	}
}
