package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

const (
	// lineMax bounds a line on standard input: far above the longest barcode, below silly.
	lineMax = 256 << 10
	// lastRead is how long the end of input waits until a reader has taken what was scanned; an agent
	// looks for its scanner twice a second.
	lastRead = 3 * time.Second
)

const scannerUsage = `Pretends to be a barcode scanner: makes a pseudo-terminal, links it at PATH, prints "ready PATH",
and scans each line of its standard input. The end of the input ends it once a reader has taken
everything, unless --control is given. SIGINT and SIGTERM remove the link and end it.

A line that begins with ! moves the scanner instead ("!!" scans a text that begins with one !):
  !unplug  !replug  !noread  !half CODE  !stick CODE [100ms]  !free  !raw HEX  !pause 500ms

With --control ADDR (127.0.0.1:PORT; port 0 picks one and prints "control http://ADDR") it also answers:
  POST /scan      {"code":"..."}, {"codes":["...","..."]} glued together, or plain text, a code a line
  POST /raw       the bytes of the body as they are: noise, half a frame
  POST /unplug    pulls the plug
  POST /replug    plugs it in again, as another pty behind the same link
  POST /do        one of the lines above, with or without its !
  GET  /state     link, device, plugged, scans, the speed that the reader chose, and what the host commanded

With --dialect it obeys the commands of a make: honeywell, ssi (which also sends packets and wants them
acknowledged), datalogic, newland, box. What the host says is logged, and told by /state.

Examples:
  firmware-sim scanner --link /tmp/till/scanner0
  firmware-sim scanner --link /tmp/till/scanner0 --control 127.0.0.1:7070 --suffix crlf --split 5 </dev/null
  curl -d '{"code":"130061098828009406"}' http://127.0.0.1:7070/scan
  firmware-sim scanner --link /tmp/till/scanner0 --dialect ssi --bad-sum 100 --seed 7   # a bad line
  firmware-sim scanner --link /tmp/till/scanner0 --baud 115200   # garbage, unless the agent has that speed
  curl -d 'stick 6901234567892 100ms' http://127.0.0.1:7070/do   # its trigger sticks
  printf '130061098828009406\n!half 280612345678901234\n!pause 1s\n!unplug\n' |
    firmware-sim scanner --link /tmp/till/scanner0 --stx --suffix none

Flags:
`

// scannerFlags is the command line of "scanner".
type scannerFlags struct {
	link, control string
	glue          int
	opts          board.Options
}

// aimFlag is --aim, alone or with the prefix to send.
type aimFlag struct{ opts *board.Options }

func (a aimFlag) IsBoolFlag() bool { return true }
func (a aimFlag) String() string   { return "" }
func (a aimFlag) Set(s string) error {
	switch s {
	case "true":
		a.opts.AIM = board.AutoAIM
	case "false":
		a.opts.AIM = ""
	default:
		a.opts.AIM = s
	}
	return nil
}

func parseScannerFlags(args []string, stdout, stderr io.Writer) (f scannerFlags, err error) {
	set := flag.NewFlagSet("scanner", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.link, "link", "", "`path` of the symbolic link to give to the agent (required)")
	set.StringVar(&f.control, "control", "", "loopback `address` of the control door, such as 127.0.0.1:7070")
	set.Func("suffix", "what ends a scan: cr, lf, crlf, tab or none (default cr)", func(s string) error {
		f.opts.Suffix = board.Suffix(s)
		return nil
	})
	set.BoolVar(&f.opts.STX, "stx", false, "wrap each code in STX and ETX")
	set.Var(aimFlag{&f.opts}, "aim", "send the AIM identifier that fits the code, or the one given, such as --aim=]Q1")
	set.IntVar(&f.opts.Split, "split", 0, "send pieces of so many `bytes`")
	set.DurationVar(&f.opts.SplitPause, "split-pause", 5*time.Millisecond, "`time` between the pieces")
	set.IntVar(&f.glue, "glue", 1, "send so many `lines` of the input in one go")
	set.IntVar(&f.opts.Repeat, "repeat", 1, "send each scan so many `times`, as a gun that reads twice")
	set.DurationVar(&f.opts.RepeatEvery, "repeat-every", 100*time.Millisecond, "`time` between the repeats")
	set.IntVar(&f.opts.Baud, "baud", 0, "speed of the line: a reader at another `rate` gets garbage; 0 takes any, like USB")
	set.BoolVar(&f.opts.Paced, "paced", false, "send byte by byte at --baud")
	set.IntVar(&f.opts.Noise, "noise", 0, "of 1000 scans, how many have a byte of line noise (`0 to 1000`)")
	set.IntVar(&f.opts.NUL, "nul", 0, "of 1000 scans, how many have a NUL put in (`0 to 1000`)")
	set.Uint64Var(&f.opts.Seed, "seed", 0, "`seed` of the dice for --noise, --nul and --bad-sum")
	moreScannerFlags(set, &f.opts)
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, scannerUsage)
		set.SetOutput(stdout)
		set.PrintDefaults()
		return f, err
	case err != nil:
		return f, wrongUse{fmt.Errorf("%w: see firmware-sim scanner --help", err)}
	case set.NArg() > 0:
		return f, wrongUse{fmt.Errorf("%q is no flag: see firmware-sim scanner --help", set.Arg(0))}
	case f.link == "":
		return f, wrongUse{errors.New("where shall the scanner be? give --link PATH")}
	case f.glue < 1 || f.glue > 100:
		return f, wrongUse{errors.New("--glue takes 1 to 100 lines")}
	}
	return f, nil
}

// runScanner is the command "scanner".
func runScanner(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	f, err := parseScannerFlags(args, stdout, stderr)
	if err != nil {
		return err
	}
	log, err := logs.New(stderr, "text", "info")
	if err != nil {
		return err
	}
	device, err := board.NewScanner(f.link, f.opts)
	if err != nil {
		if fault.KindOf(err) == fault.Invalid {
			return wrongUse{err}
		}
		return err
	}
	defer func() { err = errors.Join(err, device.Close()) }()

	doorEnded := make(chan error, 1)
	var door *scannerDoor
	if f.control != "" {
		if door, err = openScannerDoor(f.control, device, log); err != nil {
			return err
		}
		var stop context.CancelFunc
		ctx, stop = context.WithCancel(ctx)
		go func() {
			defer stop() // a door that fails ends the command
			doorEnded <- door.run(ctx)
		}()
		defer func() { // before the device closes
			stop()
			err = errors.Join(err, <-doorEnded)
		}()
	}
	fmt.Fprintln(stdout, "ready", f.link)
	if door != nil {
		fmt.Fprintln(stdout, "control http://"+door.addr())
	}
	return scanLines(ctx, device, stdin, f, log)
}

// scanLines scans the input line by line until it ends, or with a control door until ctx does.
func scanLines(ctx context.Context, device *board.Scanner, stdin io.Reader, f scannerFlags, log *slog.Logger) error {
	lines := make(chan string)
	ended := make(chan error, 1)
	// A read of standard input cannot be called off: on a signal this goroutine stays in it until
	// the process ends. Nothing of ours hangs on it.
	go func() {
		input := bufio.NewScanner(stdin)
		input.Buffer(nil, lineMax)
		for input.Scan() {
			select {
			case lines <- input.Text():
			case <-ctx.Done():
			}
		}
		ended <- input.Err()
	}()
	failed := 0
	var glued []string
	send := func() {
		if len(glued) == 0 {
			return
		}
		if err := scan(device, log, glued...); err != nil {
			failed++
			log.Error("not scanned", logs.Err, err)
		}
		glued = nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			if line = strings.TrimRight(line, "\r"); line == "" {
				continue
			}
			if order, is := isOrder(line); is {
				send()
				if err := move(ctx, device, log, order); err != nil {
					failed++
					log.Error("not done", logs.Err, err)
				}
				continue
			}
			line = strings.TrimPrefix(line, "!")
			if glued = append(glued, line); len(glued) == f.glue {
				send()
			}
		case err := <-ended:
			send()
			if err != nil {
				return fmt.Errorf("read the codes to scan: %w", err)
			}
			if f.control != "" {
				<-ctx.Done()
				return nil
			}
			return flush(ctx, device, failed)
		}
	}
}

// flush waits until a reader has taken what was scanned: closing a pty throws it away.
func flush(ctx context.Context, device *board.Scanner, failed int) error {
	stop := context.AfterFunc(ctx, func() { _ = device.Unplug() }) // ends the wait; the caller closes
	defer stop()
	switch taken, err := device.Drain(lastRead); {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case !taken:
		return errors.New("nobody read what was scanned: open the link first, then scan")
	case failed > 0:
		return fmt.Errorf("%d scans failed: see above", failed)
	}
	return nil
}

// scan sends codes in one go and logs them masked.
func scan(device *board.Scanner, log *slog.Logger, codes ...string) error {
	if err := device.Glue(codes...); err != nil {
		return err
	}
	log.Info("scanned", "codes", masks(codes))
	return nil
}

// masks keeps codes out of logs and answers: anyone of them may be somebody's money for a minute.
func masks(codes []string) []string {
	out := make([]string, len(codes))
	for i, text := range codes {
		code, err := pay.ParseCode(text)
		if err != nil {
			out[i] = "****"
			continue
		}
		out[i] = code.Mask()
	}
	return out
}
