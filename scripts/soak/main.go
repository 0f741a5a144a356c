// Command soak has one real till sell a day's sales as fast as they go, with the hub and the wallets beside it, and looks
// whether anything grows that should not: its memory, its files, the journal's log.
//
// It refuses to ask the till about itself: what is printed is what the kernel counted. Newcomers get one thing wrong: the
// journal does grow, by design; it must do so evenly.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/device"
	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
)

// longest bounds a run.
const longest = time.Hour

func main() {
	var k device.Soak
	var bin string
	flag.StringVar(&bin, "bin", "bin", "folder of the built programs")
	flag.IntVar(&k.Sales, "sales", 10_000, "how many sales, 400 or more")
	flag.Parse()
	if flag.NArg() > 0 || k.Sales < 400 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(k, bin); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(k device.Soak, bin string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return err
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return err
	}
	defer r.Close()
	began := time.Now()
	k.Progress = func(done int, s device.Sample) {
		fmt.Printf("soak: %d of %d sales, %.1f MiB of its own, %d files, %s\n", done, k.Sales, float64(s.Anonymous)/(1<<20), s.Files,
			time.Since(began).Round(time.Second))
	}
	s, err := k.Run(ctx, r)
	if err != nil {
		return fmt.Errorf("%w; the logs are kept in %s", err, dir)
	}
	rows := s.Table()
	load.Print(os.Stdout, "a day at one till", rows)
	if load.Missed(rows) {
		return fmt.Errorf("something grows; the logs are kept in %s", dir)
	}
	r.Close()
	return os.RemoveAll(dir)
}
