package agentd

import (
	"context"

	"cloudcashier/agent/internal/pulse"
	"cloudcashier/agent/internal/scanner"
	api "cloudcashier/shared/localapi"
)

// pump hands scans to the till in force, in order, and has each scanner say with a beep what became of its scan.
func pump(ctx context.Context, scanners *scanner.Set, prices scanner.Prices, m *modes, turns pulse.Pulse) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-turns:
		case s := <-scanners.Scans():
			hand(s, scanners, prices, m)
		}
	}
}

func hand(s scanner.Scan, scanners *scanner.Set, prices scanner.Prices, m *modes) {
	t, _, leave := m.Enter()
	defer leave()
	used := false
	if s.Kind != scanner.Payment {
		t.Notice(noticeOf(s, prices))
	} else if used = t.Scan(s.Code, s.At); !used {
		scanners.Forget(s.Code) // the cashier may scan it again once a sale waits
	}
	scanners.Beep(s, used)
}

// trigger has the scanners that can be told so read while a sale waits for a scan, and rest otherwise.
func trigger(ctx context.Context, scanners *scanner.Set, m *modes) error {
	for ctx.Err() == nil {
		if err := follow(ctx, scanners, m); err != nil {
			return err
		}
	}
	return nil
}

// follow does it for the till in force, until another is.
func follow(ctx context.Context, scanners *scanner.Set, m *modes) error {
	t, over, leave := m.Enter()
	watch, err := t.Watch()
	leave()
	if err != nil {
		return err
	}
	defer watch.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-over:
		case <-ctx.Done():
		}
		cancel()
	}()
	for {
		scanners.Want(t.WaitsForScan())
		if _, ok := watch.Next(ctx); !ok {
			return nil
		}
	}
}

func shown(states []scanner.State) []api.Scanner {
	list := make([]api.Scanner, len(states))
	for i, s := range states {
		list[i] = api.Scanner{Path: s.Path, Profile: s.Profile, Connected: s.Connected, Baud: s.Baud, SpeedWrong: s.SpeedWrong,
			Stuck: s.Stuck, Message: s.Message}
	}
	return list
}

// noticeOf tells of a scan that is no payment code. The price on an in-store label is told where the till was set to
// read it.
func noticeOf(s scanner.Scan, prices scanner.Prices) api.Notice {
	n := api.Notice{Kind: string(s.Kind), Text: s.Text, Message: s.Message}
	if s.Kind != scanner.Product {
		return n
	}
	if price, ok := prices.Read(s.Text); ok {
		n.Kind, n.Amount, n.Message = "price", price.Fen(), "The price of one item: "+price.Yuan()+"."
	}
	return n
}
