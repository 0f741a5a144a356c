package scanner

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"time"

	"cloudcashier/shared/fault"
)

// sightingsMax bounds the memory of what was scanned: a minute of scanning twice a second, and as
// much again. When it is full, the sighting longest ago gives way.
const sightingsMax = 256

// tag stands for a scanned text: its HMAC under a key that lives as long as the process, so that
// nothing in memory, a core dump included, gives a payment code away.
type tag [sha256.Size]byte

type sighting struct {
	read time.Time // last time
	told time.Time // when a repeat was last reported; zero when none was
}

// memory knows what was scanned a moment ago.
type memory struct {
	key []byte

	mu   sync.Mutex
	seen map[tag]sighting
}

// newMemory draws the key; with an error it still remembers, under a key of zeros.
func newMemory(random io.Reader) (*memory, error) {
	m := &memory{key: make([]byte, sha256.Size), seen: map[tag]sighting{}}
	if random == nil {
		return m, fault.New(fault.Internal, "scanner.rand", "no source of randomness: set Deps.Rand")
	}
	if _, err := io.ReadFull(random, m.key); err != nil {
		return m, fmt.Errorf("draw the key of the scanners' memory: %w", err)
	}
	return m, nil
}

// tag names a text within a scope: products are remembered per scanner, payment codes for all.
func (m *memory) tag(scope, text string) (t tag) {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(scope))
	h.Write([]byte{0})
	h.Write([]byte(text))
	h.Sum(t[:0])
	return t
}

// again notes a reading at now and reports whether the last one was within the time given, and
// whether to tell of it: the first repeat is told, others only when quiet has passed since the last
// that was. Each reading starts the time anew, so that a gun that keeps staring at a code reads it once.
func (m *memory) again(t tag, now time.Time, within, quiet time.Duration) (again, tell bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, known := m.seen[t]
	again = known && now.Sub(s.read) < within
	tell = !again || s.told.IsZero() || now.Sub(s.told) >= quiet
	if !known && len(m.seen) == sightingsMax {
		m.forgetOldest()
	}
	switch {
	case !again:
		s.told = time.Time{}
	case tell:
		s.told = now
	}
	s.read = now
	m.seen[t] = s
	return again, tell
}

func (m *memory) forgetOldest() {
	var oldest tag
	var at time.Time
	for t, s := range m.seen {
		if at.IsZero() || s.read.Before(at) {
			oldest, at = t, s.read
		}
	}
	delete(m.seen, oldest)
}

// forget makes the next reading of a text a first one.
func (m *memory) forget(t tag) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.seen, t)
}
