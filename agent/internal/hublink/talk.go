package hublink

import (
	"context"
	"time"

	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

const (
	// greetTime is how long the hub may take to answer hello.
	greetTime = 8 * time.Second
	// helloEvery repeats hello: it reads the clock again and has the hub send what got lost.
	helloEvery = 10 * time.Minute
	// firstRetry doubles up to lastRetry. A hub that has the message is merely asked for the answer.
	firstRetry = 1500 * time.Millisecond
	lastRetry  = 30 * time.Second
	// together is how far ahead a retry may be taken along with one that is due, so that ten thousand
	// messages do not mean ten thousand looks at them.
	together = 100 * time.Millisecond
	// ahead is how many messages may be under way before the hub has taken them: enough to keep it
	// busy, and little enough that a long queue does not overtake its own retries.
	ahead = 64
	// ackDelay lets an acknowledgement travel with the next message; ackBatch ends the wait, well
	// before the hub's window of 128 is used up.
	ackDelay = 50 * time.Millisecond
	ackBatch = 16
	// gapTime is how long messages may skip numbers before the hub is greeted again, to hear why: longer
	// than it waits before it sends the missing ones once more.
	gapTime = 15 * time.Second
)

// talk is the conversation over one line. One goroutine runs it; everything here is its own.
type talk struct {
	l       *Link
	n       Line
	greeted time.Time // first welcome
	hello   time.Time // when the unanswered one left; zero: none

	queue []Message // what to look at in this round
	stale bool      // Outgoing must be read again
	tries map[uint64]try
	next  time.Time // the earliest retry seen; zero: none

	taken []<-chan struct{} // of what is under way, oldest first
	copy  upload            // of the journal's events

	gap   time.Time // since when only messages come that skip a number; zero: none
	acks  int       // stored and not yet acknowledged
	ack   *time.Timer
	retry *time.Timer
	greet *time.Timer
	again *time.Timer
}

// try is how often a message was sent over this line and when it is its turn again.
type try struct {
	times int
	due   time.Time
}

func newTalk(l *Link, n Line) *talk {
	t := &talk{l: l, n: n, tries: map[uint64]try{}}
	for _, timer := range []**time.Timer{&t.ack, &t.retry, &t.greet, &t.again, &t.copy.timer} {
		*timer = time.NewTimer(time.Hour)
		(*timer).Stop()
	}
	return t
}

func (t *talk) stop() {
	for _, timer := range []*time.Timer{t.ack, t.retry, t.greet, t.again, t.copy.timer} {
		timer.Stop()
	}
}

// run talks until the line or ctx ends, or the journal fails. What came is always looked at before
// anything more is sent: it may be the answer.
func (t *talk) run(ctx context.Context) error {
	if err := t.sendHello(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-t.n.Lost():
			return err
		case payload := <-t.n.In():
			if err := t.receive(payload); err != nil {
				return err
			}
			continue
		case <-t.l.pulse:
		default:
		}
		if m, ok := t.pick(); ok {
			if err := t.forward(m); err != nil {
				return err
			}
			continue
		}
		if sent, err := t.upload(); err != nil {
			return err
		} else if sent {
			continue
		}
		if err := t.await(ctx); err != nil {
			return err
		}
	}
}

// await blocks until there is something to do.
func (t *talk) await(ctx context.Context) error {
	if !t.next.IsZero() {
		t.retry.Reset(t.next.Sub(t.l.Now()))
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-t.n.Lost():
		return err
	case payload := <-t.n.In():
		return t.receive(payload)
	case <-t.l.wake:
		t.stale = true
		t.copy.hurry = t.l.hurry.Swap(false) || t.copy.hurry
	case <-t.l.grown:
	case <-t.l.pulse:
	case <-t.copy.timer.C:
	case <-t.retry.C:
		t.stale, t.queue = true, nil // most of what is due has been answered since it was listed
		t.taken = nil                // a hub that refuses a message for the moment must not hold up the others
	case <-t.full():
	case <-t.ack.C:
		return t.acknowledge()
	case <-t.again.C:
		return t.sendHello()
	case <-t.greet.C:
		return errSilent
	}
	return nil
}

func (t *talk) sendHello() error {
	t.hello = t.l.Now()
	t.greet.Reset(greetTime)
	_, err := t.send(1, Message{Kind: wire.KindHello, Body: wire.Hello{Version: t.l.Version, Boot: t.l.Boot, SentAt: t.hello.UTC()}})
	return err
}

// full gives what to wait for when too much is under way, else nil.
func (t *talk) full() <-chan struct{} {
	for len(t.taken) > 0 {
		select {
		case <-t.taken[0]:
			t.taken = t.taken[1:]
			continue
		default:
		}
		break
	}
	if len(t.taken) < ahead {
		return nil
	}
	return t.taken[0]
}

// pick finds the next message whose turn it is. Nothing leaves before the hub has greeted: until
// then its clock, and so the messages' expiry, is not known.
func (t *talk) pick() (Message, bool) {
	if t.greeted.IsZero() || t.full() != nil {
		return Message{}, false
	}
	if len(t.queue) == 0 && t.stale {
		t.stale, t.next = false, time.Time{}
		t.queue = t.l.till.Outgoing()
		kept := make(map[uint64]try, len(t.queue))
		for _, m := range t.queue {
			if tried, ok := t.tries[m.Seq]; ok {
				kept[m.Seq] = tried
			}
		}
		t.tries = kept
	}
	soon := t.l.Now().Add(together)
	for len(t.queue) > 0 {
		m := t.queue[0]
		t.queue = t.queue[1:]
		if tried, ok := t.tries[m.Seq]; ok && tried.due.After(soon) {
			t.remember(tried.due)
			continue
		}
		return m, true
	}
	return Message{}, false
}

func (t *talk) remember(due time.Time) {
	if t.next.IsZero() || due.Before(t.next) {
		t.next = due
	}
}

// forward sends one of the till's messages, if the till still lets it go.
func (t *talk) forward(m Message) error {
	if !t.l.till.Leaving(m.Seq) {
		return nil
	}
	tried := t.tries[m.Seq]
	wait := lastRetry
	if tried.times < 5 { // 1.5 s × 2⁵ is above the last
		wait = min(wait, firstRetry<<tried.times)
	}
	tried.times, tried.due = tried.times+1, t.l.Now().Add(wait)
	t.tries[m.Seq] = tried
	t.remember(tried.due)
	taken, err := t.send(1, m)
	if taken != nil && tried.times == 1 { // retries are few, and must not keep the rest from a first try
		t.taken = append(t.taken, taken)
	}
	return err
}

// send signs and publishes. Every message carries the acknowledgement along.
func (t *talk) send(qos byte, m Message) (taken <-chan struct{}, err error) {
	e := wire.Envelope{Kind: m.Kind, ID: t.l.IDs.New(id.Message), Seq: m.Seq, Ack: t.l.till.DownSeq(), At: t.l.Now()}
	if !m.Exp.IsZero() {
		e.Exp = m.Exp.Add(t.l.clock.offset)
	}
	data, err := wire.Seal(e, m.Body, t.l.who.Terminal, wire.Up, t.l.who.SigningKey)
	if err != nil || len(data) > wire.MaxMessage {
		t.l.Log.Error("a message cannot be sent: update the agent", logs.Kind, m.Kind, "seq", m.Seq, "bytes", len(data), logs.Err, err)
		return nil, nil // the others can
	}
	t.acks = 0
	t.ack.Stop()
	return t.n.Publish(qos, data)
}

func (t *talk) acknowledge() error {
	_, err := t.send(0, Message{Kind: wire.KindAck, Body: struct{}{}})
	return err
}

// receive takes one message of the hub's.
func (t *talk) receive(payload []byte) error {
	e, err := wire.Open(payload, t.l.who.Terminal, wire.Down, t.l.who.HubKey)
	if err != nil {
		t.l.Log.Warn("a message that is not the hub's was ignored", logs.Err, err)
		return nil
	}
	switch e.Kind {
	case wire.KindWelcome:
		return t.welcome(e)
	case wire.KindStored:
		return t.stored(e)
	case wire.KindAck: // the till asks for answers, not for receipts
		return nil
	case wire.KindSkipped: // about numbers, and has none itself
		if err := t.l.till.Receive(e); err != nil {
			return journalError{err}
		}
		return nil
	}
	switch have := t.l.till.DownSeq(); {
	case e.Seq == 0 || e.Seq > have+1:
		t.l.Log.Debug("a message out of order was ignored; the hub sends it again", logs.Kind, e.Kind, "seq", e.Seq, "stored", have)
		return t.skips(e.Seq)
	case e.Seq == have+1:
		t.gap = time.Time{}
		if err := t.l.till.Receive(e); err != nil {
			return journalError{err}
		}
	}
	// One that we have already is acknowledged again: our word was lost.
	t.acks++
	if t.acks >= ackBatch {
		return t.acknowledge()
	}
	if t.acks == 1 {
		t.ack.Reset(ackDelay)
	}
	return nil
}

// skips notes a message that skips a number. When nothing else comes for a while, the hub does not have what is
// missing: its answer to a greeting says so.
func (t *talk) skips(seq uint64) error {
	now := t.l.Now()
	switch {
	case seq == 0:
	case t.gap.IsZero():
		t.gap = now
	case now.Sub(t.gap) >= gapTime && t.hello.IsZero():
		t.gap = now
		return t.sendHello()
	}
	return nil
}

// roster hands on the hub's list of operators.
func (t *talk) roster(signed string, answered bool) error {
	if t.l.Roster == nil {
		return nil
	}
	if err := t.l.Roster(signed, answered); err != nil {
		return journalError{err}
	}
	return nil
}

// welcome reads the hub's clock. An answer to an older hello tells nothing about it.
func (t *talk) welcome(e wire.Envelope) error {
	w, err := wire.Decode[wire.Welcome](e)
	if err == nil && w.SentAt.IsZero() {
		return t.roster(w.Operators, false)
	}
	if err != nil || t.hello.IsZero() || !w.SentAt.Equal(t.hello) {
		t.l.Log.Debug("a greeting that nobody waits for was ignored", logs.Err, err)
		return nil
	}
	now := t.l.Now()
	t.l.clock.take(t.hello, now, w.Now)
	t.hello = time.Time{}
	t.greet.Stop()
	t.again.Reset(helloEvery)
	if t.l.Greeted != nil {
		if err := t.l.Greeted(w.Offline, t.l.clock.offset); err != nil {
			return journalError{err}
		}
	}
	if err := t.roster(w.Operators, true); err != nil {
		return err
	}
	t.copy.greet()
	if t.greeted.IsZero() {
		t.greeted, t.stale = now, true
		t.l.Log.Info("linked to the hub", "offset", t.l.clock.offset, "round_trip", t.l.clock.rtt)
	}
	t.l.change(true, "")
	return nil
}
