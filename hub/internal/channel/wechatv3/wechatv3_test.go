package wechatv3_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechatv3"
	"cloudcashier/shared/pay"
)

const (
	appID  = "wxd678efh567hg6787"
	mchID  = "1230000109"
	apiKey = "0123456789abcdef0123456789ABCDEF"
	serial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	keyID  = "PUB_KEY_ID_0114232134912410000000000000"
)

var clock = time.Date(2026, 1, 1, 4, 0, 7, 0, time.UTC)

// testKey is the handbook's throw-away key. In these tests merchant and wallet use the same.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	text, err := os.ReadFile("testdata/test_rsa.pem")
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(text)
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key.(*rsa.PrivateKey)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key
})

func config(base string, roots *x509.CertPool) wechatv3.Config {
	return wechatv3.Config{BaseURL: base, AppID: appID, MchID: mchID, Key: testKey(), Serial: serial, APIKey: apiKey,
		PublicKeys: []wechatv3.PublicKey{{ID: keyID, Key: &testKey().PublicKey}}, NotifyURL: "https://hub.example/notices/wechat", Codepay: true,
		RootCAs: roots, DeviceIP: "127.0.0.1", Now: func() time.Time { return clock }, Nonce: func() string { return "5K8264ILTKCH16CQ2502SI8ZNMTM67VS" }}
}

func connect(t *testing.T, cfg wechatv3.Config) *wechatv3.Channel {
	t.Helper()
	c, err := wechatv3.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seal is the wallet's own way to sign, written apart from ours.
func sealAt(head http.Header, body []byte, at time.Time, by string) {
	stamp, nonce := strconv.FormatInt(at.Unix(), 10), "c5ac7061fccab6bf3e254dcf98995b8c"
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n", stamp, nonce, body))
	sign, err := rsa.SignPKCS1v15(nil, testKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	head.Set("Wechatpay-Timestamp", stamp)
	head.Set("Wechatpay-Nonce", nonce)
	head.Set("Wechatpay-Serial", by)
	head.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(sign))
}

func seal(head http.Header, body []byte) { sealAt(head, body, clock, keyID) }

func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

type object = map[string]any

func paid(state string) object {
	return object{"appid": appID, "mchid": mchID, "out_trade_no": channeltest.SampleNumber, "transaction_id": channeltest.SampleWalletRef,
		"trade_type": "MICROPAY", "trade_state": state, "success_time": "2026-01-01T12:00:03+08:00", "a_new_member": object{"x": 1},
		"amount": object{"total": channeltest.SampleFen, "payer_total": 100, "currency": "CNY"}}
}

func reversed() object { return object{"mchid": mchID, "out_trade_no": channeltest.SampleNumber} }

func givenBack(status string) object {
	return object{"refund_id": channeltest.SampleRefundRef, "out_refund_no": channeltest.SampleRefundNumber, "transaction_id": channeltest.SampleWalletRef,
		"out_trade_no": channeltest.SampleNumber, "status": status, "success_time": "2026-01-01T12:00:30+08:00",
		"amount": object{"total": channeltest.SampleFen, "refund": channeltest.SampleRefundFen, "currency": "CNY"}}
}

func genuine(path string, _ []byte) []byte {
	switch {
	case strings.HasSuffix(path, "/reverse"):
		return text(reversed())
	case strings.Contains(path, "/refunds"):
		return text(givenBack("SUCCESS"))
	}
	return text(paid("SUCCESS"))
}

func TestHostile(t *testing.T) {
	channeltest.Hostile(t, channeltest.Target{Wallet: pay.WeChat, Stride: 5, Genuine: genuine, Seal: seal,
		Connect: func(t *testing.T, base string, roots *x509.CertPool) channel.Channel {
			return connect(t, config(base, roots))
		}})
}

// told is a connector at a wallet that says what a test tells it to, well signed.
type told struct {
	*wechatv3.Channel
	mu     sync.Mutex
	status int
	body   []byte
	asked  []string // method and target of each request
	heard  []byte   // body of the last
	head   http.Header
	answer func(r *http.Request) (status int, body []byte) // instead of status and body, when set
	seal   func(http.Header, []byte)
}

func newTold(t *testing.T, change func(*wechatv3.Config)) *told {
	t.Helper()
	x := &told{seal: seal}
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.asked, x.heard, x.head = append(x.asked, r.Method+" "+r.RequestURI), body, r.Header
		status, answer := x.status, x.body
		if x.answer != nil {
			status, answer = x.answer(r)
		}
		x.seal(w.Header(), answer)
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			w.Write(answer)
		}
	})
	cfg := config(s.URL, s.Roots)
	if change != nil {
		change(&cfg)
	}
	x.Channel = connect(t, cfg)
	return x
}

func (x *told) say(status int, v any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.status, x.body, x.answer = status, text(v), nil
}

func refusal(code string) object { return object{"code": code, "message": "…"} }

// TestPayCodes is every word that a refusal may carry, and what each proves.
func TestPayCodes(t *testing.T) {
	x := newTold(t, nil)
	reasons := map[string]channel.DeclineCode{"NOTENOUGH": channel.BalanceLow, "NOT_ENOUGH": channel.BalanceLow, "AUTHCODEEXPIRE": channel.CodeExpired,
		"AUTH_CODE_EXPIRED": channel.CodeExpired, "AUTH_CODE_ERROR": channel.CodeUsed, "AUTH_CODE_INVALID": channel.CodeUsed, "NOTSUPORTCARD": channel.RefusedOther,
		"TRADE_ERROR": channel.RefusedOther, "USER_ACCOUNT_ABNORMAL": channel.RefusedOther, "ACCOUNT_ERROR": channel.RefusedOther,
		"RULE_LIMIT": channel.RiskRefused, "RULELIMIT": channel.RiskRefused, "PARAM_ERROR": channel.Misconfigured, "NO_AUTH": channel.Misconfigured,
		"NOAUTH": channel.Misconfigured, "APPID_MCHID_NOT_MATCH": channel.Misconfigured, "MCH_NOT_EXISTS": channel.Misconfigured}
	if len(reasons) != len(wechatv3.PayDeclines) {
		t.Errorf("%d refusals are tested, the table has %d", len(reasons), len(wechatv3.PayDeclines))
	}
	want := map[string]channel.Finding{"USERPAYING": channel.Pending, "FREQUENCY_LIMITED": channel.Busy, "RATELIMIT_EXCEED": channel.Busy}
	for code := range reasons {
		want[code] = channel.Declined
	}
	for _, code := range strings.Fields("ORDERPAID ORDER_PAID OUT_TRADE_NO_USED ORDER_CLOSED INVALID_REQUEST SYSTEM_ERROR BANK_ERROR BANKERROR SIGN_ERROR ORDER_NOT_EXIST notenough A_NEW_CODE") {
		want[code] = channel.Unknown
	}
	for code, finding := range want {
		x.say(http.StatusForbidden, refusal(code))
		a := x.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat))
		if a.Finding != finding || a.Decline.Code != reasons[code] || (a.Decline.Message != "") != (reasons[code] != "") {
			t.Errorf("%s: found %q %+v (%v), want %q", code, a.Finding, a.Decline, a.Err, finding)
		}
		x.say(http.StatusBadGateway, refusal(code))
		if a := x.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)); a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("%s with status 502: found %q (%v)", code, a.Finding, a.Err)
		}
		x.say(http.StatusNotFound, refusal(code))
		if q := x.Query(t.Context(), channeltest.SampleRef()); q.Finding != map[bool]channel.Finding{true: channel.Absent, false: channel.Unknown}[code == "ORDER_NOT_EXIST"] {
			t.Errorf("asked, %s: found %q", code, q.Finding)
		}
	}
}

// TestStates is trade_state, every word, in the answer to codepay and to a question.
func TestStates(t *testing.T) {
	x := newTold(t, nil)
	for state, want := range map[string][2]channel.Finding{
		"SUCCESS": {channel.Approved, channel.Approved}, "NOTPAY": {channel.Pending, channel.Pending}, "USERPAYING": {channel.Pending, channel.Pending},
		"ACCEPT": {channel.Pending, channel.Pending}, "CLOSED": {channel.Unknown, channel.Reversed}, "REVOKED": {channel.Unknown, channel.Reversed},
		"PAYERROR": {channel.Declined, channel.Declined}, "REFUND": {channel.Unknown, channel.Unknown}, "": {channel.Unknown, channel.Unknown}, "success": {channel.Unknown, channel.Unknown},
	} {
		x.say(http.StatusOK, paid(state))
		if a := x.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)); a.Finding != want[0] {
			t.Errorf("paid, %q: found %q (%v), want %q", state, a.Finding, a.Err, want[0])
		}
		a := x.Query(t.Context(), channeltest.SampleRef())
		if a.Finding != want[1] {
			t.Errorf("asked, %q: found %q (%v), want %q", state, a.Finding, a.Err, want[1])
		}
		if at := time.Date(2026, 1, 1, 4, 0, 3, 0, time.UTC); state == "SUCCESS" && (!a.PaidAt.Equal(at) || a.WalletRef != channeltest.SampleWalletRef) {
			t.Errorf("paid as %s at %s", a.WalletRef, a.PaidAt)
		}
	}
}

func with(m object, path string, v any) object {
	m = maps.Clone(m)
	name, rest, deep := strings.Cut(path, ".")
	switch {
	case deep:
		m[name] = with(m[name].(object), rest, v)
	case v == nil:
		delete(m, name)
	default:
		m[name] = v
	}
	return m
}

// TestForged changes one thing at a time in honest answers, signed with the right key: a wallet's mistake must prove
// nothing either.
func TestForged(t *testing.T) {
	x := newTold(t, nil)
	for _, c := range []struct {
		path string
		v    any
	}{{"mchid", "1"}, {"mchid", nil}, {"appid", "wxother"}, {"out_trade_no", "01JOTHER0"}, {"out_trade_no", nil}, {"amount.total", 8887}, {"amount.total", nil},
		{"amount.total", 8888.5}, {"amount.total", "8888"}, {"amount", nil}, {"amount.currency", "USD"}, {"transaction_id", nil}, {"trade_state", "PAID"}, {"sp_mchid", "1"}} {
		if c.path == "sp_mchid" {
			continue // another merchant's word, but ours stands beside it
		}
		x.say(http.StatusOK, with(paid("SUCCESS"), c.path, c.v))
		if a := x.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)); a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("pay with %s=%v: found %q (%v)", c.path, c.v, a.Finding, a.Err)
		}
		if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("query with %s=%v: found %q (%v)", c.path, c.v, a.Finding, a.Err)
		}
	}
	x.say(http.StatusOK, with(paid("SUCCESS"), "transaction_id", "420000"))
	if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
		t.Errorf("another transaction_id: found %q", a.Finding)
	}
	for _, c := range []object{{}, with(reversed(), "mchid", "1"), with(reversed(), "out_trade_no", "01JOTHER0"), with(reversed(), "mchid", nil)} {
		x.say(http.StatusOK, c)
		if a := x.Reverse(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("reversal answered %v: found %q (%v)", c, a.Finding, a.Err)
		}
	}
}

// TestSeals holds what an answer's head says against the rules: who signed, when, and whether at all.
func TestSeals(t *testing.T) {
	for name, k := range map[string]struct {
		seal func(http.Header, []byte)
		want channel.Finding
	}{
		"honest":       {seal, channel.Approved},
		"4 m 59 s old": {func(h http.Header, b []byte) { sealAt(h, b, clock.Add(-299*time.Second), keyID) }, channel.Approved},
		"5 m old":      {func(h http.Header, b []byte) { sealAt(h, b, clock.Add(-5*time.Minute), keyID) }, channel.Unknown},
		"5 m ahead":    {func(h http.Header, b []byte) { sealAt(h, b, clock.Add(5*time.Minute), keyID) }, channel.Unknown},
		"other key":    {func(h http.Header, b []byte) { sealAt(h, b, clock, "PUB_KEY_ID_0000000000000000000000000001") }, channel.Unknown},
		"certificate":  {func(h http.Header, b []byte) { sealAt(h, b, clock, serial) }, channel.Unknown}, // none are downloaded
		"unsigned":     {func(http.Header, []byte) {}, channel.Unknown},
		"no nonce":     {func(h http.Header, b []byte) { seal(h, b); h.Del("Wechatpay-Nonce") }, channel.Unknown},
		"no time":      {func(h http.Header, b []byte) { seal(h, b); h.Del("Wechatpay-Timestamp") }, channel.Unknown},
		"two times":    {func(h http.Header, b []byte) { seal(h, b); h.Add("Wechatpay-Timestamp", h.Get("Wechatpay-Timestamp")) }, channel.Unknown},
		"a probe": {func(h http.Header, b []byte) {
			seal(h, b)
			h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+h.Get("Wechatpay-Signature"))
		}, channel.Unknown},
		"other nonce": {func(h http.Header, b []byte) { seal(h, b); h.Set("Wechatpay-Nonce", "x") }, channel.Unknown},
		"other body":  {func(h http.Header, b []byte) { seal(h, append([]byte{' '}, b...)) }, channel.Unknown},
		"strange time": {func(h http.Header, b []byte) {
			seal(h, b)
			h.Set("Wechatpay-Timestamp", "+"+h.Get("Wechatpay-Timestamp"))
		}, channel.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTold(t, nil)
			x.seal = k.seal
			x.say(http.StatusOK, paid("SUCCESS"))
			if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != k.want || (a.Err == nil) != (k.want == channel.Approved) {
				t.Errorf("found %q (%v), want %q", a.Finding, a.Err, k.want)
			}
		})
	}
}

// TestUnsignedRefusals: what carries no signature is believed where the channel says so, or where it says that our own
// signature was not taken.
func TestUnsignedRefusals(t *testing.T) {
	for _, trusting := range []bool{false, true} {
		x := newTold(t, func(c *wechatv3.Config) { c.UnsignedRefusals = trusting })
		x.seal = func(http.Header, []byte) {}
		pays := func(status int, code string) channel.Finding {
			x.say(status, refusal(code))
			return x.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)).Finding
		}
		believed := map[bool]channel.Finding{true: channel.Declined, false: channel.Unknown}[trusting]
		if got := pays(403, "NOT_ENOUGH"); got != believed {
			t.Errorf("trusting %t: 403 found %q", trusting, got)
		}
		if got := pays(500, "NOT_ENOUGH"); got != channel.Unknown {
			t.Errorf("trusting %t: 500 found %q", trusting, got)
		}
		if got := pays(401, "SIGN_ERROR"); got != channel.Declined {
			t.Errorf("trusting %t: our signature refused: found %q", trusting, got)
		}
		x.say(404, refusal("ORDER_NOT_EXIST"))
		if a := x.Query(t.Context(), channeltest.SampleRef()); (a.Finding == channel.Absent) != trusting {
			t.Errorf("trusting %t: asked, found %q", trusting, a.Finding)
		}
		x.say(200, paid("SUCCESS"))
		if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
			t.Errorf("trusting %t: an unsigned success found %q", trusting, a.Finding)
		}
	}
}

// TestRequests reads what leaves, as the wallet would.
func TestRequests(t *testing.T) {
	x := newTold(t, nil)
	x.say(http.StatusOK, paid("SUCCESS"))
	check := func(target, body string) {
		t.Helper()
		if got := x.asked[len(x.asked)-1]; got != target || string(x.heard) != body {
			t.Errorf("sent %s\n%s\nwant %s\n%s", got, x.heard, target, body)
		}
		method, uri, _ := strings.Cut(target, " ")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n5K8264ILTKCH16CQ2502SI8ZNMTM67VS\n%s\n", method, uri, clock.Unix(), body))
		sign, err := rsa.SignPKCS1v15(nil, testKey(), crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="5K8264ILTKCH16CQ2502SI8ZNMTM67VS",timestamp="%d",serial_no="%s",signature="%s"`,
			mchID, clock.Unix(), serial, base64.StdEncoding.EncodeToString(sign))
		if got := x.head.Get("Authorization"); got != want {
			t.Errorf("Authorization is %s\nwant %s", got, want)
		}
		if x.head.Get("Wechatpay-Serial") != keyID || x.head.Get("Accept") != "application/json" || (x.head.Get("Content-Type") == "application/json") != (body != "") {
			t.Errorf("the head is %v", x.head)
		}
	}
	x.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat))
	check("POST /v3/pay/transactions/codepay", `{"appid":"wxd678efh567hg6787","mchid":"1230000109","description":"tea \u0026 \"cake\" \u003c2\u003e 茶","out_trade_no":"01JSAMPLE00000000000000001",`+
		`"payer":{"auth_code":"130061098828009406"},"amount":{"total":8888,"currency":"CNY"},"scene_info":{"device_id":"trm_01J00000000000000000000001","device_ip":"127.0.0.1",`+
		`"store_info":{"out_id":"sto_01J00000000000000000000001"}}}`)
	x.Query(t.Context(), channeltest.SampleRef())
	check("GET /v3/pay/transactions/out-trade-no/01JSAMPLE00000000000000001?mchid=1230000109", "")
	x.Reverse(t.Context(), channeltest.SampleRef())
	check("POST /v3/pay/transactions/out-trade-no/01JSAMPLE00000000000000001/reverse", `{"appid":"wxd678efh567hg6787","mchid":"1230000109"}`)
	x.Refund(t.Context(), channeltest.SampleRefund())
	check("POST /v3/refund/domestic/refunds", `{"out_trade_no":"01JSAMPLE00000000000000001","out_refund_no":"01JSAMPLEREFUND00000000001","reason":"cold \u0026 \"late\" \u003c2\u003e",`+
		`"notify_url":"https://hub.example/notices/wechat","amount":{"total":8888,"refund":888,"currency":"CNY"}}`)
	x.QueryRefund(t.Context(), channeltest.SampleRefund())
	check("GET /v3/refund/domestic/refunds/01JSAMPLEREFUND00000000001", "")
	o := channeltest.SampleOrder(pay.WeChat)
	o.Code = pay.Code{}
	x.Present(t.Context(), o)
	check("POST /v3/pay/transactions/native", `{"appid":"wxd678efh567hg6787","mchid":"1230000109","description":"tea \u0026 \"cake\" \u003c2\u003e 茶","out_trade_no":"01JSAMPLE00000000000000001",`+
		`"time_expire":"2026-01-01T12:01:15+08:00","notify_url":"https://hub.example/notices/wechat","amount":{"total":8888,"currency":"CNY"},`+
		`"scene_info":{"payer_client_ip":"127.0.0.1","device_id":"trm_01J00000000000000000000001"}}`)
}
