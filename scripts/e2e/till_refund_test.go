package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestRefundsFromTheTill: asked online and offline, through kills of agent and hub, each refund goes back once.
func TestRefundsFromTheTill(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 2*time.Minute)
	sandbox, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		t.Fatal(err)
	}
	l := lab(t, ctx, r, "--sandbox", sandbox)
	till := openTills(t, ctx, r, l, 1)[0]
	sold := map[pay.Wallet]localapi.Sale{}
	for i, w := range []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay} {
		code, err := l.Code(ctx, w, "09")
		if err != nil {
			t.Fatal(err)
		}
		if sold[w], err = sell(ctx, till, "sale-"+string(w), int64(1999+i), code); err != nil || sold[w].Outcome != pay.Paid {
			t.Fatalf("%+v, %v", sold[w], err)
		}
	}
	settled := func(id string) {
		t.Helper()
		if err := rig.Await(ctx, "the refund is settled", func() (bool, error) {
			x, err := till.Client.Refund(ctx, id)
			if err == nil && x.Outcome != pay.Refunded {
				err = fmt.Errorf("refund is %s %s %s", x.State, x.Code, x.Message)
			}
			return err == nil, err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for w, s := range sold { // online
		x, err := till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: 500, RefundNo: "R-" + string(w), Reason: "cold"})
		if err != nil {
			t.Fatal(err)
		}
		settled(x.ID)
	}
	l.Process.Kill()
	if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		t.Fatal(err)
	}
	var queued []string
	for _, s := range sold {
		x, err := till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: 1000})
		if err != nil || x.State != localapi.RefundQueued {
			t.Fatalf("%+v, %v", x, err)
		}
		queued = append(queued, x.ID)
	}
	till.Agent.Kill()
	if err := till.Launch(); err != nil {
		t.Fatal(err)
	}
	again, err := r.StartLab(ctx, l.Data, "--sandbox", sandbox)
	if err != nil {
		t.Fatal(err)
	}
	l.Process = again.Process
	for _, id := range queued {
		settled(id)
	}
	for w, s := range sold {
		now, err := till.Client.Sale(ctx, s.ID)
		if err != nil || now.RefundedAmount != 1500 || now.RefundingAmount != 0 {
			t.Errorf("%s: %+v, %v", w, now, err)
		}
	}
	ledger, err := l.Ledger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	back := map[pay.Wallet]int64{}
	n := 0
	for _, e := range ledger {
		if e.Kind == "refund" {
			back[e.Wallet] += e.Amount
			n++
		}
	}
	if back[pay.WeChat] != 1500 || back[pay.Alipay] != 1500 || back[pay.UnionPay] != 1500 || n != 6 {
		t.Errorf("the wallets gave back %v in %d refunds", back, n)
	}
	if s, err := till.Client.Status(ctx); err != nil || s.OpenRefunds != 0 || s.Queue != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	sealed(t, ctx, r, l, []*rig.Till{till})
}
