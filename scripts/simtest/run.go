package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// result is what package world tells of one schedule.
type result struct {
	Seed            uint64
	Wrong           string
	Story           []string
	Trace           uint64
	Seen            map[string]int
	Faults          []string
	Sales, Payments int
}

// player runs the test binary of package world.
type player struct {
	binary, dir string
	procs       int
}

// run plays what the options ask for. ok: nothing was wrong and nothing was missing.
func run(ctx context.Context, o options) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "simtest-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	p := player{binary: filepath.Join(dir, "world.test"), dir: dir, procs: o.procs}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", p.binary, "./scripts/simtest/world")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return false, fmt.Errorf("build the simulation: %w", err)
	}
	if o.seed >= 0 {
		return p.alone(ctx, o.seed)
	}
	old, err := readSeeds(o.list)
	if err != nil {
		return false, err
	}
	b := newBoard()
	for _, seed := range old { // first, for ever
		if err := p.play(ctx, seed, 1, 1, "", b.take); err != nil {
			return false, err
		}
	}
	done := make(chan struct{})
	go b.watch(done, o.seeds+len(old))
	err = p.spread(ctx, o.first, o.seeds, b.take)
	close(done)
	if err != nil {
		return false, err
	}
	if err := p.again(ctx, b); err != nil {
		return false, err
	}
	ok = b.tell(os.Stdout, o.partial)
	return ok, p.explain(ctx, b, o.list, old)
}

// spread deals the seeds to the processes.
func (p player) spread(ctx context.Context, first, seeds int, take func(result)) error {
	errs := make([]error, p.procs)
	var all sync.WaitGroup
	for k := range p.procs {
		share := (seeds - k + p.procs - 1) / p.procs
		if share <= 0 {
			continue
		}
		all.Go(func() { errs[k] = p.play(ctx, first+k, share, p.procs, "", take) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// play runs one process over seeds and hands on what it tells, as it tells it.
func (p player) play(ctx context.Context, first, seeds, step int, without string, take func(result), env ...string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, p.binary, "-test.run=^TestSimulation$", "-test.timeout=0")
	cmd.Dir = p.dir
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(os.Environ(), append([]string{"GOMAXPROCS=1", "GOGC=1000", "SIM_OUT=/dev/fd/3", "SIM_WITHOUT=" + without,
		fmt.Sprint("SIM_FIRST=", first), fmt.Sprint("SIM_SEEDS=", seeds), fmt.Sprint("SIM_STEP=", step)}, env...)...)
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return fmt.Errorf("start the simulation: %w", err)
	}
	_ = w.Close()
	count := 0
	d := json.NewDecoder(bufio.NewReader(r))
	for {
		var one result
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return errors.Join(fmt.Errorf("read what the simulation tells: %w", err), cmd.Wait())
		}
		count++
		take(one)
	}
	if err := cmd.Wait(); err != nil || count != seeds {
		return fmt.Errorf("the simulation ended at seed %d of every %d from %d: %w\n%s", first+count*step, step, first, err, tail(said.String()))
	}
	return nil
}

func tail(s string) string { return s[max(0, len(s)-6000):] }

// alone plays one seed and tells its story.
func (p player) alone(ctx context.Context, seed int) (ok bool, err error) {
	err = p.play(ctx, seed, 1, 1, "", func(r result) {
		fmt.Printf("seed %d with %s\n\n%s\n\n", r.Seed, strings.Join(r.Faults, ", "), strings.Join(r.Story, "\n"))
		ok = r.Wrong == ""
		if !ok {
			fmt.Printf("WRONG: %s\n", r.Wrong)
		}
	}, "SIM_STORY=1")
	return ok, err
}

// repeats is how many seeds are played twice: one of a hundred, and fifty at least.
func repeats(seeds int) int { return min(seeds, max(50, seeds/100)) }

// again plays some seeds a second time: they must give a trace they gave. A machine that takes the processor away in
// the middle of a call into SQLite may turn two steps of one instant round, in any of the plays, also in the first: so
// a seed that differed has more tries, and repeats when any two of its plays are equal.
func (p player) again(ctx context.Context, b *board) error {
	left := b.sample()
	b.repeated = len(left)
	seen := map[uint64][]uint64{} // the traces of a seed
	for _, seed := range left {
		seen[uint64(seed)] = []uint64{b.trace(uint64(seed))}
	}
	for try := 0; try < 5 && len(left) > 0; try++ {
		var mu sync.Mutex
		var differ []int
		var all sync.WaitGroup
		errs := make([]error, p.procs)
		for k := range p.procs {
			all.Go(func() {
				for at := k; at < len(left); at += p.procs {
					errs[k] = errors.Join(errs[k], p.play(ctx, left[at], 1, 1, "", func(r result) {
						mu.Lock()
						defer mu.Unlock()
						if !slices.Contains(seen[r.Seed], r.Trace) {
							differ = append(differ, int(r.Seed))
						}
						seen[r.Seed] = append(seen[r.Seed], r.Trace)
					}))
				}
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if try == 0 {
			b.wavering = len(differ)
		}
		slices.Sort(differ)
		left = differ
	}
	b.unequal = left
	return nil
}

// explain tells the stories of what went wrong, with the fewest faults that still do it, and keeps the seeds.
func (p player) explain(ctx context.Context, b *board, list string, old []int) error {
	const most = 3 // stories; the rest is told by number
	for k, r := range b.bad {
		if k >= most {
			fmt.Printf("seed %d: %s\n", r.Seed, r.Wrong)
			continue
		}
		needed, err := p.fewest(ctx, r)
		if err != nil {
			return err
		}
		fmt.Printf("\nseed %d: %s\n\n%s\n\nneeds: %s\nplay it again: make sim SEED=%d\n", r.Seed, r.Wrong, strings.Join(r.Story, "\n"), strings.Join(needed, ", "), r.Seed)
	}
	return addSeeds(list, b.bad, old)
}

// fewest leaves faults out, one at a time, as long as the schedule still goes wrong.
func (p player) fewest(ctx context.Context, r result) ([]string, error) {
	needed, without := slices.Clone(r.Faults), []string{}
	for _, f := range r.Faults {
		var still bool
		if err := p.play(ctx, int(r.Seed), 1, 1, strings.Join(append(without, f), ","), func(r result) { still = r.Wrong != "" }); err != nil {
			return nil, err
		}
		if still {
			without = append(without, f)
			needed = slices.DeleteFunc(needed, func(n string) bool { return n == f })
		}
	}
	return needed, nil
}

// readSeeds reads the seeds that failed once: a number a line, "#" begins a remark.
func readSeeds(path string) (seeds []int, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		n, err := strconv.Atoi(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		seeds = append(seeds, n)
	}
	return seeds, nil
}

func addSeeds(path string, bad []result, old []int) error {
	var text strings.Builder
	for _, r := range bad {
		if !slices.Contains(old, int(r.Seed)) {
			first, _, _ := strings.Cut(r.Wrong, "\n")
			fmt.Fprintf(&text, "%d # %s\n", r.Seed, first)
		}
	}
	if text.Len() == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep the seeds: %w", err)
	}
	_, err = f.WriteString(text.String())
	fmt.Printf("\nkept in %s\n", path)
	return errors.Join(err, f.Close())
}

// progressEvery is how often a line tells how far it is.
const progressEvery = 10 * time.Second
