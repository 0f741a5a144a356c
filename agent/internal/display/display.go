// Package display drives the display that faces the customer: what is due, what to do, and PAID. It shows
// the newest sale as the journal has it, behind the till's back.
//
// It refuses to be in a payment's way: all that reaches it is a mailbox of one, "look again", and the
// latest value wins. It refuses to say PAID from anything but the stored record, and to show how a sale
// ended that ended while nobody could see it: the next customer would take it for theirs. Newcomers get one
// thing wrong: a display never answers, so that "shown" means no more than that the line took the bytes.
package display

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"cloudcashier/agent/internal/serialline"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
)

// Config says which display there is.
type Config struct {
	Path    string // a device's stable path, or a pattern; "" is none
	Profile string // one of [Profiles]; "" is the first
	Baud    int    // 0 is the profile's
	Title   string // the shop's name, shown between sales
}

// Check refuses what cannot be meant.
func (c Config) Check() error {
	if _, err := filepath.Match(c.Path, ""); err != nil {
		return fault.New(fault.Invalid, "display.path", "display path %q is a broken pattern: correct it", c.Path)
	}
	if _, ok := profileOf(c.profile()); !ok {
		return fault.New(fault.Invalid, "display.profile", "no display profile is called %q: use one of %s", c.Profile, ProfileNames())
	}
	if c.Baud < 0 {
		return fault.New(fault.Invalid, "display.baud", "the display's speed must not be negative")
	}
	return nil
}

func (c Config) profile() string {
	if c.Profile == "" {
		return Profiles[0].Name
	}
	return c.Profile
}

// Deps are what the package needs from the world. Changed must not block.
type Deps struct {
	Now     func() time.Time // with a monotonic reading
	Log     *slog.Logger
	Journal *store.Store
	Claims  *serialline.Claims
	Changed func(api.Display)
}

// waits are how long the driver waits.
type waits struct {
	look   time.Duration // between looks for a missing display
	alive  time.Duration // between looks whether it is still there
	again  time.Duration // before bytes that the line did not take are offered again
	stuck  time.Duration // a display that takes nothing for so long is in trouble
	linger time.Duration // how long the end of a sale is shown
	test   time.Duration // how long the test pattern is
}

var usual = waits{look: 500 * time.Millisecond, alive: time.Second, again: 50 * time.Millisecond, stuck: 2 * time.Second,
	linger: 8 * time.Second, test: 4 * time.Second}

// Display is the till's customer display.
type Display struct {
	config  Config
	profile Profile
	Deps
	waits  waits
	kick   chan struct{} // the journal has grown
	trials chan trial

	// What follows belongs to Run's goroutine.
	saw   string    // the sale and the state that were looked at last
	since time.Time // when that was new; zero: before anybody looked

	mu    sync.Mutex // guards what follows
	state api.Display
}

// trial is a test that somebody waits for.
type trial struct {
	ctx  context.Context
	done chan<- error // has room
}

// New makes the driver; no port is opened before Run. How the last sale ended is no news to it.
func New(config Config, d Deps) (*Display, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	profile, _ := profileOf(config.profile())
	if config.Baud == 0 {
		config.Baud = profile.Baud
	}
	one := &Display{config: config, profile: profile, Deps: d, waits: usual, kick: make(chan struct{}, 1), trials: make(chan trial),
		state: api.Display{Path: config.Path, Profile: profile.Name, State: api.DisplayAbsent, Message: "not looked for yet"}}
	_, _, err := one.look()
	one.since = time.Time{}
	return one, err
}

// Look tells the driver that the journal has grown. It never blocks.
func (d *Display) Look() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// State tells how the display is.
func (d *Display) State() api.Display {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// tell changes the state, and says so when that is news.
func (d *Display) tell(state api.DisplayState, message string) {
	d.mu.Lock()
	before := d.state
	d.state.State, d.state.Message = state, message
	after := d.state
	d.mu.Unlock()
	if after == before {
		return
	}
	d.Log.Info("display state", "display", after.Path, logs.Status, string(after.State), "message", after.Message)
	d.Changed(after)
}

// Test shows a pattern that says it is a test. It is refused while a sale is shown.
func (d *Display) Test(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case d.trials <- trial{ctx, done}:
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "display.away", "%s", d.State().Message)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "display.stuck", "the display takes nothing: switch it off and on")
	}
}

// Run owns the display until ctx ends or the journal fails. One that is missing is waited for.
func (d *Display) Run(ctx context.Context) error {
	pause := time.NewTicker(d.waits.look)
	defer pause.Stop()
	for ctx.Err() == nil {
		err := d.guard(func() error {
			if place, port := d.find(); port != nil {
				return d.attend(ctx, place, port)
			}
			return nil
		})
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-pause.C:
		case <-d.kick:
			if _, _, err := d.look(); err != nil { // so that what ends meanwhile is no news later
				return err
			}
		case t := <-d.trials:
			t.done <- fault.New(fault.Unavailable, "display.away", "%s", d.State().Message)
		}
	}
	return nil
}

// guard keeps a mistake in here from ending the till.
func (d *Display) guard(fn func() error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			d.Log.Error("the display's driver panicked", logs.Err, what, "stack", string(debug.Stack()))
		}
	}()
	return fn()
}

// look reads what the journal shows the customer now, and how long that holds by itself; 0 is for good.
func (d *Display) look() (scene Scene, holds time.Duration, err error) {
	var rows []store.Row
	if err := d.Journal.View(func(tx *store.Tx) (err error) {
		rows, err = tx.Latest(1)
		return err
	}); err != nil {
		return scene, 0, journalError{err}
	}
	if len(rows) == 0 {
		return scene, 0, nil
	}
	row := rows[0]
	if saw := row.ID + " " + string(row.State); saw != d.saw {
		d.saw, d.since = saw, d.Now()
	}
	scene, brief := sceneOf(row.Sale)
	if !brief {
		return scene, 0, nil
	}
	if holds = d.waits.linger - d.Now().Sub(d.since); d.since.IsZero() || holds <= 0 {
		return Scene{}, 0, nil
	}
	return scene, holds, nil
}

// find opens the display, if it is there.
func (d *Display) find() (serialline.Device, *serialline.Port) {
	place, port, advice := d.Claims.Open("display", d.config.Path, d.config.Baud, true)
	if port == nil {
		d.tell(api.DisplayAbsent, advice)
	}
	return place, port
}

// attend uses one connection to its end. Only the journal's failures are its errors.
func (d *Display) attend(ctx context.Context, place serialline.Device, port *serialline.Port) error {
	defer func() { // whatever happens: this goroutine is the port's only user
		closing := errors.Join(port.Drop(), port.Close()) // or a display that is stuck would hold the close
		d.Log.Debug("display closed", "display", place.Name, logs.Err, closing)
		d.Claims.Release(place.Target)
	}()
	err := (&session{Display: d, place: place, port: port}).run(ctx)
	var broken journalError
	if errors.As(err, &broken) {
		return broken
	}
	if ctx.Err() == nil {
		d.Log.Debug("display lost", "display", place.Name, logs.Err, err)
		d.tell(api.DisplayAbsent, "the display was unplugged or switched off: plug it in again")
	}
	return nil
}

// journalError is an error that ends the agent.
type journalError struct{ error }

func (e journalError) Unwrap() error { return e.error }
