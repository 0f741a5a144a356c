// Command cashier-agent runs on the cashier's hardware: it reads the scanners, journals every
// sale before anything leaves the till, and talks to the hub. Here are flags, signals and exit
// codes; package agentd has the rest.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/agent/agentd"
	"cloudcashier/agent/internal/footprint"
	"cloudcashier/agent/internal/identity"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// version is set by the build.
var version = "dev"

// Exit codes: 1 for any failure, 2 for what the caller must write differently.
const (
	exitFailed = 1
	exitUsage  = 2
)

// errUnwell ends doctor with a failure that its table has told already.
var errUnwell = errors.New("not well")

func main() {
	footprint.Keep()
	// The first signal stops in order; the second ends at once, which the journal survives too.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	root := command()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return
	}
	if !errors.Is(err, errUnwell) {
		fmt.Fprintln(os.Stderr, "cashier-agent:", err)
	}
	var ran workError
	if !errors.As(err, &ran) || fault.KindOf(err) == fault.Invalid {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// workError is an error of the work itself; any other is about how the command was written.
type workError struct{ error }

func (e workError) Unwrap() error { return e.error }

func work(fn func(c *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		if err := fn(c); err != nil {
			return workError{err}
		}
		return nil
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "cashier-agent",
		Short: "The till's agent: scanners, journal and link to the hub",
		Long: `The till's agent: it reads the scanners, journals every sale before anything
leaves the till, and talks to the hub.

A till is one folder. Activate it once, then run the agent on it:

  cashier-agent activate --hub https://hub.example:8443 --ca ca.pem --code CODE --data /var/lib/cashier
  cashier-agent run --data /var/lib/cashier --scanner '/dev/serial/by-id/*'

The cashier's screen and the shop's software speak to it over FOLDER/agent.sock.
Exit codes: 0 done, 1 failed, 2 the command must be written differently.`,
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs, RunE: help,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.New(fault.Invalid, "usage", "%v: see %s --help", err, c.CommandPath())
	})
	journal := &cobra.Command{Use: "journal", Short: "Look into the till's journal", Args: cobra.NoArgs, RunE: help}
	journal.AddCommand(exportCommand())
	root.AddCommand(activateCommand(), runCommand(), doctorCommand(), journal, &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) { fmt.Fprintln(c.OutOrStdout(), version) },
	})
	return root
}

// help makes a command with nothing of its own refuse words it does not know.
func help(c *cobra.Command, _ []string) error { return c.Help() }

func activateCommand() *cobra.Command {
	var r identity.Request
	c := &cobra.Command{
		Use: "activate", Short: "Make a folder into a till of the hub", Args: cobra.NoArgs,
		Long: `Makes the till's key, which never leaves this machine, and has the hub certify it.
A lost reply does no harm: run the same command again, with the same code.`,
		Example: "  cashier-agent activate --hub https://hub.example:8443 --ca ca.pem --code 7KQ2-M9XD --data /var/lib/cashier",
		RunE: work(func(c *cobra.Command) error {
			r.Now = time.Now
			who, err := identity.Activate(c.Context(), r)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "activated: terminal %s of store %s, merchant %s\nnext: cashier-agent run --data %s\n",
				who.Terminal, who.Store, who.Merchant, r.Dir)
			return nil
		}),
	}
	c.Flags().StringVar(&r.HubURL, "hub", "", "address of the hub, https://host[:port]")
	c.Flags().StringVar(&r.CAFile, "ca", "", "file with the certificate of whoever may call itself the hub (PEM)")
	c.Flags().StringVar(&r.Code, "code", "", "one-time activation code")
	dataFlag(c, &r.Dir)
	require(c, "hub", "ca", "code")
	return c
}

func runCommand() *cobra.Command {
	config := agentd.Config{Version: version}
	var format, level string
	c := &cobra.Command{
		Use: "run", Short: "Run the till until it is told to stop", Args: cobra.NoArgs,
		Long: `Runs the till. It works through power cuts and network cuts: every sale that was open
is taken up again. A log line "agent ready" says that FOLDER/agent.sock answers.`,
		Example: "  cashier-agent run --data /var/lib/cashier --scanner '/dev/serial/by-id/*Honeywell*'",
		RunE: work(func(c *cobra.Command) error {
			d, err := world(c.ErrOrStderr(), format, level)
			if err != nil {
				return err
			}
			return agentd.Run(c.Context(), config, d)
		}),
	}
	dataFlag(c, &config.Dir)
	scannerFlag(c, &config.Scanners)
	c.Flags().IntVar(&config.Baud, "baud", 0, "speed of the scanners (9600 when 0)")
	printerFlags(c, &config.Printer)
	displayFlags(c, &config.Display)
	voiceFlags(c, &config.Voice)
	deskFlags(c, &config)
	c.Flags().StringVar(&format, "log-format", "text", "text or json")
	c.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return c
}

func doctorCommand() *cobra.Command {
	config := agentd.Config{Version: version}
	var asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "Check everything about the till that can be checked", Args: cobra.NoArgs,
		Long:    "Checks the till and says what to do. It changes nothing and may run beside the agent.\nExit code 1 when a check failed.",
		Example: "  cashier-agent doctor --data /var/lib/cashier",
		RunE: work(func(c *cobra.Command) error {
			d, err := world(io.Discard, "text", "error")
			if err != nil {
				return err
			}
			checks := agentd.Doctor(c.Context(), config, d)
			if err := printChecks(c.OutOrStdout(), checks, asJSON); err != nil {
				return err
			}
			for _, one := range checks {
				if one.Verdict == agentd.Fail {
					return errUnwell
				}
			}
			return nil
		}),
	}
	dataFlag(c, &config.Dir)
	scannerFlag(c, &config.Scanners)
	c.Flags().BoolVar(&asJSON, "json", false, "print the checks as JSON")
	return c
}

func printChecks(w io.Writer, checks []agentd.Check, asJSON bool) error {
	if asJSON {
		lines := json.NewEncoder(w)
		lines.SetIndent("", "  ")
		return lines.Encode(struct {
			Checks []agentd.Check `json:"checks"`
		}{checks})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, one := range checks {
		fmt.Fprintf(table, "%s\t%s\t%s\n", one.Verdict, one.Name, one.Found)
		if one.Do != "" {
			fmt.Fprintf(table, "\t\t-> %s\n", one.Do)
		}
	}
	return table.Flush()
}

func exportCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "export", Short: "Write the whole journal as NDJSON", Args: cobra.NoArgs,
		Long: `Writes one JSON object per line: first every sale ("type":"sale"), then every refund
("type":"refund"), then every event ("type":"event") in its order. It only reads, also a copied folder, and holds no payment codes.`,
		Example: "  cashier-agent journal export --data /var/lib/cashier > journal.ndjson",
		RunE: work(func(c *cobra.Command) error {
			return agentd.Export(dir, c.OutOrStdout())
		}),
	}
	dataFlag(c, &dir)
	return c
}

// world is what the programs are made of here: the real clock and real randomness.
func world(w io.Writer, format, level string) (agentd.Deps, error) {
	log, err := logs.New(w, format, level)
	if err != nil {
		return agentd.Deps{}, fault.Wrap(err, fault.Invalid, "usage", "the log's flags are not usable")
	}
	var seed [16]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return agentd.Deps{}, fmt.Errorf("draw a seed: %w", err)
	}
	jitter := mathrand.New(mathrand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
	return agentd.Deps{Now: time.Now, Log: log, Rand: jitter, Entropy: rand.Reader}, nil
}

func dataFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "data", "", "the till's folder")
	require(c, "data")
}

func scannerFlag(c *cobra.Command, paths *[]string) {
	c.Flags().StringArrayVar(paths, "scanner", nil, "serial port of a scanner, or a pattern of ports, as PATH[,profile=NAME][,baud=N|auto]; profiles: generic, honeywell, ssi, datalogic, newland, box; may be repeated")
}

func printerFlags(c *cobra.Command, p *agentd.Printer) {
	c.Flags().StringVar(&p.Path, "printer", "", "serial port of the receipt printer, by its stable path under /dev/serial/by-id")
	c.Flags().IntVar(&p.Baud, "printer-baud", 0, "speed of the printer (9600 when 0)")
	c.Flags().IntVar(&p.Columns, "printer-columns", 48, "columns of its paper: 48 on 80 mm, 32 on 58 mm")
	c.Flags().IntVar(&p.Copies, "print-copies", 1, "receipts printed by itself for each paid sale; 0: only on request")
	c.Flags().BoolVar(&p.Drawer, "drawer", false, "a cash drawer hangs on the printer: open it for cash")
	c.Flags().StringVar(&p.Title, "receipt-title", "", "the shop's name on its receipts")
}

func deskFlags(c *cobra.Command, config *agentd.Config) {
	c.Flags().StringVar(&config.Prices, "price-barcodes", "",
		"in-store EAN-13 that hold the price of one item: prefixes of 02 and 20 to 29, with a layout, as in 20-24,25-29:i4vp5; none when empty")
	c.Flags().Int64Var(&config.ConfirmAbove, "confirm-above", 0, "amount in fen from which the cashier's screen asks once more; 0: never")
}

func require(c *cobra.Command, names ...string) {
	for _, name := range names {
		_ = c.MarkFlagRequired(name) // fails for a flag that does not exist, and these do
	}
}
