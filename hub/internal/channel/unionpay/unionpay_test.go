package unionpay_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

const (
	merID      = "777290058110048"
	txnTime    = "20260101120002"                                   // when the sample was sent
	certID     = "316619589946583748254911118771567464205122579405" // decimal, of test_cert.pem
	backPath   = "/gateway/api/backTransReq.do"
	queryPath  = "/gateway/api/queryTrans.do"
	signerName = "041@Z12@" + unionpay.Test + "@00000001"
)

// clock is when the tests' hub lives: the certificates of the chain are valid then.
var clock = time.Date(2026, 1, 1, 4, 0, 7, 0, time.UTC)

// authority is UnionPay's, or somebody's who would like to be.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(parent *authority) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: fmt.Sprintf("authority %p", key)}, NotBefore: clock.AddDate(-5, 0, 0),
		NotAfter: clock.AddDate(20, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	signer := &authority{tmpl, key}
	if parent != nil {
		signer = parent
	}
	return &authority{parse(x509.CreateCertificate(rand.Reader, tmpl, signer.cert, &key.PublicKey, signer.key)), key}
}

func parse(der []byte, err error) *x509.Certificate {
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
}

// issue certifies a key, in PEM.
func (a *authority) issue(name string, key crypto.PublicKey, from, to time.Time) string {
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(68759663125), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature}
	cert := parse(x509.CreateCertificate(rand.Reader, tmpl, a.cert, key, a.key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// chain is UnionPay's, made once, with the certificate of the tests' key.
var chain = sync.OnceValue(func() (c struct {
	root, middle *authority
}) {
	c.root = newAuthority(nil)
	c.middle = newAuthority(c.root)
	return c
})

var genuineCert = sync.OnceValue(func() string {
	key := privateKey(&testing.T{}, file(&testing.T{}, "test_rsa.pem"))
	return chain().middle.issue(signerName, &key.PublicKey, clock.AddDate(-1, 0, 0), clock.AddDate(1, 0, 0))
})

func config(t testing.TB, base string, roots *x509.CertPool) unionpay.Config {
	signRoots := x509.NewCertPool()
	signRoots.AddCert(chain().root.cert)
	return unionpay.Config{BaseURL: base + "/gateway/api", MerID: merID, TermID: "00000001", ChannelType: "08", BackURL: "http://127.0.0.1/n",
		PrivateKey: testKey(t), Cert: certificate(t, file(t, "test_cert.pem")), SignRoots: signRoots,
		SignMiddle: []*x509.Certificate{chain().middle.cert}, Signer: unionpay.Test, RootCAs: roots, Now: func() time.Time { return clock }}
}

func connect(t testing.TB, base string, roots *x509.CertPool) *unionpay.Channel {
	t.Helper()
	c, err := unionpay.New(config(t, base, roots))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seal signs an answer and writes it, in the order of the names, values as they are.
func seal(key *rsa.PrivateKey, cert string, m map[string]string) string {
	m = maps.Clone(m)
	if cert != "" {
		m["signPubKeyCert"] = cert
	}
	_, _, sign, err := unionpay.Sign(key, m)
	if err != nil {
		panic(err) // the vectors' key can sign
	}
	m["signature"] = sign
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, "&")
}

func answer(txnType, subType, respCode string, more ...string) map[string]string {
	m := map[string]string{"accessType": "0", "bizType": "000000", "encoding": "UTF-8", "merId": merID, "orderId": channeltest.SampleNumber,
		"respCode": respCode, "respMsg": "成功[0000000]", "signMethod": "01", "txnSubType": subType, "txnTime": txnTime, "txnType": txnType, "version": "5.1.0"}
	return with(m, more...)
}

// with changes an answer; an empty value takes the field away.
func with(m map[string]string, changes ...string) map[string]string {
	m = maps.Clone(m)
	for i := 0; i < len(changes); i += 2 {
		if m[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(m, changes[i])
		}
	}
	return m
}

func accepted() map[string]string {
	return answer("01", "06", "00", "queryId", channeltest.SampleWalletRef, "txnAmt", "8888", "currencyCode", "156")
}

func state(orig string) map[string]string {
	return answer("01", "06", "00", "queryId", channeltest.SampleWalletRef, "txnAmt", "8888", "currencyCode", "156", "origRespCode", orig,
		"origRespMsg", "成功[0000000]", "traceTime", "0101120003", "traceNo", "000003", "settleDate", "0101", "settleAmt", "8888", "accNo", "622848****1234")
}

func undone() map[string]string { return answer("99", "01", "00") }

// sampleBack is an answer about the sample refund.
func sampleBack(txnType, subType string, more ...string) map[string]string {
	return with(answer(txnType, subType, "00", "orderId", channeltest.SampleRefundNumber, "queryId", backRef, "txnAmt", "888", "currencyCode", "156"), more...)
}

func genuine(t testing.TB) func(string, []byte) []byte {
	key := testKey(t)
	// PKCS#1 v1.5 has no randomness: each answer is signed once.
	answers := map[string]string{"01": seal(key, genuineCert(), accepted()), "00": seal(key, genuineCert(), state("00")), "99": seal(key, genuineCert(), undone()),
		"04": seal(key, genuineCert(), sampleBack("04", "00")), "asked": seal(key, genuineCert(), sampleBack("00", "00", "origRespCode", "00", "traceTime", "0101120003", "origQryId", channeltest.SampleWalletRef))}
	return func(_ string, request []byte) []byte {
		form, err := url.ParseQuery(string(request))
		if err != nil {
			return nil
		}
		if form.Get("txnType") == "00" && form.Get("orderId") == channeltest.SampleRefundNumber {
			return []byte(answers["asked"])
		}
		return []byte(answers[form.Get("txnType")])
	}
}

func TestHostile(t *testing.T) {
	channeltest.Hostile(t, channeltest.Target{
		Wallet: pay.UnionPay, Paid: channel.Pending, Stride: 13,
		Genuine: genuine(t),
		Connect: func(t *testing.T, base string, roots *x509.CertPool) channel.Channel { return connect(t, base, roots) },
	})
}

// busySigner is a pool that has no turn for this request.
type busySigner struct{ crypto.Signer }

func (busySigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fault.New(fault.Unavailable, "vault.busy", "no signer was free in time")
}

func TestABusySignerIsNoDecline(t *testing.T) {
	s := channeltest.Serve(t, func(http.ResponseWriter, *http.Request, []byte) { t.Error("a request left") })
	cfg := config(t, s.URL, s.Roots)
	cfg.PrivateKey = busySigner{cfg.PrivateKey}
	c, err := unionpay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Pay(t.Context(), channeltest.SampleOrder(pay.UnionPay)); a.Finding != channel.Busy || a.Err == nil {
		t.Errorf("Pay = %+v, want busy: nothing was sent, and it may be sent in a moment", a)
	}
	if a := c.Reverse(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
		t.Errorf("Reverse = %+v", a)
	}
	if a := c.Refund(t.Context(), channeltest.SampleRefund()); a.Finding != channel.RefundBusy || a.Err == nil {
		t.Errorf("Refund = %+v", a)
	}
	if a := c.QueryRefund(t.Context(), channeltest.SampleRefund()); a.Finding != channel.RefundUnknown {
		t.Errorf("QueryRefund = %+v", a)
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
	check := func(path string, want map[string]string) {
		t.Helper()
		got := map[string]string{}
		for k, v := range form {
			if got[k] = v[0]; len(v) != 1 || v[0] == "" {
				t.Errorf("%s is sent as %q", k, v)
			}
		}
		if err := unionpay.Matches(&key.PublicKey, got); err != nil {
			t.Errorf("the request's signature: %v", err)
		}
		delete(got, "signature")
		want = with(map[string]string{"accessType": "0", "bizType": "000000", "certId": certID, "encoding": "UTF-8", "merId": merID,
			"signMethod": "01", "version": "5.1.0", "orderId": channeltest.SampleNumber, "txnTime": txnTime}, flat(want)...)
		if !maps.Equal(got, want) {
			t.Errorf("sent %v\nwant %v", got, want)
		}
		if address != "POST "+path || kind != "application/x-www-form-urlencoded;charset=UTF-8" {
			t.Errorf("%s as %s", address, kind)
		}
	}
	order := map[string]string{"txnType": "01", "txnSubType": "06", "backUrl": "http://127.0.0.1/n", "channelType": "08", "currencyCode": "156",
		"qrNo": "6220485073630469936", "termId": "00000001", "txnAmt": "8888"}
	c.Pay(t.Context(), channeltest.SampleOrder(pay.UnionPay))
	check(backPath, order)
	c.Query(t.Context(), channeltest.SampleRef())
	check(queryPath, map[string]string{"txnType": "00", "txnSubType": "00"})
	c.Reverse(t.Context(), channeltest.SampleRef())
	check(backPath, map[string]string{"txnType": "99", "txnSubType": "01", "channelType": "08"})

	back := refund()
	c.Refund(t.Context(), back)
	part := map[string]string{"txnType": "04", "txnSubType": "00", "backUrl": "http://127.0.0.1/n", "channelType": "08", "currencyCode": "156",
		"txnAmt": "5000", "orderId": back.OutRefundNo, "txnTime": "20260102090000", "origQryId": channeltest.SampleWalletRef}
	check(backPath, part)
	back.Order.WalletRef = ""
	c.Refund(t.Context(), back)
	check(backPath, with(part, "origQryId", "", "origOrderId", channeltest.SampleNumber, "origTxnTime", txnTime))
	c.QueryRefund(t.Context(), back)
	check(queryPath, map[string]string{"txnType": "00", "txnSubType": "00", "orderId": back.OutRefundNo, "txnTime": "20260102090000"})

	cfg := config(t, s.URL, s.Roots)
	cfg.TermID, cfg.ChannelType, cfg.BackURL = "", "", ""
	plain, err := unionpay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	plain.Pay(t.Context(), channeltest.SampleOrder(pay.UnionPay))
	check(backPath, with(order, "termId", "", "channelType", "07", "backUrl", unionpay.NoNotices))
}

func flat(m map[string]string) (out []string) {
	for k, v := range m {
		out = append(out, k, v)
	}
	return out
}

// TestOneOrderOneMoment: whatever the clock says, an order is asked about and undone under the
// second it was sent in; without that second nothing leaves.
func TestOneOrderOneMoment(t *testing.T) {
	var times []string
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		form, _ := url.ParseQuery(string(body))
		times = append(times, form.Get("txnTime"))
	})
	cfg := config(t, s.URL, s.Roots)
	now := clock
	cfg.Now = func() time.Time { return now }
	c, err := unionpay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o, r := channeltest.SampleOrder(pay.UnionPay), channeltest.SampleRef()
	o.SentAt = o.SentAt.Add(999 * time.Millisecond)
	r.SentAt = o.SentAt.Truncate(time.Millisecond).In(time.FixedZone("", -11*3600)) // as it comes back from a database, anywhere
	c.Pay(t.Context(), o)
	for range 3 {
		now = now.Add(3 * time.Hour)
		c.Query(t.Context(), r)
		c.Reverse(t.Context(), r)
	}
	if len(times) != 7 || len(slices.Compact(times)) != 1 || times[0] != txnTime {
		t.Errorf("sent %v", times)
	}
	o.SentAt, r.SentAt = time.Time{}, time.Time{}
	times = nil
	for _, a := range []channel.Answer{c.Query(t.Context(), r), c.Reverse(t.Context(), r)} {
		if a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("%+v, want unknown", a)
		}
	}
	if a := c.Pay(t.Context(), o); a.Finding != channel.Declined || len(times) != 0 {
		t.Errorf("%+v, sent %v", a, times)
	}
}

// brokenSigner is a key that cannot be reached, and says so with what it was given.
type brokenSigner struct{ crypto.Signer }

func (brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token 6220485073630469936 is gone")
}

func TestNothingForbiddenLeaves(t *testing.T) {
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { t.Error("a request left") })
	c := connect(t, s.URL, s.Roots)
	emv, err := pay.ParseCode("hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MQ==")
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		change func(*channel.Order)
		want   channel.DeclineCode
	}{
		"no code":        {func(o *channel.Order) { o.Code = pay.Code{} }, channel.CodeUsed},
		"WeChat's code":  {func(o *channel.Order) { o.Code = channeltest.SampleOrder(pay.WeChat).Code }, channel.CodeUsed},
		"Alipay's code":  {func(o *channel.Order) { o.Code = channeltest.SampleOrder(pay.Alipay).Code }, channel.CodeUsed},
		"EMVCo's code":   {func(o *channel.Order) { o.Code = emv }, channel.CodeUsed},
		"no amount":      {func(o *channel.Order) { o.Amount = channel.Order{}.Amount }, channel.Misconfigured},
		"short number":   {func(o *channel.Order) { o.OutTradeNo = "1234567" }, channel.Misconfigured},
		"long number":    {func(o *channel.Order) { o.OutTradeNo = strings.Repeat("1", 33) }, channel.Misconfigured},
		"strange number": {func(o *channel.Order) { o.OutTradeNo = "1234-678" }, channel.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			o := channeltest.SampleOrder(pay.UnionPay)
			k.change(&o)
			if a := c.Pay(t.Context(), o); a.Finding != channel.Declined || a.Decline.Code != k.want || a.Decline.Message == "" {
				t.Errorf("Pay = %+v, want declined as %s", a, k.want)
			}
		})
	}
	cfg := config(t, s.URL, s.Roots)
	cfg.PrivateKey = brokenSigner{cfg.PrivateKey}
	mute, err := unionpay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := mute.Pay(t.Context(), channeltest.SampleOrder(pay.UnionPay))
	if a.Finding != channel.Declined || a.Decline.Code != channel.Misconfigured || strings.Contains(a.Err.Error(), "6220485073630469936") {
		t.Errorf("Pay without a signature = %+v", a)
	}
	for _, a := range []channel.Answer{
		c.Query(t.Context(), channel.Ref{OutTradeNo: "../../x", SentAt: clock}), c.Reverse(t.Context(), channel.Ref{OutTradeNo: "../../x", SentAt: clock}),
		mute.Query(t.Context(), channeltest.SampleRef()), mute.Reverse(t.Context(), channeltest.SampleRef()),
	} {
		if a.Finding != channel.Unknown || a.Err == nil {
			t.Errorf("%+v, want unknown", a)
		}
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := config(t, "https://gateway.95516.com", nil)
	if _, err := unionpay.New(good); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		change func(*unionpay.Config)
		want   string
	}{
		"no URL":        {func(c *unionpay.Config) { c.BaseURL = "" }, "BaseURL"},
		"clear text":    {func(c *unionpay.Config) { c.BaseURL = "http://gateway.95516.com/gateway/api" }, "BaseURL"},
		"query":         {func(c *unionpay.Config) { c.BaseURL += "?x=y" }, "BaseURL"},
		"no merchant":   {func(c *unionpay.Config) { c.MerID = "77729005811004" }, "MerID"},
		"terminal":      {func(c *unionpay.Config) { c.TermID = "T0000001" }, "TermID"},
		"channel":       {func(c *unionpay.Config) { c.ChannelType = "09" }, "ChannelType"},
		"back":          {func(c *unionpay.Config) { c.BackURL = "http://x/n?a=b" }, "BackURL"},
		"no key":        {func(c *unionpay.Config) { c.PrivateKey = nil }, "PrivateKey"},
		"small key":     {func(c *unionpay.Config) { c.PrivateKey = small }, "PrivateKey"},
		"no cert":       {func(c *unionpay.Config) { c.Cert = nil }, "Cert"},
		"other's cert":  {func(c *unionpay.Config) { c.Cert = chain().root.cert }, "Cert"},
		"no root":       {func(c *unionpay.Config) { c.SignRoots = nil }, "SignRoots"},
		"whole name":    {func(c *unionpay.Config) { c.Signer = signerName }, "Signer"},
		"no clock":      {func(c *unionpay.Config) { c.Now = nil }, "Now"},
		"nothing there": {func(c *unionpay.Config) { *c = unionpay.Config{} }, "Cert"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			k.change(&cfg)
			if _, err := unionpay.New(cfg); err == nil || !strings.Contains(err.Error(), k.want) {
				t.Fatalf("New = %v, want %s named", err, k.want)
			}
		})
	}
	c, err := unionpay.New(good)
	if err != nil {
		t.Fatal(err)
	}
	secret := testKey(t).D.String()
	for _, s := range []string{fmt.Sprint(good), fmt.Sprintf("%+v %#v", good, good), good.LogValue().String(), fmt.Sprint(c), fmt.Sprintf("%+v", c)} {
		if strings.Contains(s, secret[:20]) {
			t.Errorf("the key shows in %.100q", s)
		}
	}
}
