// Command simtest plays schedules of the whole chain (package world) on every processor and tells what came of
// them: how many, how fast, which rare states were reached, and the whole story of any that went wrong, with
// the fewest faults that still do it and the one command that plays it again.
//
// It refuses to be satisfied: a violation, a rare state that was never reached, or a seed that does not play
// the same twice all end it in failure. Newcomers get one thing wrong: a seed means something only to the code
// it was drawn with; after a change of the simulation itself the same number is another schedule.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	seeds, first, procs int
	seed                int // one alone, with its story; below 0: none
	partial             bool
	list                string
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 2000, "how many schedules")
	flag.IntVar(&o.first, "first", 0, "the first of them")
	flag.IntVar(&o.seed, "seed", -1, "play this one alone and tell its story")
	flag.IntVar(&o.procs, "procs", runtime.NumCPU(), "processes at a time, one processor each")
	flag.BoolVar(&o.partial, "partial", false, "do not ask for every rare state: there are too few schedules for that")
	flag.StringVar(&o.list, "list", "scripts/simtest/seeds.txt", "seeds that failed once: they are played first, and new ones are added")
	flag.Parse()
	if flag.NArg() > 0 || o.seeds < 1 || o.procs < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	ok, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "simtest:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
	fmt.Printf("all well after %s\n", time.Since(began).Round(time.Second))
}
