package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestCashOffline: a till without its hub takes cash. When the hub is back it gets a copy of the journal, row by
// row and each once, though hub and agent are killed in the middle of it.
func TestCashOffline(t *testing.T) {
	t.Parallel()
	const sales, cashiers = 2000, 4
	ctx, r := start(t, 4*time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	l.Process.Kill()
	if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for c := range cashiers {
		all.Go(func() {
			for i := range sales / cashiers {
				s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, OrderNo: fmt.Sprintf("C-%d-%d", c, i), Tender: localapi.TenderCash})
				if err != nil || s.Outcome != pay.Paid {
					t.Errorf("%+v, %v", s, err)
					return
				}
			}
		})
	}
	all.Wait()
	for _, kill := range []func(){func() { l.Process.Kill() }, func() { till.Agent.Kill() }, func() {}} {
		var err error
		select {
		case <-l.Process.Done():
			if l, err = r.StartLab(ctx, filepath.Join(r.Dir, "hub")); err != nil {
				t.Fatal(err)
			}
		default:
		}
		select {
		case <-till.Agent.Done():
			if err := till.Launch(); err != nil {
				t.Fatal(err)
			}
		default:
		}
		before := 0
		if err := till.AwaitStatus(ctx, "some rows are copied", func(s localapi.Status) bool {
			if s.Link != "up" {
				return false
			}
			before = max(before, s.Unsynced)
			return s.Unsynced < before || s.Unsynced == 0
		}); err != nil {
			t.Fatal(err)
		}
		kill()
	}
	if _, err := till.Client.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := till.AwaitStatus(ctx, "all rows are copied", func(s localapi.Status) bool { return s.Unsynced == 0 }); err != nil {
		t.Fatal(err)
	}
	out, _, err := r.Run(ctx, "cashier-hub", "export", "records", "--data", l.Data)
	if err != nil {
		t.Fatal(err)
	}
	journal, _, err := r.Run(ctx, "cashier-agent", "journal", "export", "--data", till.Data)
	if err != nil {
		t.Fatal(err)
	}
	got, want := strings.Count(string(out), "\n"), strings.Count(string(journal), `"type":"event"`)
	if got != want || got < sales {
		t.Errorf("%d rows at the hub, %d in the journal", got, want)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if !strings.Contains(line, fmt.Sprintf(`"seq":%d,`, i+1)) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
}
