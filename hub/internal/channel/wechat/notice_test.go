package wechat_test

import (
	"strings"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/wechat"
)

// TestNoticeVector opens the handbook's W2-4.
func TestNoticeVector(t *testing.T) {
	const sealed = "WBzGpzQuNpcFxIlFjUUD9BZv+lpBMzd2SHiKCkwfALWid5G8ZvfOussfMIHLbKJmsY2g6P/DX3YcO2Irvd86vg=="
	const text = "<root><out_refund_no><![CDATA[R1]]></out_refund_no></root>"
	if got, err := wechat.OpenNotice("192006250b4c09247ec02edce69f6a2d", sealed); err != nil || got != text {
		t.Errorf("%q, %v", got, err)
	}
	if again := wechat.SealNotice("192006250b4c09247ec02edce69f6a2d", text); again != sealed {
		t.Errorf("sealed as %s", again)
	}
	for name, s := range map[string]string{"another key's": wechat.SealNotice(strings.Repeat("a", 32), text), "no blocks": "WBzG", "nothing": "", "no base64": sealed[:8] + "\n" + sealed[9:]} {
		if got, err := wechat.OpenNotice("192006250b4c09247ec02edce69f6a2d", s); err == nil {
			t.Errorf("%s opens as %q", name, got)
		}
	}
}

const refundRoot = `<root><out_refund_no>R0000001</out_refund_no><out_trade_no>T0000001</out_trade_no><refund_fee>30</refund_fee><refund_id>50001</refund_id>` +
	`<refund_status>SUCCESS</refund_status><success_time>2026-01-01 12:00:00</success_time><total_fee>100</total_fee><transaction_id>42001</transaction_id></root>`

// FuzzNotice: no panic, whatever is posted and whatever it encrypts; and what is taken has a number and money.
func FuzzNotice(f *testing.F) {
	c, err := wechat.New(config(f, "https://127.0.0.1", nil, "MD5"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("<xml><return_code>SUCCESS</return_code><sign>0</sign></xml>", refundRoot)
	f.Add("<xml/>", strings.Replace(refundRoot, "SUCCESS", "CHANGE", 1))
	f.Fuzz(func(t *testing.T, posted, inner string) {
		if n, err := c.Notice(channel.Posted{Body: []byte(posted)}); err == nil {
			t.Fatalf("nobody signed it, and it is taken as %+v", n)
		}
		sealed := "<xml><return_code>SUCCESS</return_code><appid>" + appID + "</appid><mch_id>" + mchID + "</mch_id><req_info>" + wechat.SealNotice(apiKey, inner) + "</req_info></xml>"
		n, err := c.Notice(channel.Posted{Body: []byte(sealed)})
		if err == nil && (n.OutRefundNo == "" || n.OutTradeNo == "" || n.Amount.Charge() != nil || n.OrderAmount.Fen() < n.Amount.Fen() || n.Refund == "") {
			t.Fatalf("taken as %+v", n)
		}
		if (err == nil) != (inner == refundRoot) && inner == refundRoot {
			t.Fatalf("a true one is refused: %v", err)
		}
	})
}
