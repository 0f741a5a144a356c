package wechat_test

import (
	"maps"
	"net/http"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/pay"
)

const codeURL = "weixin://wxpay/bizpayurl?pr=NwY5Mz9"

func codeToShow() map[string]string {
	return envelope(map[string]string{"trade_type": "NATIVE", "prepay_id": "wx201410272009395522657a690389285100", "code_url": codeURL})
}

func shownOrder() channel.Order {
	o := channeltest.SampleOrder(pay.WeChat)
	o.Code = pay.Code{}
	return o
}

func shownRef() channel.Ref {
	r := channeltest.SampleRef()
	r.Shown = true
	return r
}

// script answers each path with one set of fields, and keeps what was asked.
func script(t *testing.T, say map[string]map[string]string) (*channeltest.Scripted, *[]map[string]string) {
	var asked []map[string]string
	return channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		got, err := read(body)
		if err != nil {
			t.Errorf("the request is no XML: %v", err)
		}
		got["path"] = r.URL.Path
		asked = append(asked, got)
		m := maps.Clone(say[r.URL.Path])
		m["sign"] = sign("HMAC-SHA256", m)
		w.Write([]byte(write(m)))
	}), &asked
}

func refusal(code string) map[string]string {
	return envelope(map[string]string{"result_code": "FAIL", "err_code": code})
}

func TestPresentAsks(t *testing.T) {
	s, asked := script(t, map[string]map[string]string{"/pay/unifiedorder": codeToShow()})
	c := connect(t, s.URL, s.Roots)
	if a := c.Present(t.Context(), shownOrder()); a.Finding != channel.Pending || a.QR != codeURL || !a.Working {
		t.Fatalf("present found %q, %q (%v)", a.Finding, a.QR, a.Err)
	}
	got := (*asked)[0]
	for name, want := range map[string]string{"trade_type": "NATIVE", "out_trade_no": channeltest.SampleNumber, "total_fee": "8888",
		"time_expire": "20260101120115", "product_id": channeltest.SampleNumber, "notify_url": "https://notices.invalid/", "auth_code": ""} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if got["sign"] != sign("HMAC-SHA256", withoutPath(got)) {
		t.Error("the request is not signed as the wallet wants it")
	}
}

func withoutPath(m map[string]string) map[string]string {
	m = maps.Clone(m)
	delete(m, "path")
	return m
}

// Of the refusals only those about our own request end the attempt.
func TestPresentCodes(t *testing.T) {
	for code, want := range map[string]channel.Finding{
		"PARAM_ERROR": channel.Declined, "NOAUTH": channel.Declined, "SIGNERROR": channel.Declined,
		"FREQUENCY_LIMITED": channel.Busy,
		"ORDERPAID":         channel.Unknown, "ORDERCLOSED": channel.Unknown, "OUT_TRADE_NO_USED": channel.Unknown,
		"SYSTEMERROR": channel.Unknown, "NOTENOUGH": channel.Unknown, "TRADE_ERROR": channel.Unknown, "NEW_CODE": channel.Unknown, "": channel.Unknown,
	} {
		s, _ := script(t, map[string]map[string]string{"/pay/unifiedorder": refusal(code)})
		if a := connect(t, s.URL, s.Roots).Present(t.Context(), shownOrder()); a.Finding != want || a.Err == nil {
			t.Errorf("%s: found %q (%v), want %q", code, a.Finding, a.Err, want)
		}
	}
	for name, text := range map[string]string{"no text": "", "a blank": "weixin://x y", "a line end": "weixin://x\ny", "no ASCII": "weixin://茶"} {
		m := codeToShow()
		m["code_url"] = text
		s, _ := script(t, map[string]map[string]string{"/pay/unifiedorder": m})
		if a := connect(t, s.URL, s.Roots).Present(t.Context(), shownOrder()); a.Finding != channel.Unknown || a.QR != "" {
			t.Errorf("%s: found %q, %q", name, a.Finding, a.QR)
		}
	}
}

// What undoing an order that is shown learns of each answer, and what it asks for on the way. The refund's
// number is the order's own: the same in every repeat.
func TestWithdraw(t *testing.T) {
	back := func(state string) map[string]string {
		m := backStands(state)
		m["out_refund_no_1"], m["refund_fee_1"] = channeltest.SampleNumber+"R", m["total_fee"]
		return m
	}
	taken := givenBack()
	taken["out_refund_no"], taken["refund_fee"] = channeltest.SampleNumber+"R", taken["total_fee"]
	for _, k := range []struct {
		name                    string
		closed, refunded, stand map[string]string
		want                    channel.Finding
		calls                   int
	}{
		{"closed proves nothing yet", envelope(nil), nil, nil, channel.Pending, 1},
		{"closed before", refusal("ORDERCLOSED"), nil, nil, channel.Pending, 1},
		{"no order", refusal("ORDERNOTEXIST"), nil, nil, channel.Absent, 1},
		{"system error", refusal("SYSTEMERROR"), nil, nil, channel.Unknown, 1},
		{"a new code", refusal("NEW_CODE"), nil, nil, channel.Unknown, 1},
		{"paid, given back", refusal("ORDERPAID"), taken, back("SUCCESS"), channel.Reversed, 3},
		{"paid, on its way back", refusal("ORDERPAID"), taken, back("PROCESSING"), channel.Pending, 3},
		{"paid, the card takes nothing", refusal("ORDERPAID"), taken, back("CHANGE"), channel.Pending, 3},
		{"paid, the refund was shut", refusal("ORDERPAID"), taken, back("REFUNDCLOSE"), channel.Unknown, 3},
		{"paid, the refund is not seen", refusal("ORDERPAID"), taken, refusal("REFUNDNOTEXIST"), channel.Unknown, 3},
		{"paid, the account is empty", refusal("ORDERPAID"), refusal("NOTENOUGH"), nil, channel.Unknown, 2},
		{"paid, the refund's answer is lost", refusal("ORDERPAID"), refusal("SYSTEMERROR"), nil, channel.Unknown, 2},
		{"paid, too many refunds", refusal("ORDERPAID"), refusal("FREQUENCY_LIMITED"), nil, channel.Unknown, 2},
	} {
		s, asked := script(t, map[string]map[string]string{"/pay/closeorder": k.closed, "/secapi/pay/refund": k.refunded, "/pay/refundquery": k.stand})
		c := connect(t, s.URL, s.Roots)
		for range 2 {
			if a := c.Reverse(t.Context(), shownRef()); a.Finding != k.want || a.Finding == channel.Unknown && a.Err == nil {
				t.Errorf("%s: found %q (%v), want %q", k.name, a.Finding, a.Err, k.want)
			}
		}
		if len(*asked) != 2*k.calls {
			t.Errorf("%s: %d calls, want %d", k.name, len(*asked), 2*k.calls)
		}
		for _, q := range *asked {
			if no := q["out_refund_no"]; no != "" && no != channeltest.SampleNumber+"R" {
				t.Errorf("%s: the refund's number is %q", k.name, no)
			}
			if fee := q["refund_fee"]; fee != "" && fee != "8888" {
				t.Errorf("%s: %s fen are to go back", k.name, fee)
			}
		}
	}
}

// An order that was paid and given back by us is undone; one that a merchant refunded is not.
func TestQueryOfARefundedShownOrder(t *testing.T) {
	own := backStands("SUCCESS")
	own["out_refund_no_1"], own["refund_fee_1"] = channeltest.SampleNumber+"R", own["total_fee"]
	for name, k := range map[string]struct {
		stand map[string]string
		want  channel.Finding
	}{
		"by us":         {own, channel.Reversed},
		"by a merchant": {refusal("REFUNDNOTEXIST"), channel.Unknown},
		"in doubt":      {refusal("SYSTEMERROR"), channel.Unknown},
	} {
		s, _ := script(t, map[string]map[string]string{"/pay/orderquery": paid("REFUND"), "/pay/refundquery": k.stand})
		if a := connect(t, s.URL, s.Roots).Query(t.Context(), shownRef()); a.Finding != k.want {
			t.Errorf("%s: found %q (%v), want %q", name, a.Finding, a.Err, k.want)
		}
	}
}
