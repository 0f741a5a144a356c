package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"cloudcashier/shared/fault"
)

func TestKindOf(t *testing.T) {
	cause := errors.New("disk on fire at /dev/sda")
	for name, c := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"unclassified":     {cause, fault.Internal},
		"deadline":         {context.DeadlineExceeded, fault.Internal},
		"plain":            {fault.New(fault.Conflict, "x.y", "no"), fault.Conflict},
		"wrapped outside":  {fmt.Errorf("op: %w", fault.New(fault.Denied, "x.y", "no")), fault.Denied},
		"outermost counts": {fault.Wrap(fault.New(fault.Denied, "a", "no"), fault.InDoubt, "b", "hm"), fault.InDoubt},
	} {
		if got := fault.KindOf(c.err); got != c.want {
			t.Errorf("%s: KindOf = %v, want %v", name, got, c.want)
		}
	}
	if fault.Wrap(nil, fault.Invalid, "a", "b") != nil {
		t.Error("Wrap(nil) is an error")
	}
}

func TestMessageOfKeepsCausesInside(t *testing.T) {
	err := fault.Wrap(errors.New("secret path"), fault.Internal, "store.write", "cannot write")
	if got := fault.MessageOf(err); got != "internal error; the operator's log has the cause" {
		t.Errorf("internal message leaks: %q", got)
	}
	err = fault.Wrap(errors.New("secret path"), fault.Unavailable, "hub.away", "the hub is away")
	if got := fault.MessageOf(err); got != "the hub is away" {
		t.Errorf("MessageOf = %q", got)
	}
}
