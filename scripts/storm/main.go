// Command storm kills the real hub under thousands of tills that sell, each connected over TLS with a
// certificate of its own, and watches all of them come back: within a minute, no payment lost, none doubled.
//
// It refuses to judge by what the programs say: the wallets' own ledger is compared with the hub's payments and
// with what every till was told. Newcomers get one thing wrong: the tills, the wallets and the hub share this
// machine, so the times are worse than a hub of its own has them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
)

// longest bounds a run; one that is not over by then does not get on.
const longest = 15 * time.Minute

func main() {
	var s load.Storm
	var bin string
	var keep bool
	flag.StringVar(&bin, "bin", "bin", "folder of the built programs")
	flag.IntVar(&s.Tills, "tills", 2000, "how many tills, 1 to 10000")
	flag.IntVar(&s.Rate, "rate", 100, "sales a second, all tills together")
	flag.DurationVar(&s.Steady, "steady", 5*time.Second, "how long they sell before the kill")
	flag.DurationVar(&s.Calm, "calm", 50*time.Second, "how long they sell after the return; the hub's memory has settled after 45 s")
	flag.IntVar(&s.Addresses, "addresses", 0, "loopback addresses that the tills come from; 0: all from one")
	flag.BoolVar(&s.Cold, "cold", false, "without TLS tickets")
	flag.BoolVar(&keep, "keep", false, "keep the folder also when all is well")
	flag.Parse()
	if flag.NArg() > 0 || s.Tills < 1 || s.Tills > 10_000 || s.Rate < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(s, bin, keep); err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

func run(s load.Storm, bin string, keep bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	dir, err := os.MkdirTemp("", "storm-")
	if err != nil {
		return err
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := s.Run(ctx, r)
	if err != nil {
		return fmt.Errorf("%w; the logs are kept in %s", err, dir)
	}
	rows := w.Rows()
	load.Print(os.Stdout, "reconnect storm", rows)
	for _, d := range w.Differences {
		fmt.Println("  ", d)
	}
	if load.Missed(rows) {
		return fmt.Errorf("a limit was missed; the logs are kept in %s", dir)
	}
	if keep {
		fmt.Println("everything is kept in", dir)
		return nil
	}
	r.Close()
	return os.RemoveAll(dir)
}
