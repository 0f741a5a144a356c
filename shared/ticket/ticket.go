// Package ticket keeps a till's TLS session over handshakes that nobody answered, so that a hub which is
// stormed, and hangs up on many before it greets them, does not pay for a whole handshake with each when
// they come again.
//
// It refuses to keep a session that the other side answered and could not resume. Newcomers get one thing
// wrong: crypto/tls forgets a session at any failure of a handshake, also when the line broke before the
// hub read a byte; [Cache.Failed] must be told of each failure, or this is an ordinary cache.
package ticket

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// patience is how often in a row a session may fail without an answer: whoever hangs up on it each time
// may mean the session.
const patience = 16

// Cache holds the session of one till with one hub. It is a [tls.ClientSessionCache]; the zero Cache is empty.
type Cache struct {
	mu     sync.Mutex
	latest *tls.ClientSessionState
	tried  *tls.ClientSessionState // what the handshake under way would resume
	failed int                     // unanswered handshakes in a row
}

// Get implements [tls.ClientSessionCache].
func (c *Cache) Get(string) (*tls.ClientSessionState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried = c.latest
	return c.latest, c.latest != nil
}

// Put implements [tls.ClientSessionCache]; nil forgets.
func (c *Cache) Put(_ string, s *tls.ClientSessionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = s
	if s != nil {
		c.tried, c.failed = nil, 0
	}
}

// Failed takes the error of a handshake, and keeps the session when nobody answered it.
func (c *Cache) Failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.latest == nil && unanswered(err) && c.failed < patience {
		c.latest = c.tried
		c.failed++
	}
	c.tried = nil
}

// unanswered tells a line that broke or stayed silent from a peer that said no.
func unanswered(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // an alert
		return false
	}
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded, context.DeadlineExceeded, context.Canceled,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
