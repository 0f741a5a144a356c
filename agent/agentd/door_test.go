package agentd_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

func TestTheContract(t *testing.T) {
	client, _, stop := start(t, activated(t))
	defer stop()
	ctx := t.Context()
	events := make(chan api.Event, 100)
	go func() { _ = client.Events(ctx, func(e api.Event) { events <- e }) }()
	if e := <-events; e.Kind != api.EventStatus {
		t.Errorf("the first event is %+v", e)
	}
	s, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "A-1", Subject: "tea"})
	if err != nil || s.State != api.StateWaiting || s.Outcome != pay.Unknown || s.Amount != 1280 || s.Tender != api.TenderWallet {
		t.Fatalf("%+v, %v", s, err)
	}
	if got, err := client.Sale(ctx, s.ID); err != nil || got.ID != s.ID {
		t.Errorf("%+v, %v", got, err)
	}
	second, err := client.NewSale(ctx, api.NewSale{Amount: 5, Code: "130000000000000001"})
	if err != nil || second.State != api.StateSending || second.Wallet != pay.WeChat {
		t.Fatalf("%+v, %v", second, err)
	}
	list, err := client.Sales(ctx, 1)
	if err != nil || len(list) != 1 || list[0].ID != second.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if got, err := client.Cancel(ctx, s.ID); err != nil || got.State != api.StateCancelled || got.Outcome != pay.NotPaid {
		t.Errorf("%+v, %v", got, err)
	}
	status, err := client.Status(ctx)
	if err != nil || status.Queue != 1 || status.OpenSales != 1 || status.Link != "down" {
		t.Errorf("%+v, %v", status, err)
	}
	for told := map[api.State]bool{}; !told[api.StateWaiting] || !told[api.StateSending] || !told[api.StateCancelled]; {
		if e := <-events; e.Kind == api.EventSale {
			told[e.Sale.State] = true
		}
	}
	for want, call := range map[string]func() error{
		"money.not_positive": func() error { _, err := client.NewSale(ctx, api.NewSale{}); return err },
		"sale.order_amount":  func() error { _, err := client.NewSale(ctx, api.NewSale{Amount: 1, OrderNo: "A-1"}); return err },
		"sale.unknown":       func() error { _, err := client.Sale(ctx, "sale_none"); return err },
		"api.limit":          func() error { _, err := client.Sales(ctx, 1001); return err },
	} {
		if err := call(); fault.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestWhatTheTillRefusesIsAProblem(t *testing.T) {
	dir := activated(t)
	client, log, stop := start(t, dir)
	defer stop()
	post := func(method, path, body string) (int, string) {
		t.Helper()
		raw := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				return net.Dial("unix", filepath.Join(dir, "agent.sock"))
			}}}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://agent"+path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := raw.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(answer)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/v1/sales", `{"amount":1,"tender":"cheque"}`, 400, "sale.tender"},
		{"POST", "/v1/sales", `{"amount":1,"tender":"cash","code":"130000000000000042"}`, 400, "sale.code"},
		{"GET", "/v1/sync", "", 404, "api.unknown"},
		{"POST", "/v1/sales", `{"amount":0}`, 400, "money.not_positive"},
		{"POST", "/v1/sales", `{"amount":1,"code":"690000000000000042"}`, 400, "code.unknown_wallet"},
		{"POST", "/v1/sales", `{"amount":1,"code":"13000 0000000000042"}`, 400, "code.garbled"},
		{"POST", "/v1/sales", `{"amount":1,"code":130000000000000042}`, 400, "json.field"},
		{"GET", "/v1/sales/sale_none", "", 404, "sale.unknown"},
		{"POST", "/v1/sales/sale_none/cancel", "", 404, "sale.unknown"},
		{"POST", "/v1/operators/sign-on", `{"operator":"opr_1","pin":"00"}`, 400, "operator.pin_form"},
		{"POST", "/v1/operators/sign-on", `{"operator":"opr_1","pin":"00000042"}`, 404, "operator.unknown"},
		{"POST", "/v1/operators/sign-on", `{"operator":"opr_1","pin":00000042}`, 400, "json.malformed"},
		{"POST", "/v1/operators/sign-on", `{"operator":"opr_1","pin":"00000042","name":"x"}`, 400, "json.field"},
		{"POST", "/v1/sales/sale_none/refunds", `{"amount":1,"approval":{"operator":"opr_1","pin":"00000042"}}`, 404, "operator.unknown"},
		{"POST", "/v1/sales/sale_none/void", `{"amount":1}`, 400, "json.field"},
		{"POST", "/v1/sales/sale_none/void", `{}`, 404, "sale.unknown"},
	} {
		status, body := post(c.method, c.path, c.body)
		if status != c.status || !strings.Contains(body, `"code":"`+c.code+`"`) || strings.Contains(body, "000042") {
			t.Errorf("%s %s %s: %d %s; want %d %s", c.method, c.path, c.body, status, body, c.status, c.code)
		}
	}
	if strings.Contains(log.String(), "000042") {
		t.Error("the log holds a code")
	}
	if list, err := client.Sales(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("something was stored: %+v, %v", list, err)
	}
	for i, want := range []int{201, 200} {
		if status, body := post("POST", "/v1/sales", `{"amount":1,"order_no":"A-1"}`); status != want {
			t.Errorf("request %d: %d %s", i, status, body)
		}
	}
}

// TestCashWithoutAHub: paid at once, repeated it is the same, and the status says what the hub has not got.
func TestCashWithoutAHub(t *testing.T) {
	dir := activated(t)
	client, _, stop := start(t, dir)
	ctx := t.Context()
	ask := api.NewSale{Amount: 1280, OrderNo: "C-1", Tender: api.TenderCash}
	s, err := client.NewSale(ctx, ask)
	if err != nil || s.State != api.StatePaid || s.Outcome != pay.Paid || s.Tender != api.TenderCash || s.Reason != "cash" || s.FinishedAt == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	if other, err := client.NewSale(ctx, api.NewSale{Amount: 500, Tender: api.TenderOther}); err != nil || other.Outcome != pay.Paid {
		t.Errorf("%+v, %v", other, err)
	}
	stop() // as after a power cut: the sale is on the disk, and so is what the hub has to get
	client, _, stop = start(t, dir)
	defer stop()
	if again, err := client.NewSale(ctx, ask); err != nil || again.ID != s.ID {
		t.Errorf("%+v, %v", again, err)
	}
	for want, call := range map[string]func() error{
		"sale.order_paid":  func() error { _, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "C-1"}); return err },
		"sale.money_taken": func() error { _, err := client.Cancel(ctx, s.ID); return err },
	} {
		if err := call(); fault.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	status, err := client.Sync(ctx)
	if err != nil || status.Unsynced != 2 || status.UnsyncedSince == nil || status.Queue != 0 || status.PendingAmount != 0 || status.Link != "down" {
		t.Errorf("%+v, %v", status, err)
	}
	for { // the ballast is made beside the sales, not before them
		if info, err := os.Stat(filepath.Join(dir, "ballast")); err == nil && info.Size() == 4<<20 {
			break
		}
		if _, err := client.Status(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
