package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

var (
	shownPay = wire.Pay{Key: "sale_1", OrderNo: "A-1", Amount: 1280, Currency: "CNY", ScannedAt: at, Mode: wire.ModeQR, Wallet: pay.WeChat}

	shownResult = wire.Result{Key: "sale_1", PaymentID: "pay_1", Status: pay.StatusPending, Outcome: pay.Unknown, Amount: 1280,
		Wallet: pay.WeChat, QR: "weixin://wxpay/bizpayurl?pr=p4lpSuKzz", QRUntil: &at}
)

func decode[T any](t *testing.T, body any) error {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	_, err = wire.Decode[T](wire.Envelope{Body: raw})
	return err
}

// TestWhatAPayMayAskFor: a code is shown or scanned, never both, and of wallets that show one.
func TestWhatAPayMayAskFor(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*wire.Pay)
		good   bool
	}{
		"shown":               {func(*wire.Pay) {}, true},
		"shown, any wallet":   {func(p *wire.Pay) { p.Wallet = "" }, true},
		"shown, UnionPay":     {func(p *wire.Pay) { p.Wallet = pay.UnionPay }, true},
		"scanned":             {func(p *wire.Pay) { p.Mode, p.Wallet, p.Code = "", "", "130061098828009406" }, true},
		"both":                {func(p *wire.Pay) { p.Code = "130061098828009406" }, false},
		"shown, with an age":  {func(p *wire.Pay) { p.CodeAgeMS = 1 }, false},
		"shown, deferred":     {func(p *wire.Pay) { p.DeferredAt = &at }, false},
		"shown, stored value": {func(p *wire.Pay) { p.Wallet = pay.StoredValue }, false},
		"shown, nobody's":     {func(p *wire.Pay) { p.Wallet = pay.Wallet(strings.Repeat("x", 4000)) }, false},
		"scanned, named":      {func(p *wire.Pay) { p.Mode, p.Code = "", "130061098828009406" }, false},
		"another mode":        {func(p *wire.Pay) { p.Mode = "QR" }, false},
	} {
		p := shownPay
		c.change(&p)
		if err := p.Check(); (err == nil) != c.good || err != nil && (fault.KindOf(err) != fault.Invalid || len(err.Error()) > 300) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := wire.Seal(wire.Envelope{Kind: wire.KindPay, ID: "msg_1", At: at}, p, terminal, wire.Up, key); (err == nil) != c.good {
			t.Errorf("%s, sealed: %v", name, err)
		}
	}
}

// TestWhatACodeMayBe: what a till would draw on its screen is bounded, printable, and still of use.
func TestWhatACodeMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*wire.Result)
		good   bool
	}{
		"shown":             {func(*wire.Result) {}, true},
		"created":           {func(r *wire.Result) { r.Status = pay.StatusCreated }, true},
		"unknown":           {func(r *wire.Result) { r.Status = pay.StatusUnknown }, true},
		"the password":      {func(r *wire.Result) { r.Waiting = true }, true},
		"none":              {func(r *wire.Result) { r.QR, r.QRUntil = "", nil }, true},
		"the longest":       {func(r *wire.Result) { r.QR = strings.Repeat("~", wire.MaxQR) }, true},
		"too long":          {func(r *wire.Result) { r.QR = strings.Repeat("~", wire.MaxQR+1) }, false},
		"no end":            {func(r *wire.Result) { r.QRUntil = nil }, false},
		"a zero end":        {func(r *wire.Result) { r.QRUntil = &time.Time{} }, false},
		"only an end":       {func(r *wire.Result) { r.QR = "" }, false},
		"a blank":           {func(r *wire.Result) { r.QR = "weixin://a b" }, false},
		"a control sign":    {func(r *wire.Result) { r.QR = "weixin://\x1b[2J" }, false},
		"beyond ASCII":      {func(r *wire.Result) { r.QR = "weixin://付款" }, false},
		"paid":              {func(r *wire.Result) { r.Status, r.Outcome = pay.StatusSucceeded, pay.Paid }, false},
		"being undone":      {func(r *wire.Result) { r.Status = pay.StatusReversing }, false},
		"closed":            {func(r *wire.Result) { r.Status, r.Outcome = pay.StatusClosed, pay.NotPaid }, false},
		"of no payment":     {func(r *wire.Result) { r.PaymentID = "" }, false},
		"paid, without one": {func(r *wire.Result) { r.Status, r.Outcome, r.QR, r.QRUntil = pay.StatusSucceeded, pay.Paid, "", nil }, true},
	} {
		r := shownResult
		c.change(&r)
		if err := decode[wire.Result](t, r); (err == nil) != c.good || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
