package sandbox_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rest asks Alipay's REST v3: a signed head, an answer whose signature is proven, and one word for what came: the status
// and, of an error, its code.
type rest struct {
	method, path, body string
	change             func(*http.Request) // after signing
}

func (l *lab) rest(a rest) (answer fields, word string) {
	l.t.Helper()
	auth := fmt.Sprintf("app_id=%s,nonce=n-1,timestamp=%d", l.Alipay.AppID, l.clock.now().UnixMilli())
	sum := sha256.Sum256([]byte(auth + "\n" + a.method + "\n" + a.path + "\n" + a.body + "\n"))
	sign, err := rsa.SignPKCS1v15(nil, l.appKey, crypto.SHA256, sum[:])
	if err != nil {
		l.t.Fatal(err)
	}
	req, err := http.NewRequest(a.method, "https://"+l.s.Addr()+"/alipay"+a.path, strings.NewReader(a.body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Authorization", "ALIPAY-SHA256withRSA "+auth+",sign="+base64.StdEncoding.EncodeToString(sign))
	if a.change != nil {
		a.change(req)
	}
	resp, err := l.bare.Do(req)
	if err != nil {
		return nil, "cut"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	word = fmt.Sprint(resp.StatusCode)
	sum = sha256.Sum256([]byte(resp.Header.Get("alipay-timestamp") + "\n" + resp.Header.Get("alipay-nonce") + "\n" + string(body) + "\n"))
	raw, _ := base64.StdEncoding.DecodeString(resp.Header.Get("alipay-signature"))
	switch {
	case len(raw) == 0:
		word = "unsigned " + word
	case rsa.VerifyPKCS1v15(l.alipayKey(), crypto.SHA256, sum[:], raw) != nil:
		return nil, "forged"
	}
	var loose map[string]any // some members are lists
	if json.Unmarshal(body, &loose) != nil {
		return nil, "garbled"
	}
	answer = fields{}
	for name, value := range loose {
		answer[name] = fmt.Sprint(value)
	}
	return answer, strings.TrimSpace(word + " " + answer["code"])
}

func TestAlipayRest(t *testing.T) {
	l := start(t)
	post := func(path string, content fields) (fields, string) {
		body, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		return l.rest(rest{method: "POST", path: "/v3/alipay/trade/" + path, body: string(body)})
	}
	pay := func(number, fate string) (fields, string) {
		return post("pay", l.alipayPay(number, l.code("alipay", fate)))
	}
	for _, c := range []struct {
		what string
		ask  func() (fields, string)
		want string
		says fields
	}{
		{"paid at once", func() (fields, string) { return pay("R1", "00") }, "200", fields{"total_amount": "1.00", "gmt_payment": "2026-01-01 12:00:00", "msg": ""}},
		{"asked with POST", func() (fields, string) { return post("query", fields{"out_trade_no": "R1"}) }, "200", fields{"trade_status": "TRADE_SUCCESS"}},
		{"asked with GET", func() (fields, string) {
			return l.rest(rest{method: "GET", path: "/v3/alipay/trade/query?out_trade_no=R1"})
		}, "200",
			fields{"trade_status": "TRADE_SUCCESS"}},
		{"nobody's", func() (fields, string) { return post("query", fields{"out_trade_no": "R0"}) }, "400 ACQ.TRADE_NOT_EXIST", nil},
		{"balance too low", func() (fields, string) { return pay("R2", "50") }, "400 ACQ.BUYER_BALANCE_NOT_ENOUGH", nil},
		{"password", func() (fields, string) { return pay("R3", "55") }, "202", fields{"out_trade_no": "R3", "gmt_payment": ""}},
		{"the password, cancelled", func() (fields, string) { return post("cancel", fields{"out_trade_no": "R3"}) }, "200", fields{"action": "close", "retry_flag": "N"}},
		{"system error", func() (fields, string) { return pay("R4", "62") }, "500 ACQ.SYSTEM_ERROR", nil},
		{"charged all the same", func() (fields, string) { return post("query", fields{"out_trade_no": "R4"}) }, "200", fields{"trade_status": "TRADE_SUCCESS"}},
		{"rate limited", func() (fields, string) { return pay("R5", "90") }, "429 app-call-limited", nil},
		{"answer lost", func() (fields, string) { return pay("R6", "60") }, "cut", nil},
		{"forged", func() (fields, string) { return pay("R7", "65") }, "forged", nil},
		{"refund", func() (fields, string) {
			return post("refund", fields{"out_trade_no": "R1", "refund_amount": "0.40", "out_request_no": "R1B"})
		}, "200", fields{"fund_change": "Y", "refund_fee": "0.40"}},
		{"refund again", func() (fields, string) {
			return post("refund", fields{"out_trade_no": "R1", "refund_amount": "0.40", "out_request_no": "R1B"})
		}, "200", fields{"fund_change": "N"}},
		{"the refund", func() (fields, string) {
			return post("fastpay/refund/query", fields{"out_trade_no": "R1", "out_request_no": "R1B"})
		}, "200", fields{"refund_status": "REFUND_SUCCESS"}},
		{"shown", func() (fields, string) {
			return post("precreate", fields{"out_trade_no": "R8", "subject": "tea", "total_amount": "2.00", "notify_url": "https://127.0.0.1:1/x"})
		}, "200", nil},
		{"closed unseen", func() (fields, string) { return post("close", fields{"out_trade_no": "R8"}) }, "400 ACQ.TRADE_NOT_EXIST", nil},
		{"no such bill", func() (fields, string) {
			return l.rest(rest{method: "GET", path: "/v3/alipay/data/dataservice/bill/downloadurl/query?bill_type=trade&bill_date=2026-01-01"})
		}, "400 BILL_NOT_EXIST", nil},
	} {
		got, word := c.ask()
		if word != c.want {
			t.Errorf("%s: %s %v, want %s", c.what, word, got, c.want)
		}
		for name, value := range c.says {
			if got[name] != value {
				t.Errorf("%s: %s is %q, want %q", c.what, name, got[name], value)
			}
		}
	}
}

// TestAlipayRestRefuses changes one thing of a good request at a time, after it was signed.
func TestAlipayRestRefuses(t *testing.T) {
	l := start(t)
	good := rest{method: "POST", path: "/v3/alipay/trade/query", body: `{"out_trade_no":"X1"}`}
	head := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	auth := func(change func(string) string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", change(r.Header.Get("Authorization"))) }
	}
	swap := func(from, to string) func(*http.Request) {
		return auth(func(s string) string { return strings.Replace(s, from, to, 1) })
	}
	for _, c := range []struct {
		what   string
		change func(*http.Request)
		want   string
	}{
		{"nothing", nil, "400 ACQ.TRADE_NOT_EXIST"},
		{"body", func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{"out_trade_no":"X2"}`)), 21
		}, "400 invalid-signature"},
		{"path", func(r *http.Request) { r.URL.Path = "/alipay/v3/alipay/trade/cancel" }, "400 invalid-signature"},
		{"query", func(r *http.Request) { r.URL.RawQuery = "trade_no=1" }, "400 invalid-signature"},
		{"nonce", swap("nonce=n-1", "nonce=n-2"), "400 invalid-signature"},
		{"time", swap("timestamp=1", "timestamp=2"), "400 invalid-signature"},
		{"app", swap("app_id=", "app_id=9"), "unsigned 400 invalid-app-id"},
		{"scheme", swap("ALIPAY-SHA256withRSA", "ALIPAY-SHA1withRSA"), "unsigned 400 invalid-app-id"},
		{"token", head("alipay-app-auth-token", "t"), "400 invalid-signature"},
		{"signature", auth(func(s string) string { return s[:len(s)-8] }), "400 invalid-signature"},
		{"no signature", auth(func(s string) string { return s[:strings.Index(s, ",sign=")] }), "400 missing-signature"},
		{"a name twice", swap("nonce=n-1", "nonce=n-1,nonce=n-1"), "400 invalid-parameter"},
		{"a strange name", swap("nonce=n-1", "nonce=n-1,x=1"), "400 invalid-parameter"},
		{"no head", auth(func(string) string { return "" }), "unsigned 400 invalid-app-id"},
		{"verb", func(r *http.Request) { r.Method = "DELETE" }, "unsigned 400 invalid-method"},
		{"unknown path", func(r *http.Request) { r.URL.Path = "/alipay/v3/alipay/trade/create" }, "unsigned 400 invalid-method"},
		{"encryption nobody agreed upon", head("alipay-encrypt-type", "AES"), "400 invalid-encrypt-type"},
	} {
		a := good
		a.change = c.change
		if got, word := l.rest(a); word != c.want {
			t.Errorf("%s: %s %v, want %s", c.what, word, got, c.want)
		}
	}
	late := good
	late.change = func(*http.Request) { l.clock.advance(20 * time.Minute) }
	if _, word := l.rest(late); word != "400 invalid-timestamp" {
		t.Errorf("an old request: %s", word)
	}
}
