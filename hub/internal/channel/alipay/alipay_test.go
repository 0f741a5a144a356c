package alipay_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

const (
	appID    = "2014072300007148"
	sellerID = "2088101106499364"
	path     = "/gateway.do"
)

var clock = time.Date(2026, 1, 1, 4, 0, 7, 0, time.UTC)

func config(t *testing.T, base string, roots *x509.CertPool) alipay.Config {
	key := testKey(t)
	return alipay.Config{GatewayURL: base + path, AppID: appID, SellerID: sellerID, PrivateKey: key,
		WalletKey: &key.PublicKey, RootCAs: roots, Now: func() time.Time { return clock }}
}

func connect(t *testing.T, base string, roots *x509.CertPool) *alipay.Channel {
	t.Helper()
	c, err := alipay.New(config(t, base, roots))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// object writes a node with its members in the order of their names.
func object(m map[string]string) string {
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err) // a map of strings
	}
	return string(raw)
}

// wrap signs a node and puts it into an answer.
func wrap(key *rsa.PrivateKey, node, raw string) string {
	sign, err := alipay.Sign(key, raw)
	if err != nil {
		panic(err) // the vectors' key can sign
	}
	return `{"` + node + `":` + raw + `,"sign":"` + sign + `"}`
}

const (
	payNode    = "alipay_trade_pay_response"
	queryNode  = "alipay_trade_query_response"
	cancelNode = "alipay_trade_cancel_response"
)

func success(more map[string]string) map[string]string {
	m := map[string]string{"code": "10000", "msg": "Success", "out_trade_no": channeltest.SampleNumber,
		"trade_no": channeltest.SampleWalletRef, "buyer_logon_id": "159****5620"}
	maps.Copy(m, more)
	return m
}

func paid() map[string]string {
	return success(map[string]string{"total_amount": "88.88", "receipt_amount": "88.88", "gmt_payment": "2026-01-01 12:00:03"})
}

func state(status string) map[string]string {
	return success(map[string]string{"total_amount": "88.88", "send_pay_date": "2026-01-01 12:00:03", "trade_status": status})
}

func undone(action string) map[string]string {
	return success(map[string]string{"retry_flag": "N", "action": action})
}

func genuine(key *rsa.PrivateKey) func(string, []byte) []byte {
	// PKCS#1 v1.5 has no randomness: each answer is signed once.
	answers := map[string]string{
		"alipay.trade.pay":    wrap(key, payNode, object(paid())),
		"alipay.trade.query":  wrap(key, queryNode, object(state("TRADE_SUCCESS"))),
		"alipay.trade.cancel": wrap(key, cancelNode, object(undone("refund"))),

		"alipay.trade.precreate": wrap(key, precreateNode, object(codeToShow())),

		"alipay.trade.refund":               wrap(key, refundNode, object(moved())),
		"alipay.trade.fastpay.refund.query": wrap(key, refundQueryNode, object(backStands())),
	}
	return func(_ string, request []byte) []byte {
		form, err := url.ParseQuery(string(request))
		if err != nil {
			return nil
		}
		return []byte(answers[form.Get("method")])
	}
}

func TestHostile(t *testing.T) {
	channeltest.Hostile(t, channeltest.Target{
		Wallet: pay.Alipay, Stride: 7, // our own signature takes a millisecond
		Genuine: genuine(testKey(t)), Withdrawn: channel.Reversed,
		Connect: func(t *testing.T, base string, roots *x509.CertPool) channel.Channel { return connect(t, base, roots) },
	})
}

// TestDamagedByte changes every byte of an answer, without the network between.
func TestDamagedByte(t *testing.T) {
	key := testKey(t)
	body := wrap(key, payNode, object(paid()))
	believed := func(b []byte) bool {
		raw, sign, err := alipay.Split(b, payNode)
		return err == nil && alipay.Verify(&key.PublicKey, raw, sign) == nil
	}
	if !believed([]byte(body)) {
		t.Fatal("the genuine answer was refused")
	}
	for i := range body {
		for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
			b := []byte(body)
			b[i] ^= bit
			if believed(b) {
				t.Errorf("byte %d with bit %d turned was believed: %s", i, bit, b)
			}
		}
	}
}

// TestRequests reads what leaves, as the gateway would.
func TestRequests(t *testing.T) {
	key := testKey(t)
	var form url.Values
	var address, kind string
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var err error
		if form, err = url.ParseQuery(string(body)); err != nil {
			t.Errorf("the request is no form: %v", err)
		}
		address, kind = r.Method+" "+r.RequestURI, r.Header.Get("Content-Type")
	})
	c := connect(t, s.URL, s.Roots)
	check := func(method string, content map[string]string) {
		t.Helper()
		var got map[string]string
		if err := json.Unmarshal([]byte(form.Get("biz_content")), &got); err != nil || !maps.Equal(got, content) {
			t.Errorf("biz_content %v, %v\nwant %v", got, err, content)
		}
		want := map[string]string{"app_id": appID, "charset": "utf-8", "method": method, "sign_type": "RSA2",
			"timestamp": "2026-01-01 12:00:07", "version": "1.0", "biz_content": form.Get("biz_content")}
		var text []string
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if form.Get(k) != want[k] || len(form[k]) != 1 {
				t.Errorf("%s is %q, want %q", k, form[k], want[k])
			}
			text = append(text, k+"="+want[k])
		}
		if len(form) != len(want)+1 {
			t.Errorf("sent %v", form)
		}
		if err := alipay.Verify(&key.PublicKey, []byte(strings.Join(text, "&")), []byte(form.Get("sign"))); err != nil {
			t.Errorf("the request's signature: %v", err)
		}
		if address != "POST "+path || kind != "application/x-www-form-urlencoded;charset=utf-8" {
			t.Errorf("%s as %s", address, kind)
		}
	}
	order := map[string]string{"out_trade_no": channeltest.SampleNumber, "scene": "bar_code", "auth_code": "287634438256643942",
		"product_code": "FACE_TO_FACE_PAYMENT", "subject": `tea   "cake" <2> 茶`, "total_amount": "88.88", "seller_id": sellerID,
		"store_id": "sto_01J00000000000000000000001", "terminal_id": "trm_01J00000000000000000000001", "time_expire": "2026-01-01 12:01:15"}
	o := channeltest.SampleOrder(pay.Alipay)
	c.Pay(t.Context(), o)
	check("alipay.trade.pay", order)
	c.Query(t.Context(), channeltest.SampleRef())
	check("alipay.trade.query", map[string]string{"out_trade_no": channeltest.SampleNumber})
	c.Reverse(t.Context(), channeltest.SampleRef())
	check("alipay.trade.cancel", map[string]string{"out_trade_no": channeltest.SampleNumber})

	face, err := pay.ParseCode("fp0123456789abcdefghijklmnopqrstuvw")
	if err != nil {
		t.Fatal(err)
	}
	o.Code, o.Subject, o.Store, o.Terminal, o.Expires = face, "/=&\x00", "", "", time.Time{}
	c.Pay(t.Context(), o)
	for _, k := range []string{"store_id", "terminal_id", "time_expire"} {
		delete(order, k)
	}
	order["auth_code"], order["scene"], order["subject"] = face.Reveal(), "security_code", channeltest.SampleNumber
	check("alipay.trade.pay", order)
	o.Subject = `\` + strings.Repeat("茶", 100)
	c.Pay(t.Context(), o)
	order["subject"] = `\` + strings.Repeat("茶", 85) // 256 bytes
	check("alipay.trade.pay", order)
}

// brokenSigner is a key that cannot be reached, and says so with what it was given.
type brokenSigner struct{ crypto.Signer }

func (brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token 287634438256643942 is gone")
}

func TestNothingForbiddenLeaves(t *testing.T) {
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { t.Error("a request left") })
	c := connect(t, s.URL, s.Roots)
	for name, k := range map[string]struct {
		change func(*channel.Order)
		want   channel.DeclineCode
	}{
		"no code":         {func(o *channel.Order) { o.Code = pay.Code{} }, channel.CodeUsed},
		"WeChat's code":   {func(o *channel.Order) { o.Code = channeltest.SampleOrder(pay.WeChat).Code }, channel.CodeUsed},
		"UnionPay's code": {func(o *channel.Order) { o.Code = channeltest.SampleOrder(pay.UnionPay).Code }, channel.CodeUsed},
		"no amount":       {func(o *channel.Order) { o.Amount = channel.Order{}.Amount }, channel.Misconfigured},
		"short number":    {func(o *channel.Order) { o.OutTradeNo = "1234567" }, channel.Misconfigured},
		"long number":     {func(o *channel.Order) { o.OutTradeNo = strings.Repeat("1", 33) }, channel.Misconfigured},
		"strange number":  {func(o *channel.Order) { o.OutTradeNo = `12345678"` }, channel.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			o := channeltest.SampleOrder(pay.Alipay)
			k.change(&o)
			if a := c.Pay(t.Context(), o); a.Finding != channel.Declined || a.Decline.Code != k.want || a.Decline.Message == "" {
				t.Errorf("Pay = %+v, want declined as %s", a, k.want)
			}
		})
	}
	cfg := config(t, s.URL, s.Roots)
	cfg.PrivateKey = brokenSigner{cfg.PrivateKey}
	mute, err := alipay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := mute.Pay(t.Context(), channeltest.SampleOrder(pay.Alipay))
	if a.Finding != channel.Declined || a.Decline.Code != channel.Misconfigured || strings.Contains(a.Err.Error(), "287634438256643942") {
		t.Errorf("Pay without a signature = %+v", a)
	}
	for _, a := range []channel.Answer{
		c.Query(t.Context(), channel.Ref{OutTradeNo: "../../x"}), c.Reverse(t.Context(), channel.Ref{OutTradeNo: "../../x"}),
		mute.Query(t.Context(), channeltest.SampleRef()), mute.Reverse(t.Context(), channeltest.SampleRef()),
	} {
		if a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("%+v, want unknown", a)
		}
	}
}

// TestAFormerKeyStillVerifies: Alipay changes its key at a moment that we do not choose.
func TestAFormerKeyStillVerifies(t *testing.T) {
	former, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer := former
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		_, _ = io.WriteString(w, wrap(signer, payNode, object(paid())))
	})
	for _, known := range []bool{true, false} {
		cfg := config(t, s.URL, s.Roots)
		if known {
			cfg.FormerKeys = []*rsa.PublicKey{&former.PublicKey}
		}
		c, err := alipay.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]channel.Finding{true: channel.Approved, false: channel.Unknown}
		signer = former
		if a := c.Pay(t.Context(), channeltest.SampleOrder(pay.Alipay)); a.Finding != want[known] {
			t.Errorf("signed with the former key, known %t: %+v", known, a)
		}
		signer = testKey(t)
		if a := c.Pay(t.Context(), channeltest.SampleOrder(pay.Alipay)); a.Finding != channel.Approved {
			t.Errorf("signed with the present key: %+v", a)
		}
	}
}

// busySigner is a pool that has no turn for this request.
type busySigner struct{ crypto.Signer }

func (busySigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fault.New(fault.Unavailable, "vault.busy", "no signer was free in time")
}

func TestABusySignerIsNoDecline(t *testing.T) {
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { t.Error("a request left") })
	cfg := config(t, s.URL, s.Roots)
	cfg.PrivateKey = busySigner{cfg.PrivateKey}
	c, err := alipay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Pay(t.Context(), channeltest.SampleOrder(pay.Alipay)); a.Finding != channel.Busy || a.Err == nil {
		t.Errorf("Pay = %+v, want busy: nothing was sent, and it may be sent in a moment", a)
	}
	if a := c.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
		t.Errorf("Query = %+v", a)
	}
	if a := c.Reverse(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
		t.Errorf("Reverse = %+v", a)
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := config(t, "https://openapi.alipay.com", nil)
	if _, err := alipay.New(good); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		change func(*alipay.Config)
		want   string
	}{
		"no URL":           {func(c *alipay.Config) { c.GatewayURL = "" }, "GatewayURL"},
		"no path":          {func(c *alipay.Config) { c.GatewayURL = "https://openapi.alipay.com" }, "GatewayURL"},
		"clear text":       {func(c *alipay.Config) { c.GatewayURL = "http://openapi.alipay.com/gateway.do" }, "GatewayURL"},
		"query":            {func(c *alipay.Config) { c.GatewayURL += "?charset=gbk" }, "GatewayURL"},
		"no app":           {func(c *alipay.Config) { c.AppID = "" }, "AppID"},
		"no seller":        {func(c *alipay.Config) { c.SellerID = "1234" }, "SellerID"},
		"no key":           {func(c *alipay.Config) { c.PrivateKey = nil }, "PrivateKey"},
		"small key":        {func(c *alipay.Config) { c.PrivateKey = small }, "PrivateKey"},
		"no RSA key":       {func(c *alipay.Config) { c.PrivateKey = curve }, "PrivateKey"},
		"no wallet key":    {func(c *alipay.Config) { c.WalletKey = nil }, "WalletKey"},
		"small wallet key": {func(c *alipay.Config) { c.WalletKey = &small.PublicKey }, "WalletKey"},
		"empty wallet key": {func(c *alipay.Config) { c.WalletKey = &rsa.PublicKey{} }, "WalletKey"},
		"empty former key": {func(c *alipay.Config) { c.FormerKeys = []*rsa.PublicKey{{}} }, "FormerKeys"},
		"no clock":         {func(c *alipay.Config) { c.Now = nil }, "Now"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			k.change(&cfg)
			if _, err := alipay.New(cfg); err == nil || !strings.Contains(err.Error(), k.want) {
				t.Fatalf("New = %v, want %s named", err, k.want)
			}
		})
	}
	good.GatewayURL = "http://127.0.0.1:8080/alipay/gateway.do"
	c, err := alipay.New(good)
	if err != nil {
		t.Fatalf("http on this machine was refused: %v", err)
	}
	secret := testKey(t).D.String()
	for _, s := range []string{fmt.Sprint(good), fmt.Sprintf("%+v %#v", good, good), good.LogValue().String(), fmt.Sprint(c), fmt.Sprintf("%+v", c)} {
		if strings.Contains(s, secret) || strings.Contains(s, secret[:20]) {
			t.Errorf("the key shows in %.100q", s)
		}
	}
}
