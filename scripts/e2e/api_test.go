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

// TestMerchantAPI: fifty equal requests are one charge and fifty equal answers; whatever differs is refused.
func TestMerchantAPI(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, time.Minute)
	l := lab(t, ctx, r)
	code, err := l.Code(ctx, pay.WeChat, "12")
	if err != nil {
		t.Fatal(err)
	}
	body := func(amount int, more string) []byte {
		return fmt.Appendf(nil, `{"order_no":"fifty","amount":%d,"code":%q,"subject":"tea","wait_ms":20000%s}`, amount, code, more)
	}
	post := rig.Call{Method: http.MethodPost, Path: "/v1/payments", Body: body(1999, "")}

	answers := make([]rig.Answer, 50)
	var calls sync.WaitGroup
	for i := range answers {
		calls.Go(func() {
			var err error
			if answers[i], err = l.Do(ctx, post); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	var first rig.Payment
	if err := json.Unmarshal(answers[0].Body, &first); err != nil {
		t.Fatalf("%d %s: %v", answers[0].Status, answers[0].Body, err)
	}
	if first.Outcome != pay.Paid || first.Amount != 1999 || first.OrderNo != "fifty" {
		t.Errorf("first answer: %+v", first)
	}
	for i, a := range answers {
		if a.Status != answers[0].Status || string(a.Body) != string(answers[0].Body) {
			t.Errorf("answer %d differs: %d %s, first %d %s", i, a.Status, a.Body, answers[0].Status, answers[0].Body)
		}
		if !a.Proven {
			t.Errorf("answer %d is not signed by the hub", i)
		}
	}

	nonce := rig.Nonce()
	for _, c := range []struct {
		name   string
		call   rig.Call
		status int
	}{
		{"same order, same body, later", post, http.StatusOK},
		{"same order, other amount", rig.Call{Method: "POST", Path: "/v1/payments", Body: body(2000, "")}, http.StatusUnprocessableEntity},
		{"unknown field", rig.Call{Method: "POST", Path: "/v1/payments", Body: body(1999, `,"tip":1`)}, http.StatusBadRequest},
		{"body changed on the way", rig.Call{Method: "POST", Path: "/v1/payments", Body: body(1999, ""), Sent: body(1, "")}, http.StatusUnauthorized},
		{"6 minutes old", rig.Call{Method: "GET", Path: "/v1/payments/" + first.ID, Stamp: time.Now().Add(-6 * time.Minute)}, http.StatusUnauthorized},
		{"6 minutes early", rig.Call{Method: "GET", Path: "/v1/payments/" + first.ID, Stamp: time.Now().Add(6 * time.Minute)}, http.StatusUnauthorized},
		{"4 minutes old", rig.Call{Method: "GET", Path: "/v1/payments/" + first.ID, Stamp: time.Now().Add(-4 * time.Minute)}, http.StatusOK},
		{"first use of a nonce", rig.Call{Method: "GET", Path: "/v1/payments/" + first.ID, Nonce: nonce}, http.StatusOK},
		{"replay", rig.Call{Method: "GET", Path: "/v1/payments/" + first.ID, Nonce: nonce}, http.StatusUnauthorized},
		{"nobody's payment", rig.Call{Method: "GET", Path: "/v1/payments/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV"}, http.StatusNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := l.Do(ctx, c.call)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != c.status {
				t.Errorf("status %d, want %d: %s", a.Status, c.status, a.Body)
			}
			var problem struct{ Code, Advice string }
			if a.Status >= 400 && (json.Unmarshal(a.Body, &problem) != nil || problem.Code == "" || problem.Advice == "") {
				t.Errorf("the refusal names no code or advice: %s", a.Body)
			}
		})
	}
	stranger := *l
	stranger.APISecret = "another secret, as long as the right one is"
	if a, err := stranger.Do(ctx, rig.Call{Method: "GET", Path: "/v1/payments/" + first.ID}); err != nil || a.Status != http.StatusUnauthorized {
		t.Errorf("a stranger's signature: %d %s, %v", a.Status, a.Body, err)
	}

	books := agree(t, ctx, l, nil)
	if got := charges(books, "fifty"); got != 1 || len(books.Ledger) != 1 {
		t.Errorf("the wallet charged %d times, its ledger has %d lines, want 1 and 1", got, len(books.Ledger))
	}
	sealed(t, ctx, r, l, nil)
}

// TestLabGoesOn: a lab started again on its folder has the same keys, ports and data.
func TestLabGoesOn(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	code, err := l.Code(ctx, pay.Alipay, "03")
	if err != nil {
		t.Fatal(err)
	}
	before, err := l.Pay(ctx, "before", 500, code, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Process.Stop(); err != nil {
		t.Fatalf("the lab did not stop cleanly: %v", err)
	}
	again, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"))
	if err != nil {
		t.Fatal(err)
	}
	type lasting struct{ api, key, secret, mqtt, ca, sandbox, merchant, store, codes, portal, password string }
	of := func(l *rig.Lab) lasting {
		return lasting{l.API, l.APIKeyID, l.APISecret, l.MQTT, l.CA, l.Sandbox, l.Merchant, l.Store,
			fmt.Sprint(l.ActivationCodes), l.Portal, l.PortalPassword}
	}
	if of(again) != of(l) {
		t.Errorf("after the restart lab.json says other things:\n%+v\n%+v", of(again), of(l))
	}
	after, err := again.Payment(ctx, before.ID)
	if err != nil {
		t.Fatal(err)
	}
	if after.Outcome != before.Outcome || after.Amount != before.Amount || after.WalletRef != before.WalletRef {
		t.Errorf("the payment is %+v after the restart, was %+v", after, before)
	}
	if code, err = again.Code(ctx, pay.WeChat, "04"); err != nil {
		t.Fatal(err)
	}
	sale, err := sell(ctx, till, "after", 600, code)
	if err != nil {
		t.Fatal(err)
	}
	if sale.Outcome != pay.Paid {
		t.Errorf("a till activated before the restart sells: %+v", sale)
	}
	agree(t, ctx, again, []*rig.Till{till})
}
