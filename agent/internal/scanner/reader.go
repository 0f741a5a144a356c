package scanner

import (
	"context"
	"path/filepath"
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
	// badFrames in a row make a wrong speed more likely than a bad cable.
	badFrames = 3
)

// reader keeps one path of the configuration connected. All its fields but path belong to its goroutine.
type reader struct {
	set  *Set
	path string
	slot int // of its State

	looked bool
	known  map[string]bool // targets that were there at the last look or loss
	bad    int             // garbled frames in a row
	at     time.Time       // of the bytes under way
	framer framer
}

func newReader(set *Set, slot int, path string) *reader {
	r := &reader{set: set, slot: slot, path: path, known: map[string]bool{}}
	r.framer = framer{whole: wholeCode, yield: r.frame}
	return r
}

// run looks for the scanner, reads it until it goes, and looks again, until ctx ends.
func (r *reader) run(ctx context.Context) {
	pause := time.NewTicker(pollEvery)
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
	r.set.tell(r.slot, false, "the agent is stopping")
}

// look opens the first free device under the path, if there is one.
func (r *reader) look() (serialline.Device, *serialline.Port) {
	found := serialline.Devices(r.path)
	message := "no scanner at " + r.path + ": plug it in"
	now := map[string]bool{}
	var open *serialline.Port
	var at serialline.Device
	for _, d := range found {
		if open != nil {
			now[d.Target] = true
			continue
		}
		if !r.set.deps.Claims.Take(d.Target, r.path) {
			message = d.Target + " is used already under another path: remove one of the two"
			now[d.Target] = true
			continue
		}
		// A device that was not there at the last look has been there for pollEvery at most, and so
		// have its bytes; those of any other may be older than a payment code lives.
		fresh := r.looked && !r.known[d.Target]
		p, err := serialline.Open(d.Target, r.set.config.Baud, !fresh)
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
		r.set.tell(r.slot, false, message)
	}
	return at, open
}

// attend reads one connection to its end. What was half read when it ends is thrown away.
func (r *reader) attend(ctx context.Context, d serialline.Device, p *serialline.Port) {
	r.set.tell(r.slot, true, "")
	err := r.read(ctx, d, p)
	r.framer.reset()
	r.bad = 0
	if closing := p.Close(); closing != nil {
		r.set.deps.Log.Debug("scanner closed badly", "scanner", d.Name, logs.Err, closing)
	}
	r.set.deps.Claims.Release(d.Target)
	if ctx.Err() == nil {
		r.lose(d)
		r.set.deps.Log.Debug("scanner lost", "scanner", d.Name, logs.Err, err)
		r.set.tell(r.slot, false, "the scanner was unplugged: plug it in again")
	}
}

// lose takes stock of what is there when a device goes. What now has its name has had it for a
// moment only; others may have been there for hours.
func (r *reader) lose(gone serialline.Device) {
	r.known = map[string]bool{}
	for _, d := range serialline.Devices(r.path) {
		r.known[d.Target] = d.Name != gone.Name
	}
}

// read feeds the framer until the device goes, its name moves to another device, or ctx ends.
func (r *reader) read(ctx context.Context, d serialline.Device, p *serialline.Port) error {
	buf := make([]byte, 4<<10)
	last := r.set.deps.Now()
	var silence, unchecked time.Duration // counted in waits, so that they need no clock
	for ctx.Err() == nil {
		select {
		case <-r.set.pulses[r.slot].Pulse:
		default:
		}
		wait := restWait
		if r.framer.open {
			wait = shortGap
		}
		n, err := p.Read(buf, wait)
		now := r.set.deps.Now()
		if n > 0 {
			silence = 0
			r.at = now
			if now.Sub(last) > wait+stall {
				r.at = last
			}
			r.framer.feed(buf[:n])
		}
		last = now
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		silence += wait
		r.framer.idle(silence)
		if unchecked += wait; unchecked >= pollEvery {
			unchecked = 0
			if target, err := filepath.EvalSymlinks(d.Name); err == nil && target != d.Target {
				return serialline.ErrGone // plugged in elsewhere; the old device may never hang up
			}
		}
	}
	return ctx.Err()
}

// frame is called by the framer for each frame.
func (r *reader) frame(f frame) {
	if f.flaw == garbled || f.flaw == oversize {
		r.bad++
	} else {
		if r.bad >= badFrames {
			r.set.tell(r.slot, true, "")
		}
		r.bad = 0
	}
	if f.flaw == sound && chatter(f.text) {
		r.set.deps.Log.Debug("scanner chatter dropped", "scanner", r.path)
		return
	}
	found := finding{kind: Unreadable, message: "the code was read badly: scan again"}
	switch {
	case r.bad == badFrames:
		found.message = "scanner speed wrong: set the scanner to this till's speed, or the till to the scanner's"
		r.set.tell(r.slot, true, found.message)
	case f.flaw == cut:
		found.message = "the scan was cut off: scan again"
	case f.flaw == oversize:
		found.message = "far too much came at once: scan one code again"
	case f.flaw == sound:
		found = classify(f)
	}
	r.set.take(r.slot, r.at, f, found)
}
