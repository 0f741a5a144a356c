// Command torture kills, pauses and cuts off the real programs while customers pay, harms and replays single messages
// between them, and puts copies of tills beside them. Then it heals everything, sends every recorded message once more,
// and compares the wallets' ledger, the hub's books, every till's journal and everything that was ever shown to anybody.
// It fails on one fen of difference.
//
// It takes no program's word for the truth: the wallets' own ledger is the truth, and nothing under torture writes
// it. Newcomers get one thing wrong: the seed chooses what is done and in which order, but not when it hits, so a
// run cannot be replayed. Whatever it finds has its story printed; make a simulator's schedule or a test of that.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	bin    string
	kills  int
	seed   uint64
	tills  int
	keep   bool
	canary string
}

// brief is how many kills make a run short: it then leaves out fates that need a minute and a half of asking.
const brief = 200

// longest bounds phase 1; a run that is not over by then does not get on.
const longest = 25 * time.Minute

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "folder of the built programs")
	flag.IntVar(&o.kills, "kills", 60, "how often a program is killed; 20 payments are made for each, 12 in a short run")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())>>20, "chooses what is done; printed, and given again it does the same things at other moments")
	flag.IntVar(&o.tills, "tills", 8, "how many tills, 1 to 20")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with all logs and books also when all is well")
	flag.StringVar(&o.canary, "canary", "", "plant this bug first (all: one after the other; list: name them) and fail unless it is found")
	flag.Parse()
	if flag.NArg() > 0 || o.kills < 1 || o.tills < 1 || o.tills > 20 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	run := tortured
	if o.canary != "" {
		run = canaries
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// tortured is a run that must find nothing.
func tortured(ctx context.Context, o options) error {
	r, err := torture(ctx, o, os.Stdout)
	if n := len(r.differences) + r.unresolved; err == nil && n > 0 {
		err = fmt.Errorf("%d findings with -seed %d", n, o.seed)
	}
	return err
}

// torture is one run. Its folder stays when something was found.
func torture(ctx context.Context, o options, out *os.File) (r report, err error) {
	dir, err := os.MkdirTemp("", "torture-")
	if err != nil {
		return r, fmt.Errorf("make a folder: %w", err)
	}
	began := time.Now()
	fmt.Fprintf(out, "torture: %d kills, %d tills, -seed %d, in %s\n", o.kills, o.tills, o.seed, dir)
	w, err := build(ctx, dir, o)
	if w == nil {
		return r, err
	}
	defer w.close()
	if err == nil {
		r, err = w.play(ctx, o)
	}
	if err != nil {
		return r, fmt.Errorf("%w; the logs are kept in %s", err, dir)
	}
	r.whole = time.Since(began)
	r.print(out)
	found := len(r.differences)+r.unresolved > 0 && o.canary == "" // of a planted bug the table is enough
	if found {
		w.stories(ctx, r, out)
	}
	if o.keep || found {
		fmt.Fprintf(out, "everything is kept in %s\n", dir)
		return r, nil
	}
	w.close()
	return r, os.RemoveAll(dir)
}

// play is both phases and the match.
func (w *world) play(ctx context.Context, o options) (r report, err error) {
	fates := quick
	if o.kills > brief {
		fates = append(append([]fate{}, quick...), slow...)
	}
	load := newWorkload(w, rand.New(rand.NewPCG(o.seed, 1)), fates)
	s := &supervisor{w: w, dice: rand.New(rand.NewPCG(o.seed, 2)), kills: o.kills, brief: o.kills <= brief}
	s.every = max(10, min(100, o.kills/3))
	load.enough = func() bool { return w.shown.payments() >= min(s.counted().kills()+3, o.kills)*perKill(s.brief) }
	eyes, shut := context.WithCancel(ctx)
	defer shut()
	var watchers sync.WaitGroup
	for _, t := range w.tills {
		watchers.Go(func() { w.watch(eyes, t) })
	}
	first, end := context.WithTimeout(ctx, longest)
	defer end()
	began := time.Now()
	var customers sync.WaitGroup
	customers.Go(func() { load.run(first) })
	s.run(first)
	r.phase1 = time.Since(began)
	r.late = first.Err() != nil
	w.diary.note("phase 2: all is healed")
	if err := w.heal(ctx); err != nil {
		return r, err
	}
	end()
	customers.Wait()
	if r.settled, r.why = w.settle(ctx); ctx.Err() != nil {
		return r, ctx.Err()
	}
	if r.why == "" {
		if err := w.echo(ctx); err != nil {
			return r, err
		}
	}
	for _, t := range w.tills {
		w.look(ctx, t, 1000)
	}
	shut()
	watchers.Wait()
	w.stop()
	e, err := w.collect(ctx, load)
	if err != nil {
		return r, err
	}
	if err := w.box.stop(); err != nil {
		w.defect(err.Error())
	}
	r.fill(w, s, load, e)
	return r, nil
}

// stories writes the story of the first findings, and prints a part.
func (w *world) stories(ctx context.Context, r report, out *os.File) {
	const most, shownLines = 5, 60
	for i, d := range r.differences[:min(len(r.differences), most)] {
		text := w.story(ctx, r.evidence, d)
		path := filepath.Join(w.rig.Dir, fmt.Sprintf("story-%d.txt", i+1))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			fmt.Fprintln(out, err)
		}
		all := strings.Split(text, "\n")
		fmt.Fprintf(out, "\n--- %s\n%s\n", path, strings.Join(all[:min(len(all), shownLines)], "\n"))
	}
}
