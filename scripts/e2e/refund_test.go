package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// TestRefunds: forty refunds of a tenth at once are ten, copies of one are one, and the wallets' ledger,
// the hub's books and the API say the same.
func TestRefunds(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 2*time.Minute)
	l := lab(t, ctx, r)
	paid := func(wallet pay.Wallet, order string, amount int64) rig.Payment {
		t.Helper()
		code, err := l.Code(ctx, wallet, "07")
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Pay(ctx, order, amount, code, 20*time.Second)
		if err != nil || p.Outcome != pay.Paid {
			t.Fatalf("%s is %s: %v", order, p.Outcome, err)
		}
		return p
	}
	tenths, copies := paid(pay.Alipay, "tenths", 1000), paid(pay.WeChat, "copies", 5000)
	parts := paid(pay.UnionPay, "parts", 3000) // taken first, found done by asking

	var calls sync.WaitGroup
	answers := make([]rig.Answer, 63)
	for i := range answers {
		calls.Go(func() {
			var err error
			switch {
			case i < 40:
				answers[i], err = l.AskRefund(ctx, tenths.ID, fmt.Sprint("tenth-", i), 100, 30*time.Second)
			case i < 60:
				answers[i], err = l.AskRefund(ctx, copies.ID, "one", 2000, 30*time.Second)
			default:
				answers[i], err = l.AskRefund(ctx, parts.ID, fmt.Sprint("part-", i), 1000, 30*time.Second)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	made, away := 0, 0
	for i, a := range answers[:40] {
		var v struct {
			Outcome pay.RefundOutcome
			Code    string
		}
		if err := json.Unmarshal(a.Body, &v); err != nil {
			t.Fatal(err)
		}
		switch {
		case a.Status == http.StatusOK && v.Outcome == pay.Refunded:
			made++
		case a.Status == http.StatusConflict && v.Code == "refund.too_much":
			away++
		default:
			t.Errorf("refund %d: %d %s", i, a.Status, a.Body)
		}
	}
	if made != 10 || away != 30 {
		t.Errorf("%d made and %d turned away, want 10 and 30", made, away)
	}
	for i, a := range answers[40:60] {
		if a.Status != http.StatusOK || string(a.Body) != string(answers[40].Body) {
			t.Errorf("copy %d: %d %s, the first %s", i, a.Status, a.Body, answers[40].Body)
		}
	}
	for i, a := range answers[60:] {
		var v struct{ Outcome pay.RefundOutcome }
		if a.Status != http.StatusOK || json.Unmarshal(a.Body, &v) != nil || v.Outcome != pay.Refunded {
			t.Errorf("part %d: %d %s", i, a.Status, a.Body)
		}
	}
	for id, want := range map[string]int64{tenths.ID: 1000, copies.ID: 2000, parts.ID: 3000} {
		// Asked about afresh, the wallet shows the order as refunded: that is no doubt, and no other outcome.
		a, err := l.Do(ctx, rig.Call{Method: "GET", Path: "/v1/payments/" + id + "?refresh=wallet"})
		var p rig.Payment
		if err != nil || json.Unmarshal(a.Body, &p) != nil || p.RefundedAmount != want || p.Outcome != pay.Paid {
			t.Errorf("%d %s, %v; want %d refunded", a.Status, a.Body, err, want)
		}
	}
	if out, _, err := r.Run(ctx, "cashier-hub", "exceptions", "list", "--json", "--data", l.Data); err != nil || len(out) > len("null\n") && string(out) != "[]\n" {
		t.Errorf("exceptions are open: %s %v", out, err)
	}
	for _, c := range []struct {
		payment, no string
		amount      int64
		status      int
	}{{copies.ID, "one", 2001, http.StatusUnprocessableEntity}, {tenths.ID, "one", 2000, http.StatusUnprocessableEntity},
		{copies.ID, "two", 3001, http.StatusConflict}, {copies.ID, "three", 0, http.StatusBadRequest},
		{"pay_01ARZ3NDEKTSV4RRFFQ69G5FAV", "four", 1, http.StatusNotFound}} {
		if a, err := l.AskRefund(ctx, c.payment, c.no, c.amount, 0); err != nil || a.Status != c.status {
			t.Errorf("refund %s of %d: %d %s, %v; want %d", c.no, c.amount, a.Status, a.Body, err, c.status)
		}
	}
	books := agree(t, ctx, l, nil)
	if len(books.Ledger) != 3+10+1+3 {
		t.Errorf("the wallets' ledger has %d lines, want 17", len(books.Ledger))
	}
	sealed(t, ctx, r, l, nil)
}

// TestRefundsOverKills: answers are lost and damaged, the hub is killed again and again, and no refund is
// made twice or forgotten.
func TestRefundsOverKills(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, 5*time.Minute)
	sandbox, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		t.Fatal(err)
	}
	l := lab(t, ctx, r, "--sandbox", sandbox)
	var payments []rig.Payment
	for i := range 9 {
		code, err := l.Code(ctx, []pay.Wallet{pay.Alipay, pay.WeChat, pay.UnionPay}[i%3], "09")
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Pay(ctx, fmt.Sprint("kill-", i), 1000, code, 20*time.Second)
		if err != nil || p.Outcome != pay.Paid {
			t.Fatalf("payment %d is %s: %v", i, p.Outcome, err)
		}
		payments = append(payments, p)
	}
	if err := l.Faults(ctx, 20260325, `{"lost_before":0.15,"lost_after":0.25,"error_5xx":0.1,"garbled":0.1,"slow_ms":300}`); err != nil {
		t.Fatal(err)
	}
	var refunds sync.WaitGroup
	for i, p := range payments {
		parts := 1 // WeChat wants a minute between two of one order
		if p.Wallet != pay.WeChat {
			parts = 3
		}
		for n := range parts {
			refunds.Go(func() { // a hub that is down is asked again, under the same number
				err := rig.Await(ctx, "the refund is taken", func() (bool, error) {
					a, err := l.AskRefund(ctx, p.ID, fmt.Sprintf("back-%d-%d", i, n), 300, 0)
					return err == nil && a.Status/100 == 2, fmt.Errorf("%d %s, %w", a.Status, a.Body, err)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	for range 4 {
		pause(ctx, 300*time.Millisecond)
		l.Process.Kill()
		again, err := r.StartLab(ctx, l.Data, "--sandbox", sandbox)
		if err != nil {
			t.Fatalf("the hub does not come back: %v", err)
		}
		l.Process = again.Process
	}
	refunds.Wait()
	if err := l.Faults(ctx, 1, `{}`); err != nil {
		t.Fatal(err)
	}
	books := agree(t, ctx, l, nil)
	back := 0
	for _, e := range books.Ledger {
		if e.Kind == "refund" {
			back++
		}
	}
	if back != 6*3+3 || len(books.Refunds) != back {
		t.Errorf("the wallets gave back %d times for %d refunds, want 21", back, len(books.Refunds))
	}
}
