package broker

import (
	"runtime/debug"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

// copyQueue is how many messages of one till's journal may wait for the Desk: a till sends 48 KiB before
// it wants an answer. What comes beyond is dropped, and the till asks again.
const copyQueue = 16

// copies takes a message of the till's journal to the Desk on a goroutine of its own, which exists only
// while there is something to copy: a payment of the same till comes behind it on the line, and must not
// wait for a commit of records.
func (s *session) copies(e wire.Envelope, m wire.Records) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.records) >= copyQueue {
		return
	}
	s.records = append(s.records, journal{e, m})
	if !s.copying {
		s.copying = true
		s.b.pumps.Add(1)
		go s.copy()
	}
}

// journal is a message of a till's journal, and what carried it.
type journal struct {
	e wire.Envelope
	m wire.Records
}

// next gives the oldest message that waits; ok is false when there is none and the goroutine has to end.
func (s *session) next() (j journal, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.records) == 0 {
		s.records, s.copying = nil, false
		return j, false
	}
	j = s.records[0]
	s.records = s.records[1:]
	return j, true
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
		j, ok := s.next()
		if !ok {
			return
		}
		stored, err := s.b.Desk.Records(s.b.ctx, s.known, j.m)
		if fault.KindOf(err) == fault.Unavailable { // not now: who hears nothing asks again, ever more slowly
			s.b.Log.Debug("a terminal's records were not taken", logs.Terminal, s.known.ID, logs.Err, err)
			continue
		}
		if err := s.b.commit(j.e, err); err != nil {
			s.b.count.deskErrors.Add(1)
			s.b.Log.Error("a terminal's records were not taken", logs.Terminal, s.known.ID, logs.Err, err)
			continue
		}
		s.kick(func(o *orders) { o.copied(stored) })
	}
}
