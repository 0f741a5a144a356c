package wechat_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/shared/pay"
)

const (
	appID  = "wx2421b1c4370ec43b"
	mchID  = "10000100"
	apiKey = "192006250b4c09247ec02edce69f6a2d"
)

var clock = time.Date(2026, 1, 1, 4, 0, 7, 0, time.UTC)

func config(t testing.TB, base string, roots *x509.CertPool, signType string) wechat.Config {
	return wechat.Config{
		BaseURL: base, AppID: appID, MchID: mchID, APIKey: apiKey, SignType: signType, RootCAs: roots,
		ClientCert: channeltest.ClientCertificate(t), DeviceIP: "127.0.0.1",
		Now: func() time.Time { return clock }, Nonce: func() string { return "5K8264ILTKCH16CQ2502SI8ZNMTM67VS" },
	}
}

func connect(t *testing.T, base string, roots *x509.CertPool) *wechat.Channel {
	t.Helper()
	c, err := wechat.New(config(t, base, roots, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sign is the wallet's own way to sign, written apart from ours.
func sign(kind string, params map[string]string) string {
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(params)) {
		if k != "sign" && params[k] != "" {
			fmt.Fprintf(&text, "%s=%s&", k, params[k])
		}
	}
	text.WriteString("key=" + apiKey)
	h := md5.New()
	if kind == "HMAC-SHA256" {
		h = hmac.New(sha256.New, []byte(apiKey))
	}
	io.WriteString(h, text.String())
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

// write makes the XML; CDATA for text, as the wallet does.
func write(params map[string]string) string {
	var b strings.Builder
	b.WriteString("<xml>")
	for k, v := range params {
		fmt.Fprintf(&b, "<%s><![CDATA[%s]]></%s>", k, v, k)
	}
	b.WriteString("</xml>")
	return b.String()
}

// read is the wallet's own reading of a request.
func read(body []byte) (map[string]string, error) {
	var doc struct {
		Fields []struct {
			XMLName xml.Name
			Value   string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, err
	}
	m := map[string]string{}
	for _, f := range doc.Fields {
		m[f.XMLName.Local] = f.Value
	}
	return m, nil
}

// envelope is what every answer of a live wallet begins with.
func envelope(more map[string]string) map[string]string {
	m := map[string]string{"return_code": "SUCCESS", "return_msg": "OK", "appid": appID, "mch_id": mchID,
		"nonce_str": "GOp3TRyMXzbMlkun", "result_code": "SUCCESS", "attach": ""}
	maps.Copy(m, more)
	return m
}

// paid is a full success; state is set in an orderquery.
func paid(state string) map[string]string {
	return envelope(map[string]string{"openid": "oUpF8uN95-Ptaags6E_roPHg7AG0", "trade_type": "MICROPAY",
		"bank_type": "OTHERS", "fee_type": "CNY", "total_fee": fmt.Sprint(channeltest.SampleFen), "cash_fee": "100",
		"transaction_id": channeltest.SampleWalletRef, "out_trade_no": channeltest.SampleNumber,
		"time_end": "20260101120003", "trade_state": state, "a_new_field": "signed & <kept>"})
}

func undone() map[string]string { return envelope(map[string]string{"recall": "N"}) }

func genuine(kind string) func(path string, request []byte) []byte {
	return func(path string, request []byte) []byte {
		var m map[string]string
		switch path {
		case "/pay/micropay":
			m = paid("")
		case "/pay/orderquery":
			m = paid("SUCCESS")
		case "/secapi/pay/reverse":
			m = undone()
		case "/pay/unifiedorder":
			m = codeToShow()
		case "/pay/closeorder":
			m = envelope(map[string]string{"result_msg": "OK"})
		case "/secapi/pay/refund":
			m = givenBack()
		case "/pay/refundquery":
			m = backStands("SUCCESS")
		}
		for k, v := range m {
			if v == "" {
				delete(m, k) // an empty element is outside the signature: damage to it changes nothing
			}
		}
		m["sign"] = sign(kind, m)
		return []byte(write(m))
	}
}

func TestHostile(t *testing.T) {
	for _, kind := range []string{"HMAC-SHA256", "MD5"} {
		t.Run(kind, func(t *testing.T) {
			channeltest.Hostile(t, channeltest.Target{
				Wallet: pay.WeChat, Stride: 1, Genuine: genuine(kind), Withdrawn: channel.Pending,
				Connect: func(t *testing.T, base string, roots *x509.CertPool) channel.Channel {
					c, err := wechat.New(config(t, base, roots, kind))
					if err != nil {
						t.Fatal(err)
					}
					return c
				},
			})
		})
	}
}

// TestRequests reads what leaves, as the wallet would.
func TestRequests(t *testing.T) {
	for _, kind := range []string{"HMAC-SHA256", "MD5"} {
		t.Run(kind, func(t *testing.T) {
			var got map[string]string
			var path string
			var certificates int
			s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
				var err error
				if got, err = read(body); err != nil {
					t.Errorf("the request is no XML: %v", err)
				}
				path, certificates = r.Method+" "+r.URL.Path, len(r.TLS.PeerCertificates)
			})
			c, err := wechat.New(config(t, s.URL+"/wechat/", s.Roots, kind))
			if err != nil {
				t.Fatal(err)
			}
			common := map[string]string{"appid": appID, "mch_id": mchID, "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
				"sign_type": kind, "out_trade_no": channeltest.SampleNumber}
			order := map[string]string{"auth_code": "130061098828009406", "body": `tea & "cake" <2> 茶`, "total_fee": "8888",
				"fee_type": "CNY", "spbill_create_ip": "127.0.0.1", "time_expire": "20260101120115",
				"device_info": "trm_01J00000000000000000000001",
				"scene_info":  `{"store_info":{"id":"sto_01J00000000000000000000001"}}`}
			check := func(wantPath string, wantCertificates int, more map[string]string) {
				t.Helper()
				want := maps.Clone(common)
				maps.Copy(want, more)
				want["sign"] = sign(kind, want)
				if !maps.Equal(got, want) {
					t.Errorf("sent %v\nwant %v", got, want)
				}
				if path != wantPath || certificates != wantCertificates {
					t.Errorf("%s with %d certificates, want %s with %d", path, certificates, wantPath, wantCertificates)
				}
			}
			c.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat))
			check("POST /wechat/pay/micropay", 0, order)
			c.Query(t.Context(), channeltest.SampleRef())
			check("POST /wechat/pay/orderquery", 0, nil)
			c.Reverse(t.Context(), channeltest.SampleRef())
			check("POST /wechat/secapi/pay/reverse", 1, nil)

			bare := channeltest.SampleOrder(pay.WeChat)
			bare.Subject, bare.Store, bare.Terminal, bare.Expires = " \x00 ", "", "", time.Time{}
			c.Pay(t.Context(), bare)
			for _, k := range []string{"device_info", "scene_info", "time_expire"} {
				delete(order, k)
			}
			order["body"] = channeltest.SampleNumber // WeChat refuses an empty one
			check("POST /wechat/pay/micropay", 0, order)
			bare.Subject = strings.Repeat("茶", 50)
			c.Pay(t.Context(), bare)
			order["body"] = strings.Repeat("茶", 42) // 126 of 128 bytes
			check("POST /wechat/pay/micropay", 0, order)
		})
	}
}

func TestNothingForbiddenLeaves(t *testing.T) {
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		t.Errorf("a request left: %s", html.EscapeString(r.URL.Path))
	})
	c := connect(t, s.URL, s.Roots)
	good := channeltest.SampleOrder(pay.WeChat)
	for name, k := range map[string]struct {
		change func(*channel.Order)
		want   channel.DeclineCode
	}{
		"no code":         {func(o *channel.Order) { o.Code = pay.Code{} }, channel.CodeUsed},
		"Alipay's code":   {func(o *channel.Order) { o.Code = channeltest.SampleOrder(pay.Alipay).Code }, channel.CodeUsed},
		"UnionPay's code": {func(o *channel.Order) { o.Code = channeltest.SampleOrder(pay.UnionPay).Code }, channel.CodeUsed},
		"no amount":       {func(o *channel.Order) { o.Amount = channel.Order{}.Amount }, channel.Misconfigured},
		"short number":    {func(o *channel.Order) { o.OutTradeNo = "1234567" }, channel.Misconfigured},
		"long number":     {func(o *channel.Order) { o.OutTradeNo = strings.Repeat("1", 33) }, channel.Misconfigured},
		"strange number":  {func(o *channel.Order) { o.OutTradeNo = "12345678<" }, channel.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			k.change(&o)
			if a := c.Pay(t.Context(), o); a.Finding != channel.Declined || a.Decline.Code != k.want || a.Decline.Message == "" {
				t.Errorf("Pay = %+v, want declined as %s", a, k.want)
			}
		})
	}
	bad := channel.Ref{OutTradeNo: "../../x"}
	if a := c.Query(t.Context(), bad); a.Finding != channel.Unknown || a.Err == nil {
		t.Errorf("Query = %+v, want unknown", a)
	}
	if a := c.Reverse(t.Context(), bad); a.Finding != channel.Unknown || a.Err == nil {
		t.Errorf("Reverse = %+v, want unknown", a)
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	good := config(t, "https://api.mch.weixin.qq.com", nil, "")
	if _, err := wechat.New(good); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		change func(*wechat.Config)
		want   string
	}{
		"no URL":          {func(c *wechat.Config) { c.BaseURL = "" }, "BaseURL"},
		"clear text":      {func(c *wechat.Config) { c.BaseURL = "http://api.mch.weixin.qq.com" }, "BaseURL"},
		"other scheme":    {func(c *wechat.Config) { c.BaseURL = "ftp://127.0.0.1" }, "BaseURL"},
		"query":           {func(c *wechat.Config) { c.BaseURL += "?a=b" }, "BaseURL"},
		"password":        {func(c *wechat.Config) { c.BaseURL = "https://u:p@host" }, "BaseURL"},
		"no appid":        {func(c *wechat.Config) { c.AppID = "" }, "AppID"},
		"no merchant":     {func(c *wechat.Config) { c.MchID = "abc" }, "MchID"},
		"short key":       {func(c *wechat.Config) { c.APIKey = apiKey[1:] }, "APIKey"},
		"other sign type": {func(c *wechat.Config) { c.SignType = "md5" }, "SignType"},
		"no certificate":  {func(c *wechat.Config) { c.ClientCert.Certificate = nil }, "ClientCert"},
		"no private key":  {func(c *wechat.Config) { c.ClientCert.PrivateKey = nil }, "ClientCert"},
		"no address":      {func(c *wechat.Config) { c.DeviceIP = "till" }, "DeviceIP"},
		"no clock":        {func(c *wechat.Config) { c.Now = nil }, "Now"},
		"no nonces":       {func(c *wechat.Config) { c.Nonce = nil }, "Nonce"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			k.change(&cfg)
			_, err := wechat.New(cfg)
			if err == nil || !strings.Contains(err.Error(), k.want) {
				t.Fatalf("New = %v, want %s named", err, k.want)
			}
			if strings.Contains(err.Error(), cfg.APIKey) && cfg.APIKey != "" {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	good.BaseURL = "http://127.0.0.1:8080/wechat"
	if _, err := wechat.New(good); err != nil {
		t.Errorf("http on this machine was refused: %v", err)
	}
}

func TestKeysStayOutOfText(t *testing.T) {
	cfg := config(t, "https://api.mch.weixin.qq.com", nil, "")
	c, err := wechat.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v %#v", cfg, cfg), cfg.LogValue().String(),
		fmt.Sprint(c), fmt.Sprintf("%+v", c)} {
		if strings.Contains(s, apiKey) {
			t.Errorf("the key shows in %q", s)
		}
	}
	for in, want := range map[string]string{
		"签名错误":                                         "签名错误",
		"auth_code 130061098828009406":                 "auth_code …",
		"fpabcdefghijklmnopqrstuvwxyzABCDEFG":          "…",
		"dial tcp 127.0.0.1:41234: connection refused": "dial tcp 127.0.0.1:41234: connection refused",
		"\xff": "",
	} {
		if got := wechat.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
	if got := wechat.Printable(strings.Repeat("long text ", 100)); len(got) > 200 {
		t.Errorf("Printable kept %d bytes", len(got))
	}
}
