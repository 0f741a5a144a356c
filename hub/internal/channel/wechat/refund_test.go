package wechat_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechat"
)

// givenBack is the honest answer to the sample refund.
func givenBack() map[string]string {
	return envelope(map[string]string{"result_code": "SUCCESS", "transaction_id": channeltest.SampleWalletRef, "out_trade_no": channeltest.SampleNumber,
		"out_refund_no": channeltest.SampleRefundNumber, "refund_id": channeltest.SampleRefundRef, "fee_type": "CNY",
		"refund_fee": fmt.Sprint(channeltest.SampleRefundFen), "total_fee": fmt.Sprint(channeltest.SampleFen), "cash_fee": "1"})
}

// backStands is the honest answer to a question about it, behind another refund of the order.
func backStands(state string) map[string]string {
	m := envelope(map[string]string{"result_code": "SUCCESS", "transaction_id": channeltest.SampleWalletRef, "out_trade_no": channeltest.SampleNumber,
		"total_fee": fmt.Sprint(channeltest.SampleFen), "refund_count": "2", "total_refund_count": "2",
		"out_refund_no_0": "01JANOTHER", "refund_id_0": "5000000", "refund_fee_0": "1", "refund_status_0": "PROCESSING",
		"out_refund_no_1": channeltest.SampleRefundNumber, "refund_id_1": channeltest.SampleRefundRef,
		"refund_fee_1": fmt.Sprint(channeltest.SampleRefundFen), "refund_status_1": state})
	if state == "SUCCESS" {
		m["refund_success_time_1"] = "2026-01-01 12:00:30"
	}
	return m
}

// TestRefundCodes is section 2.6, every word, and what each proves.
func TestRefundCodes(t *testing.T) {
	x := newTold(t)
	want := map[string]channel.RefundFinding{
		"SYSTEMERROR": channel.RefundUnknown, "BIZERR_NEED_RETRY": channel.RefundBusy, "ERROR": channel.RefundUnknown,
		"INVALID_REQ_TOO_MUCH": channel.RefundBusy, "FREQUENCY_LIMITED": channel.RefundBusy, "ORDER_NOT_READY": channel.RefundBusy,
		"CERT_ERROR": channel.RefundUnknown, "REFUND_FEE_MISMATCH": channel.RefundUnknown, "": channel.RefundUnknown, "A_NEW_CODE": channel.RefundUnknown,
		"ORDERNOTEXIST": channel.RefundUnknown, "REFUNDNOTEXIST": channel.RefundUnknown, "notenough": channel.RefundUnknown,
	}
	reasons := map[string]channel.DeclineCode{"NOTENOUGH": channel.MerchantBalanceLow, "TRADE_OVERDUE": channel.RefundTooLate,
		"USER_ACCOUNT_ABNORMAL": channel.CustomerAccount}
	for _, code := range strings.Fields("INVALID_TRANSACTIONID PARAM_ERROR APPID_NOT_EXIST MCHID_NOT_EXIST REQUIRE_POST_METHOD SIGNERROR XML_FORMAT_ERROR") {
		reasons[code] = channel.Misconfigured
	}
	if len(reasons) != len(wechat.RefundDeclines) {
		t.Errorf("%d refusals are tested, the table has %d", len(reasons), len(wechat.RefundDeclines))
	}
	for code := range reasons {
		want[code] = channel.RefundRefused
	}
	for code, finding := range want {
		x.say(fail(code))
		a := x.Refund(t.Context(), channeltest.SampleRefund())
		if a.Finding != finding || a.Decline.Code != reasons[code] || (a.Decline.Message != "") != (reasons[code] != "") {
			t.Errorf("%s: found %q %+v (%v), want %q", code, a.Finding, a.Decline, a.Err, finding)
		}
		if q := x.QueryRefund(t.Context(), channeltest.SampleRefund()); (q.Finding == channel.RefundAbsent) != (code == "REFUNDNOTEXIST") ||
			q.Finding != channel.RefundAbsent && q.Finding != channel.RefundUnknown {
			t.Errorf("asked, %s: found %q", code, q.Finding)
		}
	}
}

// TestRefundStates is refund_status, every word.
func TestRefundStates(t *testing.T) {
	x := newTold(t)
	for state, want := range map[string]channel.RefundFinding{
		"SUCCESS": channel.Refunded, "PROCESSING": channel.RefundTaken, "CHANGE": channel.RefundTaken, "REFUNDCLOSE": channel.RefundRefused,
		"FAIL": channel.RefundUnknown, "": channel.RefundUnknown, "success": channel.RefundUnknown,
	} {
		x.say(backStands(state))
		a := x.QueryRefund(t.Context(), channeltest.SampleRefund())
		if a.Finding != want || want != channel.RefundUnknown && a.WalletRef != channeltest.SampleRefundRef {
			t.Errorf("%q: found %q as %q (%v), want %q", state, a.Finding, a.WalletRef, a.Err, want)
		}
		if at := time.Date(2026, 1, 1, 4, 0, 30, 0, time.UTC); state == "SUCCESS" && !a.RefundedAt.Equal(at) {
			t.Errorf("refunded at %s, want %s", a.RefundedAt, at)
		}
	}
}

// TestForgedRefunds changes one thing at a time in honest answers, signed with the right key: a
// wallet's mistake must prove nothing either.
func TestForgedRefunds(t *testing.T) {
	x := newTold(t)
	ask := func(m map[string]string, query bool) channel.RefundAnswer {
		x.say(m)
		if query {
			return x.QueryRefund(t.Context(), channeltest.SampleRefund())
		}
		return x.Refund(t.Context(), channeltest.SampleRefund())
	}
	if a := ask(givenBack(), false); a.Finding != channel.RefundTaken || a.WalletRef != channeltest.SampleRefundRef {
		t.Fatalf("the honest answer found %q (%v)", a.Finding, a.Err)
	}
	for _, c := range [][2]string{{"out_trade_no", "01JOTHER0"}, {"out_trade_no", ""}, {"out_refund_no", "01JOTHER0"}, {"out_refund_no", ""},
		{"refund_fee", "889"}, {"refund_fee", ""}, {"refund_fee", "0888"}, {"total_fee", "8889"}, {"total_fee", ""}, {"fee_type", "USD"}, {"refund_id", ""},
		{"transaction_id", "420000"}, {"appid", "wxother"}, {"mch_id", "1"}, {"result_code", "MAYBE"}} {
		if a := ask(with(givenBack(), c[0], c[1]), false); a.Finding != channel.RefundUnknown || a.Err == nil {
			t.Errorf("refund with %s=%q: found %q (%v)", c[0], c[1], a.Finding, a.Err)
		}
	}
	for _, c := range [][2]string{{"out_trade_no", "01JOTHER0"}, {"out_refund_no_1", "01JOTHER0"}, {"refund_fee_1", "887"}, {"refund_fee_1", ""},
		{"total_fee", "8887"}, {"fee_type", "USD"}, {"refund_id_1", ""}, {"transaction_id", "420000"}, {"mch_id", "1"}, {"result_code", ""}} {
		if a := ask(with(backStands("SUCCESS"), c[0], c[1]), true); a.Finding != channel.RefundUnknown || a.Err == nil {
			t.Errorf("query with %s=%q: found %q (%v)", c[0], c[1], a.Finding, a.Err)
		}
	}
	known := channeltest.SampleRefund()
	known.WalletRef = "50000009"
	x.say(backStands("SUCCESS"))
	if a := x.QueryRefund(t.Context(), known); a.Finding != channel.RefundUnknown {
		t.Errorf("another refund_id than was told before: found %q", a.Finding)
	}
}

// TestRefundRequests reads what leaves: refund with the merchant's certificate, the question without.
func TestRefundRequests(t *testing.T) {
	var got map[string]string
	var path string
	var certificates int
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		got, _ = read(body)
		path, certificates = r.URL.Path, len(r.TLS.PeerCertificates)
	})
	c := connect(t, s.URL, s.Roots)
	c.Refund(t.Context(), channeltest.SampleRefund())
	if path != "/secapi/pay/refund" || certificates == 0 || got["out_refund_no"] != channeltest.SampleRefundNumber || got["out_trade_no"] != channeltest.SampleNumber ||
		got["refund_fee"] != "888" || got["total_fee"] != "8888" || got["refund_fee_type"] != "CNY" || got["refund_desc"] != `cold & "late" <2>` || got["sign"] != sign("HMAC-SHA256", got) {
		t.Errorf("%s with %d certificates: %v", path, certificates, got)
	}
	c.QueryRefund(t.Context(), channeltest.SampleRefund())
	if path != "/pay/refundquery" || certificates != 0 || got["out_refund_no"] != channeltest.SampleRefundNumber || got["sign"] != sign("HMAC-SHA256", got) {
		t.Errorf("%s with %d certificates: %v", path, certificates, got)
	}
}
