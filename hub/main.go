// Command cashier-hub is the hub: gateway, router, signer and broker in one program, the sandbox
// that pretends the wallets, and the lab that sets up both for trying.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cloudcashier/hub/hubd"
	"cloudcashier/hub/lab"
	"cloudcashier/hub/sandbox"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once: that is as safe as a power cut
	if err := command().ExecuteContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "cashier-hub:", err)
		os.Exit(1)
	}
}

// command is the tree of commands.
func command() *cobra.Command {
	var format, level string
	root := &cobra.Command{Use: "cashier-hub", Short: "Scan-to-pay hub: collects payments through WeChat Pay, Alipay and UnionPay",
		Version: version, SilenceUsage: true, SilenceErrors: true}
	root.PersistentFlags().StringVar(&format, "log-format", "text", "lines of the log: text or json")
	root.PersistentFlags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	logger := func() (*slog.Logger, error) { return logs.New(os.Stderr, format, level) }
	root.AddCommand(labCommand(logger), serveCommand(logger), sandboxCommand(logger), exportCommand(), exceptionsCommand(), shiftCommand(), terminalCommand(),
		operatorCommand(), storedValueCommand(), keyCommand(), channelCommand(), routeCommand(), doctorCommand(), profileCommand())
	return root
}

type newLogger func() (*slog.Logger, error)

func labCommand(logger newLogger) *cobra.Command {
	var o lab.Options
	c := &cobra.Command{Use: "lab --data DIR", Short: "Run a complete hub with a demo merchant and pretended wallets", Args: cobra.NoArgs,
		Long: "Sets up a hub, a demo merchant and store, and channels to every wallet of a sandbox, all in one folder.\n" +
			"DIR/lab.json tells how to use it and is written once everything is ready. Started again on the same\n" +
			"folder it goes on with the same data, keys and ports.",
		Example: "  cashier-hub lab --data /tmp/lab",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.Log, err = logger(); err != nil {
				return err
			}
			if err := hubd.Shield(); err != nil {
				return err
			}
			hubd.Roomy()
			return lab.Run(c.Context(), o)
		}}
	c.Flags().StringVar(&o.Data, "data", "", "folder of the lab; made when missing")
	c.Flags().StringVar(&o.HTTP, "http", "", "host:port of the API (a free port of this machine)")
	c.Flags().StringVar(&o.MQTT, "mqtt", "", "host:port of the terminals' door (a free port of this machine)")
	c.Flags().StringVar(&o.Sandbox, "sandbox", "", "URL of a running sandbox (one is started)")
	must(c.MarkFlagRequired("data"))
	return c
}

func serveCommand(logger newLogger) *cobra.Command {
	var file string
	c := &cobra.Command{Use: "serve --config FILE", Short: "Run a hub from a configuration", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			cfg, err := hubd.LoadConfig(file)
			if err != nil {
				return err
			}
			if err := hubd.Shield(); err != nil {
				return err
			}
			hubd.Roomy()
			d := deps()
			d.Log = log
			hub, err := hubd.Open(cfg, d)
			if err != nil {
				return err
			}
			return hub.Run(c.Context())
		}}
	c.Flags().StringVar(&file, "config", "", "YAML file; a lab writes one to start from: DIR/hub.yaml")
	must(c.MarkFlagRequired("config"))
	return c
}

func sandboxCommand(logger newLogger) *cobra.Command {
	var cfg sandbox.Config
	var stdin bool
	c := &cobra.Command{Use: "sandbox --data DIR --listen ADDR", Short: "Run the pretended wallets", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			cfg.Now, cfg.Log = time.Now, log.With("part", "sandbox")
			hubd.Roomy()
			if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
				return fault.Wrap(err, fault.Invalid, "sandbox.folder", "cannot make %s", cfg.DataDir)
			}
			box, err := sandbox.New(cfg)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			if stdin {
				go func() {
					_, _ = io.Copy(io.Discard, os.Stdin)
					cancel()
				}()
			}
			fmt.Println("ready", box.Addr())
			return box.Run(ctx)
		}}
	c.Flags().StringVar(&cfg.DataDir, "data", "", "folder of the wallets' ledger and keys; made when missing")
	c.Flags().StringVar(&cfg.Listen, "listen", "127.0.0.1:9400", "host:port; speaks HTTP and HTTPS")
	c.Flags().BoolVar(&stdin, "until-stdin-closes", false, "end when standard input does, so that it never outlives who started it")
	must(c.MarkFlagRequired("data"))
	return c
}

func exportCommand() *cobra.Command {
	var data, file string
	c := &cobra.Command{Use: "export payments|attempts|events|records|storedvalue", Short: "Write records as NDJSON; changes nothing",
		Args: cobra.ExactArgs(1), ValidArgs: hubd.Exports(),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := placeOf(data, file)
			if err != nil {
				return err
			}
			return hubd.Export(cfg.DatabaseFile(), args[0], c.OutOrStdout())
		}}
	folderFlags(c, &data, &file)
	return c
}

func doctorCommand() *cobra.Command {
	var data, file string
	var asJSON bool
	c := &cobra.Command{Use: "doctor", Short: "Check a hub's folder, keys, database, ports and wallets", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" && data != "" {
				file = filepath.Join(data, "hub.yaml")
			}
			report := hubd.Examine(c.Context(), file, deps())
			return report.Write(c.OutOrStdout(), asJSON)
		}}
	folderFlags(c, &data, &file)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func folderFlags(c *cobra.Command, data, file *string) {
	c.Flags().StringVar(data, "data", "", "the hub's folder")
	c.Flags().StringVar(file, "config", "", "or its configuration file")
	c.MarkFlagsOneRequired("data", "config")
	c.MarkFlagsMutuallyExclusive("data", "config")
}

// placeOf tells where a hub's folder and database are.
func placeOf(data, file string) (hubd.Config, error) {
	if file == "" {
		return hubd.Config{Data: data}, nil
	}
	return hubd.LoadConfig(file)
}

// must catches a flag's name spelt wrong in this file.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
