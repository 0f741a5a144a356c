package scanner

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"time"

	"cloudcashier/agent/internal/serialline"
	"cloudcashier/shared/logs"
)

const (
	// pollEvery is how often a missing scanner is looked for, and a connected one's link checked.
	pollEvery = 500 * time.Millisecond
	// restWait is how long a read waits between frames: ten wake-ups a second cost nothing, and the
	// agent stops within it.
	restWait = 100 * time.Millisecond
	// stall is how much later than asked a read may come back before the process must have been
	// stopped: what it then finds may have lain there all the while.
	stall = time.Second
	// alertWait is how long a read waits behind a frame, so that the beep for it does not wait for restWait;
	// alertReads are so many of them.
	alertWait  = 10 * time.Millisecond
	alertReads = 30
)

// cutter cuts a scanner's bytes into frames.
type cutter interface {
	feed(p []byte)
	idle(d time.Duration)
	underWay() bool
	reset()
}

// reader keeps one path of the configuration connected. All its fields but beep belong to its goroutine.
type reader struct {
	set     *Set
	spec    Spec
	profile profile
	slot    int          // of its State
	beep    atomic.Int32 // to be told to the scanner

	looked bool
	known  map[string]bool // targets that were there at the last look or loss
	speed  speed
	stare  stare
	at     time.Time // of the bytes under way
	cut    cutter
	framer *framer // the same, where it is one
	alert  int     // reads that wait for alertWait only

	lit     bool // the scanner was told to read
	litAt   time.Time
	saidAt  time.Time
	answers [][]byte // to be written
}

func newReader(set *Set, slot int, spec Spec) *reader {
	r := &reader{set: set, slot: slot, spec: spec, known: map[string]bool{}, speed: newSpeed(spec.Baud)}
	r.profile, _ = profileOf(spec.Profile)
	if r.profile.packets {
		r.cut = &packets{yield: r.frame, answer: func(p []byte) { r.answers = append(r.answers, p) }}
		return r
	}
	r.framer = &framer{whole: wholeCode, yield: r.frame, replies: r.profile.replies}
	r.cut = r.framer
	return r
}

// tell notes how the scanner is now.
func (r *reader) tell(connected bool, message string) {
	state := State{Path: r.spec.Path, Profile: r.spec.Profile, Connected: connected, Message: message}
	if connected {
		state.Baud, state.SpeedWrong, state.Stuck = r.speed.baud, r.speed.wrong(), r.stare.stuck
	}
	r.set.tell(r.slot, state)
}

// run looks for the scanner, reads it until it goes, and looks again, until ctx ends.
func (r *reader) run(ctx context.Context) {
	pause := time.NewTicker(r.set.poll)
	defer pause.Stop()
	own := &r.set.pulses[r.slot]
	for ctx.Err() == nil {
		own.opening.Store(true)
		d, p := r.look()
		own.opening.Store(false)
		if p != nil {
			r.attend(ctx, d, p)
		}
		for resting := true; resting; {
			select {
			case <-ctx.Done():
				resting = false
			case <-pause.C:
				resting = false
			case <-own.Pulse:
			}
		}
	}
	r.tell(false, "the agent is stopping")
}

// look opens the first free device under the path, if there is one.
func (r *reader) look() (serialline.Device, *serialline.Port) {
	found := serialline.Devices(r.spec.Path)
	message := "no scanner at " + r.spec.Path + ": plug it in"
	now := map[string]bool{}
	var open *serialline.Port
	var at serialline.Device
	for _, d := range found {
		if open != nil {
			now[d.Target] = true
			continue
		}
		if !r.set.deps.Claims.Take(d.Target, r.spec.Path) {
			message = d.Target + " is used already under another path: remove one of the two"
			now[d.Target] = true
			continue
		}
		// A device that was not there at the last look has been there for pollEvery at most, and so
		// have its bytes; those of any other may be older than a payment code lives.
		fresh := r.looked && !r.known[d.Target]
		p, err := serialline.Open(d.Target, r.speed.baud, !fresh)
		if err != nil {
			r.set.deps.Claims.Release(d.Target)
			now[d.Target] = !serialline.Absent(err)
			message = serialline.Advice("scanner", d.Name, err)
			r.set.deps.Log.Debug("scanner does not open", "scanner", d.Name, logs.Err, err)
			continue
		}
		open, at = p, d
		now[d.Target] = true
	}
	r.looked, r.known = true, now
	if open == nil {
		r.tell(false, message)
	}
	return at, open
}

// attend reads one connection to its end. What was half read when it ends is thrown away.
func (r *reader) attend(ctx context.Context, d serialline.Device, p *serialline.Port) {
	r.tell(true, "")
	err := r.read(ctx, d, p)
	r.cut.reset()
	r.speed.sound() // what is plugged in next may be another
	r.stare, r.lit, r.answers = stare{}, false, nil
	if closing := p.Close(); closing != nil {
		r.set.deps.Log.Debug("scanner closed badly", "scanner", d.Name, logs.Err, closing)
	}
	r.set.deps.Claims.Release(d.Target)
	if ctx.Err() == nil {
		r.lose(d)
		r.set.deps.Log.Debug("scanner lost", "scanner", d.Name, logs.Err, err)
		r.tell(false, "the scanner was unplugged: plug it in again")
	}
}

// lose takes stock of what is there when a device goes. What now has its name has had it for a
// moment only; others may have been there for hours.
func (r *reader) lose(gone serialline.Device) {
	r.known = map[string]bool{}
	for _, d := range serialline.Devices(r.spec.Path) {
		r.known[d.Target] = d.Name != gone.Name
	}
}

// read feeds the cutter until the device goes, its name moves to another device, or ctx ends.
func (r *reader) read(ctx context.Context, d serialline.Device, p *serialline.Port) error {
	buf := make([]byte, 4<<10)
	last := r.set.deps.Now()
	var silence, unchecked time.Duration // counted in waits, so that they need no clock
	for ctx.Err() == nil {
		select {
		case <-r.set.pulses[r.slot].Pulse:
		default:
		}
		r.tune(p)
		r.obey(p, last)
		wait := r.wait()
		n, err := p.Read(buf, wait)
		now := r.set.deps.Now()
		if n > 0 {
			silence = 0
			r.at = now
			if now.Sub(last) > wait+stall {
				r.at = last
			}
			if r.framer != nil {
				r.framer.asked = r.profile.acks && !r.saidAt.IsZero() && now.Sub(r.saidAt) < replyTime
			}
			r.cut.feed(buf[:n])
		}
		last = now
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		silence += wait
		r.cut.idle(silence)
		r.rest(wait)
		if unchecked += wait; unchecked >= r.set.poll {
			unchecked = 0
			if target, err := filepath.EvalSymlinks(d.Name); err == nil && target != d.Target {
				return serialline.ErrGone // plugged in elsewhere; the old device may never hang up
			}
		}
	}
	return ctx.Err()
}

// wait is how long the next read waits.
func (r *reader) wait() time.Duration {
	switch {
	case r.cut.underWay():
		return shortGap
	case r.alert > 0:
		r.alert--
		return alertWait
	}
	return restWait
}

// frame is called by the cutter for each frame.
func (r *reader) frame(f frame) {
	r.alert = alertReads
	found := finding{kind: Unreadable, message: "the code was read badly: scan again"}
	if f.flaw == garbled || f.flaw == oversize {
		switch {
		case r.speed.garbage():
			found.message = r.speed.message()
			r.tell(true, found.message)
		case f.retry:
			return // the scanner sends it again
		case f.flaw == oversize:
			found.message = "far too much came at once: scan one code again"
		}
		r.set.take(r.slot, r.at, f, found)
		return
	}
	wrong := r.speed.wrong()
	if r.speed.sound(); wrong {
		r.tell(true, "")
	}
	switch {
	case f.flaw == sound && r.profile.babble(f.text):
		r.set.deps.Log.Debug("scanner chatter dropped", "scanner", r.spec.Path)
		return
	case f.flaw == cut:
		found.message = "the scan was cut off: scan again"
	case f.flaw == sound:
		if r.watch(f) {
			return
		}
		found = classify(f)
	}
	r.set.take(r.slot, r.at, f, found)
}
