package broker

import (
	"runtime/debug"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

const (
	// copyQueue is how many messages of one till's journal may wait for the Desk: a till sends 48 KiB
	// before it wants an answer. What comes beyond is dropped, and the till asks again.
	copyQueue = 16
	// copyBatch is how many are taken to the Desk at a time, to be one commit. Where commits are slow they
	// carry more; two hundred rows keep a writer busy for a few milliseconds.
	copyBatch = 4
)

// copies takes a message of the till's journal to the Desk on a goroutine of its own, which exists only
// while there is something to copy: a payment of the same till comes behind it on the line, and must not
// wait for a commit of records.
func (s *session) copies(m wire.Records) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.records) >= copyQueue {
		return
	}
	s.records = append(s.records, m)
	if !s.copying {
		s.copying = true
		s.b.pumps.Add(1)
		go s.copy()
	}
}

// next gives the oldest messages that wait; there are none when the goroutine has to end.
func (s *session) next() (ms []wire.Records) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.records) == 0 {
		s.records, s.copying = nil, false
		return nil
	}
	n := min(len(s.records), copyBatch)
	ms, s.records = s.records[:n:n], s.records[n:]
	return ms
}

func (s *session) copy() {
	defer s.b.pumps.Done()
	defer func() {
		if v := recover(); v != nil {
			s.b.count.panics.Add(1)
			s.b.Log.Error("copying a terminal's records panicked; it was cut", logs.Terminal, s.known.ID, "panic", v, "stack", string(debug.Stack()))
			s.close()
		}
	}()
	for {
		ms := s.next()
		if len(ms) == 0 {
			return
		}
		stored, err := s.b.Archive.Records(s.b.ctx, s.known, ms...)
		switch {
		case err == nil:
			s.b.count.committed.Add(int64(len(ms)))
			s.kick(func(o *orders) { o.copied(stored) })
		case fault.KindOf(err) == fault.Unavailable: // not now: who hears nothing asks again, ever more slowly
			s.b.Log.Debug("a terminal's records were not taken", logs.Terminal, s.known.ID, logs.Err, err)
		default:
			s.b.count.deskErrors.Add(1)
			s.b.Log.Error("a terminal's records were not taken", logs.Terminal, s.known.ID, logs.Err, err)
		}
	}
}
