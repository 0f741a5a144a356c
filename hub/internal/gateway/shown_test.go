package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/pay"
)

const showOrder = `{"order_no":"A-1","amount":1280,"subject":"tea","mode":"qr","wallet":"wechat"}`

// A merchant who asks for a QR has it in the first answer, in each repetition and in each reading, until it is not
// to be shown any more.
func TestAQRIsShownUntilItIsNot(t *testing.T) {
	h := open(t, nil)
	h.fate = func(p *payment.Payment) { p.Attempt.Status, p.Attempt.QR = pay.StatusPending, "weixin://wxpay/x" }
	a := h.do(t, apple, "POST", "/v1/payments", showOrder)
	v := a.fields(t)
	if a.status != http.StatusAccepted || v["qr"] != "weixin://wxpay/x" || v["qr_until"] != "2026-03-01T08:06:00.123Z" || v["outcome"] != "unknown" ||
		!strings.Contains(v["advice"].(string), "do not charge again") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if ask := h.asks[0]; !ask.Shown || ask.Wallet != pay.WeChat || !ask.Code.IsZero() || ask.CodeAge != 0 {
		t.Errorf("asked %+v", ask)
	}
	one := "/v1/payments/" + v["id"].(string)
	for _, again := range []answer{h.do(t, apple, "POST", "/v1/payments", showOrder), h.do(t, apple, "GET", one, ""), h.do(t, apple, "GET", one+"?refresh=wallet", "")} {
		if again.body != a.body {
			t.Errorf("%s became %s", a.body, again.body)
		}
	}
	for name, other := range map[string]string{
		"wallet": strings.Replace(showOrder, `"wechat"`, `"alipay"`, 1), "no wallet": strings.Replace(showOrder, `,"wallet":"wechat"`, "", 1),
		"a code": order("A-1", ""),
	} {
		if got := h.do(t, apple, "POST", "/v1/payments", other); got.status != http.StatusUnprocessableEntity {
			t.Errorf("another %s: %d %s", name, got.status, got.body)
		}
	}
	cancelled := h.do(t, apple, "POST", one+"/cancel", "")
	h.change(func(p *payment.Payment) { p.Attempt.Status = p.Status })
	for _, s := range []pay.Status{pay.StatusReversing, pay.StatusReversed, pay.StatusSucceeded, pay.StatusDeclined, pay.StatusClosed} {
		h.change(func(p *payment.Payment) { p.Status, p.Attempt.Status = s, s })
		if got := h.do(t, apple, "GET", one, ""); strings.Contains(got.body, "qr") {
			t.Errorf("%s still shows it: %s", s, got.body)
		}
	}
	if cancelled.status != http.StatusAccepted {
		t.Errorf("cancelled: %d %s", cancelled.status, cancelled.body)
	}
}
