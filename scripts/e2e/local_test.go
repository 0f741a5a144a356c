package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// spoken is an answer of the local API, as it came.
type spoken struct {
	status int
	body   []byte
}

// speak sends a body to the till's socket as the shop's own software would, without our client.
func speak(ctx context.Context, till *rig.Till, method, path string, body []byte) (spoken, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(till.Data, "agent.sock"))
	}}}
	request, err := http.NewRequestWithContext(ctx, method, "http://till"+path, bytes.NewReader(body))
	if err != nil {
		return spoken{}, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return spoken{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return spoken{answer.StatusCode, text}, err
}

// fifty asks the same thing fifty times at once.
func fifty(ctx context.Context, t *testing.T, till *rig.Till, path string, body []byte) []spoken {
	t.Helper()
	answers := make([]spoken, 50)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			var err error
			if answers[i], err = speak(ctx, till, http.MethodPost, path, body); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return answers
}

// TestFiftyEqualSales: fifty equal requests at the till's socket are one sale, one charge and fifty equal
// answers; another amount under the same order, or the same code for another order, is refused.
func TestFiftyEqualSales(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	code, err := l.Code(ctx, pay.WeChat, "07")
	if err != nil {
		t.Fatal(err)
	}
	body := func(amount int, order string) []byte {
		return fmt.Appendf(nil, `{"amount":%d,"order_no":%q,"code":%q,"subject":"tea"}`, amount, order, code)
	}

	var first localapi.Sale
	created := 0
	for i, a := range fifty(ctx, t, till, "/v1/sales", body(1999, "fifty")) {
		var s localapi.Sale
		if err := json.Unmarshal(a.body, &s); err != nil || a.status/100 != 2 {
			t.Fatalf("answer %d: %d %s, %v", i, a.status, a.body, err)
		}
		if first.ID == "" {
			first = s
		}
		if a.status == http.StatusCreated {
			created++
		}
		if s.ID != first.ID || s.OrderNo != "fifty" || s.Amount != 1999 || s.Subject != "tea" || s.Wallet != pay.WeChat ||
			!s.CreatedAt.Equal(first.CreatedAt) || !s.ScannedAt.Equal(*first.ScannedAt) {
			t.Errorf("answer %d is about something else: %s", i, a.body)
		}
	}
	if created != 1 {
		t.Errorf("%d of fifty made the sale", created)
	}
	if s, err := till.AwaitSale(ctx, first.ID, "the sale is settled", rig.Settled); err != nil || s.Outcome != pay.Paid {
		t.Fatalf("%+v, %v", s, err)
	}
	var settled spoken
	for i, a := range fifty(ctx, t, till, "/v1/sales", body(1999, "fifty")) { // nothing moves any more: equal to the byte
		if i == 0 {
			settled = a
		}
		if a.status != http.StatusOK || !bytes.Equal(a.body, settled.body) {
			t.Errorf("answer %d differs: %d %s, first %d %s", i, a.status, a.body, settled.status, settled.body)
		}
	}
	for name, c := range map[string]struct {
		path, body, code string
		status           int
	}{
		"other amount":    {"/v1/sales", string(body(2000, "fifty")), "sale.order_amount", http.StatusConflict},
		"code used again": {"/v1/sales", string(body(1999, "another")), "code.used", http.StatusConflict},
		"unknown field":   {"/v1/sales", `{"amount":1999,"order_no":"fifty","tip":1}`, "json.field", http.StatusBadRequest},
		"refund, too big": {"/v1/sales/" + first.ID + "/refunds", `{"amount":2000}`, "refund.too_much", http.StatusConflict},
		"refund, no sale": {"/v1/sales/sale_none/refunds", `{"amount":1}`, "sale.unknown", http.StatusNotFound},
	} {
		a, err := speak(ctx, till, http.MethodPost, c.path, []byte(c.body))
		var p localapi.Problem
		if err != nil || a.status != c.status || json.Unmarshal(a.body, &p) != nil || p.Code != c.code || p.Detail == "" {
			t.Errorf("%s: %d %s, %v; want %d %s", name, a.status, a.body, err, c.status, c.code)
		}
	}
	books := agree(t, ctx, l, []*rig.Till{till})
	if got := charges(books, "fifty"); got != 1 || len(books.Ledger) != 1 || len(books.Journal) != 1 {
		t.Errorf("the wallet charged %d times, its ledger has %d lines, the journal %d sales; want 1, 1 and 1", got, len(books.Ledger), len(books.Journal))
	}
	sealed(t, ctx, r, l, []*rig.Till{till})
}

// TestRefundsOffline: without a hub, through a kill of the agent, fifty equal requests are one refund, and no more
// goes back than was paid. Cash goes back at once; a wallet's money is queued and says so.
func TestRefundsOffline(t *testing.T) {
	t.Parallel()
	ctx, r := start(t, time.Minute)
	l := lab(t, ctx, r)
	till := openTills(t, ctx, r, l, 1)[0]
	code, err := l.Code(ctx, pay.Alipay, "09")
	if err != nil {
		t.Fatal(err)
	}
	sold, err := sell(ctx, till, "wallet", 1999, code)
	if err != nil || sold.Outcome != pay.Paid {
		t.Fatalf("%+v, %v", sold, err)
	}
	l.Process.Kill()
	if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		t.Fatal(err)
	}
	ask := localapi.NewRefund{Amount: 1999, RefundNo: "R-2", Reason: "cold"}
	queued, err := till.Client.NewRefund(ctx, sold.ID, ask)
	if err != nil || queued.State != localapi.RefundQueued || queued.Outcome != pay.RefundInDoubt {
		t.Fatalf("%+v, %v", queued, err)
	}
	s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 1000, Tender: localapi.TenderCash})
	if err != nil {
		t.Fatal(err)
	}
	path := "/v1/sales/" + s.ID + "/refunds"
	var first localapi.Refund
	for i, a := range fifty(ctx, t, till, path, []byte(`{"amount":600,"refund_no":"R-1"}`)) {
		var x localapi.Refund
		if err := json.Unmarshal(a.body, &x); err != nil || a.status/100 != 2 {
			t.Fatalf("answer %d: %d %s, %v", i, a.status, a.body, err)
		}
		if first.ID == "" {
			first = x
		}
		if x.ID != first.ID || x.Outcome != pay.Refunded || x.Amount != 600 {
			t.Errorf("answer %d: %s", i, a.body)
		}
	}
	till.Agent.Kill()
	if err := till.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := till.AwaitStatus(ctx, "the refund waits", func(s localapi.Status) bool {
		return s.QueuedRefunds == 1 && s.PendingRefundsAmount == 1999 && s.Queue == 1
	}); err != nil {
		t.Fatal(err)
	}
	if again, err := till.Client.NewRefund(ctx, sold.ID, ask); err != nil || again != queued {
		t.Errorf("after the kill: %+v, %v; was %+v", again, err, queued)
	}
	if x, err := till.Client.Refund(ctx, first.ID); err != nil || x.Outcome != pay.Refunded {
		t.Errorf("after the kill: %+v, %v", x, err)
	}
	if _, err := till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: 401}); fault.CodeOf(err) != "refund.too_much" {
		t.Errorf("more than is left: %v", err)
	}
	if _, err := till.Client.NewRefund(ctx, s.ID, localapi.NewRefund{Amount: 400}); err != nil {
		t.Error(err)
	}
	if s, err := till.Client.Sale(ctx, s.ID); err != nil || s.RefundedAmount != 1000 || s.RefundingAmount != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
