package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// TestQRShownToTheCustomer: a merchant shows codes of both wallets over the API. They survive the hub's restart; who
// scans has paid once; what was cancelled nobody can pay, and money that came all the same goes back.
func TestQRShownToTheCustomer(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 2*time.Minute)
	l := lab(t, ctx, r)
	shown := map[pay.Wallet]rig.Payment{}
	for _, w := range []pay.Wallet{pay.WeChat, pay.Alipay} {
		p, err := l.Show(ctx, "shown-"+string(w), 1999, w)
		if err != nil || p.QR == "" || p.Outcome != pay.Unknown || p.Wallet != w {
			t.Fatalf("%s: %+v, %v", w, p, err)
		}
		shown[w] = p
	}
	if err := l.Process.Stop(); err != nil {
		t.Fatal(err)
	}
	l, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"))
	if err != nil {
		t.Fatal(err)
	}
	for w, before := range shown {
		p, err := l.Payment(ctx, before.ID)
		if err != nil || p.QR != before.QR {
			t.Errorf("%s: after the restart %+v, %v", w, p, err)
		}
		if seen, err := l.Scan(ctx, p.QR, "00"); err != nil || seen != "charged" {
			t.Errorf("%s: the customer sees %q, %v", w, seen, err)
		}
		if p, err = l.Refresh(ctx, p.ID); err != nil || p.Outcome != pay.Paid || p.QR != "" || p.WalletRef == "" {
			t.Errorf("%s: after the scan %+v, %v", w, p, err)
		}
		if refused, err := l.Do(ctx, rig.Call{Method: http.MethodPost, Path: "/v1/payments/" + p.ID + "/cancel"}); err != nil || refused.Status != http.StatusConflict {
			t.Errorf("%s: a paid one is cancelled: %d %s, %v", w, refused.Status, refused.Body, err)
		}
	}

	// Cancelled before anybody scanned, and while a customer is at the password.
	idle, err := l.Show(ctx, "idle", 500, pay.WeChat)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Cancel(ctx, idle.ID); err != nil {
		t.Fatal(err)
	}
	if p, err := l.AwaitPayment(ctx, idle.ID); err != nil || p.Status != pay.StatusReversed {
		t.Errorf("%+v, %v", p, err)
	}
	if seen, err := l.Scan(ctx, idle.QR, "00"); err != nil || seen == "charged" {
		t.Errorf("a customer pays a cancelled order: %q, %v", seen, err)
	}
	for _, w := range []pay.Wallet{pay.WeChat, pay.Alipay} {
		p, err := l.Show(ctx, "late-"+string(w), 700, w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Scan(ctx, p.QR, "71"); err != nil { // charged six seconds after the wallet said that it is closed
			t.Fatal(err)
		}
		if _, err := l.Cancel(ctx, p.ID); err != nil {
			t.Fatal(err)
		}
		if p, err = l.AwaitPayment(ctx, p.ID); err != nil || p.Status != pay.StatusReversed {
			t.Errorf("%+v, %v", p, err)
		}
	}

	for body, want := range map[string]string{
		`{"order_no":"n1","amount":1,"subject":"tea","mode":"qr"}`:                     "payment.wallet_needed",
		`{"order_no":"n2","amount":1,"subject":"tea","mode":"qr","wallet":"unionpay"}`: "payment.qr_unavailable",
	} {
		var problem struct{ Code string }
		a, err := l.Do(ctx, rig.Call{Method: http.MethodPost, Path: "/v1/payments", Body: []byte(body)})
		if err != nil || json.Unmarshal(a.Body, &problem) != nil || a.Status != http.StatusBadRequest || problem.Code != want {
			t.Errorf("%s: %d %s, %v", body, a.Status, a.Body, err)
		}
	}
	err = rig.Await(ctx, "the late money went back", func() (bool, error) {
		entries, err := l.Ledger(ctx)
		if err != nil {
			return false, err
		}
		net, back := map[pay.Wallet]int64{}, 0
		for _, e := range entries {
			if e.Kind == "charge" {
				net[e.Wallet] += e.Amount
			} else {
				net[e.Wallet] -= e.Amount
				back++
			}
		}
		return back == 2 && net[pay.WeChat] == 1999 && net[pay.Alipay] == 1999, nil
	})
	if err != nil {
		t.Error(err)
	}
	agree(t, ctx, l, nil)
}
