package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestStoredValueOffline: without its hub a till accepts stored-value codes within the hub's limits, each code
// once, over kill -9. When the hub is back it collects each of them once; a code that two tills accepted pays
// once, and what cannot be collected is declined and on the hub's list of doubts.
func TestStoredValueOffline(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 4*time.Minute)
	l := lab(t, ctx, r)
	tills := openTills(t, ctx, r, l, 2)
	poor, err := l.OpenStoredAccount(ctx, "Poor", 500)
	if err != nil {
		t.Fatal(err)
	}
	code := func(account string, most int64) string {
		c, err := l.StoredCode(ctx, account, most)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	connected := offer(t, ctx, tills[0], "S-0", 700, code(l.StoredAccount, 1000))
	if s, err := tills[0].AwaitSale(ctx, connected.ID, "it is settled", rig.Settled); err != nil || s.Outcome != pay.Paid || s.Wallet != pay.StoredValue {
		t.Fatalf("connected: %+v, %v", s, err)
	}
	atAPI := code(l.StoredAccount, 1000)
	if p, err := l.Pay(ctx, "S-API", 600, atAPI, 10*time.Second); err != nil || p.Outcome != pay.Paid {
		t.Fatalf("at the merchants' API: %+v, %v", p, err)
	}
	again := offer(t, ctx, tills[0], "S-again", 100, atAPI)
	if s, err := tills[0].AwaitSale(ctx, again.ID, "it is settled", rig.Settled); err != nil || s.State != localapi.StateDeclined || s.Reason != "code_used" {
		t.Errorf("a code that was spent at the API: %+v, %v", s, err)
	}
	first, twice, short := code(l.StoredAccount, 2000), code(l.StoredAccount, 2000), code(poor, 2000)
	big, spare := code(l.StoredAccount, 30_000), code(l.StoredAccount, 2000)
	var many []string
	for range 10 {
		many = append(many, code(l.StoredAccount, 20_000))
	}
	l.Process.Kill()
	for _, till := range tills {
		if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" && s.Offline.Limits != nil }); err != nil {
			t.Fatal(err)
		}
	}
	sales := map[string]localapi.Sale{
		"first": deferred(t, ctx, tills[0], "S-1", 1280, first), "twice here": deferred(t, ctx, tills[0], "S-2", 900, twice),
		"twice there": deferred(t, ctx, tills[1], "S-3", 900, twice), "short": deferred(t, ctx, tills[0], "S-4", 501, short),
	}
	notTaken(t, ctx, tills[0], 900, first, "code.used")
	notTaken(t, ctx, tills[0], 20_001, big, "offline.per_sale")
	notTaken(t, ctx, tills[0], 100, first[:len(first)-6]+"AAAAAA", "storedvalue.secret")
	for i, c := range many {
		if i == len(many)-1 { // 9.00 wait already: 2,000.00 is the most
			notTaken(t, ctx, tills[1], 20_000, c, "offline.sum")
			break
		}
		deferred(t, ctx, tills[1], fmt.Sprintf("M-%d", i), 20_000, c)
	}
	gone := deferred(t, ctx, tills[0], "S-5", 300, spare)
	if s, err := tills[0].Client.Cancel(ctx, gone.ID); err != nil || s.State != localapi.StateCancelled {
		t.Errorf("cancelled before it left: %+v, %v", s, err)
	}
	for _, till := range tills {
		till.Agent.Kill()
		if err := till.Launch(); err != nil {
			t.Fatal(err)
		}
	}
	if err := tills[0].AwaitStatus(ctx, "three sales wait", func(s localapi.Status) bool {
		return s.Offline.Count == 3 && s.Offline.Sum == 1280+900+501 && s.Offline.Oldest != nil && s.Offline.Limits != nil
	}); err != nil {
		t.Fatal(err)
	}
	if l, err = r.StartLab(ctx, filepath.Join(r.Dir, "hub")); err != nil {
		t.Fatal(err)
	}
	if err := tills[1].AwaitStatus(ctx, "some are collected", func(s localapi.Status) bool { return s.Offline.Count < 10 }); err != nil {
		t.Fatal(err)
	}
	l.Process.Kill() // in the middle of it
	if l, err = r.StartLab(ctx, filepath.Join(r.Dir, "hub")); err != nil {
		t.Fatal(err)
	}
	settled(t, ctx, l, tills, sales)
	agree(t, ctx, l, tills)
	for _, account := range []struct {
		id   string
		want int64
	}{{poor, 500}, {l.StoredAccount, 500_000 - 700 - 600 - 1280 - 900 - 9*20_000}} {
		if got, err := l.StoredBalance(ctx, account.id); err != nil || got != account.want {
			t.Errorf("the balance of %s is %d, want %d (%v)", account.id, got, account.want, err)
		}
	}
	sealed(t, ctx, r, l, tills)
	for _, c := range append(many, first, twice, short, big, spare, atAPI) {
		noFile(t, c[strings.LastIndex(c, ".")+1:], l.Data, tills[0].Data, tills[1].Data)
	}
}

// settled wants one of the two that used a code paid, and every loss on the hub's list.
func settled(t *testing.T, ctx context.Context, l *rig.Lab, tills []*rig.Till, sales map[string]localapi.Sale) {
	t.Helper()
	end := map[string]localapi.Sale{}
	for name, s := range sales {
		till := tills[0]
		if name == "twice there" {
			till = tills[1]
		}
		var err error
		if end[name], err = till.AwaitSale(ctx, s.ID, "it is collected or not", rig.Settled); err != nil {
			t.Fatal(err)
		}
	}
	if end["first"].Outcome != pay.Paid || end["short"].State != localapi.StateDeclined || end["short"].Reason != "balance_low" {
		t.Errorf("%+v", end)
	}
	here, there := end["twice here"], end["twice there"]
	if here.Outcome == there.Outcome || here.Outcome != pay.Paid && here.Reason != "code_used" || there.Outcome != pay.Paid && there.Reason != "code_used" {
		t.Errorf("one code on two tills: %+v, %+v", here, there)
	}
	for _, till := range tills {
		if err := till.AwaitStatus(ctx, "nothing waits", func(s localapi.Status) bool { return s.Offline.Count == 0 && s.Queue == 0 }); err != nil {
			t.Error(err)
		}
	}
	doubts, err := l.Doubts(ctx)
	if err != nil || len(doubts) != 2 || doubts[0].Kind != "deferred_refused" || doubts[1].Kind != "deferred_refused" {
		t.Errorf("doubts: %+v, %v", doubts, err)
	}
}

func offer(t *testing.T, ctx context.Context, till *rig.Till, order string, fen int64, code string) localapi.Sale {
	t.Helper()
	s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: fen, OrderNo: order, Code: code})
	if err != nil {
		t.Fatalf("%s: %v", order, err)
	}
	return s
}

func deferred(t *testing.T, ctx context.Context, till *rig.Till, order string, fen int64, code string) localapi.Sale {
	t.Helper()
	s := offer(t, ctx, till, order, fen, code)
	if s.State != localapi.StateDeferred || s.Outcome != pay.Unknown || s.FinishedAt != nil || s.DeferredAt == nil {
		t.Fatalf("%s: %+v", order, s)
	}
	return s
}

// notTaken wants the reason, and no sale.
func notTaken(t *testing.T, ctx context.Context, till *rig.Till, fen int64, code, want string) {
	t.Helper()
	before, err := till.Client.Sales(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: fen, OrderNo: "refused", Code: code})
	if fault.CodeOf(err) != want {
		t.Errorf("%d fen: %+v, %v, want %s", fen, s, err, want)
	}
	if after, err := till.Client.Sales(ctx, 100); err != nil || len(after) != len(before) {
		t.Errorf("%s left a sale (%v)", want, err)
	}
}

// noFile looks for a secret in every file below the folders.
func noFile(t *testing.T, secret string, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds the secret of a stored-value code", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
