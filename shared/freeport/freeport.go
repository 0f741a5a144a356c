// Package freeport finds an address that a server may listen on later, for demonstrations and tests.
//
// The kernel gives ports to outgoing connections from one range (ip(7): ip_local_port_range, 32768 and up unless it was
// changed) and would give one of it away between our look and the server's start; so ports are drawn below it, by chance,
// so that programs which look at the same moment rarely meet. It refuses nothing to anybody: a port that was found is
// not held, and a server must still say clearly when it is taken.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
)

const (
	lowest = 15_000
	end    = 32_768 // where Linux's range for outgoing connections begins
	tries  = 100
)

// Address is host:port of this machine's loopback that nobody listens on now.
func Address() (string, error) {
	var err error
	for range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(end-lowest))); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("no free port in %d tries: %w", tries, err)
}
