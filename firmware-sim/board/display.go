package board

import (
	"context"
	"slices"
	"strings"
	"sync"

	"cloudcashier/firmware-sim/linedisplay"
	"cloudcashier/shared/fault"
)

// Display is a pretended customer display: a pty and glass. Like a real one it answers nothing, and what
// stands on it is gone with its cable. Its methods may be called from any goroutine.
type Display struct {
	link string

	mu      sync.Mutex
	changed chan struct{} // closed and made anew whenever something below changes
	line    *pair
	glass   *linedisplay.Machine
	screens [][]string
	stuck   bool
	taken   int
	done    bool
	work    sync.WaitGroup
}

// DisplayState is what a display tells about itself.
type DisplayState struct {
	Link       string     `json:"link"`
	Device     string     `json:"device,omitempty"`
	Plugged    bool       `json:"plugged"`
	Stuck      bool       `json:"stuck,omitempty"`
	Screen     []string   `json:"screen"`  // two lines, or the figures and the lamp that burns
	Screens    [][]string `json:"screens"` // all that were on it, oldest first
	Bytes      int        `json:"bytes"`
	Baud       int        `json:"baud,omitempty"` // the speed that the till chose
	Complaints []string   `json:"complaints"`
}

// Shows reports whether any line of the screen holds the text.
func (s DisplayState) Shows(text string) bool {
	return slices.ContainsFunc(s.Screen, func(line string) bool { return strings.Contains(line, text) })
}

// Showed reports the same of all screens there were.
func (s DisplayState) Showed(text string) bool {
	return slices.ContainsFunc(s.Screens, func(screen []string) bool { return DisplayState{Screen: screen}.Shows(text) })
}

// screensMost bounds what a display remembers; the oldest go.
const screensMost = 1000

// NewDisplay plugs a display of a command set in under link.
func NewDisplay(link, set string) (*Display, error) {
	glass, ok := linedisplay.New(set)
	if !ok {
		return nil, fault.New(fault.Invalid, "board.profile", "no display speaks %q: use one of %s", set, strings.Join(linedisplay.Sets, ", "))
	}
	d := &Display{link: link, changed: make(chan struct{}), glass: glass}
	if err := d.Replug(); err != nil {
		return nil, err
	}
	return d, nil
}

// touch wakes whoever waits for a change. The caller holds the lock.
func (d *Display) touch() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// Stick lets it take nothing more, as one that hangs; what the line holds is full soon.
func (d *Display) Stick(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stuck = is
	d.touch()
}

// Unplug pulls its cable, which is its power, too.
func (d *Display) Unplug() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unplug()
}

func (d *Display) unplug() error {
	if d.line == nil {
		return nil
	}
	err := removeLink(d.link, d.line.name)
	d.line.close()
	d.line = nil
	d.glass.PowerCut()
	d.touch()
	return err
}

// Replug plugs it in again, as a new pty behind the same link.
func (d *Display) Replug() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return ErrClosed
	}
	if err := d.unplug(); err != nil {
		return err
	}
	line, err := openPair()
	if err != nil {
		return err
	}
	if err := placeLink(d.link, line.name); err != nil {
		line.close()
		return err
	}
	d.line = line
	d.touch()
	d.work.Go(func() { d.listen(line) })
	return nil
}

// Close switches it off for good.
func (d *Display) Close() error {
	d.mu.Lock()
	d.done = true
	err := d.unplug()
	d.touch()
	d.mu.Unlock()
	d.work.Wait()
	return err
}

// listen takes what comes down one line until it is cut.
func (d *Display) listen(line *pair) {
	raw := make([]byte, 256)
	for d.free(line) {
		n, err := line.master.Read(raw)
		d.take(raw[:n])
		if err != nil {
			return
		}
	}
}

// free waits while it is stuck; false when the line was cut meanwhile.
func (d *Display) free(line *pair) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.stuck && d.line == line {
		changed := d.changed
		d.mu.Unlock()
		<-changed
		d.mu.Lock()
	}
	return d.line == line
}

func (d *Display) take(raw []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range raw {
		d.glass.Put(b)
	}
	d.taken += len(raw)
	screen := d.glass.Screen()
	if n := len(d.screens); n == 0 || !slices.Equal(d.screens[n-1], screen) {
		if n == screensMost {
			d.screens = d.screens[1:]
		}
		d.screens = append(d.screens, screen)
	}
	d.touch()
}

// State tells how the display is.
func (d *Display) State() DisplayState {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := DisplayState{Link: d.link, Plugged: d.line != nil, Stuck: d.stuck, Screen: d.glass.Screen(), Screens: slices.Clone(d.screens),
		Bytes: d.taken, Complaints: slices.Clone(d.glass.Complaints)}
	if d.line != nil {
		s.Device = d.line.name
		s.Baud, _ = d.line.speed() // 0 when the kernel will not say
	}
	return s
}

// Await waits until the display is as wanted; false when ctx ends first.
func (d *Display) Await(ctx context.Context, wanted func(DisplayState) bool) bool {
	for {
		d.mu.Lock()
		changed := d.changed
		d.mu.Unlock()
		if wanted(d.State()) {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
