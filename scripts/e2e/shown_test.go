package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// customer is somebody in front of a shown code whose phone does what the fate says.
func customer(ctx context.Context, l *rig.Lab, qr, fate string) error {
	body, err := json.Marshal(map[string]string{"qr": qr, "scenario": fate})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.Sandbox+"/sandbox/pay", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the customer got %s", resp.Status)
	}
	return nil
}

// show starts a sale at the till and waits for its code.
func show(ctx context.Context, till *rig.Till, order string, fen int64, w pay.Wallet) (localapi.Sale, error) {
	s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: fen, OrderNo: order, Mode: "qr", Wallet: w})
	if err != nil {
		return s, err
	}
	return till.AwaitSale(ctx, s.ID, "the code is shown", func(s localapi.Sale) bool { return s.QR != "" })
}

// TestCodesShownByTheTill: customers scan the till's codes; agent and hub are killed under them, cashiers stop them,
// and a customer brings out a payment code after all. Each order is paid once.
func TestCodesShownByTheTill(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 3*time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	var shown localapi.Sale
	var err error
	settled := func(outcome pay.Outcome) {
		t.Helper()
		s, err := till.AwaitSale(ctx, shown.ID, "the sale is settled", rig.Settled)
		if err != nil || s.Outcome != outcome || s.QR != "" {
			t.Fatalf("%+v, %v; want %s", s, err, outcome)
		}
	}
	for i, w := range []pay.Wallet{pay.WeChat, pay.Alipay} {
		order := func(what string) string { return fmt.Sprintf("%s-%s", w, what) }
		amount := int64(1100 + i)

		if shown, err = show(ctx, till, order("paid"), amount, w); err != nil {
			t.Fatal(err)
		}
		if err := customer(ctx, l, shown.QR, "00"); err != nil {
			t.Fatal(err)
		}
		settled(pay.Paid)

		// the agent dies while the code is on the screen: it brings the same code back
		if shown, err = show(ctx, till, order("killed"), amount, w); err != nil {
			t.Fatal(err)
		}
		till.Agent.Kill()
		if err := till.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		again, err := till.AwaitSale(ctx, shown.ID, "the code is shown again", func(s localapi.Sale) bool { return s.QR != "" })
		if err != nil || again.QR != shown.QR {
			t.Fatalf("%+v, %v", again, err)
		}
		if err := customer(ctx, l, shown.QR, "00"); err != nil {
			t.Fatal(err)
		}
		settled(pay.Paid)

		if w == pay.Alipay { // it knows an order from the scan on: that a stopped code was not paid shows at the code's end alone
			continue
		}

		// the cashier stops it: not paid, and only when the wallet proved it
		if shown, err = show(ctx, till, order("stopped"), amount, w); err != nil {
			t.Fatal(err)
		}
		if s, err := till.Client.Cancel(ctx, shown.ID); err != nil || s.Outcome != pay.Unknown {
			t.Fatalf("%+v, %v", s, err)
		}
		settled(pay.NotPaid)

		// the customer brings out a payment code after all
		if shown, err = show(ctx, till, order("instead"), amount, w); err != nil {
			t.Fatal(err)
		}
		code, err := l.Code(ctx, pay.UnionPay, "00")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: amount, OrderNo: order("instead"), Code: code}); err != nil {
			t.Fatal(err)
		}
		settled(pay.NotPaid)
		heir, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: amount, OrderNo: order("instead")})
		if err != nil || heir.ID == shown.ID {
			t.Fatalf("%+v, %v", heir, err)
		}
		if heir, err = till.AwaitSale(ctx, heir.ID, "the scanned code is paid", rig.Settled); err != nil || heir.Outcome != pay.Paid || heir.Wallet != pay.UnionPay {
			t.Fatalf("%+v, %v", heir, err)
		}
	}

	// without the hub the code is off the screen, and no other is shown; paid meanwhile, it shows when the hub is back
	if shown, err = show(ctx, till, "away", 1300, pay.WeChat); err != nil {
		t.Fatal(err)
	}
	qr := shown.QR
	if err := l.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		t.Fatal(err)
	}
	if s, err := till.Client.Sale(ctx, shown.ID); err != nil || s.QR != "" || s.Outcome != pay.Unknown {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 1, Mode: "qr"}); fault.CodeOf(err) != "sale.qr_offline" {
		t.Fatalf("%v", err)
	}
	if err := l.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := customer(ctx, l, qr, "00"); err != nil {
		t.Fatal(err)
	}
	settled(pay.Paid)
	agree(t, ctx, l, []*rig.Till{till})
	sealed(t, ctx, r, l, []*rig.Till{till})
}
