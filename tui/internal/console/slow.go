package console

import (
	"time"

	"cloudcashier/tui/internal/screen"
)

// Some scanners type at a person's pace: Zebra's slow keyboards leave 80 to 100 ms between two keys. What gives
// them away is that they type on: no amount has so many digits without a point and a pause.
const (
	slowGap  = 300 * time.Millisecond // a longer pause between two digits is a person's
	slowMin  = 12                     // digits in one run that are no amount
	slowIdle = 500 * time.Millisecond // a run that has paused this long has ended
)

// slowRun is a row of digits that came one by one. From the twelfth on they are kept from the screen, and what
// it took of them for an amount it is told to take back.
type slowRun struct {
	digits []rune
	last   time.Time
	held   bool
}

// sign is one more sign, typed at a moment while an amount was asked for, or not.
func (s *slowRun) sign(r rune, at time.Time, amount bool) []any {
	if s.held && at.Sub(s.last) < slowIdle {
		s.digits, s.last = append(s.digits, r), at
		if len(s.digits) > burstMax {
			s.digits = s.digits[:burstMax]
		}
		return nil
	}
	if !amount || r < '0' || r > '9' {
		*s = slowRun{}
		return []any{screen.Key(string(r))}
	}
	if at.Sub(s.last) > slowGap {
		s.digits = nil
	}
	s.digits, s.last = append(s.digits, r), at
	if len(s.digits) < slowMin {
		return []any{screen.Key(string(r))}
	}
	s.held = true
	return []any{screen.Unread{}}
}

// stop ends a run that is held: a scanner's Enter or Tab with it, any other key does what it does after it.
// flush gives what the last sign before that key comes to.
func (s *slowRun) stop(name string, flush func() []any) (out []any, ok bool) {
	if !s.held || name != "enter" && name != "tab" {
		return nil, false
	}
	out = flush()
	return append(out, s.end()...), true
}

func (s *slowRun) idle(at time.Time) []any {
	if !s.held || at.Sub(s.last) < slowIdle {
		return nil
	}
	return s.end()
}

func (s *slowRun) wait(at time.Time) time.Duration {
	if !s.held {
		return 0
	}
	return max(slowIdle-at.Sub(s.last), time.Millisecond)
}

func (s *slowRun) end() []any {
	scan := screen.NewScan(string(s.digits))
	*s = slowRun{}
	return []any{scan}
}
