package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long the tests of one bug may run, and what the tool chain may need on top on
	// a busy machine before the whole lot is killed.
	patience      = time.Minute
	longPatience  = 10 * time.Minute
	buildPatience = 5 * time.Minute
	// keptOutput bounds what is kept of a run's output: enough for a schedule's whole story.
	keptOutput = 4 << 20
)

// field is where bugs are planted.
type field struct {
	root string // of the module
	dir  string // for changed copies
	told io.Writer
	mu   sync.Mutex
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	path := strings.TrimSpace(string(out))
	if err != nil || filepath.Base(path) != "go.mod" {
		return "", fmt.Errorf("this is no folder of the module: go there first (%v)", err)
	}
	return filepath.Dir(path), nil
}

// plantAll first sees that all tests pass without any bug, then plants one after the other. The
// results stand in the order of the table.
func (f *field) plantAll(ctx context.Context, all []mutant, parallel int) []result {
	began := time.Now()
	f.say("%d bugs; the tests without any of them come first", len(all))
	without := f.baseline(ctx, all)
	f.say("that took %d s", int(time.Since(began).Seconds()))
	results := make([]result, len(all))
	turns := make(chan struct{}, parallel)
	var planted sync.WaitGroup
	for i, m := range all {
		turns <- struct{}{}
		planted.Go(func() {
			defer func() { <-turns }()
			r := without.excuse(m)
			if r.Verdict == "" && ctx.Err() == nil {
				start := time.Now()
				r = f.plant(ctx, m)
				r.TookMS = time.Since(start).Milliseconds()
			}
			r.Name, r.Wrong, r.File = m.name, m.wrong, m.file
			results[i] = r
			f.say("%-8s %s", r.Verdict, m.name)
		})
	}
	planted.Wait()
	return results
}

func (f *field) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.told, "mutants: "+format+"\n", args...)
}

// plant tests one bug.
func (f *field) plant(ctx context.Context, m mutant) result {
	real := filepath.Join(f.root, filepath.FromSlash(m.file))
	source, err := os.ReadFile(real)
	if err != nil {
		return broken(err.Error())
	}
	changed, err := m.apply(source)
	if err != nil {
		return broken(err.Error())
	}
	place, err := os.MkdirTemp(f.dir, "bug-")
	if err != nil {
		return broken(err.Error())
	}
	copied := filepath.Join(place, filepath.Base(m.file))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {real: copied}})
	if err != nil {
		return broken(err.Error())
	}
	paper := filepath.Join(place, "overlay.json")
	if err := errors.Join(os.WriteFile(copied, changed, 0o600), os.WriteFile(paper, overlay, 0o600)); err != nil {
		return broken(err.Error())
	}
	return judge(f.test(ctx, m, m.run, "-overlay="+paper, "-count=1", "-failfast"), m.hangs)
}

// test runs the tests of a bug's package and gives what they said. Whatever outlives its patience is
// killed with everything it started.
func (f *field) test(ctx context.Context, m mutant, pattern string, flags ...string) outcome {
	most := patience
	if m.long {
		most = longPatience
	}
	ctx, cancel := context.WithTimeout(ctx, most+buildPatience)
	defer cancel()
	args := append([]string{"test", "-json", "-vet=off", "-timeout=" + most.String(), "-run=" + pattern}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+m.tests)...)
	cmd.Dir = f.root
	cmd.Env = append(os.Environ(), strings.Fields(m.env)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var said limited
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	o := read(said.Bytes())
	o.failed, o.killed = err != nil, ctx.Err() != nil
	return o
}

// limited keeps the first bytes written to it.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), max(0, keptOutput-l.Len()))])
	return len(p), nil
}

// baselines are the tests as they stand, by package and environment.
type baselines map[string]outcome

func ground(m mutant) string { return m.tests + " " + m.env }

// baseline runs every package's tests that any of the bugs wants, once, without a bug. Go's own
// cache of results is good here: it knows what a test read.
func (f *field) baseline(ctx context.Context, all []mutant) baselines {
	patterns := map[string][]string{}
	order := []mutant{}
	for _, m := range all {
		if patterns[ground(m)] == nil {
			order = append(order, m)
		}
		patterns[ground(m)] = append(patterns[ground(m)], m.run)
	}
	without := baselines{}
	for _, m := range order {
		without[ground(m)] = f.test(ctx, m, strings.Join(patterns[ground(m)], "|"))
	}
	return without
}

// excuse is the verdict on a bug that cannot be judged: its tests fail without it, or there are none.
func (b baselines) excuse(m mutant) result {
	o := b[ground(m)]
	wanted, err := regexp.Compile(m.run)
	if err != nil {
		return broken(err.Error())
	}
	mine := func(test string) bool { return wanted.MatchString(strings.SplitN(test, "/", 2)[0]) }
	if o.failed && (len(o.fails) == 0 || slices.ContainsFunc(o.fails, mine)) {
		return broken("the tests fail without the bug\n" + o.story())
	}
	for _, test := range o.passed {
		if mine(test) {
			return result{}
		}
	}
	return broken(fmt.Sprintf("no test of %s is called %s", m.tests, m.run))
}
