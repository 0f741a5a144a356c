package freeport_test

import (
	"net"
	"testing"

	"cloudcashier/shared/freeport"
)

// TestAddress: one can listen there, and no outgoing connection takes it in between.
func TestAddress(t *testing.T) {
	for range 50 {
		a, err := freeport.Address()
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if port := l.Addr().(*net.TCPAddr).Port; port >= 32768 {
			t.Errorf("port %d is one of those the kernel gives to connections", port)
		}
	}
}
