// Package run holds a program's parts together: each runs until the context ends or one fails,
// and they stop in reverse order, one after the other, so that doors close before the store.
//
// It refuses to lose a failure: the first part that returns early, by an error or without one,
// ends the program. Newcomers get one thing wrong: the order of the arguments is the order of
// dependence; what others stand on comes first.
package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Part is a named piece of a program. Run blocks until ctx ends and everything it started has returned.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}

// Group runs the parts. It returns after all have returned: nil when ctx ended and each part
// stopped cleanly, else the first failure joined with what the others said while stopping.
func Group(ctx context.Context, parts ...Part) error {
	type ended struct {
		index int
		err   error
	}
	base := context.WithoutCancel(ctx) // parts end by our order, not all at once
	endings := make(chan ended, len(parts))
	stops := make([]context.CancelFunc, len(parts))
	for i, p := range parts {
		partCtx, stop := context.WithCancel(base)
		stops[i] = stop
		go func() { endings <- ended{i, guard(partCtx, p)} }()
	}
	var failures []error
	done := make([]bool, len(parts))
	note := func(e ended) {
		done[e.index] = true
		if e.err != nil && !errors.Is(e.err, context.Canceled) {
			failures = append(failures, fmt.Errorf("%s: %w", parts[e.index].Name, e.err))
		}
	}
	select {
	case <-ctx.Done():
	case e := <-endings:
		note(e)
		if len(failures) == 0 {
			failures = append(failures, fmt.Errorf("%s: ended by itself", parts[e.index].Name))
		}
	}
	for i := len(parts) - 1; i >= 0; i-- {
		stops[i]()
		for !done[i] {
			note(<-endings)
		}
	}
	return errors.Join(failures...)
}

// guard turns a panic of a part's own goroutine into a failure, so that the others still stop in order.
func guard(ctx context.Context, p Part) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return p.Run(ctx)
}
