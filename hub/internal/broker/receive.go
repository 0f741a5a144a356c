package broker

import (
	"runtime/debug"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

const (
	// maxSeq bounds numbers a terminal may use: what JSON readers of every language and SQLite hold
	// exactly, and more messages than a till sends in a million years.
	maxSeq = 1 << 53
	// tooOld is the age given to a code whose message expired on the way: beyond every code's life.
	tooOld = int64(24 * time.Hour / time.Millisecond)
)

// take hands a message of a terminal over. True: it is committed and may be acknowledged.
func (b *Broker) take(s *session, payload []byte) (taken bool) {
	defer func() {
		if v := recover(); v != nil {
			b.count.panics.Add(1)
			b.Log.Error("a message's handler panicked; the terminal was cut", logs.Terminal, s.known.ID, "panic", v, "stack", string(debug.Stack()))
			s.close()
			taken = false
		}
	}()
	b.count.received.Add(1)
	switch err := b.receive(s, payload); {
	case err == nil:
		return true
	case fault.KindOf(err) == fault.Invalid || fault.KindOf(err) == fault.Denied:
		// Not the protocol, or not the terminal's signature. Never acknowledged, and without the cut
		// it would be sent again for as long as the line holds.
		b.refuse(Caller{Terminal: s.known.ID, Address: s.address}, err)
		s.close()
	default:
		b.count.deskErrors.Add(1)
		b.Log.Error("a terminal's message was not taken", logs.Terminal, s.known.ID, logs.Err, err)
	}
	return false
}

func (b *Broker) refuse(who Caller, err error) {
	b.count.refusedPackets.Add(1)
	b.Log.Warn("a terminal did what it may not", logs.Terminal, who.Terminal, "from", who.Address, logs.Err, err)
}

// receive verifies a terminal's message and hands it over. nil means committed. Invalid and Denied
// are about the message itself; the Desk's errors come back as Internal whatever their kind.
func (b *Broker) receive(s *session, payload []byte) error {
	e, err := wire.Open(payload, s.known.ID, wire.Up, s.known.Key)
	if err != nil {
		return err
	}
	if e.Seq > maxSeq || e.Ack > maxSeq {
		return fault.New(fault.Invalid, "wire.seq", "number %d or %d is not possible", e.Seq, e.Ack)
	}
	now := b.Now()
	s.mu.Lock()
	s.heard = now
	s.mu.Unlock()
	switch e.Kind {
	case wire.KindHello:
		var h wire.Hello
		if h, err = wire.Decode[wire.Hello](e); err == nil {
			b.hello(s, h, e.Ack)
		}
		return err
	case wire.KindAck:
	case wire.KindPay:
		var p wire.Pay
		if p, err = wire.Decode[wire.Pay](e); err != nil {
			return err
		}
		if !e.Exp.IsZero() && now.After(e.Exp) {
			p.CodeAgeMS = max(p.CodeAgeMS, tooOld)
		}
		err = b.commit(e, b.Desk.Pay(b.ctx, s.known, p))
	case wire.KindFence:
		var f wire.Fence
		if f, err = wire.Decode[wire.Fence](e); err != nil {
			return err
		}
		err = b.commit(e, b.Desk.Fence(b.ctx, s.known, f))
	case wire.KindCancel:
		var c wire.Cancel
		if c, err = wire.Decode[wire.Cancel](e); err != nil {
			return err
		}
		err = b.commit(e, b.Desk.Cancel(b.ctx, s.known, c))
	case wire.KindRefund:
		var r wire.Refund
		if r, err = wire.Decode[wire.Refund](e); err != nil {
			return err
		}
		err = b.commit(e, b.Desk.Refund(b.ctx, s.known, r))
	case wire.KindRecords:
		var m wire.Records
		if m, err = wire.Decode[wire.Records](e); err != nil {
			return err
		}
		s.copies(m)
	}
	// Only what was sent can be acknowledged: a number from nowhere must not delete the future.
	if e.Ack > 0 && e.Ack <= s.most.Load() {
		s.kick(func(o *orders) { o.ack = max(o.ack, e.Ack) })
	}
	return err
}

// commit notes how the Desk took a message.
func (b *Broker) commit(e wire.Envelope, err error) error {
	if err != nil {
		return fault.Wrap(err, fault.Internal, "broker.desk", "%s %d was not taken", e.Kind, e.Seq)
	}
	b.count.committed.Add(1)
	return nil
}

// hello has the pump answer, and looks whether this is the same till as before.
func (b *Broker) hello(s *session, h wire.Hello, ack uint64) {
	s.mu.Lock()
	s.boot = h.Boot
	s.mu.Unlock()
	if p := s.replaced; p != nil && p.boot != "" && p.boot != h.Boot {
		b.count.clones.Add(1)
		b.Log.Error("ALARM: two tills use one identity, or one was restarted within seconds: look at both",
			logs.Terminal, s.known.ID, "boot", h.Boot, "from", s.address, "other_boot", p.boot, "other_from", p.address, "other_heard", p.heard)
	}
	s.replaced = nil
	b.Log.Info("a terminal is here", logs.Terminal, s.known.ID, "version", h.Version, "boot", h.Boot, "from", s.address)
	s.kick(func(o *orders) { o.greeted, o.hello, o.ack = true, &h, ack })
}
