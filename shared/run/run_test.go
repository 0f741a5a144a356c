package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/shared/run"
)

func TestGroupStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		part := func(name string, closing time.Duration) run.Part {
			return run.Part{Name: name, Run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(closing)
				order = append(order, name)
				return ctx.Err()
			}}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := run.Group(ctx, part("store", 0), part("engine", time.Second), part("doors", time.Hour)); err != nil {
			t.Errorf("clean stop: %v", err)
		}
		if !slices.Equal(order, []string{"doors", "engine", "store"}) {
			t.Errorf("stopped as %v", order)
		}
	})
}

func TestGroupEndsWithItsFirstFailure(t *testing.T) {
	stopped := 0
	patient := run.Part{Name: "patient", Run: func(ctx context.Context) error { <-ctx.Done(); stopped++; return nil }}
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		part func(context.Context) error
		want string
	}{
		"error": {func(context.Context) error { return boom }, "x: boom"},
		"early": {func(context.Context) error { return nil }, "x: ended by itself"},
		"panic": {func(context.Context) error { panic("ouch") }, "x: panic: ouch"},
	} {
		err := run.Group(t.Context(), patient, run.Part{Name: "x", Run: c.part}, patient)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if stopped != 6 {
		t.Errorf("%d parts were stopped, want 6", stopped)
	}
}
