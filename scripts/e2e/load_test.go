package e2e

import (
	"testing"
	"time"

	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestReconnectStorm: a fleet whose hub is killed in the middle of payments is back within a minute, no payment
// lost, none doubled. `make storm` is the same with thousands.
func TestReconnectStorm(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 4*time.Minute)
	w, err := load.Storm{Tills: 200, Rate: 40, Steady: 3 * time.Second, Calm: 3 * time.Second}.Run(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", w)
	for _, row := range w.Rows() {
		if row.Missed {
			t.Errorf("%s: %s, must be %s", row.What, row.Figure, row.Limit)
		}
	}
	for _, d := range w.Differences {
		t.Error(d)
	}
	if w.Resumed < w.Tills/2 {
		t.Errorf("%d of %d tills resumed their TLS session at a hub that was started again", w.Resumed, w.Tills)
	}
}

// TestDrain: a till that comes back with a journal full of cash while it and others sell to wallets: every row is
// at the hub once, and the books agree. `make bench` measures it.
func TestDrain(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 4*time.Minute)
	out, err := load.Drain{Records: 2000, Others: 10, Rate: 20, Calm: time.Second}.Run(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range out.Differences {
		t.Error(d)
	}
	if len(out.OwnBusy) == 0 {
		t.Error("the till that drained sold nothing meanwhile")
	}
}

// TestCodesDoNotOutliveTheirMinute: payments scanned while the line is cut are not sent once their codes have
// expired, however soon the line is back: the wallets never hear of them, and the cashier may scan again.
func TestCodesDoNotOutliveTheirMinute(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	l := lab(t, ctx, r)
	till, wire, err := load.BehindWire(ctx, r, l, "till")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wire.Close)
	wire.Cut()
	if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		t.Fatal(err)
	}
	var sales []localapi.Sale
	for range 5 {
		code, err := l.Code(ctx, pay.WeChat, "00")
		if err != nil {
			t.Fatal(err)
		}
		s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, Code: code})
		if err != nil {
			t.Fatal(err)
		}
		sales = append(sales, s)
	}
	for _, s := range sales {
		end, err := till.AwaitSale(ctx, s.ID, "it lapses", rig.Settled)
		if err != nil || end.State != localapi.StateLapsed || end.Outcome != pay.NotPaid {
			t.Errorf("it ends %s, %s (%v)", end.State, end.Outcome, err)
		}
	}
	wire.Heal()
	if _, err := till.Client.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := till.AwaitStatus(ctx, "the hub has everything", func(s localapi.Status) bool { return s.Link == "up" && s.Unsynced == 0 && s.Queue == 0 }); err != nil {
		t.Fatal(err)
	}
	books, err := rig.Read(ctx, l, till)
	if err != nil {
		t.Fatal(err)
	}
	if len(books.Ledger) != 0 || len(books.Hub) != 0 || len(books.Journal) != 5 {
		t.Errorf("the wallets have %d entries, the hub %d payments, the till %d sales", len(books.Ledger), len(books.Hub), len(books.Journal))
	}
	for _, d := range books.Audit() {
		t.Error(d)
	}
}
