package scanner

import (
	"fmt"
	"slices"

	"cloudcashier/agent/internal/serialline"
	"cloudcashier/shared/logs"
)

// badFrames in a row make a wrong speed more likely than a bad cable.
const badFrames = 3

// speed is a reader's rate, and its search for the right one.
type speed struct {
	auto    bool
	baud    int
	bad     int // garbled frames in a row
	next    int // to be set between two frames; 0: none
	probing bool
}

func newSpeed(baud int) speed {
	if baud == AutoBaud {
		return speed{auto: true, baud: probeList[0]}
	}
	return speed{baud: baud}
}

func (s *speed) wrong() bool { return s.bad >= badFrames || s.probing }

// garbage notes a frame that nothing can be made of: tell is true when it speaks for a wrong speed and that is new.
// The search goes on with each of them: what a wrong speed makes of a code is never a sound frame.
func (s *speed) garbage() (tell bool) {
	s.bad++
	if !s.auto {
		return s.bad == badFrames
	}
	if s.bad < badFrames && !s.probing {
		return false
	}
	s.probing = true
	at := max(slices.Index(probeList, s.baud), 0)
	s.next = probeList[(at+1)%len(probeList)]
	return true
}

// sound notes a frame that was understood: the speed is right, and is kept while the port lives and as the first
// guess for what is plugged in next.
func (s *speed) sound() { s.bad, s.next, s.probing = 0, 0, false }

func (s *speed) message() string {
	if s.auto {
		return fmt.Sprintf("scanner speed wrong: trying %d, scan again", s.next)
	}
	return "scanner speed wrong: set the scanner to this till's speed, or the till to the scanner's"
}

// tune sets the speed that the search has come to; never in the middle of a frame.
func (r *reader) tune(p *serialline.Port) {
	if r.speed.next == 0 || r.cut.underWay() {
		return
	}
	if err := p.SetSpeed(r.speed.next); err != nil {
		r.set.deps.Log.Debug("scanner's speed cannot be set", "scanner", r.spec.Path, logs.Err, err)
	}
	message := r.speed.message()
	r.speed.baud, r.speed.next = r.speed.next, 0 // also when it cannot be set: the search goes on
	r.tell(true, message)
}
