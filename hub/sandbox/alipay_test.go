package sandbox_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAlipayAnswerOfAPayment(t *testing.T) {
	l := start(t)
	f := l.alipayPay("A1", l.code("alipay", "00")).with("store_id", `"sign":"<&>"`)
	got, word := l.alipay("alipay.trade.pay", f)
	if word != "10000" {
		t.Fatalf("%s %v", word, got)
	}
	want := fields{"msg": "Success", "out_trade_no": "A1", "total_amount": "1.00", "receipt_amount": "1.00", "buyer_pay_amount": "1.00",
		"gmt_payment": "2026-01-01 12:00:00", "terminal_id": "till 1", "store_id": `"sign":"<&>"`, "trade_status": ""}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
	ref := got["trade_no"]
	if lines := l.ledger(); len(lines) != 1 || lines[0].WalletRef != ref || lines[0].Mch != l.Alipay.AppID || !lines[0].At.Equal(began) {
		t.Errorf("the ledger says %+v", lines)
	}
	got, word = l.alipay("alipay.trade.query", fields{"out_trade_no": "other", "trade_no": ref})
	if word != "TRADE_SUCCESS" || got["out_trade_no"] != "A1" || got["send_pay_date"] != "2026-01-01 12:00:00" {
		t.Errorf("by trade_no: %s %v", word, got)
	}
	if _, word := l.alipay("alipay.trade.cancel", fields{"trade_no": ref}); word != "refund" {
		t.Errorf("cancel by trade_no: %s", word)
	}
	for _, method := range []string{"alipay.trade.query", "alipay.trade.cancel"} {
		if _, word := l.alipay(method, fields{"trade_no": "2026010122001400000000000099"}); word != "ACQ.TRADE_NOT_EXIST" {
			t.Errorf("%s by an unknown trade_no: %s", method, word)
		}
	}
	got, word = l.alipay("alipay.trade.pay", l.alipayPay("A2", l.code("alipay", "50")))
	if word != "ACQ.BUYER_BALANCE_NOT_ENOUGH" || got["code"] != "40004" || got["receipt_amount"] != "0.00" || got["out_trade_no"] != "A2" {
		t.Errorf("a refusal: %v", got)
	}
	got, word = l.alipay("alipay.trade.pay", l.alipayPay("A3", l.code("alipay", "90")))
	if word != "isv.app-call-limited" || got["code"] != "40005" {
		t.Errorf("a rate limit: %v", got)
	}
}

// TestAlipayRefuses changes one field of a good biz_content at a time.
func TestAlipayRefuses(t *testing.T) {
	l := start(t)
	const bad, ok = "ACQ.INVALID_PARAMETER", "10000"
	long := func(n int) string { return strings.Repeat("字", n) }
	cases := []struct {
		name  string
		value any // nil takes the field away
		want  string
	}{
		{"out_trade_no", nil, bad}, {"out_trade_no", "", bad}, {"out_trade_no", "a-b", bad}, {"out_trade_no", strings.Repeat("a", 65), bad}, {"out_trade_no", 1, bad},
		{"out_trade_no", "alipay_trade_pay_response", "isv.invalid-parameter"}, {"out_trade_no", strings.Repeat("a", 64), ok},
		{"scene", "security_code", bad}, {"scene", nil, ok}, {"product_code", "QUICK_WAP_WAY", bad}, {"product_code", "FACE_TO_FACE_PAYMENT", ok},
		{"auth_code", nil, bad}, {"auth_code", long(65), bad}, {"auth_code", "123456789012345600", "ACQ.PAYMENT_AUTH_CODE_INVALID"}, {"auth_code", "2834567890123400 ", "ACQ.PAYMENT_AUTH_CODE_INVALID"},
		{"auth_code", "283456789012300", "ACQ.PAYMENT_AUTH_CODE_INVALID"}, {"auth_code", "2500000000000000000000000", "ACQ.PAYMENT_AUTH_CODE_INVALID"},
		{"auth_code", "2500000000000000", ok}, {"auth_code", "300000000000000000000000", ok}, {"auth_code", "3100000000000000", "ACQ.PAYMENT_AUTH_CODE_INVALID"},
		{"subject", nil, bad}, {"subject", "", bad}, {"subject", "a/b", bad}, {"subject", "a=b", bad}, {"subject", "a&b", bad}, {"subject", long(257), bad}, {"subject", long(256), ok},
		{"total_amount", nil, bad}, {"total_amount", "0", bad}, {"total_amount", "0.00", bad}, {"total_amount", "-1", bad}, {"total_amount", "1.001", bad}, {"total_amount", "1e2", bad},
		{"total_amount", "１", bad}, {"total_amount", " 1", bad}, {"total_amount", "100000000.01", bad}, {"total_amount", true, bad}, {"total_amount", []string{"1"}, bad},
		{"total_amount", "100000000", ok}, {"total_amount", "0.01", ok}, {"total_amount", "1.5", ok}, {"total_amount", json.Number("1.5"), ok},
		{"seller_id", "2088000000000000", bad}, {"seller_id", l.Alipay.SellerID, ok},
		{"timeout_express", "30s", bad}, {"timeout_express", "16d", bad}, {"timeout_express", "2m", ok}, {"timeout_express", "1c", ok},
		{"time_expire", "20260101120500", bad}, {"time_expire", "2026-01-01 12:00:00", "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"}, {"time_expire", "2026-01-01 04:05:00", "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"},
		{"time_expire", "2026-01-01 12:00:01", ok}, {"body", long(129), bad}, {"operator_id", long(29), bad}, {"store_id", long(33), bad}, {"terminal_id", long(33), bad},
		{"extend_params", "x", bad}, {"extend_params", map[string]string{"sys_service_provider_id": "1"}, ok}, {"passback_params", long(513), bad},
		{"goods_detail", map[string]string{}, bad}, {"goods_detail", []map[string]any{{"goods_id": "1", "goods_name": "x", "quantity": 1, "price": "1.00"}}, ok},
		{"goods_detail", []map[string]any{{"goods_id": "1", "goods_name": "x", "price": "1.00"}}, bad}, {"goods_detail", []map[string]any{{"goods_id": "1", "goods_name": "x", "quantity": 0, "price": "1.00"}}, bad},
		{"goods_detail", []map[string]any{{"goods_id": "1", "goods_name": "x", "quantity": 1, "price": "1.00", "colour": "red"}}, bad},
		{"Subject", "x", bad}, {"unknown", "x", bad}, {"trade_no", "x", bad},
	}
	for _, c := range cases {
		biz := map[string]any{}
		for k, v := range l.alipayPay(l.number(), l.code("alipay", "00")) {
			biz[k] = v
		}
		if biz[c.name] = c.value; c.value == nil {
			delete(biz, c.name)
		}
		if got, word := l.alipayRaw("alipay.trade.pay", l.alipayParams("alipay.trade.pay", biz)); word != c.want {
			t.Errorf("%s=%.40v: %s %v, want %s", c.name, c.value, word, got, c.want)
		}
	}
	for _, method := range []string{"alipay.trade.query", "alipay.trade.cancel"} {
		for _, biz := range []fields{{}, {"out_trade_no": ""}, {"out_trade_no": "a-b"}, {"out_trade_no": "a", "subject": "x"}} {
			if got, word := l.alipay(method, biz); word != bad {
				t.Errorf("%s %v: %s %v", method, biz, word, got)
			}
		}
	}
}

// TestAlipayCommonParameters changes one common parameter of a good request at a time; sign means
// that the change is signed.
func TestAlipayCommonParameters(t *testing.T) {
	l := start(t)
	const pay = "alipay.trade.pay"
	good := l.alipayParams(pay, l.alipayPay("P1", l.code("alipay", "00")))
	cases := []struct {
		name, value string
		sign        bool
		want        string
	}{
		{"method", "", true, "isv.missing-method"}, {"method", "a b", true, "isv.invalid-method"}, {"method", "alipay.trade.create", true, "isv.invalid-method"},
		{"app_id", "", true, "unsigned isv.missing-app-id"}, {"app_id", "2021000000000000", true, "unsigned isv.invalid-app-id"},
		{"sign_type", "", true, "isv.missing-signature-type"}, {"sign_type", "RSA", true, "isv.invalid-signature-type"},
		{"sign", "", false, "isv.missing-signature"}, {"sign", "AAAA", false, "isv.invalid-signature"},
		{"charset", "gbk", true, "isv.invalid-charset"}, {"charset", "", true, "isv.invalid-charset"}, {"charset", "UTF-8", true, "10000"},
		{"version", "", true, "isv.missing-version"}, {"version", "2.0", true, "isv.invalid-parameter"}, {"format", "XML", true, "isv.invalid-format"}, {"format", "JSON", true, "10000"},
		{"timestamp", "", true, "isv.missing-timestamp"}, {"timestamp", "2026-01-01T12:00:00", true, "isv.invalid-timestamp"},
		{"timestamp", "2026-01-01 04:00:00", true, "isv.invalid-timestamp"}, // UTC
		{"timestamp", "2026-01-01 12:10:01", true, "isv.invalid-timestamp"}, {"timestamp", "2026-01-01 11:50:00", true, "10000"},
		{"encrypt_type", "AES", true, "isv.invalid-encrypt-type"}, {"app_cert_sn", "x", true, "isv.missing-signature-config"}, {"app_auth_token", "x", true, "aop.invalid-app-auth-token"},
		{"biz_content", "", true, "isv.invalid-parameter"}, {"biz_content", "{", true, "isv.invalid-parameter"}, {"biz_content", "null", true, "isv.invalid-parameter"},
		{"biz_content", `{"out_trade_no":"a","out_trade_no":"b"}`, true, "isv.invalid-parameter"}, {"biz_content", strings.Repeat("[", 100), true, "isv.invalid-parameter"},
		{"biz_content", strings.Replace(good["biz_content"], "1.00", "0.01", 1), false, "isv.invalid-signature"},
		{"version", "1.1", false, "isv.invalid-signature"}, {"notify_url", "http://x", false, "isv.invalid-signature"}, {"notify_url", "http://x", true, "10000"},
		{"timestamp", "2026-01-01 12:00:01", false, "isv.invalid-signature"}, {"unknown", "x", true, "10000"},
	}
	for _, c := range cases {
		f := good.with(c.name, c.value)
		if c.sign {
			f = l.alipaySigned(f.without("sign"))
		}
		method := f["method"]
		if got, word := l.alipayRaw(method, f); strings.TrimPrefix(word, "unsigned ") != strings.TrimPrefix(c.want, "unsigned ") ||
			strings.HasPrefix(c.want, "unsigned") && word != c.want {
			t.Errorf("%s=%.40s signed %t: %s %v, want %s", c.name, c.value, c.sign, word, got, c.want)
		}
	}
	if lines := l.ledger(); len(lines) != 1 {
		t.Errorf("the ledger has %d lines", len(lines))
	}
}

// TestAlipayParametersStandOnce: where they stand does not matter, standing twice does.
func TestAlipayParametersStandOnce(t *testing.T) {
	l := start(t)
	const pay = "alipay.trade.pay"
	good := l.alipayParams(pay, l.alipayPay("P1", l.code("alipay", "00")))
	values := url.Values{}
	for k, v := range good {
		values.Set(k, v)
	}
	if _, word := l.alipayBytes(pay, "", values.Encode()); word != "10000" {
		t.Errorf("all in the form: %s", word)
	}
	if _, word := l.alipayBytes(pay, values.Encode(), ""); word != "10000" {
		t.Errorf("all in the query: %s", word)
	}
	for name, q := range map[string][2]string{"both": {values.Encode(), "version=1.0"}, "query": {values.Encode() + "&version=1.0", ""}, "broken escape": {values.Encode() + "&x=%zz", ""}} {
		if _, word := l.alipayBytes(pay, q[0], q[1]); word != "unsigned isv.invalid-parameter" {
			t.Errorf("twice, %s: %s", name, word)
		}
	}
	if status, _, _ := l.send(l.bare, "GET", "https://"+l.s.Addr()+"/alipay/gateway.do?"+values.Encode(), "", nil); status != 405 {
		t.Errorf("GET: %d", status)
	}
	if _, word := l.alipayBytes(pay, values.Encode(), strings.Repeat("x", 64<<10+1)); word != "413" {
		t.Errorf("above 64 KiB: %s", word)
	}
}

// TestAlipayWantsTheMerchantsKey: until a merchant gives one, nothing of theirs verifies.
func TestAlipayWantsTheMerchantsKey(t *testing.T) {
	l := start(t)
	const pay = "alipay.trade.pay"
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "keyless"}, &l.merchant)
	if _, word := l.alipay(pay, l.alipayPay("P2", "280000000000000000")); word != "isv.missing-signature-key" {
		t.Errorf("without a key: %s", word)
	}
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "keyless", "alipay_public_key": string(testdata("app_rsa.pub.pem"))}, nil)
	if _, word := l.alipay(pay, l.alipayPay("P2", "280000000000000000")); word != "10000" {
		t.Errorf("with a key: %s", word)
	}
}

func TestAlipayOneNumber(t *testing.T) {
	l := start(t)
	f := l.alipayPay("B1", l.code("alipay", "00"))
	if _, word := l.alipay("alipay.trade.pay", f); word != "10000" {
		t.Fatal(word)
	}
	for name, value := range map[string]string{"total_amount": "1.01", "subject": "x", "auth_code": l.code("alipay", "00"), "terminal_id": "till 2", "store_id": "1", "timeout_express": "5m"} {
		if _, word := l.alipay("alipay.trade.pay", f.with(name, value)); word != "ACQ.CONTEXT_INCONSISTENT" {
			t.Errorf("%s changed: %s", name, word)
		}
	}
	l.clock.advance(time.Hour)
	if _, word := l.alipay("alipay.trade.pay", f); word != "10000" {
		t.Errorf("the same again: %s", word)
	}
	if lines := l.ledger(); len(lines) != 1 {
		t.Errorf("the ledger has %d lines", len(lines))
	}
	l.clock.advance(23*time.Hour + time.Millisecond)
	if _, word := l.alipay("alipay.trade.cancel", fields{"out_trade_no": "B1"}); word != "ACQ.TRADE_CANCEL_TIME_OUT" {
		t.Errorf("cancel after a day: %s", word)
	}
}

// TestAlipayCancelBurns cancels a number before it was ever paid: the payment that arrives late is refused.
func TestAlipayCancelBurns(t *testing.T) {
	l := start(t)
	for _, scenario := range []string{"00", "61", "80", "90"} {
		number, code := l.number(), l.code("alipay", scenario)
		if scenario == "80" || scenario == "90" { // known to the sandbox, not to the wallet
			l.alipay("alipay.trade.pay", l.alipayPay(number, code))
			l.clock.advance(10 * time.Second)
		}
		for range 2 {
			got, word := l.alipay("alipay.trade.cancel", fields{"out_trade_no": number})
			if word != "" || got["code"] != "10000" || got["retry_flag"] != "N" || got["trade_no"] != "" {
				t.Errorf("%s: cancel gave %q %v", scenario, word, got)
			}
			if _, word := l.alipay("alipay.trade.pay", l.alipayPay(number, code)); word != "ACQ.TRADE_HAS_CLOSE" {
				t.Errorf("%s: the late payment: %s", scenario, word)
			}
			if _, word := l.alipay("alipay.trade.query", fields{"out_trade_no": number}); word != "ACQ.TRADE_NOT_EXIST" {
				t.Errorf("%s: the query: %s", scenario, word)
			}
		}
	}
	if lines := l.ledger(); len(lines) != 0 {
		t.Errorf("something was charged: %+v", lines)
	}
}
