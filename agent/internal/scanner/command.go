package scanner

import (
	"time"

	"cloudcashier/agent/internal/serialline"
	"cloudcashier/shared/logs"
)

const (
	// retrigger is how often a scanner is told to read while a scan is waited for: it stops by itself after a
	// reading, and some after a few seconds without one.
	retrigger = 4 * time.Second
	// replyTime is how long after a command ACK and NAK are taken for its answer.
	replyTime = time.Second
)

// What a reader is asked to beep.
const (
	beepNone = iota
	beepGood
	beepBad
)

// obey tells the scanner what it should know by now. It belongs to the reader's goroutine, as all writing does.
func (r *reader) obey(p *serialline.Port, now time.Time) {
	switch r.beep.Swap(beepNone) {
	case beepGood:
		r.say(p, r.profile.good, now)
	case beepBad:
		r.say(p, r.profile.bad, now)
	}
	want := r.set.wanted.Load() && !r.stare.stuck
	switch {
	case r.profile.start == nil:
	case want && (!r.lit || now.Sub(r.litAt) >= retrigger):
		r.say(p, r.profile.start, now)
		r.lit, r.litAt = true, now
	case !want && r.lit:
		r.say(p, r.profile.stop, now)
		r.lit = false
	}
	for _, one := range r.answers {
		r.say(p, one, now)
	}
	r.answers = nil
}

// say writes a command, in one go or not at all: a scanner that takes nothing is not waited for, and one that goes is
// noticed by the reading.
func (r *reader) say(p *serialline.Port, command []byte, now time.Time) {
	if command == nil {
		return
	}
	r.saidAt = now
	if n, err := p.Write(command); err != nil || n < len(command) {
		r.set.deps.Log.Debug("scanner takes no commands", "scanner", r.spec.Path, logs.Err, err)
	}
}

// watch looks for a stuck trigger; true when the reading is none that anybody wants.
func (r *reader) watch(f frame) (swallow bool) {
	was := r.stare
	begins, swallow := r.stare.look(r.set.memory.tag(r.spec.Path, f.text), r.at)
	if swallow && !r.stare.off && r.profile.off != nil {
		r.stare.off = true
		r.answers = append(r.answers, r.profile.off)
	}
	if begins {
		r.answers = append(r.answers, r.profile.stop)
		r.lit = false
		r.tell(true, stuckMessage)
		r.set.take(r.slot, r.at, frame{flaw: garbled}, finding{kind: Stuck, message: stuckMessage})
	}
	if was.stuck && !swallow { // another code: the trigger is free
		if was.off {
			r.answers = append(r.answers, r.profile.on)
		}
		r.lit = false
		r.tell(true, "")
	}
	return swallow
}

const stuckMessage = "scanner stuck: it reads the same code over and over; take the code away, or free its trigger"

// rest counts silence.
func (r *reader) rest(d time.Duration) {
	switch ended, wake := r.stare.rest(d); {
	case wake:
		r.answers = append(r.answers, r.profile.on)
	case ended:
		r.lit = false // it is triggered anew
		r.tell(true, "")
	}
}
