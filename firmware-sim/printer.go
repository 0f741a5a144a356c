package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/strictjson"
)

const printerUsage = `Pretends to be an ESC/POS receipt printer with a cash drawer: makes a pseudo-terminal, links it at PATH,
prints "ready PATH", and puts what comes down the line on paper. With --out DIR every slip that is cut is
written there, as slip-N.txt and slip-N.png. SIGINT and SIGTERM remove the link and end it.

With --control ADDR (127.0.0.1:PORT; port 0 picks one and prints "control http://ADDR") it also answers:
  GET  /state            paper, cover, slips as text, lines printed, drawer pulses, complaints
  GET  /slips/N.png      slip N as a picture, from 0
  POST /paper            {"after":N}: the paper ends N lines from now; {"near_end":true}; {} puts a new roll in
  POST /cover            {"open":true} or {"open":false}
  GET  /drawer           pulses that the drawer got, and whether it is open
  POST /drawer           {"open":false} pushes it shut
  POST /slow             {"us_per_byte":N}: pause after each byte; 0 is full speed again
  POST /drop             {"after":N,"bytes":M}: N bytes from now, M bytes are lost on the line
  POST /unplug           pulls the cable: the printer prints what it has, and nobody hears it
  POST /power-off        switches it off: what is not on the paper is lost
  POST /replug           cable and power are back, as another pty behind the same link

Example:
  firmware-sim printer --link /tmp/till/printer0 --out /tmp/slips --control 127.0.0.1:7071
  cashier-agent run --data /tmp/till --printer /tmp/till/printer0 --printer-baud 115200

Flags:
`

// printerFlags is the command line of "printer".
type printerFlags struct {
	link, control, out string
	opts               board.PrinterOptions
}

func parsePrinterFlags(args []string, stdout io.Writer) (f printerFlags, err error) {
	set := flag.NewFlagSet("printer", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.link, "link", "", "`path` of the symbolic link to give to the agent (required)")
	set.StringVar(&f.control, "control", "", "loopback `address` of the control door, such as 127.0.0.1:7071")
	set.StringVar(&f.out, "out", "", "`folder` for the slips")
	set.IntVar(&f.opts.Columns, "columns", 48, "`columns` of the paper: 48 on 80 mm, 32 on 58 mm")
	set.BoolVar(&f.opts.Mute, "mute", false, "never give the echo by which better makes tell that a receipt is finished")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, printerUsage)
		set.SetOutput(stdout)
		set.PrintDefaults()
		return f, err
	case err != nil:
		return f, wrongUse{fmt.Errorf("%w: see firmware-sim printer --help", err)}
	case set.NArg() > 0:
		return f, wrongUse{fmt.Errorf("%q is no flag: see firmware-sim printer --help", set.Arg(0))}
	case f.link == "":
		return f, wrongUse{errors.New("where shall the printer be? give --link PATH")}
	}
	return f, nil
}

// runPrinter is the command "printer".
func runPrinter(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	f, err := parsePrinterFlags(args, stdout)
	if err != nil {
		return err
	}
	log, err := logs.New(stderr, "text", "info")
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := os.MkdirAll(f.out, 0o755); err != nil {
			return fmt.Errorf("make the folder for the slips: %w", err)
		}
	}
	device, err := board.NewPrinter(f.link, f.opts)
	if err != nil {
		if fault.KindOf(err) == fault.Invalid {
			return wrongUse{err}
		}
		return err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	doorEnded := make(chan error, 1)
	if f.control == "" {
		doorEnded <- nil
		fmt.Fprintln(stdout, "ready", f.link)
	} else {
		door, err := openPrinterDoor(f.control, device, log)
		if err != nil {
			return err
		}
		go func() {
			defer stop() // a door that fails ends the command
			doorEnded <- door.run(ctx)
		}()
		fmt.Fprintf(stdout, "ready %s\ncontrol http://%s\n", f.link, door.addr())
	}
	err = keepSlips(ctx, device, f.out, log)
	stop()
	return errors.Join(err, <-doorEnded)
}

// keepSlips writes each slip into the folder as soon as it is cut, until ctx ends.
func keepSlips(ctx context.Context, device *board.Printer, out string, log *slog.Logger) error {
	for n := 0; device.Await(ctx, func(s board.PrinterState) bool { return len(s.Slips) > n }); n++ {
		log.Info("slip cut", "slip", n)
		if out == "" {
			continue
		}
		picture, err := device.PNG(n)
		if err != nil {
			return err
		}
		name := filepath.Join(out, "slip-"+strconv.Itoa(n))
		if err := errors.Join(os.WriteFile(name+".txt", []byte(device.State().Slips[n]), 0o644), os.WriteFile(name+".png", picture, 0o644)); err != nil {
			return fmt.Errorf("keep a slip: %w", err)
		}
	}
	return nil
}

// openPrinterDoor opens the door of a printer.
func openPrinterDoor(addr string, device *board.Printer, log *slog.Logger) (*door, error) {
	d, err := openDoor(addr, log)
	if err != nil {
		return nil, err
	}
	routePrinter(d, device)
	return d, nil
}

// routePrinter makes a door one of a printer.
func routePrinter(d *door, device *board.Printer) {
	state := func(err error) (any, error) { return device.State(), err }
	d.handle("GET /state", func(*http.Request, []byte) (any, error) { return state(nil) })
	d.handle("GET /slips/{name}", func(r *http.Request, _ []byte) (any, error) { return slip(device, r.PathValue("name")) })
	d.handle("POST /unplug", func(*http.Request, []byte) (any, error) { return state(device.Unplug()) })
	d.handle("POST /replug", func(*http.Request, []byte) (any, error) { return state(device.Replug()) })
	d.handle("POST /power-off", func(*http.Request, []byte) (any, error) { return state(device.PowerCut()) })
	type paper struct {
		After   *int `json:"after"`
		NearEnd bool `json:"near_end"`
	}
	d.handle("POST /paper", does(device, func(ask paper) {
		switch {
		case ask.After != nil:
			device.PaperAfter(*ask.After)
		case ask.NearEnd:
			device.NearEnd(true)
		default:
			device.Refill()
		}
	}))
	type cover struct {
		Open bool `json:"open"`
	}
	d.handle("POST /cover", does(device, func(ask cover) { device.Cover(ask.Open) }))
	routeDrawer(d, device)
	type slow struct {
		Micros int `json:"us_per_byte"`
	}
	d.handle("POST /slow", does(device, func(ask slow) { device.Slow(time.Duration(ask.Micros) * time.Microsecond) }))
	type drop struct {
		After int `json:"after"`
		Bytes int `json:"bytes"`
	}
	d.handle("POST /drop", does(device, func(ask drop) { device.DropBytes(ask.After, ask.Bytes) }))
}

// routeDrawer makes a door one of a cash drawer, too.
func routeDrawer(d *door, device *board.Printer) {
	d.handle("GET /drawer", func(*http.Request, []byte) (any, error) { return device.State().Drawer, nil })
	d.handle("POST /drawer", func(_ *http.Request, body []byte) (any, error) {
		var ask struct {
			Open bool `json:"open"`
		}
		if err := strictjson.Decode(body, &ask); err != nil {
			return nil, err
		}
		if ask.Open {
			return nil, fault.New(fault.Invalid, "control.drawer", "only a pulse opens the drawer: send {\"open\":false} to push it shut")
		}
		device.CloseDrawer()
		return device.State().Drawer, nil
	})
}

// does reads what is asked, does it, and answers with the printer's state.
func does[T any](device *board.Printer, do func(T)) func(*http.Request, []byte) (any, error) {
	return func(_ *http.Request, body []byte) (any, error) {
		var ask T
		if err := strictjson.Decode(body, &ask); err != nil {
			return nil, err
		}
		do(ask)
		return device.State(), nil
	}
}

// slip is the picture of a slip, by the name its path has.
func slip(device *board.Printer, name string) (any, error) {
	n, err := strconv.Atoi(name[:max(len(name)-len(".png"), 0)])
	if err != nil || strconv.Itoa(n)+".png" != name {
		return nil, fault.New(fault.NotFound, "control.slip", "ask for a slip as 0.png, 1.png and so on")
	}
	picture, err := device.PNG(n)
	return content{"image/png", picture}, err
}
