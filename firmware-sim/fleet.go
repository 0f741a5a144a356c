package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"cloudcashier/firmware-sim/fleet"
)

// version is set by the build.
var version = "dev"

const fleetUsage = `Pretends to be many tills in one process: activates each with a code of its own, keeps all of them connected
and sells. Prints a line of JSON when all are activated ("enrolled"), when all are connected for the first
time ("connected"), at every tick, and at the end. SIGINT, SIGTERM and --for end the selling; it then waits
for the open sales, hangs up, and fails when one has no final word. A second signal ends it at once.

The codes are one-time: cashier-hub terminal codes --data DIR --store ID --count N --by NAME prints them.

Example:
  cashier-hub terminal codes --data /tmp/lab --store sto_01... --count 200 --by me |
      firmware-sim fleet --hub https://127.0.0.1:8443 --ca /tmp/lab/ca.pem --codes - --rate 20 --for 30s

Flags:
`

// fleetFlags is the command line of "fleet".
type fleetFlags struct {
	ca, codes, fates, sales string
	tills                   int
	o                       fleet.Options
}

func parseFleetFlags(args []string, stdout io.Writer) (f fleetFlags, err error) {
	set := flag.NewFlagSet("fleet", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.o.Hub, "hub", "", "`URL` of the hub's API (required)")
	set.StringVar(&f.ca, "ca", "", "`file` that says who may call itself the hub (required)")
	set.StringVar(&f.codes, "codes", "", "`file` of activation codes, one a line; - is the standard input (required)")
	set.IntVar(&f.tills, "tills", 0, "how `many` tills, that many codes are used (all codes)")
	set.IntVar(&f.o.Rate, "rate", 0, "`sales` a second, all tills together; 0: they only stay connected")
	set.IntVar(&f.o.Busy, "busy", 1, "`sales` without a final word that one till may have")
	set.IntVar(&f.o.Addresses, "addresses", 0, "loopback `addresses` the tills come from, at most 60000, when the hub is on this machine; 0: one")
	set.StringVar(&f.fates, "fates", "", "last `digits` of the payment codes, drawn evenly, such as 00,50,60 (00 to 49: paid at once)")
	set.DurationVar(&f.o.Ramp, "ramp", 0, "the tills come up spread over this `time`")
	set.DurationVar(&f.o.For, "for", 0, "sell for this `time`; 0: until a signal")
	set.DurationVar(&f.o.Settle, "settle", 3*time.Minute, "the longest `time` to wait for open sales at the end")
	set.DurationVar(&f.o.Every, "every", time.Second, "`time` between two reports")
	set.BoolVar(&f.o.Cold, "cold", false, "never resume a TLS session: every handshake is a whole one")
	set.StringVar(&f.sales, "sales", "", "`file` to write: a line of JSON for each finished sale")
	set.Uint64Var(&f.o.Seed, "seed", 0, "`seed` of customers and waits; 0 draws one")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, fleetUsage)
		set.SetOutput(stdout)
		set.PrintDefaults()
		return f, err
	case err != nil:
		return f, wrongUse{fmt.Errorf("%w: see firmware-sim fleet --help", err)}
	case set.NArg() > 0:
		return f, wrongUse{fmt.Errorf("%q is no flag: see firmware-sim fleet --help", set.Arg(0))}
	case f.o.Hub == "" || f.ca == "" || f.codes == "":
		return f, wrongUse{errors.New("--hub, --ca and --codes are required: see firmware-sim fleet --help")}
	case f.o.Rate < 0 || f.o.Rate > 100_000 || f.o.Busy < 1 || f.o.Addresses < 0 || f.o.Addresses > 60_000 || f.tills < 0 || f.o.Every <= 0:
		return f, wrongUse{errors.New("--rate takes 0 to 100000, --busy at least 1, --every a time")}
	}
	if f.fates != "" {
		f.o.Fates = strings.Split(f.fates, ",")
	}
	for _, fate := range f.o.Fates {
		if len(fate) != 2 || strings.Trim(fate, "0123456789") != "" {
			return f, wrongUse{fmt.Errorf("--fates: %q is not two digits", fate)}
		}
	}
	if f.o.Seed == 0 {
		f.o.Seed = rand.Uint64()
	}
	f.o.Version = version
	return f, nil
}

// runFleet is the command "fleet".
func runFleet(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	f, err := parseFleetFlags(args, stdout)
	if err != nil {
		return err
	}
	if f.o.CA, err = os.ReadFile(f.ca); err != nil {
		return fmt.Errorf("read the hub's CA: %w", err)
	}
	if f.o.Codes, err = readCodes(f.codes, stdin); err != nil {
		return err
	}
	if f.tills > 0 {
		if len(f.o.Codes) < f.tills {
			return fmt.Errorf("%d tills need as many codes, here are %d", f.tills, len(f.o.Codes))
		}
		f.o.Codes = f.o.Codes[:f.tills]
	}
	if len(f.o.Codes) == 0 {
		return errors.New("there is no activation code")
	}
	if f.sales != "" {
		file, failed := os.OpenFile(f.sales, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if failed != nil {
			return fmt.Errorf("write the sales: %w", failed)
		}
		lines := bufio.NewWriter(file)
		defer func() { err = errors.Join(err, lines.Flush(), file.Close()) }()
		f.o.Sales = lines
	}
	fmt.Fprintf(stderr, "fleet of %d tills, --seed %d\n", len(f.o.Codes), f.o.Seed)
	return fleet.Run(ctx, f.o, stdout)
}

func readCodes(path string, stdin io.Reader) (codes []string, err error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the codes: %w", err)
		}
		defer file.Close()
		in = file
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if code := strings.TrimSpace(lines.Text()); code != "" {
			codes = append(codes, code)
		}
	}
	return codes, lines.Err()
}
