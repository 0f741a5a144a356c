// Package printer drives the till's receipt printer and the cash drawer that hangs on it: ESC/POS over
// a serial port. It reads from the event log which sales were paid, keeps a row for every slip, and
// prints.
//
// It refuses to be in a payment's way: it has no lock, no queue and no goroutine in common with the till,
// which does not know it. It refuses to print a slip twice unmarked (see package printjob), to open a
// drawer again after a restart, and to write to a port that another goroutine may close. Newcomers get
// one thing wrong: bytes that were written are not paper. A printer takes four thousand of them without
// any paper in it; only its echo behind the last one says that the slip is there.
package printer

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/serialline"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
)

// Config says which printer there is and what it prints by itself.
type Config struct {
	Path    string // a device's stable path, or a pattern; "" is no printer
	Baud    int    // 0 is 9600
	Columns int    // 0 is 48 (80 mm paper); 58 mm has 32
	Copies  int    // slips for each paid sale; 0: only on request
	Drawer  bool   // a cash drawer hangs on it, opened for cash
	Title   string // the shop's name on the receipt
}

// Check refuses what cannot be meant.
func (c Config) Check() error {
	switch _, err := filepath.Match(c.Path, ""); {
	case err != nil:
		return fault.New(fault.Invalid, "printer.path", "printer path %q is a broken pattern: correct it", c.Path)
	case c.Columns != 0 && (c.Columns < 24 || c.Columns > 64):
		return fault.New(fault.Invalid, "printer.columns", "a receipt has 24 to 64 columns: 32 on 58 mm paper, 48 on 80 mm")
	case c.Baud < 0 || c.Copies < 0 || c.Copies > 9:
		return fault.New(fault.Invalid, "printer.config", "the printer's speed must not be negative, and it prints 0 to 9 copies")
	}
	return nil
}

// Deps are what the package needs from the world. Changed and Grown must not block.
type Deps struct {
	Now             func() time.Time
	Zone            *time.Location // of the shop
	Log             *slog.Logger
	Journal         *store.Store
	Claims          *serialline.Claims
	Store, Terminal string
	Changed         func(api.Printer)
	Grown           func() // the journal has events that the till did not write
}

// waits are how long the driver waits, counted in reads, so that they need no clock.
type waits struct {
	look   time.Duration // between looks for a missing printer
	idle   time.Duration // between questions about its health
	answer time.Duration // for the answer to one; printers give it within milliseconds
	silent time.Duration // without any answer in mid-print it is gone
	shake  time.Duration // for the answer to a handshake, behind what a ready printer still had
	proof  time.Duration // for the echo of a ready printer, beyond the time its bytes take
}

var usual = waits{look: 500 * time.Millisecond, idle: time.Second, answer: 500 * time.Millisecond, silent: 5 * time.Second, shake: 5 * time.Second, proof: 10 * time.Second}

// Printer is the till's printer.
type Printer struct {
	config Config
	Deps
	waits waits
	kick  chan struct{} // there may be something to print

	trials chan trial // tests that somebody waits for

	// What follows belongs to Run's goroutine.
	through int64     // events that were looked at
	pulse   time.Time // a drawer that waits to be opened, since then; zero: none

	mu    sync.Mutex // guards what follows
	state api.Printer
}

// New makes the driver; nothing is opened before Run.
func New(config Config, d Deps) *Printer {
	if config.Baud == 0 {
		config.Baud = 9600
	}
	if config.Columns == 0 {
		config.Columns = 48
	}
	return &Printer{config: config, Deps: d, waits: usual, kick: make(chan struct{}, 1), trials: make(chan trial, 1),
		state: api.Printer{Path: config.Path, State: api.PrinterAbsent, Message: "not looked for yet"}}
}

// Look tells the driver that the journal has grown. It never blocks.
func (p *Printer) Look() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// State tells how the printer is.
func (p *Printer) State() api.Printer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// tell changes the state, and says so when that is news.
func (p *Printer) tell(change func(*api.Printer)) {
	p.mu.Lock()
	before := p.state
	change(&p.state)
	after := p.state
	p.mu.Unlock()
	if after == before {
		return
	}
	if after.State != before.State {
		p.Log.Info("printer state", "printer", after.Path, logs.Status, string(after.State), "message", after.Message)
	}
	p.Changed(after)
}

func (p *Printer) tellState(state api.PrinterState, message string) {
	p.tell(func(s *api.Printer) {
		s.State, s.Message, s.NearEnd = state, message, s.NearEnd && state == api.PrinterReady
	})
}

// Run owns the printer until ctx ends or the journal fails. A printer that is missing is waited for.
func (p *Printer) Run(ctx context.Context) error {
	if err := p.config.Check(); err != nil {
		return err
	}
	if err := p.resume(); err != nil {
		return err
	}
	pause := time.NewTicker(p.waits.look)
	defer pause.Stop()
	for ctx.Err() == nil {
		if err := p.guard(func() error { return p.turn(ctx) }); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-pause.C:
		case <-p.kick:
		}
	}
	return nil
}

// turn looks for slips and for the printer once, and serves it to the end of its connection.
func (p *Printer) turn(ctx context.Context) error {
	if err := p.feed(); err != nil {
		return err
	}
	if d, port := p.find(); port != nil {
		return p.attend(ctx, d, port)
	}
	return nil
}

// guard keeps a mistake in here from ending the till: what it was about is tried again, and the journal
// says how far it came.
func (p *Printer) guard(fn func() error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			p.Log.Error("the printer's driver panicked", logs.Err, what, "stack", string(debug.Stack()))
		}
	}()
	return fn()
}

// find opens the printer, if it is there. What it said meanwhile is kept: an echo is proof.
func (p *Printer) find() (serialline.Device, *serialline.Port) {
	d, port, advice := p.Claims.Open("printer", p.config.Path, p.config.Baud, false)
	if port == nil {
		p.tellState(api.PrinterAbsent, advice)
	}
	return d, port
}

// attend uses one connection to its end. Only the journal's failures are its errors.
func (p *Printer) attend(ctx context.Context, d serialline.Device, port *serialline.Port) error {
	defer func() { // whatever happens: this goroutine is the port's only user
		if closing := port.Close(); closing != nil {
			p.Log.Debug("printer closed badly", "printer", d.Name, logs.Err, closing)
		}
		p.Claims.Release(d.Target)
	}()
	err := newSession(p, d, port).run(ctx)
	var broken journalError
	if errors.As(err, &broken) {
		return broken
	}
	if ctx.Err() == nil {
		level := slog.LevelDebug
		if fault.KindOf(err) == fault.Conflict {
			level = slog.LevelError // our own mistake, not the printer's
		}
		p.Log.Log(ctx, level, "printer lost", "printer", d.Name, logs.Err, err)
		p.tellState(api.PrinterAbsent, "the printer was unplugged or switched off: plug it in again")
	}
	return nil
}

// journalError is an error that ends the agent.
type journalError struct{ error }

func (e journalError) Unwrap() error { return e.error }

// shown is a slip as others see it.
func shown(j printjob.Job) api.PrintJob {
	return api.PrintJob{ID: j.ID, Sale: j.Sale, Shift: j.Shift, State: string(j.State), Copy: j.Copy, Reprint: j.Marked, CreatedAt: j.Created}
}
