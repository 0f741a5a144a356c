package printer

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/agent/internal/serialline"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
)

// slice is the longest read: the driver notices within it that it shall stop or print.
const slice = 50 * time.Millisecond

// proof is how a printer says that it is through with a slip.
type proof int

const (
	untold proof = iota // not asked yet
	echo                // GS ( H gives a number back in the order of printing: the only proof that has a name
	order               // GS r answers in the order of printing; believed within one connection
	mute                // neither: the bytes were taken and the printer is well
)

// Errors of a connection.
var (
	errSilent  = errors.New("the printer does not answer")
	errStopped = errors.New("the agent is stopping")
)

// session is one connection to a printer, from open to close.
type session struct {
	*Printer
	device  serialline.Device
	port    *serialline.Port
	answers answers
	proof   proof
	shakes  int64 // handshakes so far; each has a number of its own
	silence time.Duration
}

func newSession(p *Printer, d serialline.Device, port *serialline.Port) *session {
	return &session{Printer: p, device: d, port: port, answers: answers{echoes: map[[4]byte]bool{}}}
}

// run serves the printer until it goes (serialline.ErrGone), ctx ends, or the journal fails.
func (s *session) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.feed(); err != nil {
			return err
		}
		h, err := s.ask()
		if errors.Is(err, errSilent) {
			s.proof = untold // whoever answers again may have been off
			s.tellState(api.PrinterSilent, "the printer does not answer: switch it on, and compare its speed with the till's")
			if err := s.rest(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		s.tellHealth(h)
		if err := s.openDrawer(h); err != nil {
			return err
		}
		if err := s.try(ctx, h); err != nil {
			return err
		}
		did := false
		if h.ready() {
			if did, err = s.serve(ctx); err != nil {
				return err
			}
		}
		if !did {
			if err := s.rest(ctx); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// serve does the next thing for a printer that is ready: come to terms with it, or print.
func (s *session) serve(ctx context.Context) (did bool, err error) {
	if s.proof == untold {
		return true, s.handshake(ctx)
	}
	job, ok, err := s.next()
	if err != nil || !ok {
		return false, err
	}
	if job.State == printjob.Doubt && s.answers.echoes[jobEcho(job)] { // it kept the slip through all of that, and finished it
		_, err := s.step(job, printjob.Proven)
		return true, err
	}
	return true, s.print(ctx, job)
}

// tellHealth shows what the printer said about itself.
func (s *session) tellHealth(h health) {
	state, message := api.PrinterReady, ""
	switch {
	case h.cover:
		state, message = api.PrinterCoverOpen, "the printer's cover is open: close it, it goes on by itself"
	case h.paperOut:
		state, message = api.PrinterPaperOut, "the printer has no paper: put a new roll in, it goes on by itself"
	case h.fault:
		state, message = api.PrinterError, "the printer has a fault: switch it off, look for jammed paper, switch it on"
	case h.offline:
		state, message = api.PrinterError, "the printer is offline: press its feed or online key"
	case h.nearEnd:
		message = "the printer's paper is about to end"
	case s.proof == mute:
		message = "this printer does not say when a receipt is finished: look at the paper"
	}
	s.tell(func(p *api.Printer) { p.State, p.Message, p.NearEnd = state, message, h.nearEnd })
}

// openDrawer opens a drawer that waits for it, once. The law of slips has no part in it: a pulse that may
// have been given is never given again.
func (s *session) openDrawer(h health) error {
	if s.pulse.IsZero() {
		return nil
	}
	since := s.Now().Sub(s.pulse)
	s.pulse = time.Time{}
	if since > pulseLife {
		return nil
	}
	pulse := receipt.Drawer()
	if !h.ready() {
		pulse = receipt.DrawerNow()
	}
	return s.write(pulse)
}

// read takes what the printer says, at most for a while; it may come back early.
func (s *session) read(wait time.Duration) error {
	var buf [64]byte
	n, err := s.port.Read(buf[:], wait)
	for _, b := range buf[:n] {
		s.answers.take(b)
	}
	if n > 0 {
		s.silence = 0
		return nil
	}
	s.silence += wait
	return err
}

// write sends a few bytes, however long that takes within reason.
func (s *session) write(raw []byte) error {
	for waited := time.Duration(0); len(raw) > 0; {
		n, err := s.port.Write(raw)
		if err != nil {
			return err
		}
		if raw = raw[n:]; n > 0 {
			continue
		}
		if waited += slice; waited > s.waits.silent {
			return errSilent
		}
		if err := s.read(slice); err != nil {
			return err
		}
	}
	return nil
}

// ask has the printer tell how it is. Its answers do not say to what, so they are asked for one by one.
func (s *session) ask() (h health, err error) {
	if err := s.read(time.Millisecond); err != nil {
		return h, err
	}
	var all [4]byte
	for i := range all {
		s.answers.status = nil
		if err := s.write([]byte{0x10, 0x04, byte(i + 1)}); err != nil {
			return h, err
		}
		for waited := time.Duration(0); len(s.answers.status) == 0; waited += s.waits.answer / 10 {
			if waited >= s.waits.answer {
				return h, errSilent
			}
			if err := s.read(s.waits.answer / 10); err != nil {
				return h, err
			}
		}
		all[i] = s.answers.status[0]
	}
	return readHealth(all), nil
}

// rest waits until there is something to do, or it is time to ask again.
func (s *session) rest(ctx context.Context) error {
	for waited := time.Duration(0); waited < s.waits.idle; waited += slice {
		select {
		case <-ctx.Done():
			return errStopped
		case <-s.kick:
			return nil
		default:
		}
		if err := s.read(slice); err != nil {
			return err
		}
	}
	if target, err := filepath.EvalSymlinks(s.device.Name); err == nil && target != s.device.Target {
		return serialline.ErrGone // plugged in elsewhere; the old device may never hang up
	}
	return nil
}

// handshake brings a printer of unknown state into step and learns how it proves. Its answer comes
// behind everything that the printer still had: whatever of that was finished has been told by then.
func (s *session) handshake(ctx context.Context) error {
	s.shakes++
	id := echoID('~', s.shakes)
	if err := s.write(append(receipt.Wake(), echoCommand(id)...)); err != nil {
		return err
	}
	if ok, err := s.hear(ctx, s.waits.shake, func() bool { return s.answers.echoes[id] }); err != nil || ok {
		s.proof = echo
		return err
	}
	before := s.answers.ordered
	if err := s.write([]byte{0x1d, 'r', 1}); err != nil {
		return err
	}
	ok, err := s.hear(ctx, s.waits.shake, func() bool { return s.answers.ordered > before })
	if err != nil {
		return err
	}
	if s.proof = mute; ok {
		s.proof = order
	}
	s.Log.Warn("the printer gives no echo: a receipt in doubt cannot be proven after a cut", "printer", s.device.Name)
	return nil
}

// hear waits for a word of the printer, as long as it is ready: a printer without paper is silent
// about the rest, and may be for hours. False means that it was ready and said nothing.
func (s *session) hear(ctx context.Context, most time.Duration, said func() bool) (bool, error) {
	for waited := time.Duration(0); ; {
		if said() {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, errStopped
		}
		if err := s.read(slice); err != nil {
			return false, err
		}
		if said() {
			return true, nil
		}
		h, err := s.ask()
		switch {
		case errors.Is(err, errSilent) && s.silence < s.waits.silent:
		case err != nil:
			return false, err
		default:
			s.tellHealth(h)
			if err := s.openDrawer(h); err != nil {
				return false, err
			}
			if h.ready() {
				waited += slice
			}
		}
		if waited > most {
			return false, nil
		}
		if err := s.feed(); err != nil { // cash is taken while the paper is out, too
			return false, err
		}
	}
}

// jobEcho is the name under which a slip's last attempt is echoed.
func jobEcho(job printjob.Job) [4]byte { return echoID(byte('A'+job.Attempts), job.ID) }

// lose takes a slip whose end nobody will hear into doubt. The connection's error goes on.
func (s *session) lose(job printjob.Job, err error) error {
	if _, failed := s.step(job, printjob.Lost); failed != nil {
		return failed
	}
	s.Log.Warn("a receipt is in doubt: it is printed again, marked as a reprint", "slip", job.ID, logs.Sale, job.Sale, logs.Err, err)
	return err
}
