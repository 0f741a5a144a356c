package scanner

import "time"

// A scanner whose trigger sticks, or that has a label before its window, reads the same code for as long as it
// lasts. A cashier who scans again moves the phone in between, which takes longer than stareGap.
const (
	stareGap   = time.Second     // between two readings of the same code
	stareFor   = 3 * time.Second // from the first to the one that makes it stuck
	stareReads = 4               // at least, so that two slow scans are no stare
	stareQuiet = 2 * time.Second // without that code the trigger is free again
	stareOff   = 5 * time.Second // switched off for so long, then tried again
)

// stare watches one scanner for it. Its times are those of the readings; rest counts silence.
type stare struct {
	code        tag
	first, last time.Time
	reads       int
	stuck, off  bool
	quiet       time.Duration
}

// look notes a reading: begins tells that the scanner has just been found stuck, and swallow that the reading is
// one of those that nobody wants.
func (s *stare) look(code tag, at time.Time) (begins, swallow bool) {
	if code != s.code || !s.stuck && at.Sub(s.last) > stareGap {
		*s = stare{code: code, first: at}
	}
	s.last, s.quiet = at, 0
	s.reads++
	if s.stuck {
		return false, true
	}
	s.stuck = s.reads >= stareReads && at.Sub(s.first) > stareFor
	return s.stuck, s.stuck
}

// rest notes silence: ended tells that the trigger is free again, and wake that a scanner that was switched off
// should be tried.
func (s *stare) rest(d time.Duration) (ended, wake bool) {
	if !s.stuck {
		return false, false
	}
	s.quiet += d
	switch {
	case s.off && s.quiet >= stareOff:
		s.off, s.quiet = false, 0
		return false, true
	case !s.off && s.quiet >= stareQuiet:
		*s = stare{}
		return true, false
	}
	return false, false
}
