package console

import (
	"strings"
	"time"

	"cloudcashier/tui/internal/screen"
)

// How a scanner that types is told from a person who types. Measured: scanners send a character
// every 1 to 8 ms or all in one write; nobody presses keys 30 ms apart.
const (
	typingGap = 30 * time.Millisecond  // a longer pause between two single signs is a person's
	burstIdle = 60 * time.Millisecond  // a burst that has paused this long has ended
	suffixLag = 250 * time.Millisecond // an Enter or Tab this soon after a scan is the scanner's
	burstMin  = 4                      // signs in one read, or in quick order, that make a burst
	scanMin   = 8                      // signs that make a burst a scan: the shortest product code has 8
	burstMax  = 600                    // payment codes end at 512; what follows is noise
)

// noise stands for a control character inside a burst, so that a code read badly is never
// mistaken for a good one. A group separator is kept: it tells a GS1 label.
const noise = '\uFFFD'

// Arbiter decides, before any key does anything, whether a scanner or a person is typing. It has
// no clock of its own: every call brings the time, and [Arbiter.Wait] says when to call Idle.
type Arbiter struct {
	burst []rune
	last  time.Time // of the newest sign in burst
	scan  time.Time // when the last scan ended without a suffix; one may still come

	Amount bool // what is typed now is an amount
	slow   slowRun
}

// Press takes one key: its signs (more than one when they came in one read, or pasted), or its
// name. It gives what the screens shall see, in order: screen.Key and screen.Scan.
func (a *Arbiter) Press(name string, signs []rune, pasted bool, at time.Time) []any {
	out := a.slow.idle(at)
	if len(a.burst) > 0 && at.Sub(a.last) >= a.limit() {
		out = append(out, a.end(at)...)
	}
	switch {
	case pasted:
		out = append(out, a.end(at)...)
		a.take(signs, at)
		return append(out, a.end(at)...)
	case len(signs) > 0:
		a.take(signs, at)
		return out
	}
	if ended, ok := a.slow.stop(name, func() []any { return a.end(at) }); ok {
		a.scan = time.Time{}
		return append(out, ended...)
	}
	switch {
	case name == "":
		return out
	case name == "enter", name == "tab":
		return append(out, a.suffix(screen.Key(name), at)...)
	case name == "ctrl+j", name == "ctrl+c", name == "ctrl+b":
		// The line feed after an Enter, and the ETX and STX that frame a scan: never a person's.
		return append(out, a.end(at)...)
	case name == "ctrl+h": // what some terminals send for the backspace key
		return append(append(out, a.end(at)...), screen.Key("backspace"))
	case strings.HasPrefix(name, "ctrl+"), strings.HasPrefix(name, "alt+"):
		if len(a.burst) > 0 {
			a.take([]rune{controlSign(name)}, at)
			return out
		}
		if name != "ctrl+q" {
			return out
		}
	}
	return append(append(out, a.end(at)...), screen.Key(name))
}

// Idle ends a burst whose pause is long enough.
func (a *Arbiter) Idle(at time.Time) []any {
	out := a.slow.idle(at)
	if len(a.burst) == 0 || at.Sub(a.last) < a.limit() {
		return out
	}
	return append(out, a.end(at)...)
}

// Wait is how long from at until Idle may have something to do; zero when nothing waits.
func (a *Arbiter) Wait(at time.Time) time.Duration {
	if len(a.burst) == 0 {
		return a.slow.wait(at)
	}
	return max(a.limit()-at.Sub(a.last), time.Millisecond)
}

// limit is the pause that ends the burst. A few signs may be a person's and must reach the screen
// soon; a burst is a scanner's, and a busy processor must not cut its code in two.
func (a *Arbiter) limit() time.Duration {
	if len(a.burst) < burstMin {
		return typingGap
	}
	return burstIdle
}

func (a *Arbiter) take(signs []rune, at time.Time) {
	a.burst = append(a.burst, signs[:min(len(signs), burstMax-len(a.burst))]...)
	a.last = at
}

// controlSign is what stands for a control character inside a burst.
func controlSign(name string) rune {
	if name == "ctrl+]" {
		return '\x1d'
	}
	return noise
}

// suffix is an Enter or Tab: the end of a scan, or a person's key.
func (a *Arbiter) suffix(k screen.Key, at time.Time) []any {
	if len(a.burst) == 0 {
		if !a.scan.IsZero() && at.Sub(a.scan) < suffixLag {
			return nil
		}
		return []any{k}
	}
	scanned := len(a.burst) >= scanMin
	out := a.end(at)
	a.scan = time.Time{} // its suffix has come: the next Enter is a person's
	if scanned {
		return out
	}
	return append(out, k)
}

// end gives the burst away: as a scan, or as the keys a person typed.
func (a *Arbiter) end(at time.Time) []any {
	signs := a.burst
	a.burst = nil
	if len(signs) == 0 {
		return nil
	}
	if len(signs) >= scanMin {
		a.scan = at
		return []any{screen.NewScan(string(signs))}
	}
	a.scan = time.Time{} // a person types: the next Enter is theirs
	if len(signs) == 1 {
		return a.slow.sign(signs[0], a.last, a.Amount)
	}
	out := make([]any, 0, len(signs))
	for _, r := range signs {
		// Of several signs in quick order only an amount is believed: no short label may press a key.
		if k := screen.Key(string(r)); screen.IsAmount(k) {
			out = append(out, a.slow.sign(r, a.last, a.Amount)...)
		}
	}
	return out
}
