package rig

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
)

func TestWire(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	w, err := NewWire(echo.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	say := func(c net.Conn) (string, error) {
		fmt.Fprintln(c, "hello")
		return bufio.NewReader(c).ReadString('\n')
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", w.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first := dial()
	if got, err := say(first); err != nil || got != "hello\n" {
		t.Fatalf("through a whole wire: %q, %v", got, err)
	}
	w.Cut()
	if got, err := say(first); err == nil {
		t.Errorf("through a cut wire on an old connection: %q", got)
	}
	if got, err := say(dial()); err == nil {
		t.Errorf("through a cut wire on a new connection: %q", got)
	}
	w.Heal()
	if got, err := say(dial()); err != nil || got != "hello\n" {
		t.Errorf("through a healed wire: %q, %v", got, err)
	}
}
