package broker

import (
	"context"
	"crypto/ed25519"
	"errors"
)

// Line is the way to one terminal. It carries and no more: what it loses is sent again.
type Line interface {
	// Send carries a message down, waiting for the socket. An error means that the line is broken.
	Send(payload []byte) error
	// Close cuts it. It may be called again.
	Close() error
}

// Caller is who is at the other end of a line, as its transport has proven.
type Caller struct {
	Terminal string
	Key      ed25519.PublicKey
	Serial   string // of the certificate
	Address  string // without port, for people
}

// Inside makes a broker without a door of its own: whoever has other lines to terminals brings each with
// [Broker.Join]. Everything behind the door is the same.
func Inside(signing ed25519.PrivateKey, d Deps) (*Broker, error) {
	if len(signing) != ed25519.PrivateKeySize {
		return nil, errors.New("broker: a signing key is required")
	}
	b := &Broker{Config: Config{SigningKey: signing}, Deps: d, failed: make(chan error, 1), sessions: map[string]*session{}}
	b.ctx, b.end = context.WithCancel(context.Background()) // lines may be brought before Run
	return b, nil
}

// Session is a terminal's conversation over a line that was brought.
type Session struct{ s *session }

// Join takes a terminal's line in, in place of an earlier one, and listens. The caller's certificate is
// held against the Directory; an error means that nothing was taken.
func (b *Broker) Join(who Caller, l Line) (*Session, error) {
	k, err := b.authenticate(who)
	if err != nil {
		b.count.refusedConnections.Add(1)
		return nil, err
	}
	s := b.establish(who, k, l)
	s.kick(func(o *orders) { o.listening = true })
	return &Session{s}, nil
}

// Take hands over what the terminal sent, one message at a time. True: it is committed and may be
// acknowledged.
func (s *Session) Take(payload []byte) bool { return s.s.b.take(s.s, payload) }

// Leave ends the session when its line has ended.
func (s *Session) Leave() { s.s.leave() }

// runInside is Run without a door.
func (b *Broker) runInside(ctx context.Context) (failure error) {
	select {
	case <-ctx.Done():
	case failure = <-b.failed:
	}
	b.end()
	b.mu.Lock()
	b.closing = true
	open := make([]*session, 0, len(b.sessions))
	for _, s := range b.sessions {
		open = append(open, s)
	}
	b.mu.Unlock()
	for _, s := range open {
		s.close()
	}
	b.pumps.Wait()
	return failure
}
