package scanner_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/scanner"
	"cloudcashier/firmware-sim/board"
)

// patience is how long a test waits for what must come; only a failing test uses it up.
const patience = 10 * time.Second

// clock is time that a test moves by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// till is a running set of scanners.
type till struct {
	*scanner.Set
	t      *testing.T
	clock  *clock
	states chan scanner.State
	log    *safeBuffer
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newTill(t *testing.T, config scanner.Config) *till {
	x := &till{t: t, clock: &clock{at: time.Now()}, states: make(chan scanner.State, 100), log: &safeBuffer{}}
	x.Set = scanner.New(config, scanner.Deps{
		Now: x.clock.now, Rand: rand.Reader,
		Log:     slog.New(slog.NewTextHandler(x.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Changed: func(s scanner.State) { x.states <- s },
	})
	return x
}

// start runs a set until the test ends.
func start(t *testing.T, config scanner.Config) *till {
	t.Helper()
	x := newTill(t, config)
	run(t, x)
	return x
}

func run(t *testing.T, x *till) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not end")
		}
	})
}

// until waits for a state that is as wanted.
func (x *till) until(wanted func(scanner.State) bool) {
	x.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case s := <-x.states:
			if wanted(s) {
				return
			}
		case <-deadline:
			x.t.Fatalf("never as wanted: %+v\n%s", x.States(), x.log)
		}
	}
}

// state waits for a state of path that holds a text in its message.
func (x *till) state(path string, connected bool, message string) scanner.State {
	x.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case s := <-x.states:
			if s.Path == path && s.Connected == connected && strings.Contains(s.Message, message) {
				return s
			}
		case <-deadline:
			x.t.Fatalf("never connected=%v with %q: %+v\n%s", connected, message, x.States(), x.log)
		}
	}
}

func (x *till) next() scanner.Scan {
	x.t.Helper()
	select {
	case s := <-x.Scans():
		return s
	case <-time.After(patience):
		x.t.Fatalf("no scan came\n%s", x.log)
		return scanner.Scan{}
	}
}

// show puts a scan into a few words; payment codes only show here.
func show(s scanner.Scan) string {
	switch s.Kind {
	case scanner.Payment:
		return "payment " + s.Code.Reveal()
	case scanner.Product:
		return "product " + s.Text
	}
	return string(s.Kind)
}

// mark is a link that ends a list of scans: what is not there before it never comes.
const mark = "https://example.com/end"

func (x *till) untilMark() (got []string) {
	x.t.Helper()
	for {
		s := x.next()
		if s.Kind == scanner.Link {
			return got
		}
		got = append(got, show(s))
	}
}

func plug(t *testing.T, link string, opts board.Options) *board.Scanner {
	t.Helper()
	b, err := board.NewScanner(link, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
