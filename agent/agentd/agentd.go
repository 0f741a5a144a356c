// Package agentd puts the agent together: journal, till, link to the hub, scanners and the local
// API, started in that order and stopped in reverse.
//
// It refuses to run twice on one folder. Nothing below it reads a clock, draws randomness or looks
// at the environment. Newcomers get one thing wrong: the folder is the till. Who it is, what it
// sold and what it still has to ask are all in there; a copy of it must never run.
package agentd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"cloudcashier/agent/internal/books"
	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/identity"
	"cloudcashier/agent/internal/localapi"
	"cloudcashier/agent/internal/printer"
	"cloudcashier/agent/internal/pulse"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/scanner"
	"cloudcashier/agent/internal/serialline"
	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/till"
	"cloudcashier/agent/internal/watchdog"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/run"
)

// Config says which till to run.
type Config struct {
	Dir      string   // activated; holds everything
	Scanners []string // serial ports, or patterns of them, each with its options: package scanner reads them
	Baud     int      // of the scanners; 0 is their usual speed
	Printer  Printer
	Display  Display
	Voice    Voice
	Prices   string // which in-store barcodes hold a price; "": none, see [scanner.ParsePrices]
	// ConfirmAbove is the amount, in fen, from which the cashier's screen asks once more; 0: never.
	ConfirmAbove int64
	Version      string
}

// Printer is the receipt printer and what it does by itself; without a Path there is none.
type Printer = printer.Config

// Deps is the world.
type Deps struct {
	Now     func() time.Time // with a monotonic reading
	Log     *slog.Logger
	Rand    *rand.Rand // for jitter
	Entropy io.Reader  // for secrets and identifiers
}

// lockName is the file whose lock says that an agent runs on the folder.
const lockName = "agent.lock"

// Run runs the agent until ctx ends (nil) or a part of it fails.
func Run(ctx context.Context, c Config, d Deps) error {
	who, err := identity.Load(c.Dir)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Printer.Check(), c.Display.Check(), c.Voice.Check()); err != nil {
		return err
	}
	prices, err := scanner.ParsePrices(c.Prices)
	if err != nil {
		return err
	}
	lock, err := takeLock(c.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	reserve := store.NewReserve(c.Dir, nil, d.Entropy, d.Log)
	if _, err := reserve.Free(); err != nil { // a full disk gives the reserve up before the journal needs it
		return err
	}
	journal, err := store.Open(filepath.Join(c.Dir, store.FileName), d.Entropy)
	if err != nil {
		return err
	}
	parts, err := assemble(ctx, c, d, who, journal, reserve, prices)
	if err != nil {
		return errors.Join(err, journal.Close())
	}
	d.Log.Info("agent ready", logs.Terminal, who.Terminal, logs.Merchant, who.Merchant,
		"socket", filepath.Join(c.Dir, localapi.SocketName), "version", c.Version)
	err = run.Group(ctx, parts...)
	d.Log.Info("agent stopped", logs.Terminal, who.Terminal)
	return err
}

// assemble makes the parts; the socket listens when it returns.
func assemble(ctx context.Context, c Config, d Deps, who identity.Identity, journal *store.Store, reserve *store.Reserve, prices scanner.Prices) ([]run.Part, error) {
	ids := id.NewSource(d.Now, d.Entropy)
	var link *hublink.Link // made after the till, which wakes it
	paper := &desk{terminal: who.Terminal}
	t, err := till.New(
		till.Config{Rules: sale.Default, Version: c.Version, Terminal: who.Terminal, Store: who.Store, Merchant: who.Merchant,
			HubKey: who.HubKey, Zone: shopZone, ConfirmAbove: c.ConfirmAbove},
		till.Deps{Now: d.Now, Log: d.Log, IDs: ids, Journal: journal, Wake: func() { link.Wake() },
			Grown: func() { link.Grown(); paper.look() }, Sync: func() { link.Sync() }, Free: reserve.Free})
	if err != nil {
		return nil, err
	}
	claims := serialline.NewClaims(c.named()...)
	if paper.till = t; c.Printer.Path != "" {
		paper.open(printer.New(c.Printer, printer.Deps{Now: d.Now, Zone: shopZone, Log: d.Log, Journal: journal, Claims: claims,
			Store: who.Store, Terminal: who.Terminal, Changed: t.PrinterChanged, Grown: func() { link.Grown() }}), t)
	}
	if err := paper.plug(c, d, journal, claims); err != nil {
		return nil, err
	}
	link = hublink.New(who, t, hublink.Deps{Now: d.Now, Log: d.Log, Rand: d.Rand, Records: t, Greeted: t.Greeted, Roster: t.RosterCame, Changed: t.LinkChanged,
		Version: c.Version, Boot: ids.New("boot"), IDs: ids})
	var scanners *scanner.Set
	modes, err := newModes(ctx, c, d, who, t, reserve.Free, func() []api.Scanner { return shown(scanners.States()) })
	if err != nil {
		return nil, err
	}
	scanners = scanner.New(scanner.Config{Paths: c.Scanners, Baud: c.Baud},
		scanner.Deps{Now: d.Now, Log: d.Log, Rand: d.Entropy, Claims: claims, Changed: func(scanner.State) { modes.scannersChanged() }})
	modes.scannersChanged()
	office := &staff{Books: books.Books{Look: t.Look, Zone: shopZone}, doctor: clinic{c: c, d: d}}
	door, err := localapi.New(filepath.Join(c.Dir, localapi.SocketName), t, localapi.Deps{Now: d.Now, Log: d.Log, Zone: shopZone, Paper: paper, Tests: paper,
		Modes: modes, Staff: office, Barcode: func(digits string) api.Notice { return noticeOf(scanner.ReadProduct(digits), prices) }})
	if err != nil {
		return nil, err
	}
	pumping := pulse.New()
	return slices.Concat([]run.Part{
		{Name: "journal", Run: journal.Run},
		{Name: "ballast", Run: reserve.Run},
		{Name: "till", Run: t.Run},
		{Name: "link", Run: link.Run},
		{Name: "training", Run: modes.Run},
		{Name: "scanners", Run: scanners.Run},
		{Name: "scans", Run: func(ctx context.Context) error { return pump(ctx, scanners, prices, modes, pumping) }},
		{Name: "trigger", Run: func(ctx context.Context) error { return trigger(ctx, scanners, modes) }},
	}, paper.parts(), []run.Part{
		{Name: "local API", Run: door.Run},
	}, watched(d.Log,
		watchdog.Part{Name: "journal", Ask: journal.Ask}, watchdog.Part{Name: "till", Ask: t.Ask}, watchdog.Part{Name: "link", Ask: link.Ask},
		watchdog.Part{Name: "scanners", Ask: scanners.Ask}, watchdog.Part{Name: "scans", Ask: pumping.Ask},
		watchdog.Part{Name: "local API", Ask: door.Ask})), nil
}

// watched is the watchdog, last of all parts, so that it is the first to say that the agent stops. Where nobody
// listens there is none.
func watched(log *slog.Logger, parts ...watchdog.Part) []run.Part {
	notify, every, ok := watchdog.Systemd(log)
	if !ok {
		return nil
	}
	return []run.Part{{Name: "watchdog", Run: watchdog.New(log, notify, every, parts...).Run}}
}

// takeLock makes sure that one agent at a time runs on a folder. The kernel lets go of the lock
// when the process ends, however it ends.
func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "agent.folder",
			"cannot use the folder %s: activate a till in it first, and run as the user it belongs to", dir)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fault.Wrap(err, fault.Conflict, "agent.running", "another agent runs on %s: stop it first", dir)
	}
	return f, nil
}

// Export writes the journal of a folder, also of a copied one, as NDJSON.
func Export(dir string, w io.Writer) error {
	if err := store.Export(filepath.Join(dir, store.FileName), w); err != nil {
		return fmt.Errorf("export the journal of %s: %w", dir, err)
	}
	return nil
}
