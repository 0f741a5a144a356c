package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/gateway"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/pay"
)

func TestPaymentShowsExactlyTheContractsFields(t *testing.T) {
	h := open(t, nil)
	a := h.do(t, apple, "POST", "/v1/payments", order("A-1", `,"metadata":{"b":1,"a":[2]}`))
	p := h.byKey["mer_apple A-1"]
	if p == nil {
		t.Fatalf("not collected: %d %s", a.status, a.body)
	}
	want := `{"id":"` + p.ID + `","order_no":"A-1","status":"succeeded","outcome":"paid","amount":1280,"currency":"CNY",` +
		`"refunded_amount":0,"wallet":"wechat","channel":"chn_wechat","wallet_ref":"4200001","paid_at":"2026-03-01T08:00:01.123Z",` +
		`"decline":null,"advice":"paid: hand over","created_at":"2026-03-01T08:00:00.123Z"}` + "\n"
	if a.status != http.StatusOK || a.body != want || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s\n got %s\nwant %s", a.status, a.header.Get("Content-Type"), a.body, want)
	}
	ask := h.asks[0]
	if ask.Merchant != "mer_apple" || ask.Key != "A-1" || ask.Source != payment.FromAPI || ask.Amount.Fen() != 1280 ||
		ask.Code.Reveal() != secretCode || ask.Subject != "tea" || ask.Metadata != `{"b":1,"a":[2]}` || ask.CodeAge != 0 {
		t.Errorf("asked %+v", ask)
	}
	for _, target := range []string{"/v1/payments/" + p.ID, "/v1/payments/" + p.ID + "?refresh=wallet"} {
		if got := h.do(t, apple, "GET", target, ""); got.status != 200 || got.body != want {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
	if h.refreshed != 1 {
		t.Errorf("the wallet was asked %d times", h.refreshed)
	}
	list := h.do(t, apple, "GET", "/v1/payments?order_no=A-1", "")
	if list.status != 200 || list.body != `{"payments":[`+strings.TrimSpace(want)+"]}\n" {
		t.Errorf("list: %d %s", list.status, list.body)
	}
}

func TestEveryStatusHasItsAnswer(t *testing.T) {
	for _, s := range pay.Statuses {
		h := open(t, nil)
		h.fate = func(p *payment.Payment) {
			p.Status = s
			p.Decline = payment.Decline{Code: "balance_low", Message: "the balance is too low", Wallet: "NOTENOUGH"}
		}
		a := h.do(t, apple, "POST", "/v1/payments", order("A-1", `,"wait_ms":0`))
		want := http.StatusOK
		if !s.Final() {
			want = http.StatusAccepted
		}
		v := a.fields(t)
		if a.status != want || v["status"] != string(s) || v["outcome"] != string(s.Outcome()) || v["advice"] == "" {
			t.Errorf("%s: %d %s", s, a.status, a.body)
		}
		if (v["decline"] != nil) != (s == pay.StatusDeclined) || strings.Contains(a.body, "NOTENOUGH") {
			t.Errorf("%s: decline %v", s, v["decline"])
		}
		if unknown := s.Outcome() == pay.Unknown; unknown != strings.Contains(v["advice"].(string), "do not charge again") {
			t.Errorf("%s advises %q", s, v["advice"])
		}
	}
}

func TestFinalAnswersStayAsTheyWere(t *testing.T) {
	for _, s := range pay.Statuses {
		if s == pay.StatusSucceeded || !s.Final() {
			continue // the first has its wallet's number from the start; the others may change
		}
		h := open(t, nil)
		h.fate = func(p *payment.Payment) { paid(p); p.Status, p.Attempt.WalletRef = s, "" }
		first := h.do(t, apple, "POST", "/v1/payments", order("A-1", ""))
		h.change(func(p *payment.Payment) { // what a later look at the wallet may bring
			p.Attempt.WalletRef, p.Attempt.Status, p.Waiting = "4200001", pay.StatusReversing, true
		})
		if a := h.do(t, apple, "GET", "/v1/payments/"+h.byKey["mer_apple A-1"].ID, ""); a.body != first.body {
			t.Errorf("%s: %s became %s", s, first.body, a.body)
		}
	}
}

func TestIdempotency(t *testing.T) {
	h := open(t, nil)
	first := h.do(t, apple, "POST", "/v1/payments", order("A-1", `,"metadata":{"x":1,"y":2}`))
	for name, same := range map[string]string{
		"the same bytes":    order("A-1", `,"metadata":{"x":1,"y":2}`),
		"another key order": `{"subject":"tea","metadata":{"y":2, "x":1},"code":"` + secretCode + `","amount":1280,"order_no":"A-1"}`,
		"the default said":  order("A-1", `,"metadata":{"x":1,"y":2},"currency":"CNY"`),
		"a longer wait":     order("A-1", `,"metadata":{"x":1,"y":2},"wait_ms":60000`),
	} {
		if a := h.do(t, apple, "POST", "/v1/payments", same); a.status != first.status || a.body != first.body {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	whole := order("A-1", `,"metadata":{"x":1,"y":2}`)
	for name, other := range map[string]string{
		"amount":   strings.Replace(whole, "1280", "1281", 1),
		"code":     strings.Replace(whole, secretCode, "130061098828009407", 1),
		"subject":  strings.Replace(whole, "tea", "toe", 1),
		"metadata": strings.Replace(whole, `"x":1`, `"x":3`, 1),
		"store":    strings.Replace(whole, `"subject"`, `"store":"sto_01ARZ3NDEKTSV4RRFFQ69G5FAV","subject"`, 1),
		"terminal": strings.Replace(whole, `"subject"`, `"terminal":"trm_01ARZ3NDEKTSV4RRFFQ69G5FAV","subject"`, 1),
	} {
		a := h.do(t, apple, "POST", "/v1/payments", other)
		if a.status != http.StatusUnprocessableEntity || a.fields(t)["code"] != "payment.order_conflict" {
			t.Errorf("another %s: %d %s", name, a.status, a.body)
		}
	}
	if a := h.do(t, banana, "POST", "/v1/payments", strings.Replace(whole, "1280", "99", 1)); a.status != 200 {
		t.Errorf("another merchant's same number: %d %s", a.status, a.body)
	}
	if h.collected != 2 {
		t.Errorf("%d payments were collected", h.collected)
	}
}

func TestFiftyEqualRequestsAtOnce(t *testing.T) {
	h := open(t, nil)
	h.script(func(b *books) { b.fate = func(*payment.Payment) {} })
	h.script(func(b *books) { b.awaiting = make(chan context.Context) })
	const n = 50
	answers, errs := make([]answer, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			c := newCall("POST", "/v1/payments", order("A-1", `,"wait_ms":60000`))
			answers[i], errs[i] = h.try(c, apple.sign(c))
		})
	}
	for range n {
		<-h.awaiting
	}
	h.change(paid)
	wg.Wait()
	for i, a := range answers {
		if errs[i] != nil || a.status != 200 || a.body != answers[0].body || h.verify(apple, a) != nil {
			t.Errorf("%d: %v %d %s", i, errs[i], a.status, a.body)
		}
	}
	if h.collected != 1 {
		t.Errorf("%d payments were collected", h.collected)
	}
}

func TestWaiting(t *testing.T) {
	h := open(t, func(c *gateway.Config, _ *gateway.Deps) { c.Limits.BodyTimeout = 100 * time.Millisecond })
	h.fate = func(p *payment.Payment) { p.Waiting = true }
	h.script(func(b *books) { b.awaiting = make(chan context.Context, 1) })
	// The wait is longer than the time allowed for reading the body, whose deadline must not end it.
	a := h.do(t, apple, "POST", "/v1/payments", order("A-1", `,"wait_ms":250`))
	if a.status != http.StatusAccepted || !strings.Contains(a.body, "confirming in the wallet") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if err := (<-h.awaiting).Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the wait ended by %v", err)
	}
	h.change(paid)
	if a := h.do(t, apple, "POST", "/v1/payments", order("A-1", "")); a.status != 200 {
		t.Errorf("after the end: %d %s", a.status, a.body)
	}
}

func TestCancel(t *testing.T) {
	h := open(t, nil)
	h.script(func(b *books) { b.fate = func(*payment.Payment) {} })
	h.do(t, apple, "POST", "/v1/payments", order("A-1", `,"wait_ms":0`))
	target := "/v1/payments/" + h.byKey["mer_apple A-1"].ID + "/cancel"
	h.script(func(b *books) { b.awaiting = make(chan context.Context) })
	done := make(chan answer)
	go func() {
		c := newCall("POST", target, "")
		a, _ := h.try(c, apple.sign(c))
		done <- a
	}()
	<-h.awaiting
	h.change(func(p *payment.Payment) { p.Status = pay.StatusReversed })
	if a := <-done; a.status != 200 || a.fields(t)["outcome"] != "not_paid" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := h.do(t, apple, "POST", target, "{}"); a.status != 200 {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	h.change(paid)
	a := h.do(t, apple, "POST", target, "")
	if a.status != http.StatusConflict || !strings.Contains(a.body, "refund") {
		t.Errorf("of a paid one: %d %s", a.status, a.body)
	}
	if a := h.do(t, apple, "POST", target, `{"force":true}`); a.status != 400 {
		t.Errorf("with a body: %d %s", a.status, a.body)
	}
}

func TestMerchantsDoNotSeeEachOther(t *testing.T) {
	h := open(t, nil)
	h.do(t, apple, "POST", "/v1/payments", order("A-1", ""))
	id := h.byKey["mer_apple A-1"].ID
	var told []string
	for _, c := range [][2]string{
		{"GET", "/v1/payments/" + id}, {"GET", "/v1/payments/" + id + "?refresh=wallet"}, {"POST", "/v1/payments/" + id + "/cancel"},
		{"GET", "/v1/payments/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV"}, {"GET", "/v1/payments/nonsense"},
	} {
		a := h.do(t, banana, c[0], c[1], "")
		if a.status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", c[0], c[1], a.status, a.body)
		}
		told = append(told, a.body)
	}
	for _, body := range told {
		if body != told[0] {
			t.Errorf("a foreign payment is told from none:\n%s%s", body, told[0])
		}
	}
	if a := h.do(t, banana, "GET", "/v1/payments?order_no=A-1", ""); a.body != `{"payments":[]}`+"\n" {
		t.Errorf("list: %s", a.body)
	}
}

func TestDrainAnswersWaitingPayments(t *testing.T) {
	h := open(t, nil)
	h.script(func(b *books) { b.fate = func(*payment.Payment) {} })
	h.script(func(b *books) { b.awaiting = make(chan context.Context) })
	done := make(chan answer)
	go func() {
		c := newCall("POST", "/v1/payments", order("A-1", `,"wait_ms":60000`))
		a, _ := h.try(c, apple.sign(c))
		done <- a
	}()
	<-h.awaiting
	stopped := make(chan error)
	go func() { stopped <- h.stop() }()
	if a := <-done; a.status != http.StatusAccepted || h.verify(apple, a) != nil {
		t.Errorf("%d %s", a.status, a.body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := h.try(newCall("GET", "/healthz", "")); err == nil {
		t.Error("the door still answers")
	}
}
