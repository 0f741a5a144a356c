package alipay_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/channeltest"
)

const (
	refundNode      = "alipay_trade_refund_response"
	refundQueryNode = "alipay_trade_fastpay_refund_query_response"
)

// moved is the honest answer to the sample refund: the trade's second, so refund_fee holds both.
func moved() map[string]string {
	return map[string]string{"code": "10000", "msg": "Success", "out_trade_no": channeltest.SampleNumber, "trade_no": channeltest.SampleWalletRef,
		"refund_fee": "10.00", "fund_change": "Y", "gmt_refund_pay": "2026-01-01 12:00:30"}
}

// backStands is the honest answer to a question about it.
func backStands() map[string]string {
	return map[string]string{"code": "10000", "msg": "Success", "out_trade_no": channeltest.SampleNumber, "trade_no": channeltest.SampleWalletRef,
		"out_request_no": channeltest.SampleRefundNumber, "refund_amount": "8.88", "total_amount": "88.88", "refund_status": "REFUND_SUCCESS",
		"gmt_refund_pay": "2026-01-01 12:00:30"}
}

func (x *told) refund(t *testing.T, m map[string]string) channel.RefundAnswer {
	x.body = wrap(x.key, refundNode, object(m))
	return x.Refund(t.Context(), channeltest.SampleRefund())
}

func (x *told) askRefund(t *testing.T, m map[string]string) channel.RefundAnswer {
	x.body = wrap(x.key, refundQueryNode, object(m))
	return x.QueryRefund(t.Context(), channeltest.SampleRefund())
}

var refundedAt = time.Date(2026, 1, 1, 4, 0, 30, 0, time.UTC)

// TestRefundMovesMoneyOnlyByFundChange: code 10000 alone proves nothing, and refund_fee is a sum.
func TestRefundMovesMoneyOnlyByFundChange(t *testing.T) {
	x := newTold(t)
	for name, c := range map[string]struct {
		answer map[string]string
		want   channel.RefundFinding
	}{
		"moved":                     {moved(), channel.Refunded},
		"the first refund":          {with(moved(), "refund_fee", "8.88"), channel.Refunded},
		"the last refund":           {with(moved(), "refund_fee", "88.88"), channel.Refunded},
		"moved nothing":             {with(moved(), "fund_change", "N"), channel.RefundUnknown},
		"does not say":              {with(moved(), "fund_change", ""), channel.RefundUnknown},
		"says it in another case":   {with(moved(), "fund_change", "y"), channel.RefundUnknown},
		"less than ours altogether": {with(moved(), "refund_fee", "8.87"), channel.RefundUnknown},
		"more than the whole order": {with(moved(), "refund_fee", "88.89"), channel.RefundUnknown},
		"no sum":                    {with(moved(), "refund_fee", ""), channel.RefundUnknown},
		"another order":             {with(moved(), "out_trade_no", "01JOTHER0"), channel.RefundUnknown},
		"no order":                  {with(moved(), "out_trade_no", ""), channel.RefundUnknown},
		"another trade":             {with(moved(), "trade_no", "2026"), channel.RefundUnknown},
		"no trade":                  {with(moved(), "trade_no", ""), channel.RefundUnknown},
	} {
		a := x.refund(t, c.answer)
		if a.Finding != c.want || (a.Err != nil) != (c.want == channel.RefundUnknown) || c.want == channel.Refunded && !a.RefundedAt.Equal(refundedAt) {
			t.Errorf("%s: found %q at %s (%v), want %q", name, a.Finding, a.RefundedAt, a.Err, c.want)
		}
	}
}

// TestRefundQueryAnswers: without a refund_status nothing went back, and what does not agree proves nothing.
func TestRefundQueryAnswers(t *testing.T) {
	x := newTold(t)
	for name, c := range map[string]struct {
		answer map[string]string
		want   channel.RefundFinding
	}{
		"done":                    {backStands(), channel.Refunded},
		"done, nobody knows when": {with(backStands(), "gmt_refund_pay", ""), channel.Refunded},
		"no such refund":          {map[string]string{"code": "10000", "msg": "Success"}, channel.RefundAbsent},
		"no status":               {with(backStands(), "refund_status", ""), channel.RefundAbsent},
		"no such trade":           {fail("40004", "ACQ.TRADE_NOT_EXIST"), channel.RefundAbsent},
		"a new status":            {with(backStands(), "refund_status", "REFUND_FAIL"), channel.RefundUnknown},
		"system error":            {fail("20000", "isp.unknow-error"), channel.RefundUnknown},
		"system error, trade":     {fail("40004", "ACQ.SYSTEM_ERROR"), channel.RefundUnknown},
		"limited":                 {fail("40005", "isv.app-call-limited"), channel.RefundUnknown},
		"another refund":          {with(backStands(), "out_request_no", "01JOTHER0"), channel.RefundUnknown},
		"no number":               {with(backStands(), "out_request_no", ""), channel.RefundUnknown},
		"another order":           {with(backStands(), "out_trade_no", "01JOTHER0"), channel.RefundUnknown},
		"another trade":           {with(backStands(), "trade_no", "2026"), channel.RefundUnknown},
		"other money back":        {with(backStands(), "refund_amount", "8.89"), channel.RefundUnknown},
		"no money back":           {with(backStands(), "refund_amount", ""), channel.RefundUnknown},
		"another total":           {with(backStands(), "total_amount", "88.87"), channel.RefundUnknown},
		"no total":                {with(backStands(), "total_amount", ""), channel.RefundUnknown},
	} {
		if a := x.askRefund(t, c.answer); a.Finding != c.want || (a.Err != nil) != (c.want == channel.RefundUnknown) {
			t.Errorf("%s: found %q (%v), want %q", name, a.Finding, a.Err, c.want)
		}
	}
}

// TestRefundCodes is section 3.4, and what each word proves.
func TestRefundCodes(t *testing.T) {
	x := newTold(t)
	for word, d := range alipay.RefundDeclines {
		for _, family := range []string{"ACQ.", "aop.ACQ.", "AQC."} {
			a := x.refund(t, fail("40004", family+word))
			if a.Finding != channel.RefundRefused || a.Decline.Code != d.Code || a.Decline.Message == "" || a.Decline.Wallet == "" {
				t.Errorf("%s%s: found %q %+v (%v)", family, word, a.Finding, a.Decline, a.Err)
			}
		}
	}
	for _, word := range []string{"SYSTEM_ERROR", "TRADE_HAS_CLOSE", "TRADE_STATUS_ERROR", "REASON_TRADE_STATUS_INVALID", "TRADE_NOT_EXIST",
		"DISCORDANT_REPEAT_REQUEST", "REFUND_CHARGE_ERROR", "TRADE_SETTLE_ERROR", "A_NEW_CODE", ""} {
		if a := x.refund(t, fail("40004", "ACQ."+word)); a.Finding != channel.RefundUnknown || a.Err == nil {
			t.Errorf("%s: found %q (%v)", word, a.Finding, a.Err)
		}
	}
	for sub, want := range map[[2]string]channel.RefundFinding{
		{"20000", ""}: channel.RefundUnknown, {"20000", "isp.unknow-error"}: channel.RefundUnknown, {"40002", "ACQ.SYSTEM_ERROR"}: channel.RefundUnknown,
		{"40002", "isp.unknow-error"}: channel.RefundUnknown, {"40005", "isv.app-call-limited"}: channel.RefundBusy,
		{"40002", "isv.invalid-signature"}: channel.RefundRefused, {"40006", "isv.insufficient-isv-permissions"}: channel.RefundRefused,
		{"10003", ""}: channel.RefundUnknown, {"", ""}: channel.RefundUnknown,
	} {
		if a := x.refund(t, fail(sub[0], sub[1])); a.Finding != want {
			t.Errorf("%v: found %q (%v), want %q", sub, a.Finding, a.Err, want)
		}
	}
}

// TestRefundRequests reads what leaves.
func TestRefundRequests(t *testing.T) {
	var form url.Values
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { form, _ = url.ParseQuery(string(body)) })
	c := connect(t, s.URL, s.Roots)
	for method, call := range map[string]func(){
		"alipay.trade.refund":               func() { c.Refund(t.Context(), channeltest.SampleRefund()) },
		"alipay.trade.fastpay.refund.query": func() { c.QueryRefund(t.Context(), channeltest.SampleRefund()) },
	} {
		call()
		var content map[string]any
		if err := json.Unmarshal([]byte(form.Get("biz_content")), &content); err != nil || form.Get("method") != method {
			t.Fatalf("%s: %v in %s", form.Get("method"), err, form.Get("biz_content"))
		}
		if content["out_request_no"] != channeltest.SampleRefundNumber || content["out_trade_no"] != channeltest.SampleNumber || content["trade_no"] != nil {
			t.Errorf("%s: %v", method, content)
		}
		if method == "alipay.trade.refund" && (content["refund_amount"] != "8.88" || content["refund_reason"] != `cold & "late" <2>`) {
			t.Errorf("%s: %v", method, content)
		}
	}
}
