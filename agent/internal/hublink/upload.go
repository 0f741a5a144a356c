package hublink

import (
	"time"

	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

// Records is the journal's log of events, which the hub gets a copy of. It is only called from
// within Run. Its errors mean that the journal failed and end Run.
type Records interface {
	// Head is the number of the newest event.
	Head() uint64
	// Records are the events after a number, as many as fit into room bytes and at least one.
	Records(after uint64, room int) (wire.Records, error)
	// Stored notes how much of them the hub has.
	Stored(s wire.Stored) error
}

const (
	// linger is how long new events wait for others to travel with: a payment makes four, and each
	// message costs the hub a commit.
	linger = time.Second
	// leastAhead and mostAhead bound the bytes of events under way that the hub has not answered. It
	// starts low and doubles with every quick answer: a payment never waits behind more than the
	// line carries in about a quarter of a second.
	leastAhead = 2 << 10
	mostAhead  = 4 * wire.MaxRecordsBytes
	quick      = 250 * time.Millisecond
	// answerTime is how long the hub may take to answer events; it doubles up to lastAnswer. Then the
	// till asks what the hub has, and goes on from there.
	answerTime = 5 * time.Second
	lastAnswer = time.Minute
)

// upload is where the copying stands over one line. What the hub says it has is all that counts, so
// nothing here outlives the line.
type upload struct {
	known   bool      // the hub has said what it has
	through uint64    // what it has
	sent    uint64    // the last event that left; at least through
	way     []batch   // under way, oldest first
	bytes   int       // of those
	ahead   int       // bytes that may be under way; 0: not set yet
	due     time.Time // no answer comes after it; zero: none is awaited
	tries   int       // how often in a row none came
	until   time.Time // the end of the wait for company; zero: none waits
	hurry   bool      // no waiting
	halted  bool      // the hub has another journal under our name: asked again at its next greeting
	timer   *time.Timer
}

// batch is one message of events under way.
type batch struct {
	last  uint64
	bytes int
	left  time.Time
}

// greet has the hub asked what it has. Every greeting does: it may have been restored in between.
func (u *upload) greet() {
	u.known, u.halted, u.hurry, u.tries = false, false, true, 0
	u.forget()
}

// forget takes what is under way as lost.
func (u *upload) forget() { u.way, u.bytes, u.due = nil, 0, time.Time{} }

// turn tells whether a message of events may leave now, and arms the timer for when it may.
func (u *upload) turn(now time.Time, head uint64) bool {
	switch {
	case u.halted || head == 0:
		return false
	case !u.due.IsZero() && !now.Before(u.due): // lost, or the hub cannot store now
		u.tries++
		u.known, u.ahead = false, leastAhead
		u.forget()
		return true
	case !u.known:
		if u.due.IsZero() {
			return true
		}
		u.timer.Reset(u.due.Sub(now))
		return false
	case head <= u.sent:
		u.until, u.hurry = time.Time{}, false
	case u.bytes >= u.ahead: // an answer makes room
	case u.hurry || head-u.sent >= wire.MaxRecords:
		return true
	case u.until.IsZero():
		u.until = now.Add(linger)
	case !now.Before(u.until):
		return true
	}
	next := u.due
	if !u.until.IsZero() && (next.IsZero() || u.until.Before(next)) && u.bytes < u.ahead {
		next = u.until
	}
	if !next.IsZero() {
		u.timer.Reset(next.Sub(now))
	}
	return false
}

// upload sends a message of events when it is their turn, after everything about money. Like the
// acknowledgements they travel at quality 0: only the hub's "stored" answers them.
func (t *talk) upload() (sent bool, err error) {
	u, head, now := &t.copy, t.l.Records.Head(), t.l.Now()
	if t.greeted.IsZero() || !u.turn(now, head) {
		return false, nil
	}
	wait := lastAnswer
	if u.tries < 4 { // 5 s × 2⁴ is above the last
		wait = min(wait, answerTime<<u.tries)
	}
	if u.due.IsZero() {
		u.due = now.Add(wait)
	}
	if !u.known { // asked with our newest event, so that the hub sees whether it has the same
		m, err := t.l.Records.Records(head, 0)
		if err != nil {
			return false, journalError{err}
		}
		m.Rows = m.Rows[:0] // what was written in between
		_, err = t.send(0, Message{Kind: wire.KindRecords, Body: m})
		return true, err
	}
	m, err := t.l.Records.Records(u.sent, u.ahead-u.bytes)
	if err != nil {
		return false, journalError{err}
	}
	b := batch{last: u.sent + uint64(len(m.Rows)), left: now}
	for _, r := range m.Rows {
		b.bytes += len(r.Body) + recordFrame
	}
	u.sent, u.bytes, u.way = b.last, u.bytes+b.bytes, append(u.way, b)
	_, err = t.send(0, Message{Kind: wire.KindRecords, Body: m})
	return true, err
}

// recordFrame is about what an event takes on the wire besides its body.
const recordFrame = 180

// stored takes the hub's word about its copy.
func (t *talk) stored(e wire.Envelope) error {
	s, err := wire.Decode[wire.Stored](e)
	if err != nil {
		t.l.Log.Warn("the hub's word about its copy of the journal is malformed: update the agent", logs.Err, err)
		return nil
	}
	u, now := &t.copy, t.l.Now()
	u.tries = 0
	switch {
	case s.Fork != 0:
		u.halted = true
		u.forget()
	case !u.known || s.Through < u.through: // the hub may have been restored: it gets the rest again
		u.known, u.ahead = true, max(u.ahead, leastAhead)
		u.forget()
		u.sent = min(s.Through, t.l.Records.Head()) // should it have more than we, it will see that ours differ
	default:
		for len(u.way) > 0 && u.way[0].last <= s.Through {
			if took := now.Sub(u.way[0].left); took <= quick {
				u.ahead = min(2*u.ahead, mostAhead)
			} else {
				u.ahead = max(u.ahead/2, leastAhead)
			}
			u.bytes -= u.way[0].bytes
			u.way, u.due = u.way[1:], time.Time{}
		}
		if len(u.way) > 0 && u.due.IsZero() {
			u.due = now.Add(answerTime)
		}
		u.sent = max(u.sent, min(s.Through, t.l.Records.Head()))
	}
	u.through = s.Through
	if err := t.l.Records.Stored(s); err != nil {
		return journalError{err}
	}
	return nil
}
