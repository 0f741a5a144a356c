package wechat_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/shared/pay"
)

// told is a connector whose wallet says what the test sets.
type told struct {
	*wechat.Channel
	body string
}

func newTold(t *testing.T) *told {
	x := &told{}
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { io.WriteString(w, x.body) })
	x.Channel = connect(t, s.URL, s.Roots)
	return x
}

// say signs the answer with the right key.
func (x *told) say(m map[string]string) {
	m = maps.Clone(m)
	m["sign"] = sign("HMAC-SHA256", m)
	x.body = write(m)
}

func with(m map[string]string, changes ...string) map[string]string {
	m = maps.Clone(m)
	for i := 0; i < len(changes); i += 2 {
		m[changes[i]] = changes[i+1]
	}
	return m
}

func (x *told) pay(ctx context.Context) channel.Answer {
	return x.Pay(ctx, channeltest.SampleOrder(pay.WeChat))
}
func (x *told) ask(ctx context.Context) channel.Answer { return x.Query(ctx, channeltest.SampleRef()) }
func (x *told) undo(ctx context.Context) channel.Answer {
	return x.Reverse(ctx, channeltest.SampleRef())
}

func fail(code string) map[string]string {
	return envelope(map[string]string{"result_code": "FAIL", "err_code": code, "err_code_des": "需要用户输入支付密码"})
}

// TestPayCodes is section 2.4, every row, and what each proves.
func TestPayCodes(t *testing.T) {
	x := newTold(t)
	want := map[string]channel.Finding{
		"USERPAYING": channel.Pending, "FREQUENCY_LIMITED": channel.Busy,
		"SYSTEMERROR": channel.Unknown, "BANKERROR": channel.Unknown,
		"ORDERPAID": channel.Unknown, "OUT_TRADE_NO_USED": channel.Unknown, "BUYER_MISMATCH": channel.Unknown,
		"ORDERCLOSED": channel.Unknown, "ORDERREVERSED": channel.Unknown, "INVALID_REQUEST": channel.Unknown,
		"RULELIMIT": channel.Unknown, "ORDERNOTEXIST": channel.Unknown, "": channel.Unknown, "notenough": channel.Unknown,
		"A_NEW_CODE": channel.Unknown,
	}
	reasons := map[string]channel.DeclineCode{
		"NOTENOUGH": channel.BalanceLow, "AUTHCODEEXPIRE": channel.CodeExpired, "AUTH_CODE_ERROR": channel.CodeUsed,
		"AUTH_CODE_INVALID": channel.CodeUsed, "NOTSUPORTCARD": channel.RefusedOther, "TRADE_ERROR": channel.RefusedOther,
	}
	for _, code := range strings.Fields(`PARAM_ERROR NOAUTH XML_FORMAT_ERROR REQUIRE_POST_METHOD SIGNERROR LACK_PARAMS
		NOT_UTF8 POST_DATA_EMPTY APPID_NOT_EXIST MCHID_NOT_EXIST APPID_MCHID_NOT_MATCH`) {
		reasons[code] = channel.Misconfigured
	}
	for code := range reasons {
		want[code] = channel.Declined
	}
	if len(reasons) != len(wechat.PayDeclines) {
		t.Errorf("%d refusals are tested, the table has %d", len(reasons), len(wechat.PayDeclines))
	}
	for code, finding := range want {
		x.say(fail(code))
		a := x.pay(t.Context())
		if a.Finding != finding {
			t.Errorf("%s: found %q (%v), want %q", code, a.Finding, a.Err, finding)
		}
		if a.Finding == channel.Declined && (a.Decline.Code != reasons[code] || a.Decline.Wallet != code || a.Decline.Message == "") {
			t.Errorf("%s: declined as %+v, want %q", code, a.Decline, reasons[code])
		}
		if (a.Finding == channel.Unknown) != (a.Err != nil) && finding != channel.Busy && reasons[code] != channel.Misconfigured {
			t.Errorf("%s: found %q with the error %v", code, a.Finding, a.Err)
		}
	}
}

// TestQueryStates is every trade_state and every error of an orderquery.
func TestQueryStates(t *testing.T) {
	x := newTold(t)
	for state, want := range map[string]channel.Finding{
		"SUCCESS": channel.Approved, "REFUND": channel.Unknown, "NOTPAY": channel.Pending, "USERPAYING": channel.Pending,
		"ACCEPT": channel.Pending, "CLOSED": channel.Reversed, "REVOKED": channel.Reversed, "PAYERROR": channel.Declined,
		"": channel.Unknown, "success": channel.Unknown, "A_NEW_STATE": channel.Unknown,
	} {
		x.say(paid(state))
		if a := x.ask(t.Context()); a.Finding != want || (a.Err != nil) != (want == channel.Unknown) {
			t.Errorf("%s, all fields: found %q (%v), want %q", state, a.Finding, a.Err, want)
		}
		// An unpaid order has a number and a state, nothing more.
		short := envelope(map[string]string{"out_trade_no": channeltest.SampleNumber, "trade_state": state})
		x.say(short)
		if state == "SUCCESS" {
			want = channel.Unknown // but no money is believed without its amount
		}
		if a := x.ask(t.Context()); a.Finding != want {
			t.Errorf("%s, few fields: found %q (%v), want %q", state, a.Finding, a.Err, want)
		}
		delete(short, "out_trade_no")
		x.say(short)
		if a := x.ask(t.Context()); a.Finding != channel.Unknown {
			t.Errorf("%s, no order named: found %q, want unknown", state, a.Finding)
		}
	}
	for code, want := range map[string]channel.Finding{
		"ORDERNOTEXIST": channel.Absent, "SYSTEMERROR": channel.Unknown, "NOTENOUGH": channel.Unknown, "": channel.Unknown,
		"FREQUENCY_LIMITED": channel.Unknown,
	} {
		x.say(fail(code))
		if a := x.ask(t.Context()); a.Finding != want {
			t.Errorf("err_code %s: found %q, want %q", code, a.Finding, want)
		}
	}
}

func TestReverseAnswers(t *testing.T) {
	x := newTold(t)
	for name, k := range map[string]struct {
		say  map[string]string
		want channel.Finding
		text string
	}{
		"done":               {undone(), channel.Reversed, ""},
		"again":              {with(undone(), "recall", "Y"), channel.Unknown, "recall=Y"},
		"no word":            {with(undone(), "recall", ""), channel.Unknown, "recall"},
		"other word":         {with(undone(), "recall", "n"), channel.Unknown, "recall"},
		"failed, again":      {with(fail("SYSTEMERROR"), "recall", "Y"), channel.Unknown, "SYSTEMERROR"},
		"failed, not again":  {with(fail("SYSTEMERROR"), "recall", "N"), channel.Unknown, "SYSTEMERROR"},
		"no such order":      {fail("ORDERNOTEXIST"), channel.Absent, ""},
		"too late":           {fail("REVERSE_EXPIRE"), channel.Unknown, "7 days"},
		"at the password":    {fail("USERPAYING"), channel.Unknown, "password"},
		"certificate":        {fail("CERT_ERROR"), channel.Unknown, "certificate"},
		"wrong reference":    {fail("INVALID_TRANSACTIONID"), channel.Unknown, "INVALID_TRANSACTIONID"},
		"wrong state":        {fail("TRADE_STATE_ERROR"), channel.Unknown, "TRADE_STATE_ERROR"},
		"our order":          {with(undone(), "out_trade_no", channeltest.SampleNumber), channel.Reversed, ""},
		"another order":      {with(undone(), "out_trade_no", channeltest.SampleNumber+"1"), channel.Unknown, "another order"},
		"another reference":  {with(undone(), "transaction_id", "4200001234202601010000000002"), channel.Unknown, "transaction_id"},
		"another merchant":   {with(undone(), "mch_id", "10000101"), channel.Unknown, "another merchant"},
		"strange result":     {with(undone(), "result_code", "OK"), channel.Unknown, "result_code"},
		"protocol, unsigned": {map[string]string{"return_code": "FAIL", "return_msg": "签名错误"}, channel.Unknown, "签名错误"},
	} {
		x.say(k.say)
		a := x.undo(t.Context())
		if a.Finding != k.want || (k.want == channel.Unknown) != (a.Err != nil) {
			t.Errorf("%s: found %q (%v), want %q", name, a.Finding, a.Err, k.want)
		}
		if k.text != "" && !strings.Contains(a.Err.Error(), k.text) {
			t.Errorf("%s: the error %q does not name %q", name, a.Err, k.text)
		}
	}
}

func TestApproval(t *testing.T) {
	x := newTold(t)
	for name, call := range map[string]func(context.Context) channel.Answer{"pay": x.pay, "query": x.ask} {
		x.say(paid("SUCCESS"))
		a := call(t.Context())
		if want := time.Date(2026, 1, 1, 4, 0, 3, 0, time.UTC); a.Finding != channel.Approved || a.Err != nil ||
			a.PaidAt != want || a.WalletRef != channeltest.SampleWalletRef {
			t.Errorf("%s: %+v", name, a)
		}
		for _, end := range []string{"", "20260101", "20261301000000"} {
			x.say(with(paid("SUCCESS"), "time_end", end))
			if a := call(t.Context()); a.Finding != channel.Approved || a.PaidAt != clock || a.Err == nil {
				t.Errorf("%s, time_end %q: %+v, want approved at our time and a remark", name, end, a)
			}
		}
	}
}

// TestForged changes each field that matters, signed with the right key: the wallet itself answers
// about something else. Then with every kind of wrong signature.
func TestForged(t *testing.T) {
	x := newTold(t)
	for name, call := range map[string]func(context.Context) channel.Answer{"pay": x.pay, "query": x.ask} {
		for _, change := range [][2]string{
			{"out_trade_no", "01JSAMPLE00000000000000002"}, {"out_trade_no", ""}, {"total_fee", "8887"}, {"total_fee", ""},
			{"total_fee", "08888"}, {"total_fee", "8888.0"}, {"total_fee", "88.88"}, {"fee_type", "USD"}, {"fee_type", "cny"},
			{"appid", "wx2421b1c4370ec43c"}, {"appid", ""}, {"mch_id", "10000101"}, {"mch_id", ""}, {"result_code", ""},
			{"result_code", "success"}, {"return_code", ""}, {"return_code", "success"}, {"transaction_id", ""},
		} {
			x.say(with(paid("SUCCESS"), change[0], change[1]))
			if a := call(t.Context()); a.Finding != channel.Unknown || a.Err == nil {
				t.Errorf("%s, %s=%q: found %q (%v), want unknown", name, change[0], change[1], a.Finding, a.Err)
			}
		}
		right := paid("SUCCESS")
		hmacSign := sign("HMAC-SHA256", right)
		for kind, s := range map[string]string{
			"none": "", "cut": hmacSign[:63], "longer": hmacSign + "0", "zeros": strings.Repeat("0", 64), "lower case": strings.ToLower(hmacSign),
			"MD5, though we sign with HMAC": sign("MD5", right),
			"of another answer":             sign("HMAC-SHA256", with(right, "total_fee", "1")),
		} {
			x.body = write(with(right, "sign", s))
			if a := call(t.Context()); a.Finding != channel.Unknown || a.Err == nil {
				t.Errorf("%s, signature %s: found %q, want unknown", name, kind, a.Finding)
			}
		}
		for field := range right { // every field is under the signature
			x.body = write(with(right, field, right[field]+"1", "sign", hmacSign))
			if a := call(t.Context()); a.Finding != channel.Unknown {
				t.Errorf("%s, %s altered: found %q, want unknown", name, field, a.Finding)
			}
		}
		x.body = write(with(right, "added", "1", "sign", hmacSign))
		if a := call(t.Context()); a.Finding != channel.Unknown {
			t.Errorf("%s, a field added: found %q, want unknown", name, a.Finding)
		}
		for _, double := range []string{"<total_fee>1</total_fee>", "<out_trade_no>x</out_trade_no>", "<sign>" + hmacSign + "</sign>"} {
			x.body = strings.Replace(write(with(right, "sign", hmacSign)), "</xml>", double+"</xml>", 1)
			if a := call(t.Context()); a.Finding != channel.Unknown {
				t.Errorf("%s, %s doubled: found %q, want unknown", name, double, a.Finding)
			}
		}
	}
	x.say(with(paid("SUCCESS"), "transaction_id", "4200001234202601010000000002"))
	if a := x.ask(t.Context()); a.Finding != channel.Unknown {
		t.Errorf("query, another transaction_id than known: found %q, want unknown", a.Finding)
	}
	// An error that names another order is not ours either.
	for _, code := range []string{"NOTENOUGH", "USERPAYING", "FREQUENCY_LIMITED"} {
		x.say(with(fail(code), "out_trade_no", "01JSAMPLE00000000000000002"))
		if a := x.pay(t.Context()); a.Finding != channel.Unknown {
			t.Errorf("%s about another order: found %q, want unknown", code, a.Finding)
		}
		x.body = write(fail(code))
		if a := x.pay(t.Context()); a.Finding != channel.Unknown {
			t.Errorf("%s unsigned: found %q, want unknown", code, a.Finding)
		}
	}
	for _, state := range []string{"CLOSED", "PAYERROR", "NOTPAY"} {
		x.say(with(paid(state), "total_fee", "1"))
		if a := x.ask(t.Context()); a.Finding != channel.Unknown {
			t.Errorf("%s of another amount: found %q, want unknown", state, a.Finding)
		}
	}
}

// TestProtocolRefusal: return_code=FAIL is never signed. It ends a payment only when TLS proves the
// speaker and the text is a plain signature or format fault (see payFailed).
func TestProtocolRefusal(t *testing.T) {
	x := newTold(t)
	clear := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, x.body) }))
	t.Cleanup(clear.Close)
	unproven := &told{Channel: connect(t, clear.URL, nil)}
	for text, want := range map[string]channel.Finding{
		"签名错误": channel.Declined, "签名失败": channel.Declined, "参数格式校验错误": channel.Declined, "缺少参数": channel.Declined,
		"XML格式错误": channel.Declined, "系统繁忙，请稍后再试": channel.Unknown, "SYSTEMERROR": channel.Unknown, "": channel.Unknown,
	} {
		x.body = write(map[string]string{"return_code": "FAIL", "return_msg": text})
		a := x.pay(t.Context())
		if a.Finding != want || a.Err == nil {
			t.Errorf("pay, %q: found %q (%v), want %q", text, a.Finding, a.Err, want)
		}
		if want == channel.Declined && a.Decline.Code != channel.Misconfigured {
			t.Errorf("pay, %q: declined as %q, want misconfigured", text, a.Decline.Code)
		}
		if a := unproven.pay(t.Context()); a.Finding != channel.Unknown {
			t.Errorf("pay without TLS, %q: found %q, want unknown", text, a.Finding)
		}
		if a := x.ask(t.Context()); a.Finding != channel.Unknown {
			t.Errorf("query, %q: found %q, want unknown", text, a.Finding)
		}
	}
	x.body = write(map[string]string{"return_code": "FAIL", "return_msg": "auth_code 130061098828009406 签名错误"})
	if a := x.pay(t.Context()); a.Finding != channel.Unknown || strings.Contains(a.Err.Error(), "130061098828009406") {
		t.Errorf("an echoed code: found %q, %v", a.Finding, a.Err)
	}
}

func TestRules(t *testing.T) {
	want := channel.Rules{CallTimeout: 10 * time.Second, FirstQuery: 5 * time.Second, QueryEvery: 5 * time.Second,
		GiveUp: 45 * time.Second, ReverseNotBefore: 15 * time.Second, ReverseEvery: 5 * time.Second,
		UndoWindow: 7 * 24 * time.Hour, Travel: 75 * time.Second}
	if got := newTold(t).Rules(); got != want {
		t.Errorf("Rules = %+v, want %+v", got, want)
	}
}
