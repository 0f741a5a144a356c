package printer

import (
	"context"

	"cloudcashier/agent/internal/receipt"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// eventTested is the event of a drawer that is opened to see whether it opens. It belongs to no sale.
const eventTested = "drawer.tested"

// trial is a test that somebody waits for. It is in no journal: one that nobody waits for is forgotten.
type trial struct {
	ctx    context.Context
	drawer bool
	done   chan<- error // has room
}

// Test prints a slip that says it is a test, and waits until the printer is through with it.
func (p *Printer) Test(ctx context.Context) error {
	if s := p.State(); s.State != api.PrinterReady {
		return fault.New(fault.Unavailable, "printer.not_ready", "%s", s.Message)
	}
	return p.ask(ctx, false)
}

// TestDrawer opens the drawer. That it is opened is an event before the pulse.
func (p *Printer) TestDrawer(ctx context.Context) error {
	if !p.config.Drawer {
		return fault.New(fault.Conflict, "drawer.none", "no drawer hangs on this till's printer: start the agent with --drawer")
	}
	if s := p.State(); s.State == api.PrinterAbsent || s.State == api.PrinterSilent {
		return fault.New(fault.Unavailable, "printer.not_ready", "%s", s.Message)
	}
	return p.ask(ctx, true)
}

func (p *Printer) ask(ctx context.Context, drawer bool) error {
	done := make(chan error, 1)
	select {
	case p.trials <- trial{ctx, drawer, done}:
	default:
		return fault.New(fault.Unavailable, "printer.busy", "another test waits for the printer: look at it first")
	}
	p.Look()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		p.forget(done)
		return fault.New(fault.Unavailable, "printer.slow", "the printer did not come to it in time: look at its paper")
	}
}

// forget makes room for the next test where one still waits that nobody does.
func (p *Printer) forget(done chan<- error) {
	select {
	case t := <-p.trials:
		if t.done == done {
			return
		}
		select {
		case p.trials <- t: // another's, come since
		default:
			t.done <- fault.New(fault.Unavailable, "printer.busy", "another test came in between: try again")
		}
	default:
	}
}

// try takes a test up, if there is one. Only the connection's and the journal's failures are its errors.
func (s *session) try(ctx context.Context, h health) error {
	var t trial
	select {
	case t = <-s.trials:
	default:
		return nil
	}
	if t.ctx.Err() != nil {
		return nil
	}
	var ok bool
	var err error
	switch {
	case t.drawer:
		ok, err = true, s.kickTested(h)
	case !h.ready():
		t.done <- fault.New(fault.Unavailable, "printer.not_ready", "%s", s.State().Message)
		return nil
	default:
		ok, err = s.tryPaper(ctx)
	}
	switch {
	case err != nil:
		t.done <- fault.Wrap(err, fault.Unavailable, "printer.lost", "the printer went away in the middle of the test: plug it in again")
	case !ok:
		t.done <- fault.New(fault.Unavailable, "printer.unproven", "the printer did not say that the slip is finished: look at the paper")
	default:
		t.done <- nil
	}
	return err
}

// kickTested opens the drawer by way of the journal.
func (s *session) kickTested(h health) error {
	if err := s.Journal.Update(func(tx *store.Tx) error { return tx.Append("", eventTested, struct{}{}, s.Now()) }); err != nil {
		return journalError{err}
	}
	s.Grown()
	s.pulse = s.Now()
	return s.openDrawer(h)
}

// tryPaper prints the test slip. A printer that is silent about its end is brought into step again.
func (s *session) tryPaper(ctx context.Context) (ok bool, err error) {
	if s.proof == untold {
		if err := s.handshake(ctx); err != nil {
			return false, err
		}
	}
	raw, err := receipt.Trial(s.config.Title, s.Terminal, s.Now().In(s.Zone)).Bytes(s.config.Columns)
	if err != nil {
		return false, err
	}
	s.shakes++
	id := echoID('}', s.shakes)
	if s.proof == echo {
		raw = append(raw, echoCommand(id)...)
	}
	if _, err := s.send(ctx, raw); err != nil {
		return false, err
	}
	ok, err = s.hear(ctx, s.waits.proof, func() bool { return s.proof != echo || s.answers.echoes[id] })
	if err == nil && !ok {
		s.proof = untold
	}
	return ok, err
}
