package powercut

import (
	"context"
	"errors"
	"fmt"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// stored has customers with stored value ready for a till that loses its hub.
func (w *recorder) stored(ctx context.Context) (codes []string, err error) {
	if err := watch(w.lab.Data); err != nil { // whoever signs the codes is not the hub of the log
		return nil, err
	}
	for range 4 {
		code, err := w.lab.StoredCode(ctx, w.lab.StoredAccount, 1000)
		if err != nil {
			return nil, err
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// alone has a till that was started without its hub accept stored value, and kills it.
func (w *recorder) alone(ctx context.Context, codes []string) error {
	if err := watch(w.till.Data, straceLine(w.trace("till", &w.tills), "-e", traced)...); err != nil {
		return err
	}
	if err := w.till.Launch(); err != nil {
		return err
	}
	if err := w.till.AwaitStatus(ctx, "the till is alone", func(s localapi.Status) bool { return s.Link == "down" && s.Offline.Limits != nil }); err != nil {
		return err
	}
	for i, code := range codes {
		s, err := w.till.Client.NewSale(ctx, localapi.NewSale{Amount: int64(700 + i), OrderNo: fmt.Sprintf("alone-%d", i), Code: code})
		if err != nil || s.State != localapi.StateDeferred {
			return fmt.Errorf("a sale without the hub is %s: %w", s.State, errors.Join(err, errors.New("not accepted")))
		}
		w.owed = append(w.owed, s.ID)
	}
	if err := w.quiet(ctx); err != nil {
		return err
	}
	w.till.Agent.Kill()
	return nil
}

// collected waits until the hub has collected what was accepted without it.
func (w *recorder) collected(ctx context.Context) error {
	for _, id := range w.owed {
		if s, err := w.till.AwaitSale(ctx, id, "it is collected", rig.Settled); err != nil || s.Outcome != pay.Paid {
			return errors.Join(err, fmt.Errorf("a sale accepted without the hub is %s", s.State))
		}
	}
	return nil
}
