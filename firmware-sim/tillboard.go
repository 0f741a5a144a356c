package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/firmware-sim/linedisplay"
	"cloudcashier/firmware-sim/speaker"
	"cloudcashier/shared/logs"
)

const boardUsage = `Pretends to be everything on a till's counter: in DIR it links scanner0, printer0 and display0, makes speaker.key,
and writes board.json with the addresses of the speaker and of the control door. It prints "ready DIR" and
then what happens: slips, what the customer sees, what is announced. SIGINT and SIGTERM remove the links.

The control door (--control ADDR, 127.0.0.1:0 when not said) answers for each device below its name, as
the commands of one device do; see firmware-sim scanner --help, printer, display and speaker:
  POST /scanner/scan, /scanner/raw, /scanner/unplug, /scanner/replug; GET /scanner/state    (POST /scan is the same as the first)
  GET  /printer/state, /printer/slips/N.png; POST /printer/paper, /printer/cover, /printer/slow, /printer/drop, ...
  GET  /drawer; POST /drawer {"open":false}
  GET  /display/screen, /display/state; POST /display/stick, /display/free, /display/unplug, /display/replug
  GET  /speaker/spoken; POST /speaker/busy, /speaker/unplug, /speaker/replug
  GET  /state            all of them
  POST /script           plays the lines of its body, and answers when they have happened

A script (--script FILE, POST /script, or lines on standard input) has a line for each thing:
  scan CODE | noise SHARE | paper out | paper after N | paper low | paper in | cover open | cover close
  drawer close | unplug DEVICE | plug DEVICE | stick display | free display | sleep DURATION
  wait printed [N] | wait spoken [N] | wait drawer [N] | wait shown TEXT          (a minute at most)
With --script the board ends when its script does, with exit code 1 when something was waited for in vain.

Examples:
  firmware-sim board --dir /tmp/till/dev --control 127.0.0.1:7070
  cashier-agent run --data /tmp/till --scanner /tmp/till/dev/scanner0 --printer /tmp/till/dev/printer0 --printer-baud 115200 --drawer \
      --display /tmp/till/dev/display0 --display-profile cd5220-gb --voice-speaker ADDRESS --voice-speaker-key /tmp/till/dev/speaker.key
  curl -d 130061098828009406 http://127.0.0.1:7070/scan
  printf 'unplug printer\nsleep 2s\nplug printer\n' | curl --data-binary @- http://127.0.0.1:7070/script
  curl http://127.0.0.1:7070/display/screen

Flags:
`

// boardFlags is the command line of "board".
type boardFlags struct {
	dir, out, set, control, token, speaker, script string
	columns                                        int
	seed                                           uint64
}

func parseBoardFlags(args []string, stdout io.Writer) (f boardFlags, err error) {
	set := flag.NewFlagSet("board", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.dir, "dir", "", "`folder` for the links, the key and board.json (required)")
	set.StringVar(&f.out, "out", "", "`folder` for the slips, as text and PNG (DIR/slips when not said)")
	set.StringVar(&f.set, "profile", linedisplay.CD5220, "the `commands` that the display understands: "+strings.Join(linedisplay.Sets, ", "))
	set.IntVar(&f.columns, "columns", 48, "`columns` of the paper: 48 on 80 mm, 32 on 58 mm")
	set.StringVar(&f.control, "control", "127.0.0.1:0", "`address` of the control door")
	set.StringVar(&f.token, "token", "", "`file` with the token that callers of the control door must know; without one it opens on loopback only")
	set.StringVar(&f.speaker, "speaker", "127.0.0.1:0", "`address` where the speaker takes messages")
	set.StringVar(&f.script, "script", "", "`file` with what shall happen; the board ends with it")
	set.Uint64Var(&f.seed, "seed", 0, "`seed` of the dice for noise")
	if err := parse(set, args, boardUsage, stdout); err != nil {
		return f, err
	}
	if f.dir == "" {
		return f, wrongUse{errors.New("where shall the board be? give --dir DIR")}
	}
	if f.out == "" {
		f.out = filepath.Join(f.dir, "slips")
	}
	return f, nil
}

// tillBoard is everything on a counter. Its descriptors are a handful, far from the 1024 that the till's
// serial library can count to; whoever wants hundreds of boards starts hundreds of processes.
type tillBoard struct {
	dir     string
	scanner *board.Scanner
	printer *board.Printer
	display *board.Display
	speaker *speaker.Speaker
	listen  net.Listener
	log     *slog.Logger
	out     *lockedWriter

	playing sync.Mutex // one script at a time
	// What the last waits of scripts have seen.
	printed, spoken, pulses int
}

// lockedWriter keeps lines whole that come from several devices.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// openBoard plugs everything in.
func openBoard(f boardFlags, out *lockedWriter, log *slog.Logger) (b *tillBoard, err error) {
	b = &tillBoard{dir: f.dir, log: log, out: out}
	defer func() {
		if err != nil {
			err = errors.Join(misused(err), b.close())
		}
	}()
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return b, fmt.Errorf("make the folder for the slips: %w", err)
	}
	if b.scanner, err = board.NewScanner(b.path("scanner0"), board.Options{Seed: f.seed}); err != nil {
		return b, err
	}
	if b.printer, err = board.NewPrinter(b.path("printer0"), board.PrinterOptions{Columns: f.columns}); err != nil {
		return b, err
	}
	if b.display, err = board.NewDisplay(b.path("display0"), f.set); err != nil {
		return b, err
	}
	key, err := sharedKey(b.path("speaker.key"))
	if err != nil {
		return b, err
	}
	b.speaker = speaker.New(key, time.Now, func(s speaker.Said) { fmt.Fprintln(out, "spoken", s.Text) })
	if b.listen, err = net.Listen("tcp", f.speaker); err != nil {
		return b, fmt.Errorf("open the speaker's port: %w", err)
	}
	return b, nil
}

func (b *tillBoard) path(name string) string { return filepath.Join(b.dir, name) }

// close pulls everything out.
func (b *tillBoard) close() (err error) {
	if b.listen != nil {
		_ = b.listen.Close() // its server has closed it, when there was one
	}
	if b.display != nil {
		err = errors.Join(err, b.display.Close())
	}
	if b.printer != nil {
		err = errors.Join(err, b.printer.Close())
	}
	if b.scanner != nil {
		err = errors.Join(err, b.scanner.Close())
	}
	return err
}

// sharedKey reads the speaker's key, or makes it: the agent is started with the same file again and again.
func sharedKey(file string) ([]byte, error) {
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		var secret [32]byte
		if _, err := rand.Read(secret[:]); err != nil {
			return nil, fmt.Errorf("make the speaker's key: %w", err)
		}
		err = os.WriteFile(file, []byte(hex.EncodeToString(secret[:])+"\n"), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("make the speaker's key: %w", err)
	}
	return readKey(file)
}

// places is board.json: what the agent and scripts need to find the board.
type places struct {
	Scanner string `json:"scanner"`
	Printer string `json:"printer"`
	Display string `json:"display"`
	Speaker string `json:"speaker"`
	Key     string `json:"speaker_key"`
	Control string `json:"control"`
	Slips   string `json:"slips"`
	PID     int    `json:"pid"`
}

// runBoard is the command "board".
func runBoard(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	f, err := parseBoardFlags(args, stdout)
	if err != nil {
		return err
	}
	steps, err := readScript(f.script)
	if err != nil {
		return err
	}
	log, err := logs.New(stderr, "text", "info")
	if err != nil {
		return err
	}
	token, err := readToken(f.token)
	if err != nil {
		return err
	}
	out := &lockedWriter{w: stdout}
	b, err := openBoard(f, out, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	d, err := openGuardedDoor(f.control, token, log)
	if err != nil {
		return err
	}
	b.route(d)
	where := places{b.path("scanner0"), b.path("printer0"), b.path("display0"), "http://" + b.listen.Addr().String(), b.path("speaker.key"),
		"http://" + d.addr(), f.out, os.Getpid()}
	text, err := json.MarshalIndent(where, "", "  ")
	if err == nil {
		err = os.WriteFile(b.path("board.json"), append(text, '\n'), 0o644)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write board.json: %w", err), d.listener.Close())
	}
	fmt.Fprintf(out, "ready %s\nspeaker %s\ncontrol %s\n", f.dir, where.Speaker, where.Control)
	return b.run(ctx, f.out, d, func(ctx context.Context) error {
		if steps != nil {
			return b.play(ctx, steps)
		}
		return b.obey(ctx, stdin)
	})
}

// run keeps the devices going while the work lasts.
func (b *tillBoard) run(ctx context.Context, slips string, d *door, work func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parts := []func(context.Context) error{
		func(ctx context.Context) error { return serveSpeaker(ctx, b.listen, b.speaker, b.log) },
		d.run,
		func(ctx context.Context) error { return keepSlips(ctx, b.printer, slips, b.log) },
		func(ctx context.Context) error { tellScreens(ctx, b.display, b.out); return nil },
		work,
	}
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	var all []error
	for range parts {
		all = append(all, <-ended)
		stop() // the first that ends is the script, or one that failed
	}
	return errors.Join(all...)
}

// route makes a door one of the whole board.
func (b *tillBoard) route(d *door) {
	part := func(prefix string, route func(*door)) {
		sub := &door{mux: http.NewServeMux(), log: b.log}
		route(sub)
		d.mux.Handle(prefix+"/", http.StripPrefix(prefix, sub.mux))
	}
	part("/scanner", func(sub *door) { (&scannerDoor{sub, b.scanner}).routes() })
	part("/printer", func(sub *door) { routePrinter(sub, b.printer) })
	part("/display", func(sub *door) { routeDisplay(sub, b.display) })
	part("/speaker", func(sub *door) { routeSpeaker(sub, b.speaker) })
	d.handle("POST /scan", (&scannerDoor{d, b.scanner}).scan)
	routeDrawer(d, b.printer)
	d.handle("GET /state", func(*http.Request, []byte) (any, error) {
		return map[string]any{"scanner": b.scanner.State(), "printer": b.printer.State(), "display": b.display.State(), "speaker": b.speaker.State()}, nil
	})
	d.handle("POST /script", b.script)
}
