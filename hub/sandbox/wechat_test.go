package sandbox_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWeChatAnswerOfAPayment(t *testing.T) {
	l := start(t)
	for _, kind := range []string{"", "MD5", "HMAC-SHA256"} {
		f := l.wechatPay(l.number(), l.code("wechat", "00")).with("sign_type", kind)
		got, word := l.wechat("pay/micropay", f)
		if word != "SUCCESS" {
			t.Fatalf("sign_type %q: %s %v", kind, word, got)
		}
		if len(got["sign"]) != map[string]int{"": 32, "MD5": 32, "HMAC-SHA256": 64}[kind] {
			t.Errorf("sign_type %q: the answer's signature is %s", kind, got["sign"])
		}
		want := fields{"appid": l.WeChat.AppID, "mch_id": l.WeChat.MchID, "out_trade_no": f["out_trade_no"], "total_fee": "100", "cash_fee": "100",
			"fee_type": "CNY", "trade_type": "MICROPAY", "time_end": "20260101120000", "attach": "a]]>b", "device_info": "till 1", "is_subscribe": "N"}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s is %q, want %q", name, got[name], value)
			}
		}
		ref := got["transaction_id"]
		lines := l.ledger()
		if last := lines[len(lines)-1]; last.WalletRef != ref || last.Mch != l.WeChat.MchID || len(ref) != 28 {
			t.Errorf("the ledger says %+v, the answer %s", last, ref)
		}
		// The wallet's own number finds the order too, and wins over ours.
		byRef := l.wechatRef("no-such-number").with("transaction_id", ref)
		if got, word := l.wechat("pay/orderquery", byRef); word != "SUCCESS" || got["out_trade_no"] != f["out_trade_no"] || got["trade_state_desc"] == "" {
			t.Errorf("by transaction_id: %s %v", word, got)
		}
		if _, word := l.wechat("secapi/pay/reverse", byRef.without("out_trade_no")); word != "N" {
			t.Errorf("reverse by transaction_id: %s", word)
		}
	}
	for _, ref := range []string{"1", "4200000001202601010000000001", "4200000001202601019999999999", "4200000002202601010000000001"} {
		want := "ORDERNOTEXIST"
		if ref == "4200000001202601010000000001" {
			want = "REVOKED"
		}
		if _, word := l.wechat("pay/orderquery", l.wechatRef("").with("transaction_id", ref)); word != want {
			t.Errorf("transaction_id %s: %s, want %s", ref, word, want)
		}
	}
}

// TestWeChatRefuses changes one thing of a good request at a time, before it is signed.
func TestWeChatRefuses(t *testing.T) {
	l := start(t)
	var other merchant
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "other"}, &other)
	long := func(n int) string { return strings.Repeat("字", n) }
	cases := []struct{ name, value, want string }{
		{"appid", "", "gate LACK_PARAMS"}, {"mch_id", "", "gate LACK_PARAMS"}, {"nonce_str", "", "gate LACK_PARAMS"}, {"body", "", "gate LACK_PARAMS"},
		{"out_trade_no", "", "gate LACK_PARAMS"}, {"total_fee", "", "gate LACK_PARAMS"}, {"spbill_create_ip", "", "gate LACK_PARAMS"}, {"auth_code", "", "gate LACK_PARAMS"},
		{"mch_id", "1900000000", "gate MCHID_NOT_EXIST"}, {"mch_id", other.WeChat.MchID, "gate SIGNERROR"},
		{"appid", "wx0000", "APPID_NOT_EXIST"}, {"appid", other.WeChat.AppID, "APPID_MCHID_NOT_MATCH"},
		{"sign_type", "RSA", "gate SIGNERROR"}, {"sign_type", "md5", "gate SIGNERROR"},
		{"nonce_str", long(33), "PARAM_ERROR"}, {"nonce_str", long(32), "SUCCESS"},
		{"body", long(129), "PARAM_ERROR"}, {"body", long(128), "SUCCESS"},
		{"detail", `{"x":"` + long(5992) + `"}`, "SUCCESS"}, {"detail", `{"x":"` + long(5993) + `"}`, "PARAM_ERROR"}, {"detail", "[]", "PARAM_ERROR"}, {"detail", "{", "PARAM_ERROR"},
		{"attach", long(128), "PARAM_ERROR"}, {"attach", long(127), "SUCCESS"}, {"device_info", long(33), "PARAM_ERROR"}, {"goods_tag", long(33), "PARAM_ERROR"},
		{"out_trade_no", strings.Repeat("a", 33), "PARAM_ERROR"}, {"out_trade_no", "a b", "PARAM_ERROR"}, {"out_trade_no", "a/b", "PARAM_ERROR"}, {"out_trade_no", "字", "PARAM_ERROR"},
		{"out_trade_no", "A_-|*@z9", "SUCCESS"},
		{"total_fee", "0", "PARAM_ERROR"}, {"total_fee", "-1", "PARAM_ERROR"}, {"total_fee", "+1", "PARAM_ERROR"}, {"total_fee", "1.00", "PARAM_ERROR"}, {"total_fee", "01", "PARAM_ERROR"},
		{"total_fee", "1e2", "PARAM_ERROR"}, {"total_fee", "１", "PARAM_ERROR"}, {"total_fee", "10000000001", "PARAM_ERROR"}, {"total_fee", "99999999999999999999", "PARAM_ERROR"},
		{"total_fee", "10000000000", "SUCCESS"}, {"total_fee", "1", "SUCCESS"},
		{"fee_type", "USD", "PARAM_ERROR"}, {"fee_type", "CNY", "SUCCESS"},
		{"spbill_create_ip", "localhost", "PARAM_ERROR"}, {"spbill_create_ip", "1.2.3", "PARAM_ERROR"}, {"spbill_create_ip", "fe80::1%eth0", "PARAM_ERROR"}, {"spbill_create_ip", "::1", "SUCCESS"},
		{"limit_pay", "x", "PARAM_ERROR"}, {"limit_pay", "no_credit", "SUCCESS"}, {"receipt", "N", "PARAM_ERROR"}, {"profit_sharing", "y", "PARAM_ERROR"}, {"deposit", "N", "PARAM_ERROR"},
		{"version", "2.0", "PARAM_ERROR"}, {"scene_info", "x", "PARAM_ERROR"}, {"scene_info", `{"store_info":{"id":"1"}}`, "SUCCESS"},
		{"time_expire", "20260101120200 ", "PARAM_ERROR"}, {"time_expire", "2026-01-01", "PARAM_ERROR"}, {"time_expire", "20260230000000", "PARAM_ERROR"},
		// China time: noon is now.
		{"time_expire", "20260101115959", "PARAM_ERROR"}, {"time_expire", "20260101120000", "PARAM_ERROR"}, {"time_expire", "20260101040200", "PARAM_ERROR"}, {"time_expire", "20260101120001", "SUCCESS"},
		{"time_start", "x", "PARAM_ERROR"},
		{"auth_code", "12345678901234567", "AUTH_CODE_INVALID"}, {"auth_code", "1234567890123456789", "AUTH_CODE_INVALID"}, {"auth_code", "163456789012345600", "AUTH_CODE_INVALID"},
		{"auth_code", "283456789012345600", "AUTH_CODE_INVALID"}, {"auth_code", "12345678901234560x", "AUTH_CODE_INVALID"}, {"auth_code", " 123456789012345600", "AUTH_CODE_INVALID"},
		{"auth_code", "１23456789012345600", "AUTH_CODE_INVALID"}, {"auth_code", "x", "AUTH_CODE_INVALID"},
		{"sub_mch_id", "1", "NOAUTH"}, {"sub_appid", "1", "LACK_PARAMS"}, {"unknown", "1", "PARAM_ERROR"}, {"transaction_id", "1", "PARAM_ERROR"},
	}
	for i, c := range cases {
		f := l.wechatPay(fmt.Sprintf("S%07d", i), l.code("wechat", "00")).with(c.name, c.value)
		if got, word := l.wechat("pay/micropay", f); word != c.want {
			t.Errorf("%s=%.40s: %s %v, want %s", c.name, c.value, word, got, c.want)
		}
	}
	f := l.wechatPay("SX", l.code("wechat", "00")).with("time_start", "20260101120100")
	if _, word := l.wechat("pay/micropay", f.with("time_expire", "20260101120200")); word != "PARAM_ERROR" {
		t.Errorf("an expiry one minute after the start: %s", word)
	}
	if _, word := l.wechat("pay/micropay", f.with("time_expire", "20260101120201")); word != "SUCCESS" {
		t.Errorf("an expiry 61 s after the start: %s", word)
	}
	for _, path := range []string{"pay/orderquery", "secapi/pay/reverse"} {
		for _, c := range []struct{ name, value, want string }{
			{"out_trade_no", "", "LACK_PARAMS"}, {"out_trade_no", "a b", "PARAM_ERROR"}, {"transaction_id", "x", "PARAM_ERROR"}, {"nonce_str", "", "gate LACK_PARAMS"},
			{"body", "x", "PARAM_ERROR"}, {"mch_id", "1900000000", "gate MCHID_NOT_EXIST"}, {"out_trade_no", "unknown", "ORDERNOTEXIST"},
		} {
			if got, word := l.wechat(path, l.wechatRef("SX").with(c.name, c.value)); word != c.want {
				t.Errorf("%s %s=%s: %s %v, want %s", path, c.name, c.value, word, got, c.want)
			}
		}
	}
}

// TestWeChatTampered changes a good request after it was signed.
func TestWeChatTampered(t *testing.T) {
	l := start(t)
	f := l.wechatPay("T1", l.code("wechat", "00"))
	f = f.with("sign", l.wechatSign(f))
	good := string(toXML(f))
	replace := func(old, to string) string { return strings.Replace(good, old, to, 1) }
	for name, body := range map[string]string{
		"gate SIGNERROR: another amount":      replace("<total_fee>100<", "<total_fee>1<"),
		"gate SIGNERROR: one more parameter":  replace("</xml>", "<goods_tag>x</goods_tag></xml>"),
		"gate SIGNERROR: one parameter less":  replace("<attach>a]]&gt;b</attach>", ""),
		"gate SIGNERROR: lower case":          replace(f["sign"], strings.ToLower(f["sign"])),
		"gate SIGNERROR: cut":                 replace(f["sign"], f["sign"][1:]),
		"gate SIGNERROR: sign_type left out":  replace("<sign_type>HMAC-SHA256</sign_type>", ""),
		"gate SIGNERROR: sign_type switched":  replace("HMAC-SHA256", "MD5"),
		"gate LACK_PARAMS: no signature":      replace("<sign>"+f["sign"]+"</sign>", ""),
		"gate LACK_PARAMS: empty signature":   replace(f["sign"], ""),
		"gate XML_FORMAT_ERROR: twice":        replace("<body>", "<total_fee>1</total_fee><body>"),
		"gate XML_FORMAT_ERROR: DOCTYPE":      `<!DOCTYPE xml [<!ENTITY a "x">]>` + good,
		"gate XML_FORMAT_ERROR: entity":       replace("<body>", "<body>&a;"),
		"gate XML_FORMAT_ERROR: nested":       replace("<body>", "<body><b/>"),
		"gate XML_FORMAT_ERROR: attribute":    replace("<body>", `<body x="y">`),
		"gate XML_FORMAT_ERROR: more after":   good + "<xml/>",
		"gate XML_FORMAT_ERROR: cut off":      good[:len(good)-3],
		"gate XML_FORMAT_ERROR: JSON":         `{"appid":"x"}`,
		"gate NOT_UTF8: GBK":                  replace("tea", "\xb2\xe8"),
		"gate NOT_UTF8: declared GBK":         `<?xml version="1.0" encoding="GBK"?>` + good,
		"gate POST_DATA_EMPTY: nothing":       "",
		"413: above 64 KiB":                   good + strings.Repeat(" ", 64<<10),
		"gate XML_FORMAT_ERROR: many":         "<xml>" + strings.Repeat("<a>", 5000),
		"gate XML_FORMAT_ERROR: big but fits": "<xml>" + strings.Repeat("<a/>", 10000),
	} {
		want, _, _ := strings.Cut(name, ":")
		if got, word := l.wechatRaw("pay/micropay", []byte(body), "HMAC-SHA256"); word != want {
			t.Errorf("%s: %s %v", name, word, got)
		}
	}
	status, body, _ := l.send(l.bare, "GET", "https://"+l.s.Addr()+"/wechat/pay/micropay", "", nil)
	if got, err := fromXML(body); status != 200 || err != nil || got["err_code"] != "REQUIRE_POST_METHOD" {
		t.Errorf("GET: %d %s", status, body)
	}
	if lines := l.ledger(); len(lines) != 0 {
		t.Errorf("something was charged: %+v", lines)
	}
	if _, word := l.wechatRaw("pay/micropay", []byte(good), "HMAC-SHA256"); word != "SUCCESS" {
		t.Errorf("the untouched request: %s", word)
	}
}

// TestWeChatOneNumber changes each parameter of a paid order's request: only the same words are
// answered with the order.
func TestWeChatOneNumber(t *testing.T) {
	l := start(t)
	f := l.wechatPay("U1", l.code("wechat", "00"))
	first, word := l.wechat("pay/micropay", f)
	if word != "SUCCESS" {
		t.Fatal(word)
	}
	for name, value := range map[string]string{"total_fee": "101", "body": "x", "auth_code": l.code("wechat", "00"), "attach": "", "device_info": "till 2",
		"spbill_create_ip": "127.0.0.2", "goods_tag": "x", "time_expire": "20260101120500", "fee_type": "CNY"} {
		if _, word := l.wechat("pay/micropay", f.with(name, value)); word != "OUT_TRADE_NO_USED" {
			t.Errorf("%s changed: %s", name, word)
		}
	}
	l.clock.advance(time.Hour) // the code is old by now; the order is not
	for name, value := range map[string]string{"nonce_str": "another", "sign_type": "MD5"} {
		if got, word := l.wechat("pay/micropay", f.with(name, value)); word != "SUCCESS" || got["transaction_id"] != first["transaction_id"] {
			t.Errorf("%s changed: %s %v", name, word, got)
		}
	}
	if lines := l.ledger(); len(lines) != 1 {
		t.Errorf("the ledger has %d lines", len(lines))
	}

	// Another merchant's number is another order.
	mine := l.WeChat
	l.control("POST", "/sandbox/merchants", map[string]string{"name": "other"}, &l.merchant)
	if _, word := l.wechat("pay/orderquery", l.wechatRef("U1")); word != "ORDERNOTEXIST" {
		t.Errorf("another merchant asks: %s", word)
	}
	if _, word := l.wechat("pay/orderquery", l.wechatRef("").with("transaction_id", first["transaction_id"])); word != "ORDERNOTEXIST" {
		t.Errorf("another merchant asks by transaction_id: %s", word)
	}
	if _, word := l.wechat("pay/micropay", l.wechatPay("U1", l.code("wechat", "00"))); word != "SUCCESS" {
		t.Errorf("another merchant pays: %s", word)
	}
	// The certificate on the connection is still the first merchant's.
	if got, word := l.wechat("secapi/pay/reverse", l.wechatRef("U1")); word != "gate CERT_ERROR" {
		t.Errorf("reverse with merchant %s's certificate: %s %v", mine.MchID, word, got)
	}
}

func TestWeChatReverseWantsTheCertificate(t *testing.T) {
	l := start(t)
	f := l.wechatPay("C1", l.code("wechat", "00"))
	if _, word := l.wechat("pay/micropay", f); word != "SUCCESS" {
		t.Fatal(word)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(l.CA))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: l.WeChat.MchID}, NotBefore: began.Add(-time.Hour), NotAfter: began.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	own := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}}
	defer own.CloseIdleConnections()
	ref := l.wechatRef("C1")
	body := toXML(ref.with("sign", l.wechatSign(ref)))
	for name, c := range map[string]struct {
		client *http.Client
		scheme string
	}{"none": {l.bare, "https"}, "plain HTTP": {l.withCert, "http"}, "self-made": {own, "https"}} {
		_, answer, _ := l.send(c.client, "POST", c.scheme+"://"+l.s.Addr()+"/wechat/secapi/pay/reverse", "text/xml", body)
		if !bytes.Contains(answer, []byte("<return_code><![CDATA[FAIL]]>")) || !bytes.Contains(answer, []byte("CERT_ERROR")) {
			t.Errorf("%s: %s", name, answer)
		}
	}
	if lines := l.ledger(); len(lines) != 1 {
		t.Errorf("the ledger has %d lines", len(lines))
	}
	l.clock.advance(7*24*time.Hour + time.Millisecond)
	if _, word := l.wechat("secapi/pay/reverse", ref); word != "REVERSE_EXPIRE" {
		t.Errorf("after seven days: %s", word)
	}
	l.clock.advance(-time.Millisecond)
	if _, word := l.wechat("secapi/pay/reverse", ref); word != "N" {
		t.Errorf("at seven days: %s", word)
	}
}
