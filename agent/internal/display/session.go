package display

import (
	"bytes"
	"context"
	"path/filepath"
	"time"

	"cloudcashier/agent/internal/serialline"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// session is one connection to a display, from open to close.
type session struct {
	*Display
	place serialline.Device
	port  *serialline.Port

	shown   []byte        // the picture that was sent last
	pending []byte        // what the line has not taken of it
	stood   time.Duration // since the line took a byte
	test    *trial        // under way
}

// run shows the newest picture until the display goes (serialline.ErrGone), ctx ends, or the journal fails.
func (s *session) run(ctx context.Context) error {
	defer s.end(fault.New(fault.Unavailable, "display.away", "the display was unplugged"))
	s.pending = bytes.Clone(s.profile.Init)
	scene, holds, err := s.look()
	if err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	last, alive := s.Now(), time.Duration(0)
	for {
		if err := s.send(s.profile.Picture(scene, s.config.Title)); err != nil {
			return err
		}
		timer.Reset(s.rest(holds))
		var kicked bool
		var asked *trial
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.kick:
			kicked = true
		case t := <-s.trials:
			asked = &t
		case <-timer.C:
		}
		// Time is measured, not counted in rests: somebody who kicks all the time must not stop it.
		now := s.Now()
		passed := max(now.Sub(last), 0)
		last = now
		if s.stood += passed; len(s.pending) == 0 {
			s.stood = 0
		}
		if alive += passed; alive >= s.waits.alive {
			alive = 0
			if err := s.there(); err != nil {
				return err
			}
		}
		over := false
		if holds > 0 {
			holds -= passed
			over = holds <= 0
		}
		if over {
			s.end(nil)
		}
		if kicked || over {
			next, until, err := s.look()
			if err != nil {
				return err
			}
			if s.test == nil || next.Kind != Idle { // nothing to show: a test goes on
				scene, holds = next, until
				s.end(fault.New(fault.Conflict, "display.busy", "a sale came in between"))
			}
		}
		if asked != nil {
			scene, holds = s.try(*asked, scene, holds)
		}
	}
}

// rest is how long nothing needs to be done.
func (s *session) rest(holds time.Duration) time.Duration {
	wait := s.waits.alive
	if holds > 0 {
		wait = min(wait, holds)
	}
	if len(s.pending) > 0 {
		wait = s.waits.again
	}
	return wait
}

// try begins a test, where no customer looks at the display.
func (s *session) try(t trial, scene Scene, holds time.Duration) (Scene, time.Duration) {
	if scene.Kind != Idle { // a test is one, too
		t.done <- fault.New(fault.Conflict, "display.busy", "a sale is on the display: finish it first")
		return scene, holds
	}
	if t.ctx.Err() != nil { // nobody waits for it any more
		return scene, holds
	}
	s.test = &t
	return Scene{Kind: Test}, s.waits.test
}

// send offers a picture to the line. What the line does not take at once is finished before the next one
// begins, for half a command would swallow it; of pictures that come meanwhile the newest is sent.
func (s *session) send(picture []byte) error {
	for {
		if len(s.pending) == 0 {
			if bytes.Equal(picture, s.shown) {
				s.stood = 0
				s.tell(api.DisplayReady, "")
				if s.test != nil && s.test.done != nil { // the pattern has left, and stays for its time
					s.test.done <- nil
					s.test.done = nil
				}
				return nil
			}
			s.pending, s.shown = bytes.Clone(picture), picture
		}
		n, err := s.port.Write(s.pending)
		if err != nil {
			return err
		}
		if n == 0 {
			if s.stood >= s.waits.stuck {
				s.tell(api.DisplayStuck, "the display takes nothing: switch it off and on, and look at its cable")
			}
			return nil
		}
		s.pending, s.stood = s.pending[n:], 0
	}
}

// end ends a test. Who still waits for it hears why.
func (s *session) end(why error) {
	if s.test != nil && s.test.done != nil {
		s.test.done <- why
	}
	s.test = nil
}

// there looks whether the display is still plugged in where it was.
func (s *session) there() error {
	var buf [64]byte
	if _, err := s.port.Read(buf[:], time.Millisecond); err != nil { // what it may say means nothing to us
		return err
	}
	if target, err := filepath.EvalSymlinks(s.place.Name); err == nil && target != s.place.Target {
		return serialline.ErrGone // plugged in elsewhere; the old device may never hang up
	}
	return nil
}
