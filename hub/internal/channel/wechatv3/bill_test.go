package wechatv3_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechatv3"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// TestBillsOfADay sells, refunds and undoes at the sandbox, and finds all of it in the next day's bills.
func TestBillsOfADay(t *testing.T) {
	for _, packed := range []bool{false, true} {
		t.Run(fmt.Sprintf("packed %t", packed), func(t *testing.T) {
			s := open(t, func(c *wechatv3.Config) { c.Gzip = packed })
			day := s.box.Now()
			_, sold, qr := s.show()
			s.box.Scan(t, qr, "00")
			s.hears()
			if a := s.c.Refund(t.Context(), channel.Refund{OutRefundNo: "01JBACKBACK", Order: sold, Amount: money.Fen(500)}); a.Finding != channel.RefundTaken {
				t.Fatalf("refund: %q (%v)", a.Finding, a.Err)
			}
			s.box.Wait(4 * time.Second)
			s.hears()
			_, undone, qr := s.show()
			s.box.Scan(t, qr, "00")
			s.hears()
			s.c.Reverse(t.Context(), undone)
			s.box.Wait(4 * time.Second)
			s.finds(s.c.Reverse(t.Context(), undone), channel.Reversed)
			fetch := func(kind channel.BillKind) ([]byte, error) {
				var out bytes.Buffer
				err := s.c.Bill(t.Context(), day, kind, &out)
				return out.Bytes(), err
			}
			if _, err := fetch(channel.TradeBill); fault.KindOf(err) != fault.NotFound {
				t.Errorf("today's bill: %v", err)
			}
			s.box.Wait(17 * time.Hour) // one in the morning
			if _, err := fetch(channel.TradeBill); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("before ten: %v", err)
			}
			s.box.Wait(10 * time.Hour)
			var got []string
			text, err := fetch(channel.TradeBill)
			if err == nil {
				err = s.c.ReadBill(channel.TradeBill, bytes.NewReader(text), func(l channel.BillLine) error {
					got = append(got, fmt.Sprintf("%s %s %s %d %d %t", l.Kind, l.OutTradeNo, l.OutRefundNo, l.Amount.Fen(), l.Fee.Fen(), l.At.Sub(day).Abs() < time.Hour))
					return nil
				})
			}
			want := []string{"payment 01JSHOWN000000000000000001  1200 7 true", "refund 01JSHOWN000000000000000001 01JBACKBACK 500 -3 true",
				"payment 01JSHOWN000000000000000002  1200 7 true", "refund 01JSHOWN000000000000000002 01JSHOWN000000000000000002R 1200 -7 true"}
			if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("the bill says\n%s\n%v", strings.Join(got, "\n"), err)
			}
			text, err = fetch(channel.FundsBill)
			balance := int64(0)
			if err == nil {
				err = s.c.ReadBill(channel.FundsBill, bytes.NewReader(text), func(l channel.BillLine) error {
					if strings.HasPrefix(l.Kind, "支出:") {
						balance -= l.Amount.Fen()
					} else {
						balance += l.Amount.Fen()
					}
					return nil
				})
			}
			if err != nil || balance != 1200-7-500+3 {
				t.Errorf("the account holds %d, %v", balance, err)
			}
		})
	}
}

// aBill is an honest bill.
func aBill(t testing.TB) string {
	text, err := os.ReadFile("testdata/bill.csv")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadBill(t *testing.T) {
	c := connect(t, config("https://api.mch.weixin.qq.com", nil))
	read := func(text string) (n int, err error) {
		return n, c.ReadBill(channel.TradeBill, strings.NewReader(text), func(channel.BillLine) error { n++; return nil })
	}
	good := aBill(t)
	n := 0
	err := c.ReadBill(channel.TradeBill, strings.NewReader(good), func(l channel.BillLine) error {
		if n++; n == 1 && (l != channel.BillLine{Kind: "payment", OutTradeNo: "S20210128170702357723", WalletRef: "4200000925202101284997714292", Amount: money.Fen(1001),
			Fee: money.Fen(10), At: time.Date(2021, 1, 28, 9, 7, 12, 0, time.UTC)}) {
			t.Errorf("the first line is %+v", l)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Fatalf("%d lines, %v", n, err)
	}
	stop := errors.New("stop")
	if err := c.ReadBill(channel.TradeBill, strings.NewReader(good), func(channel.BillLine) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error became %v", err)
	}
	for name, text := range map[string]string{
		"nothing":          "",
		"HTML":             "<html>",
		"one row less":     good[:strings.Index(good, "`2021-01-28 17:09")] + good[strings.Index(good, "总交易单数"):],
		"cut off":          good[:len(good)-20],
		"no summary":       good[:strings.Index(good, "总交易单数")],
		"another amount":   strings.Replace(good, "`10.01,`0.00,`\r\n", "`10.02,`0.00,`\r\n", 1),
		"another fee":      strings.Replace(good, "`0.10000", "`0.11000", 1),
		"another count":    strings.Replace(good, "`2,`10.01", "`3,`10.01", 1),
		"another merchant": strings.ReplaceAll(good, mchID, "1601959334"),
		"another currency": strings.Replace(good, "CNY", "USD", 1),
		"another state":    strings.Replace(good, "`SUCCESS,`OTHERS", "`PAID,`OTHERS", 1),
		"no backtick":      strings.Replace(good, "\r\n`2021", "\r\n2021", 1),
		"a field more":     strings.Replace(good, ",`OTHERS", ",`OTHERS,`x", 1),
		"no time":          strings.Replace(good, "2021-01-28 17:07:12", "yesterday", 1),
		"a column twice":   strings.Replace(good, "设备号", "商户号", 1),
		"a column less":    strings.Replace(good, "申请退款金额,费率备注", "申请,费率备注", 1),
		"half a fen":       strings.Replace(good, "`10.01,`0.00,`\r\n", "`10.015,`0.00,`\r\n", 1),
		"more behind":      good + "`x\r\n",
		"two summaries":    good + good[strings.Index(good, "总交易单数"):],
	} {
		if n, err := read(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %d lines, %v", name, n, err)
		}
	}
}

// TestBillsRefused: what is on the way to the file, and the file itself, changed one thing at a time.
func TestBillsRefused(t *testing.T) {
	good := aBill(t)
	sum := sha1.Sum([]byte(good))
	hash := hex.EncodeToString(sum[:])
	pack := func(text string) string {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	fetch := func(packed bool, told func(host string) object, status int, file string) (string, error) {
		x := newTold(t, func(c *wechatv3.Config) { c.Gzip = packed })
		x.answer = func(r *http.Request) (int, []byte) {
			if strings.HasPrefix(r.URL.Path, "/v3/billdownload/") {
				return status, []byte(file)
			}
			return http.StatusOK, text(told(r.Host))
		}
		var out bytes.Buffer
		err := x.Bill(t.Context(), clock, channel.TradeBill, &out)
		return out.String(), err
	}
	honest := func(host string) object {
		return object{"hash_type": "SHA1", "hash_value": hash, "download_url": "https://" + host + "/v3/billdownload/file?token=x"}
	}
	for packed, file := range map[bool]string{false: good, true: pack(good)} {
		if out, err := fetch(packed, honest, 200, file); err != nil || out != good {
			t.Fatalf("packed %t: %d bytes, %v", packed, len(out), err)
		}
		other := func(name string, v any) func(string) object {
			return func(host string) object { return with(honest(host), name, v) }
		}
		for name, k := range map[string]struct {
			told   func(string) object
			status int
			file   string
			want   fault.Kind
		}{
			"another host": {other("download_url", "https://evil.example/v3/billdownload/file"), 200, file, fault.Invalid},
			"in clear": {func(host string) object {
				return with(honest(host), "download_url", "http://"+host+"/v3/billdownload/file")
			}, 200, file, fault.Invalid},
			"no hash":        {other("hash_value", nil), 200, file, fault.Invalid},
			"another hash":   {other("hash_value", strings.Repeat("a", 40)), 200, file, fault.Invalid},
			"another way":    {other("hash_type", "MD5"), 200, file, fault.Invalid},
			"away":           {honest, 503, file, fault.Unavailable},
			"cut off":        {honest, 200, file[:len(file)-1], fault.Invalid},
			"something else": {honest, 200, "x" + file, fault.Invalid},
		} {
			if _, err := fetch(packed, k.told, k.status, k.file); fault.KindOf(err) != k.want {
				t.Errorf("packed %t, %s: %v", packed, name, err)
			}
		}
	}
	if out, err := fetch(true, honest, 200, pack(strings.Repeat("0", 64<<20))); fault.CodeOf(err) != "wechatv3.bill_size" || len(out) > 32<<20 {
		t.Errorf("a bomb gave %d bytes, %v", len(out), err)
	}
	for code, want := range map[string]fault.Kind{"NO_STATEMENT_EXIST": fault.NotFound, "STATEMENT_CREATING": fault.Unavailable, "FREQUENCY_LIMITED": fault.Unavailable,
		"NO_AUTH": fault.Invalid, "PARAM_ERROR": fault.Invalid} {
		x := newTold(t, nil)
		x.say(http.StatusBadRequest, refusal(code))
		if err := x.Bill(t.Context(), clock, channel.TradeBill, &bytes.Buffer{}); fault.KindOf(err) != want {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// FuzzReadBill: no panic, and no line without money or number.
func FuzzReadBill(f *testing.F) {
	c, err := wechatv3.New(config("https://api.mch.weixin.qq.com", nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(aBill(f))
	f.Fuzz(func(t *testing.T, in string) {
		_ = c.ReadBill(channel.TradeBill, strings.NewReader(in), func(l channel.BillLine) error {
			if l.Amount.Charge() != nil || l.OutTradeNo == "" || l.WalletRef == "" || l.At.IsZero() {
				t.Errorf("%+v", l)
			}
			return nil
		})
	})
}

// FuzzNotice: no panic; and what is signed with nobody's key is told to nobody.
func FuzzNotice(f *testing.F) {
	c, err := wechatv3.New(config("https://api.mch.weixin.qq.com", nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text(envelope("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS")))), string(text(paid("SUCCESS"))))
	f.Fuzz(func(t *testing.T, body, plain string) {
		unsigned := channel.Posted{Header: http.Header{}, Body: []byte(body), At: clock}
		if _, err := c.Notice(unsigned); err == nil {
			t.Error("an unsigned notice was believed")
		}
		signed := channel.Posted{Header: http.Header{}, Body: []byte(body), At: clock}
		seal(signed.Header, signed.Body)
		_, _ = c.Notice(signed)
		resource := sealFor(apiKey, "fdasflkja484", "transaction", []byte(plain))
		resource["original_type"] = "transaction"
		inside := posted(with(envelope("TRANSACTION.SUCCESS", "transaction", object{}), "resource", resource), seal)
		if n, err := c.Notice(inside); err == nil && (n.Amount.Charge() != nil || n.OutTradeNo == "" || n.WalletRef == "") {
			t.Errorf("%+v", n)
		}
	})
}

// FuzzParse: no panic; and a name that comes twice is never taken.
func FuzzParse(f *testing.F) {
	f.Add(`{"a":1,"b":[{"c":"d"}]}`)
	f.Add(`{"a":1,"A":2}`)
	f.Fuzz(func(t *testing.T, in string) {
		var v map[string]any
		if err := wechatv3.Parse([]byte(in), &v); err != nil {
			return
		}
		seen := map[string]bool{}
		for name := range v {
			if seen[strings.ToLower(name)] {
				t.Errorf("%q has %q twice", in, name)
			}
			seen[strings.ToLower(name)] = true
		}
	})
}

// TestPartner is a partner that collects for a merchant of its: who signs, and who is paid, in every message.
func TestPartner(t *testing.T) {
	x := newTold(t, func(c *wechatv3.Config) { c.Sub = wechatv3.Sub{AppID: "wxsub", MchID: "1900000109"} })
	named := with(with(with(paid("SUCCESS"), "appid", nil), "mchid", nil), "sp_mchid", mchID)
	named = with(with(named, "sp_appid", appID), "sub_mchid", "1900000109")
	x.say(http.StatusOK, named)
	if a := x.Pay(t.Context(), channeltest.SampleOrder(pay.WeChat)); a.Finding != channel.Approved || !strings.HasPrefix(string(x.heard),
		`{"sp_appid":"wxd678efh567hg6787","sp_mchid":"1230000109","sub_appid":"wxsub","sub_mchid":"1900000109","description"`) {
		t.Errorf("found %q (%v) after %s", a.Finding, a.Err, x.heard)
	}
	if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Approved {
		t.Errorf("found %q (%v)", a.Finding, a.Err)
	}
	for _, name := range []string{"sp_mchid", "sub_mchid", "sub_appid", "sp_appid"} {
		x.say(http.StatusOK, with(named, name, "1900000110"))
		if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
			t.Errorf("another %s: found %q", name, a.Finding)
		}
	}
	x.say(http.StatusOK, paid("SUCCESS"))
	if a := x.Query(t.Context(), channeltest.SampleRef()); a.Finding != channel.Unknown {
		t.Errorf("the partner's own order: found %q", a.Finding)
	}
	x.say(http.StatusOK, givenBack("SUCCESS"))
	x.Refund(t.Context(), channeltest.SampleRefund())
	if !strings.HasPrefix(string(x.heard), `{"sub_mchid":"1900000109",`) {
		t.Errorf("refunded with %s", x.heard)
	}
	x.QueryRefund(t.Context(), channeltest.SampleRefund())
	x.Reverse(t.Context(), channeltest.SampleRef())
	want := []string{"POST /v3/pay/partner/transactions/codepay", "GET /v3/pay/partner/transactions/out-trade-no/01JSAMPLE00000000000000001?sp_mchid=1230000109&sub_mchid=1900000109"}
	if got := x.asked; got[0] != want[0] || got[1] != want[1] || got[len(got)-2] != "GET /v3/refund/domestic/refunds/01JSAMPLEREFUND00000000001?sub_mchid=1900000109" ||
		got[len(got)-1] != "POST /v3/pay/partner/transactions/out-trade-no/01JSAMPLE00000000000000001/reverse" {
		t.Errorf("asked %v", got)
	}
}

// TestRefundCodes is every word that a refused refund may carry, and what each proves.
func TestRefundCodes(t *testing.T) {
	x := newTold(t, nil)
	reasons := map[string]channel.DeclineCode{"NOT_ENOUGH": channel.MerchantBalanceLow, "USER_ACCOUNT_ABNORMAL": channel.CustomerAccount,
		"PARAM_ERROR": channel.Misconfigured, "NO_AUTH": channel.Misconfigured, "MCH_NOT_EXISTS": channel.Misconfigured}
	if len(reasons) != len(wechatv3.RefundDeclines) {
		t.Errorf("%d refusals are tested, the table has %d", len(reasons), len(wechatv3.RefundDeclines))
	}
	want := map[string]channel.RefundFinding{"FREQUENCY_LIMITED": channel.RefundBusy, "SYSTEM_ERROR": channel.RefundUnknown, "INVALID_REQUEST": channel.RefundUnknown,
		"RESOURCE_NOT_EXISTS": channel.RefundUnknown, "A_NEW_CODE": channel.RefundUnknown}
	for code := range reasons {
		want[code] = channel.RefundRefused
	}
	for code, finding := range want {
		x.say(http.StatusForbidden, refusal(code))
		if a := x.Refund(t.Context(), channeltest.SampleRefund()); a.Finding != finding || a.Decline.Code != reasons[code] {
			t.Errorf("%s: found %q %+v (%v), want %q", code, a.Finding, a.Decline, a.Err, finding)
		}
	}
	for status, finding := range map[string]channel.RefundFinding{"SUCCESS": channel.Refunded, "PROCESSING": channel.RefundTaken, "ABNORMAL": channel.RefundTaken,
		"CLOSED": channel.RefundRefused, "": channel.RefundUnknown, "success": channel.RefundUnknown} {
		x.say(http.StatusOK, givenBack(status))
		if a := x.Refund(t.Context(), channeltest.SampleRefund()); a.Finding != channel.RefundTaken {
			t.Errorf("sent, %q: found %q", status, a.Finding)
		}
		if a := x.QueryRefund(t.Context(), channeltest.SampleRefund()); a.Finding != finding {
			t.Errorf("asked, %q: found %q (%v), want %q", status, a.Finding, a.Err, finding)
		}
	}
	for _, c := range []struct {
		path string
		v    any
	}{{"out_trade_no", "01JOTHER0"}, {"out_refund_no", nil}, {"amount.refund", 889}, {"amount.refund", nil}, {"amount.total", 1}, {"amount", nil}, {"amount.currency", "USD"},
		{"refund_id", nil}, {"transaction_id", "42"}, {"mchid", "1"}} {
		x.say(http.StatusOK, with(givenBack("SUCCESS"), c.path, c.v))
		if a := x.QueryRefund(t.Context(), channeltest.SampleRefund()); a.Finding != channel.RefundUnknown || a.Err == nil {
			t.Errorf("%s=%v: found %q", c.path, c.v, a.Finding)
		}
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	good := config("https://api.mch.weixin.qq.com", nil)
	for want, change := range map[string]func(*wechatv3.Config){
		"BaseURL":      func(c *wechatv3.Config) { c.BaseURL = "http://api.mch.weixin.qq.com" },
		"AppID":        func(c *wechatv3.Config) { c.AppID = "" },
		"MchID":        func(c *wechatv3.Config) { c.MchID = "abc" },
		"Sub.MchID":    func(c *wechatv3.Config) { c.Sub.MchID = c.MchID },
		"Key":          func(c *wechatv3.Config) { c.Key = nil },
		"Serial":       func(c *wechatv3.Config) { c.Serial = "xyz" },
		"APIKey":       func(c *wechatv3.Config) { c.APIKey = apiKey[1:] },
		"Certificates": func(c *wechatv3.Config) { c.PublicKeys = nil },
		"PUB_KEY_ID":   func(c *wechatv3.Config) { c.PublicKeys = []wechatv3.PublicKey{{ID: serial, Key: &testKey().PublicKey}} },
		"NotifyURL":    func(c *wechatv3.Config) { c.NotifyURL = "https://hub.example/?a=b" },
		"DeviceIP":     func(c *wechatv3.Config) { c.DeviceIP = "till" },
		"Now":          func(c *wechatv3.Config) { c.Now = nil },
		"Nonce":        func(c *wechatv3.Config) { c.Nonce = nil },
	} {
		cfg := good
		change(&cfg)
		c, err := wechatv3.New(cfg)
		if err == nil || !strings.Contains(err.Error(), want) || c != nil {
			t.Errorf("%s: %v", want, err)
		}
		for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v %#v", cfg, cfg), fmt.Sprint(err)} {
			if strings.Contains(text, apiKey[1:]) {
				t.Errorf("the key shows in %s", text)
			}
		}
	}
}
