package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// compared is what the hub says of one shift of a till.
type compared struct {
	Equal   bool           `json:"equal"`
	Shift   localapi.Shift `json:"shift"`
	Tenders []struct {
		Wallet pay.Wallet `json:"wallet"`
		Hub    *struct {
			Net int64 `json:"net"`
		} `json:"hub"`
	} `json:"tenders"`
	Pending []struct {
		ID        string `json:"id"`
		State     string `json:"state"`
		Hub       string `json:"hub"`
		SettledIn int64  `json:"settled_in"`
	} `json:"pending"`
	Differences []json.RawMessage `json:"differences"`
}

// TestAShiftClosedInDoubt: closed without a hub, while a sale and a refund are open. Both are carried over and settle in
// the next shift; the till's reports, the hub's books and the wallets' ledger agree to the fen.
func TestAShiftClosedInDoubt(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	sandbox, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		t.Fatal(err)
	}
	l := lab(t, ctx, r, "--sandbox", sandbox)
	till := openTills(t, ctx, r, l, 1)[0]
	if _, err := till.Client.OpenShift(ctx, localapi.NewShift{Float: 20000}); err != nil {
		t.Fatal(err)
	}
	code := func(w pay.Wallet, fate string) string {
		t.Helper()
		c, err := l.Code(ctx, w, fate)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	sold := map[pay.Wallet]localapi.Sale{}
	for i, w := range []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay} {
		if sold[w], err = sell(ctx, till, "sale-"+string(w), int64(1999+i), code(w, "09")); err != nil || sold[w].Outcome != pay.Paid {
			t.Fatalf("%+v, %v", sold[w], err)
		}
	}
	if no, err := sell(ctx, till, "no", 777, code(pay.WeChat, "50")); err != nil || no.Outcome != pay.NotPaid {
		t.Fatalf("%+v, %v", no, err)
	}
	cash, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 3000, Tender: localapi.TenderCash})
	if err != nil {
		t.Fatal(err)
	}
	refund := func(s localapi.Sale, fen int64) localapi.Refund {
		t.Helper()
		x, err := till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: fen})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	settled := func(x localapi.Refund) {
		t.Helper()
		if err := rig.Await(ctx, "the refund is settled", func() (bool, error) {
			now, err := till.Client.Refund(ctx, x.ID)
			return err == nil && now.Outcome == pay.Refunded, err
		}); err != nil {
			t.Fatal(err)
		}
	}
	settled(refund(sold[pay.Alipay], 500))
	refund(cash, 250)
	doubt, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 4321, OrderNo: "doubt", Code: code(pay.WeChat, "53")})
	if err != nil {
		t.Fatal(err)
	}
	if err := rig.Await(ctx, "the customer types the password", func() (bool, error) {
		now, err := till.Client.Sale(ctx, doubt.ID)
		return now.State == localapi.StatePassword, err
	}); err != nil {
		t.Fatal(err)
	}
	l.Process.Kill()
	if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		t.Fatal(err)
	}
	restart := func() {
		t.Helper()
		till.Agent.Kill()
		if err := till.Launch(); err != nil {
			t.Fatal(err)
		}
		if err := till.AwaitStatus(ctx, "the agent answers", func(localapi.Status) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	late := refund(sold[pay.UnionPay], 700)
	const drawer = 20000 + 3000 - 250
	counted := int64(drawer + 3)
	end := localapi.CloseShift{Number: 1, Counted: &counted}
	z, err := till.Client.CloseShift(ctx, end)
	if err != nil || *z.Difference != 3 || z.PendingCount != 2 || z.Pending[1].State != "unknown" && z.Pending[0].State != "unknown" {
		t.Fatalf("%+v, %v", z, err)
	}
	restart() // its answer is lost, and asked for again
	if again, err := till.Client.CloseShift(ctx, end); err != nil || fmt.Sprint(again.LastHash, again.ClosedAt) != fmt.Sprint(z.LastHash, z.ClosedAt) {
		t.Fatalf("%+v, %v", again, err)
	}
	again, err := r.StartLab(ctx, l.Data, "--sandbox", sandbox)
	if err != nil {
		t.Fatal(err)
	}
	l.Process = again.Process
	settled(late)
	if err := rig.Await(ctx, "the sale in doubt is paid", func() (bool, error) {
		now, err := till.Client.Sale(ctx, doubt.ID)
		return now.Outcome == pay.Paid, err
	}); err != nil {
		t.Fatal(err)
	}
	counted = 0
	if z, err = till.Client.CloseShift(ctx, localapi.CloseShift{Number: 2, Counted: &counted}); err != nil || z.CarriedCount != 2 || z.PendingCount != 0 {
		t.Fatalf("%+v, %v", z, err)
	}
	if _, err := till.Client.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := till.AwaitStatus(ctx, "all rows are copied", func(s localapi.Status) bool { return s.Unsynced == 0 }); err != nil {
		t.Fatal(err)
	}
	status, err := till.Client.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	net := map[pay.Wallet]int64{}
	for n := 1; n <= 2; n++ {
		out, _, err := r.Run(ctx, "cashier-hub", "shift", "show", "--data", l.Data, "--terminal", status.Terminal, "--json", fmt.Sprint(n))
		if err != nil {
			t.Fatal(err)
		}
		var c compared
		if err := json.Unmarshal(out, &c); err != nil {
			t.Fatal(err)
		}
		if !c.Equal || len(c.Differences) > 0 || c.Shift.Number != int64(n) {
			t.Errorf("shift %d: %s", n, out)
		}
		for _, one := range c.Tenders {
			if one.Hub != nil {
				net[one.Wallet] += one.Hub.Net
			}
		}
		for _, p := range c.Pending {
			if p.Hub != "succeeded" || p.SettledIn != 2 {
				t.Errorf("carried over: %+v", p)
			}
		}
		if want := 2 * (2 - n); len(c.Pending) != want {
			t.Errorf("shift %d carries over %d, want %d", n, len(c.Pending), want)
		}
	}
	ledger, err := l.Ledger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ledger {
		if e.Kind == "charge" {
			net[e.Wallet] -= e.Amount
		} else {
			net[e.Wallet] += e.Amount
		}
	}
	for w, left := range net {
		if left != 0 {
			t.Errorf("the shifts and the ledger of %s differ by %d", w, left)
		}
	}
	out, _, err := r.Run(ctx, "cashier-hub", "shift", "list", "--data", l.Data, "--terminal", status.Terminal)
	if err != nil || strings.Count(string(out), "equal") != 3 {
		t.Errorf("%s, %v", out, err)
	}
	sealed(t, ctx, r, l, []*rig.Till{till})
}
