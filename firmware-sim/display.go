package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/firmware-sim/linedisplay"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

const displayUsage = `Pretends to be a customer display: makes a pseudo-terminal, links it at PATH, prints "ready PATH", and then
what stands on the glass, a line for each change. SIGINT and SIGTERM remove the link and end it.

With --control ADDR (127.0.0.1:PORT; port 0 picks one and prints "control http://ADDR") it also answers:
  GET  /screen    what the customer sees: two lines, or the figures and the lamp that burns
  GET  /state     the same with all earlier screens, the speed that the till chose, and complaints
  POST /stick     it hangs: it takes nothing more from its line
  POST /free      it goes on
  POST /unplug    pulls the cable: the glass is dark
  POST /replug    plugs it in again, as another pty behind the same link

Example:
  firmware-sim display --link /tmp/till/display0 --profile cd5220 --control 127.0.0.1:7072
  cashier-agent run --data /tmp/till --display /tmp/till/display0 --display-profile cd5220-gb

Flags:
`

// displayFlags is the command line of "display".
type displayFlags struct{ link, set, control, token string }

func parseDisplayFlags(args []string, stdout io.Writer) (f displayFlags, err error) {
	set := flag.NewFlagSet("display", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.link, "link", "", "`path` of the symbolic link to give to the agent (required)")
	set.StringVar(&f.set, "profile", linedisplay.CD5220, "the `commands` it understands: "+strings.Join(linedisplay.Sets, ", "))
	set.StringVar(&f.control, "control", "", "`address` of the control door, such as 127.0.0.1:7072")
	set.StringVar(&f.token, "token", "", "`file` with the token that callers of the control door must know; without one it opens on loopback only")
	if err := parse(set, args, displayUsage, stdout); err != nil {
		return f, err
	}
	if f.link == "" {
		return f, wrongUse{errors.New("where shall the display be? give --link PATH")}
	}
	return f, nil
}

// parse reads a command's flags, or shows its help.
func parse(set *flag.FlagSet, args []string, usage string, stdout io.Writer) error {
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		set.SetOutput(stdout)
		set.PrintDefaults()
		return err
	case err != nil:
		return wrongUse{fmt.Errorf("%w: see firmware-sim %s --help", err, set.Name())}
	case set.NArg() > 0:
		return wrongUse{fmt.Errorf("%q is no flag: see firmware-sim %s --help", set.Arg(0), set.Name())}
	}
	return nil
}

// runDisplay is the command "display".
func runDisplay(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	f, err := parseDisplayFlags(args, stdout)
	if err != nil {
		return err
	}
	log, err := logs.New(stderr, "text", "info")
	if err != nil {
		return err
	}
	device, err := board.NewDisplay(f.link, f.set)
	if err != nil {
		return misused(err)
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	fmt.Fprintln(stdout, "ready", f.link)
	return withDoor(ctx, f.control, f.token, log, stdout, func(d *door) { routeDisplay(d, device) }, func(ctx context.Context) error {
		tellScreens(ctx, device, stdout)
		return nil
	})
}

// misused tells an error of the command line from one of the machine.
func misused(err error) error {
	if fault.KindOf(err) == fault.Invalid {
		return wrongUse{err}
	}
	return err
}

// withDoor does the work beside a control door, if one is wanted. A door that fails ends the work.
func withDoor(ctx context.Context, addr, tokenFile string, log *slog.Logger, stdout io.Writer, route func(*door), work func(context.Context) error) error {
	if addr == "" {
		return work(ctx)
	}
	token, err := readToken(tokenFile)
	if err != nil {
		return err
	}
	d, err := openGuardedDoor(addr, token, log)
	if err != nil {
		return err
	}
	route(d)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- d.run(ctx)
	}()
	fmt.Fprintf(stdout, "control http://%s\n", d.addr())
	err = work(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// tellScreens prints what stands on the glass until ctx ends.
func tellScreens(ctx context.Context, device *board.Display, out io.Writer) {
	var last []string
	for device.Await(ctx, func(s board.DisplayState) bool { return !slices.Equal(s.Screen, last) }) {
		last = device.State().Screen
		fmt.Fprintf(out, "display | %s |\n", strings.Join(last, " | "))
	}
}

// routeDisplay makes a door one of a display.
func routeDisplay(d *door, device *board.Display) {
	does := func(do func() error) func(*http.Request, []byte) (any, error) {
		return func(*http.Request, []byte) (any, error) {
			if err := do(); err != nil {
				return nil, err
			}
			return device.State(), nil
		}
	}
	d.handle("GET /screen", func(*http.Request, []byte) (any, error) {
		return map[string][]string{"screen": device.State().Screen}, nil
	})
	d.handle("GET /state", does(func() error { return nil }))
	d.handle("POST /stick", does(func() error { device.Stick(true); return nil }))
	d.handle("POST /free", does(func() error { device.Stick(false); return nil }))
	d.handle("POST /unplug", does(device.Unplug))
	d.handle("POST /replug", does(device.Replug))
}
