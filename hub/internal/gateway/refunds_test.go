package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/pay"
)

func (b *books) Refund(_ context.Context, a engine.RefundAsk) (payment.Refund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.refunds {
		if r.Merchant == a.Merchant && r.Key == a.Key {
			if r.BodyHash != a.BodyHash {
				return payment.Refund{}, fault.New(fault.Conflict, gateway.RefundConflict, "%s was asked with another body", a.Key)
			}
			return *r, nil
		}
	}
	if _, err := b.find(a.Merchant, a.Payment); err != nil {
		return payment.Refund{}, err
	}
	r := &payment.Refund{ID: b.ids.New(id.Refund), Payment: a.Payment, Merchant: a.Merchant, Source: a.Source, Key: a.Key, BodyHash: a.BodyHash,
		RefundNo: a.RefundNo, Amount: a.Amount, Reason: a.Reason, Status: pay.RefundUnknown, Created: began, Sent: began}
	if b.back != nil {
		b.back(r)
	} else {
		r.Status, r.RefundedAt, r.WalletRef = pay.RefundSucceeded, began.Add(time.Second), "5000001"
	}
	b.refunds = append(b.refunds, r)
	return *r, nil
}

func (b *books) ReadRefund(_ context.Context, merchant, id string) (payment.Refund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.refunds {
		if r.ID == id && r.Merchant == merchant {
			return *r, b.fail
		}
	}
	return payment.Refund{}, fault.New(fault.NotFound, "refund.unknown", "there is no refund %q", id)
}

func (b *books) Refunds(_ context.Context, merchant, paymentID string) (list []payment.Refund, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.find(merchant, paymentID); err != nil {
		return nil, err
	}
	for _, r := range b.refunds {
		if r.Payment == paymentID {
			list = append(list, *r)
		}
	}
	return list, nil
}

func (b *books) RefreshRefund(ctx context.Context, merchant, id string) (payment.Refund, error) {
	b.mu.Lock()
	b.refreshed++
	b.mu.Unlock()
	return b.ReadRefund(ctx, merchant, id)
}

func (b *books) AwaitRefund(ctx context.Context, merchant, id string) (payment.Refund, error) {
	for {
		b.mu.Lock()
		changed := b.changed
		b.mu.Unlock()
		r, err := b.ReadRefund(ctx, merchant, id)
		if err != nil || r.Final() {
			return r, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r, nil
		}
	}
}

// sold is a house with one paid payment; its refunds are asked for at path.
func sold(t *testing.T) (h *house, paymentID, path string) {
	h = open(t, nil)
	paymentID = h.do(t, apple, "POST", "/v1/payments", order("A-1", "")).fields(t)["id"].(string)
	return h, paymentID, "/v1/payments/" + paymentID + "/refunds"
}

func TestRefundShowsExactlyTheContractsFields(t *testing.T) {
	h, paymentID, path := sold(t)
	a := h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":280,"reason":"cold"}`)
	if len(h.refunds) != 1 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	want := `{"id":"` + h.refunds[0].ID + `","payment":"` + paymentID + `","refund_no":"R-1","amount":280,"currency":"CNY","status":"succeeded",` +
		`"outcome":"refunded","reason":"cold","decline":null,"wallet_ref":"5000001","advice":"refunded: nothing is left to do",` +
		`"created_at":"2026-03-01T08:00:00.123Z","refunded_at":"2026-03-01T08:00:01.123Z"}` + "\n"
	if a.status != http.StatusOK || a.body != want {
		t.Errorf("%d\n got %s\nwant %s", a.status, a.body, want)
	}
	for _, target := range []string{"/v1/refunds/" + h.refunds[0].ID, "/v1/refunds/" + h.refunds[0].ID + "?refresh=wallet"} {
		if got := h.do(t, apple, "GET", target, ""); got.status != 200 || got.body != want {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
	if h.refreshed != 1 {
		t.Errorf("the wallet was asked %d times", h.refreshed)
	}
	if list := h.do(t, apple, "GET", path, ""); list.status != 200 || list.body != `{"refunds":[`+strings.TrimSpace(want)+"]}\n" {
		t.Errorf("list: %d %s", list.status, list.body)
	}
}

func TestRefundIsIdempotent(t *testing.T) {
	h, _, path := sold(t)
	first := h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":280,"reason":"cold"}`)
	for _, same := range []string{`{"refund_no":"R-1","amount":280,"reason":"cold"}`, `{"reason":"cold","wait_ms":0,"amount":280,"refund_no":"R-1"}`} {
		if a := h.do(t, apple, "POST", path, same); a.status != first.status || a.body != first.body {
			t.Errorf("%s: %d %s", same, a.status, a.body)
		}
	}
	elsewhere := "/v1/payments/" + h.do(t, apple, "POST", "/v1/payments", order("A-2", "")).fields(t)["id"].(string) + "/refunds"
	for name, c := range map[string][2]string{
		"amount":  {path, `{"refund_no":"R-1","amount":281,"reason":"cold"}`},
		"reason":  {path, `{"refund_no":"R-1","amount":280}`},
		"payment": {elsewhere, `{"refund_no":"R-1","amount":280,"reason":"cold"}`},
	} {
		if a := h.do(t, apple, "POST", c[0], c[1]); a.status != http.StatusUnprocessableEntity || a.fields(t)["code"] != "refund.conflict" {
			t.Errorf("another %s: %d %s", name, a.status, a.body)
		}
	}
	if len(h.refunds) != 1 {
		t.Errorf("%d refunds", len(h.refunds))
	}
}

// A refund that the law turned away moved nothing and never will: a problem, each time the same. One
// that the wallet refused is told as a refund.
func TestRefundsThatFail(t *testing.T) {
	h, _, path := sold(t)
	h.back = func(r *payment.Refund) {
		r.Status, r.Sent, r.Decline = pay.RefundFailed, time.Time{}, payment.Decline{Code: payment.RefundTooMuch, Message: "that is more than is left"}
	}
	away := h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":280}`)
	p := away.fields(t)
	if away.status != http.StatusConflict || p["code"] != "refund.too_much" || p["outcome_known"] != true || p["retry_same"] != false || p["advice"] == "" {
		t.Errorf("turned away: %d %s", away.status, away.body)
	}
	if again := h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":280}`); again.body != away.body {
		t.Errorf("then: %s", again.body)
	}
	h.back = func(r *payment.Refund) {
		r.Status, r.Decline = pay.RefundFailed, payment.Decline{Code: "merchant_balance_low", Message: "the account is empty", Wallet: "NOTENOUGH"}
	}
	a := h.do(t, apple, "POST", path, `{"refund_no":"R-2","amount":280}`)
	v := a.fields(t)
	d, _ := v["decline"].(map[string]any)
	if a.status != http.StatusOK || v["outcome"] != "not_refunded" || d["code"] != "merchant_balance_low" || d["message"] == "" || strings.Contains(a.body, "NOTENOUGH") {
		t.Errorf("refused: %d %s", a.status, a.body)
	}
}

func TestRefundWaits(t *testing.T) {
	h, _, path := sold(t)
	h.back = func(r *payment.Refund) { r.Status = pay.RefundPending }
	if a := h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":280,"wait_ms":0}`); a.status != http.StatusAccepted || a.fields(t)["outcome"] != "unknown" {
		t.Errorf("%d %s", a.status, a.body)
	}
	got := make(chan answer, 1)
	go func() { got <- h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":280,"wait_ms":60000}`) }()
	h.change(func(*payment.Payment) { h.refunds[0].Status, h.refunds[0].RefundedAt = pay.RefundSucceeded, began })
	if a := <-got; a.status != http.StatusOK || a.fields(t)["outcome"] != "refunded" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Every state of a refund has its answer, and in doubt it says what not to do.
func TestEveryRefundStatusHasItsAnswer(t *testing.T) {
	for _, s := range pay.RefundStatuses {
		h, _, path := sold(t)
		h.back = func(r *payment.Refund) { r.Status = s }
		a := h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":1,"wait_ms":0}`)
		v := a.fields(t)
		if (a.status == http.StatusOK) != s.Final() || v["status"] != string(s) || v["outcome"] != string(s.Outcome()) {
			t.Errorf("%s: %d %s", s, a.status, a.body)
		}
		if doubt := s.Outcome() == pay.RefundInDoubt; doubt != strings.Contains(v["advice"].(string), "do not refund again under another number") {
			t.Errorf("%s advises %q", s, v["advice"])
		}
	}
}

func TestRefundRefusals(t *testing.T) {
	h, paymentID, path := sold(t)
	refund := h.do(t, apple, "POST", path, `{"refund_no":"R-1","amount":280}`).fields(t)["id"].(string)
	for name, c := range map[string]struct {
		who                  merchant
		method, target, body string
		status               int
		code                 string
	}{
		"another's payment":      {banana, "POST", path, `{"refund_no":"R-1","amount":1}`, 404, "payment.unknown"},
		"another's payment's":    {banana, "GET", path, "", 404, "payment.unknown"},
		"another's refund":       {banana, "GET", "/v1/refunds/" + refund, "", 404, "refund.unknown"},
		"another's, asked about": {banana, "GET", "/v1/refunds/" + refund + "?refresh=wallet", "", 404, "refund.unknown"},
		"nobody's payment":       {apple, "POST", "/v1/payments/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV/refunds", `{"refund_no":"R-9","amount":1}`, 404, "payment.unknown"},
		"no payment":             {apple, "POST", "/v1/payments/x/refunds", `{"refund_no":"R-9","amount":1}`, 404, "payment.unknown"},
		"no refund":              {apple, "GET", "/v1/refunds/" + paymentID, "", 404, "refund.unknown"},
		"no number":              {apple, "POST", path, `{"amount":1}`, 400, "request.refund_no"},
		"a blank in it":          {apple, "POST", path, `{"refund_no":"R 9","amount":1}`, 400, "request.refund_no"},
		"a long number":          {apple, "POST", path, `{"refund_no":"` + strings.Repeat("9", 65) + `","amount":1}`, 400, "request.refund_no"},
		"no amount":              {apple, "POST", path, `{"refund_no":"R-9"}`, 400, "money.not_positive"},
		"nothing":                {apple, "POST", path, `{"refund_no":"R-9","amount":0}`, 400, "money.not_positive"},
		"less than nothing":      {apple, "POST", path, `{"refund_no":"R-9","amount":-1}`, 400, "money.not_positive"},
		"a half fen":             {apple, "POST", path, `{"refund_no":"R-9","amount":1.5}`, 400, "request.amount"},
		"a currency":             {apple, "POST", path, `{"refund_no":"R-9","amount":1,"currency":"CNY"}`, 400, "request.field"},
		"a long reason":          {apple, "POST", path, `{"refund_no":"R-9","amount":1,"reason":"` + strings.Repeat("冷", 81) + `"}`, 400, "request.reason"},
		"a bell in it":           {apple, "POST", path, `{"refund_no":"R-9","amount":1,"reason":"\u0007"}`, 400, "request.reason"},
		"a long wait":            {apple, "POST", path, `{"refund_no":"R-9","amount":1,"wait_ms":60001}`, 400, "request.wait_ms"},
		"a question beside":      {apple, "POST", path + "?x=1", `{"refund_no":"R-9","amount":1}`, 400, "request.query"},
		"asked about otherwise":  {apple, "GET", "/v1/refunds/" + refund + "?refresh=bank", "", 400, "request.query"},
		"with a body":            {apple, "GET", "/v1/refunds/" + refund, "{}", 400, "request.body"},
	} {
		if a := h.do(t, c.who, c.method, c.target, c.body); a.status != c.status || a.fields(t)["code"] != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if len(h.refunds) != 1 {
		t.Errorf("%d refunds were taken", len(h.refunds))
	}
	if a := h.do(t, apple, "POST", "/v1/refunds/"+refund, ""); a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST to a refund: %d %s", a.status, a.body)
	}
}

// In doubt whether a refund was stored, a merchant must not ask for it under another number.
func TestARefundInDoubt(t *testing.T) {
	h, _, path := sold(t)
	for _, err := range []error{fault.New(fault.InDoubt, "store.lost", "x"), fault.New(fault.Internal, "store.disk", "x")} {
		h.script(func(b *books) { b.fail = err })
		a := h.do(t, apple, "POST", path, `{"refund_no":"R-7","amount":1}`)
		if p := a.fields(t); p["outcome_known"] != false || p["retry_same"] != true || !strings.Contains(p["advice"].(string), "do not refund again under another number") {
			t.Errorf("%v: %d %s", err, a.status, a.body)
		}
	}
}

func TestRefundedAmountIsShown(t *testing.T) {
	h, paymentID, _ := sold(t)
	h.change(func(p *payment.Payment) { p.Refunded, p.Refunding = p.Amount, p.Amount })
	if v := h.do(t, apple, "GET", "/v1/payments/"+paymentID, "").fields(t); v["refunded_amount"] != 1280.0 {
		t.Errorf("%v", v)
	}
}
