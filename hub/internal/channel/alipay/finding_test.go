package alipay_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/pay"
)

// told is a connector whose wallet says what the test sets.
type told struct {
	*alipay.Channel
	key  *rsa.PrivateKey
	body string
}

func newTold(t *testing.T) *told {
	x := &told{key: testKey(t)}
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { io.WriteString(w, x.body) })
	x.Channel = connect(t, s.URL, s.Roots)
	return x
}

func (x *told) pay(ctx context.Context, m map[string]string) channel.Answer {
	x.body = wrap(x.key, payNode, object(m))
	return x.Pay(ctx, channeltest.SampleOrder(pay.Alipay))
}

func (x *told) ask(ctx context.Context, m map[string]string) channel.Answer {
	x.body = wrap(x.key, queryNode, object(m))
	return x.Query(ctx, channeltest.SampleRef())
}

func (x *told) undo(ctx context.Context, m map[string]string) channel.Answer {
	x.body = wrap(x.key, cancelNode, object(m))
	return x.Reverse(ctx, channeltest.SampleRef())
}

func with(m map[string]string, changes ...string) map[string]string {
	m = maps.Clone(m)
	for i := 0; i < len(changes); i += 2 {
		if m[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(m, changes[i])
		}
	}
	return m
}

func fail(code, sub string) map[string]string {
	return map[string]string{"code": code, "msg": "Business Failed", "sub_code": sub, "sub_msg": "失败",
		"out_trade_no": channeltest.SampleNumber, "total_amount": "0.00", "receipt_amount": "0.00"}
}

// TestPayCodes is sections 3.2 and 3.3, every row, and what each proves.
func TestPayCodes(t *testing.T) {
	x := newTold(t)
	type row struct {
		code, sub string
		want      channel.Finding
		reason    channel.DeclineCode
	}
	rows := []row{
		{"10003", "", channel.Pending, ""},
		{"20000", "", channel.Unknown, ""}, {"20000", "isp.unknow-error", channel.Unknown, ""}, {"20000", "aop.ACQ.SYSTEM_ERROR", channel.Unknown, ""},
		{"40002", "isp.unknow-error", channel.Unknown, ""}, {"40002", "ACQ.SYSTEM_ERROR", channel.Unknown, ""},
		{"40005", "isv.app-call-limited", channel.Busy, ""}, {"40002", "isv.app-call-limited", channel.Busy, ""},
		{"40004", "isv.method-call-limited", channel.Busy, ""},
		{"40002", "isv.invalid-signature", channel.Declined, channel.Misconfigured},
		{"40001", "isv.missing-method", channel.Declined, channel.Misconfigured},
		{"40006", "isv.insufficient-isv-permissions", channel.Declined, channel.Misconfigured},
		{"20001", "aop.invalid-auth-token", channel.Declined, channel.Misconfigured},
		{"40004", "", channel.Unknown, ""}, {"", "", channel.Unknown, ""}, {"1", "", channel.Unknown, ""}, {"010000", "", channel.Unknown, ""},
		{"40004", "aop.ACQ.PAYMENT_AUTH_CODE_INVALID", channel.Declined, channel.CodeUsed},
		{"40004", "ACQ.MERCHANT_PERM_RECEIPT_DAY_LIMIT", channel.Declined, channel.Misconfigured},
		{"40004", "ACQ.AGREEMENT_NOT_EXIST", channel.Declined, channel.Misconfigured},
		{"40004", "ACQ.SECONDARY_MERCHANT_STATUS_ERROR", channel.Declined, channel.Misconfigured},
		{"40004", "ACQ.SUB_MERCHANT_CREATE_FAIL", channel.Declined, channel.Misconfigured},
	}
	for _, word := range []string{"SYSTEM_ERROR", "TRADE_HAS_SUCCESS", "TRADE_HAS_CLOSE", "TRADE_BUYER_NOT_MATCH",
		"CONTEXT_INCONSISTENT", "TRADE_STATUS_ERROR", "TRADE_SETTLE_ERROR", "TRADE_NOT_EXIST", "A_NEW_CODE"} {
		rows = append(rows, row{"40004", "ACQ." + word, channel.Unknown, ""}, row{"40004", "AQC." + word, channel.Unknown, ""})
	}
	reasons := map[channel.DeclineCode]string{
		channel.CodeUsed: "PAYMENT_AUTH_CODE_INVALID", channel.CodeExpired: "NOW_TIME_AFTER_EXPIRE_TIME_ERROR",
		channel.BalanceLow: "BUYER_BALANCE_NOT_ENOUGH BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
		channel.LimitExceeded: `BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR BEYOND_PAY_RESTRICTION
			BEYOND_PER_RECEIPT_RESTRICTION BEYOND_PER_RECEIPT_SINGLE_RESTRICTION BEYOND_PER_RECEIPT_DAY_RESTRICTION
			ERROR_BUYER_CERTIFY_LEVEL_LIMIT BUYER_LIMIT_EXCEEDED REQUEST_AMOUNT_EXCEED`,
		channel.RiskRefused: "PAYMENT_REQUEST_HAS_RISK",
		channel.RefusedOther: `ERROR_BALANCE_PAYMENT_DISABLE BUYER_SELLER_EQUAL BUYER_ENABLE_STATUS_FORBID PULL_MOBILE_CASHIER_FAIL
			MOBILE_PAYMENT_SWITCH_OFF USER_FACE_PAYMENT_SWITCH_OFF PAYMENT_FAIL NO_PAYMENT_INSTRUMENTS_AVAILABLE
			BUYER_BANKCARD_INVALID BUYER_BANKCARD_DECLINED BUYER_NOT_EXIST NOT_CERTIFIED_USER`,
		channel.Misconfigured: `INVALID_PARAMETER ACCESS_FORBIDDEN EXIST_FORBIDDEN_WORD PARTNER_ERROR TOTAL_FEE_EXCEED
			SELLER_BEEN_BLOCKED INVALID_STORE_ID RISK_MERCHANT_IP_NOT_EXIST`,
	}
	words := 0
	for reason, list := range reasons {
		for _, word := range strings.Fields(list) {
			rows = append(rows, row{"40004", "ACQ." + word, channel.Declined, reason})
			words++
		}
	}
	if words != len(alipay.PayDeclines) {
		t.Errorf("%d refusals are tested, the table has %d", words, len(alipay.PayDeclines))
	}
	for _, k := range rows {
		a := x.pay(t.Context(), fail(k.code, k.sub))
		if a.Finding != k.want || a.Decline.Code != k.reason {
			t.Errorf("%s %s: found %q %q (%v), want %q %q", k.code, k.sub, a.Finding, a.Decline.Code, a.Err, k.want, k.reason)
		}
		if k.want == channel.Declined && (a.Decline.Wallet != k.sub || a.Decline.Message == "") {
			t.Errorf("%s %s: declined as %+v", k.code, k.sub, a.Decline)
		}
		if (k.want == channel.Unknown || k.want == channel.Busy || k.reason == channel.Misconfigured) != (a.Err != nil) {
			t.Errorf("%s %s: the error is %v", k.code, k.sub, a.Err)
		}
	}
}

// TestQueryStates is every trade_status and every error of a query.
func TestQueryStates(t *testing.T) {
	x := newTold(t)
	for status, want := range map[string]channel.Finding{
		"TRADE_SUCCESS": channel.Approved, "TRADE_FINISHED": channel.Approved, "WAIT_BUYER_PAY": channel.Pending,
		"TRADE_CLOSED": channel.Reversed, "": channel.Unknown, "trade_success": channel.Unknown, "A_NEW_STATUS": channel.Unknown,
	} {
		if a := x.ask(t.Context(), state(status)); a.Finding != want || (a.Err != nil) != (want == channel.Unknown) {
			t.Errorf("%s, all members: found %q (%v), want %q", status, a.Finding, a.Err, want)
		}
		short := map[string]string{"code": "10000", "out_trade_no": channeltest.SampleNumber, "trade_status": status}
		if want == channel.Approved {
			want = channel.Unknown // no money is believed without its amount
		}
		if a := x.ask(t.Context(), short); a.Finding != want {
			t.Errorf("%s, few members: found %q (%v), want %q", status, a.Finding, a.Err, want)
		}
		if a := x.ask(t.Context(), with(short, "out_trade_no", "")); a.Finding != channel.Unknown {
			t.Errorf("%s, no order named: found %q, want unknown", status, a.Finding)
		}
	}
	for _, k := range []struct {
		code, sub string
		want      channel.Finding
	}{
		{"40004", "ACQ.TRADE_NOT_EXIST", channel.Absent}, {"40004", "aop.ACQ.TRADE_NOT_EXIST", channel.Absent},
		{"40004", "ACQ.SYSTEM_ERROR", channel.Unknown}, {"40004", "ACQ.INVALID_PARAMETER", channel.Unknown},
		{"20000", "ACQ.TRADE_NOT_EXIST", channel.Unknown}, {"40002", "isv.invalid-signature", channel.Unknown},
		{"40005", "isv.app-call-limited", channel.Unknown}, {"10003", "", channel.Unknown}, {"", "", channel.Unknown},
	} {
		if a := x.ask(t.Context(), fail(k.code, k.sub)); a.Finding != k.want || (a.Err != nil) != (k.want == channel.Unknown) {
			t.Errorf("%s %s: found %q (%v), want %q", k.code, k.sub, a.Finding, a.Err, k.want)
		}
	}
}

func TestCancelAnswers(t *testing.T) {
	x := newTold(t)
	for name, k := range map[string]struct {
		say  map[string]string
		want channel.Finding
		text string
	}{
		"closed":            {undone("close"), channel.Reversed, ""},
		"refunded":          {undone("refund"), channel.Reversed, ""},
		"nothing was there": {with(undone(""), "trade_no", ""), channel.Absent, ""},
		"other action":      {undone("Close"), channel.Unknown, "action"},
		"again":             {with(undone("refund"), "retry_flag", "Y"), channel.Unknown, "retry_flag=Y"},
		"again, nothing":    {with(undone(""), "retry_flag", "Y"), channel.Unknown, "retry_flag=Y"},
		"no flag":           {with(undone("refund"), "retry_flag", ""), channel.Unknown, "retry_flag"},
		"other flag":        {with(undone("refund"), "retry_flag", "n"), channel.Unknown, "retry_flag"},
		"no order":          {with(undone("refund"), "out_trade_no", ""), channel.Unknown, "no order"},
		"another order":     {with(undone("refund"), "out_trade_no", "01JSAMPLE00000000000000002"), channel.Unknown, "another order"},
		"another trade":     {with(undone("refund"), "trade_no", "2026010122001400001234567891"), channel.Unknown, "trade_no"},
		"another amount":    {with(undone("refund"), "total_amount", "1.00"), channel.Unknown, "amount"},
		"another seller":    {with(undone("refund"), "seller_id", "2088000000000000"), channel.Unknown, "merchant"},
		"too late":          {fail("40004", "ACQ.TRADE_CANCEL_TIME_OUT"), channel.Unknown, "24 hours"},
		"finished":          {fail("40004", "ACQ.TRADE_HAS_FINISHED"), channel.Unknown, "TRADE_HAS_FINISHED"},
		"no balance":        {fail("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH"), channel.Unknown, "fill it up"},
		"no such trade":     {fail("40004", "ACQ.TRADE_NOT_EXIST"), channel.Absent, ""},
		"system error":      {fail("40004", "ACQ.SYSTEM_ERROR"), channel.Unknown, "SYSTEM_ERROR"},
		"misspelt":          {fail("40004", "AQC.SYSTEM_ERROR"), channel.Unknown, "SYSTEM_ERROR"},
		"not available":     {fail("20000", ""), channel.Unknown, "20000"},
		"frozen":            {fail("40004", "ACQ.REASON_TRADE_BEEN_FREEZEN"), channel.Unknown, "FREEZEN"},
		"not allowed":       {fail("40004", "ACQ.CANCEL_NOT_ALLOWED"), channel.Unknown, "CANCEL_NOT_ALLOWED"},
	} {
		a := x.undo(t.Context(), k.say)
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
	for name, k := range map[string]struct {
		call func(context.Context, map[string]string) channel.Answer
		say  map[string]string
		time string
	}{
		"pay":   {x.pay, paid(), "gmt_payment"},
		"query": {x.ask, state("TRADE_SUCCESS"), "send_pay_date"},
	} {
		a := k.call(t.Context(), k.say)
		if want := time.Date(2026, 1, 1, 4, 0, 3, 0, time.UTC); a.Finding != channel.Approved || a.Err != nil ||
			a.PaidAt != want || a.WalletRef != channeltest.SampleWalletRef {
			t.Errorf("%s: %+v", name, a)
		}
		for _, same := range []string{"88.88", "88.880"} {
			want := map[string]channel.Finding{"88.88": channel.Approved, "88.880": channel.Unknown}[same]
			if a := k.call(t.Context(), with(k.say, "total_amount", same)); a.Finding != want {
				t.Errorf("%s, %s: found %q, want %q", name, same, a.Finding, want)
			}
		}
		for _, when := range []string{"", "2026-01-01", "2026-13-01 00:00:00"} {
			if a := k.call(t.Context(), with(k.say, k.time, when)); a.Finding != channel.Approved || a.PaidAt != clock || a.Err == nil {
				t.Errorf("%s, %s %q: %+v, want approved at our time and a remark", name, k.time, when, a)
			}
		}
	}
}

// TestForged changes each member that matters, signed with the right key: the wallet itself
// answers about something else. Then with every kind of wrong signature and wrapping.
func TestForged(t *testing.T) {
	x := newTold(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		call func(context.Context, map[string]string) channel.Answer
		say  map[string]string
	}{"pay": {x.pay, paid()}, "query": {x.ask, state("TRADE_SUCCESS")}} {
		for _, change := range [][2]string{
			{"out_trade_no", "01JSAMPLE00000000000000002"}, {"out_trade_no", ""}, {"total_amount", "88.87"}, {"total_amount", ""},
			{"total_amount", "8888"}, {"total_amount", "-88.88"}, {"total_amount", "88.88 "}, {"trans_currency", "USD"},
			{"seller_id", "2088000000000000"}, {"trade_no", ""}, {"code", "10001"}, {"code", ""},
		} {
			if a := k.call(t.Context(), with(k.say, change[0], change[1])); a.Finding != channel.Unknown || a.Err == nil {
				t.Errorf("%s, %s=%q: found %q (%v), want unknown", name, change[0], change[1], a.Finding, a.Err)
			}
		}
	}
	if a := x.ask(t.Context(), with(state("TRADE_SUCCESS"), "trade_no", "2026010122001400001234567891")); a.Finding != channel.Unknown {
		t.Errorf("query, another trade_no than known: found %q, want unknown", a.Finding)
	}
	for _, k := range [][2]string{{"40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH"}, {"10003", ""}, {"40005", "isv.app-call-limited"}} {
		if a := x.pay(t.Context(), with(fail(k[0], k[1]), "out_trade_no", "01JSAMPLE00000000000000002")); a.Finding != channel.Unknown {
			t.Errorf("%s %s about another order: found %q, want unknown", k[0], k[1], a.Finding)
		}
	}
	for _, node := range []string{object(paid()), object(fail("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH")), object(fail("40002", "isv.invalid-signature"))} {
		right := wrap(x.key, payNode, node)
		sign := right[strings.LastIndex(right, `"sign":"`)+8 : len(right)-2]
		doubled := strings.TrimSuffix(node, "}") + `,"code":"10000"}`
		for kind, body := range map[string]string{
			"none":               `{"` + payNode + `":` + node + `}`,
			"empty":              `{"` + payNode + `":` + node + `,"sign":""}`,
			"cut":                `{"` + payNode + `":` + node + `,"sign":"` + sign[:len(sign)-4] + `"}`,
			"no base64":          `{"` + payNode + `":` + node + `,"sign":"*` + sign[1:] + `"}`,
			"of another key":     wrap(other, payNode, node),
			"of another answer":  strings.Replace(right, node, object(with(paid(), "total_amount", "1.00")), 1),
			"first":              `{"sign":"` + sign + `","` + payNode + `":` + node + `}`,
			"error_response":     wrap(x.key, "error_response", node),
			"of another method":  wrap(x.key, queryNode, node),
			"two nodes":          strings.Replace(right, `,"sign"`, `,"`+payNode+`":`+node+`,"sign"`, 1),
			"two signatures":     strings.TrimSuffix(right, "}") + `,"sign":"` + sign + `"}`,
			"a space in it":      strings.Replace(right, node, strings.Replace(node, `":"`, `": "`, 1), 1),
			"code twice, signed": wrap(x.key, payNode, doubled),
			"after the end":      right + `{}`,
		} {
			x.body = body
			if a := x.Pay(t.Context(), channeltest.SampleOrder(pay.Alipay)); a.Finding != channel.Unknown || a.Err == nil {
				t.Errorf("signature %s: found %q (%v), want unknown", kind, a.Finding, a.Err)
			}
		}
		x.body = strings.Replace(right, `,"sign"`, `,"alipay_cert_sn":"0123456789abcdef0123456789abcdef","sign"`, 1)
		if a := x.Pay(t.Context(), channeltest.SampleOrder(pay.Alipay)); a.Finding == channel.Unknown {
			t.Errorf("with a certificate's number: %v, want it taken", a.Err)
		}
	}
}

func TestRules(t *testing.T) {
	want := channel.Rules{CallTimeout: 10 * time.Second, FirstQuery: 3 * time.Second, QueryEvery: 3 * time.Second,
		GiveUp: 45 * time.Second, ReverseEvery: 3 * time.Second, UndoWindow: 24 * time.Hour, Travel: 75 * time.Second}
	if got := newTold(t).Rules(); got != want {
		t.Errorf("Rules = %+v, want %+v", got, want)
	}
}
