package printer

import (
	"context"
	"errors"
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// chunk is how much is written between two questions about the printer's health: less than the smallest
// buffer in the field, and the library knows no flow control.
const chunk = 256

// print takes one slip from its intention to its proof. The printer is ready.
func (s *session) print(ctx context.Context, job printjob.Job) error {
	begun, err := job.Step(printjob.Begin, s.Now())
	if err != nil {
		return err
	}
	raw, err := s.render(begun)
	if err != nil {
		return s.unprintable(job, err)
	}
	if job, err = s.step(job, printjob.Begin); err != nil { // on the disk before the first byte leaves
		return err
	}
	if job.Attempts > 1 {
		raw = append(receipt.Apart(), raw...)
	}
	before := s.answers.ordered
	switch s.proof {
	case echo:
		raw = append(raw, echoCommand(jobEcho(job))...)
	case order:
		raw = append(raw, 0x1d, 'r', 1)
	}
	left, err := s.send(ctx, raw)
	switch {
	case errors.Is(err, errStopped):
		return err // the next start does not know more than this one would
	case err != nil && !left:
		if _, failed := s.step(job, printjob.Unsent); failed != nil {
			return failed
		}
		return err
	case err != nil:
		return s.lose(job, err)
	}
	s.Log.Debug("slip sent", "slip", job.ID)
	ok, err := s.hear(ctx, s.waits.proof, func() bool {
		switch s.proof {
		case echo:
			return s.answers.echoes[jobEcho(job)]
		case order:
			return s.answers.ordered > before
		}
		return true // it was asked how it is behind the last byte, and it is well
	})
	switch {
	case errors.Is(err, errStopped):
		return err
	case err != nil:
		return s.lose(job, err)
	case !ok:
		s.proof = untold // bytes were lost on the line: what it makes of the next ones is unknown
		return s.lose(job, nil)
	}
	_, err = s.step(job, printjob.Proven)
	return err
}

// unprintable drops a slip whose text cannot be laid out: selling goes on, and the others are printed.
func (s *session) unprintable(job printjob.Job, err error) error {
	if fault.KindOf(err) != fault.Invalid {
		return journalError{err}
	}
	s.Log.Error("a receipt cannot be laid out and is dropped", "slip", job.ID, logs.Sale, job.Sale, logs.Err, err)
	_, err = s.step(job, printjob.Drop)
	return err
}

// send writes a slip at the printer's pace, and stands still while it has no paper. left tells whether
// any byte may have left.
func (s *session) send(ctx context.Context, raw []byte) (left bool, err error) {
	for len(raw) > 0 {
		if ctx.Err() != nil {
			return left, errStopped
		}
		n, err := s.port.Write(raw[:min(chunk, len(raw))])
		left = left || n > 0
		if err != nil {
			return left, err
		}
		raw = raw[n:]
		if n == 0 {
			if s.silence > s.waits.silent {
				return left, errSilent
			}
			n = 1
		}
		// Ten bits a byte at four fifths of the line's speed.
		for pace := time.Duration(n) * 12500 * time.Millisecond / time.Duration(s.config.Baud); pace > 0; pace -= slice {
			if err := s.read(min(max(pace, time.Millisecond), slice)); err != nil {
				return left, err
			}
		}
		if err := s.until(ctx); err != nil {
			return left, err
		}
	}
	return left, nil
}

// until waits until the printer is ready for more.
func (s *session) until(ctx context.Context) error {
	for {
		h, err := s.ask()
		switch {
		case errors.Is(err, errSilent) && s.silence < s.waits.silent:
		case err != nil:
			return err
		default:
			s.tellHealth(h)
			if h.ready() {
				return nil
			}
			if err := s.openDrawer(h); err != nil {
				return err
			}
			if err := s.feed(); err != nil {
				return err
			}
			if err := s.read(slice); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return errStopped
		}
	}
}
