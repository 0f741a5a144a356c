// Command firmware-sim is the till's hardware, pretended, for demos, tests and developers without
// a scanner and a receipt printer on the desk, and whole fleets of tills for load. Package board holds the hardware, package
// fleet the tills; this is their command line.
//
// It refuses to be reached from another machine by whoever likes: its control doors open on loopback, or to
// those who know a token. Newcomers
// get one thing wrong: the link is not the device. Give the agent the link; the pty behind it
// changes at every replug.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `firmware-sim pretends to be a till's hardware, or many whole tills.

Usage:
  firmware-sim scanner --link PATH [flags]   a barcode scanner on a pseudo-terminal
  firmware-sim printer --link PATH [flags]   a receipt printer on a pseudo-terminal
  firmware-sim display --link PATH [flags]   a customer display on a pseudo-terminal
  firmware-sim speaker --listen ADDR --key FILE [flags]
                                             a speaker on the network that announces payments
  firmware-sim board --dir DIR [flags]       all of these on one counter, with one control door and scripts
  firmware-sim fleet --hub URL --ca FILE --codes FILE [flags]
                                             thousands of tills that sell, for load
  firmware-sim help                          this text

"firmware-sim scanner --help" and the others' list the flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program without its process; it gives the exit code: 2 for a wrong command line.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	var err error
	switch args[0] {
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return 0
	case "scanner":
		err = runScanner(ctx, args[1:], stdin, stdout, stderr)
	case "printer":
		err = runPrinter(ctx, args[1:], stdout, stderr)
	case "display":
		err = runDisplay(ctx, args[1:], stdout, stderr)
	case "speaker":
		err = runSpeaker(ctx, args[1:], stdout, stderr)
	case "board":
		err = runBoard(ctx, args[1:], stdin, stdout, stderr)
	case "fleet":
		err = runFleet(ctx, args[1:], stdin, stdout, stderr)
	default:
		err = wrongUse{fmt.Errorf("unknown command %q: see firmware-sim help", args[0])}
	}
	var wrong wrongUse
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(stderr, "firmware-sim:", err)
		return 2
	}
	fmt.Fprintln(stderr, "firmware-sim:", err)
	return 1
}

// wrongUse is an error of the command line.
type wrongUse struct{ error }

func (w wrongUse) Unwrap() error { return w.error }
