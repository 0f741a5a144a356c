package wechatv3_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// envelope is an honest notice around a resource.
func envelope(event, original string, resource object) object {
	sealed := sealFor(apiKey, "fdasflkja484", original, text(resource))
	sealed["original_type"] = original
	return object{"id": "EV-2018022511223320873", "create_time": "2026-01-01T12:00:04+08:00", "resource_type": "encrypt-resource", "event_type": event,
		"summary": "支付成功", "resource": sealed}
}

func backTold(status string) object {
	return object{"mchid": mchID, "transaction_id": channeltest.SampleWalletRef, "out_trade_no": channeltest.SampleNumber, "refund_id": channeltest.SampleRefundRef,
		"out_refund_no": channeltest.SampleRefundNumber, "refund_status": status, "success_time": "2026-01-01T12:00:30+08:00", "user_received_account": "支付用户零钱",
		"amount": object{"total": channeltest.SampleFen, "refund": channeltest.SampleRefundFen, "payer_total": 1, "payer_refund": 1}}
}

func posted(v any, seal func(http.Header, []byte)) channel.Posted {
	p := channel.Posted{Header: http.Header{"Wechatpay-Signature-Type": {"WECHATPAY2-SHA256-RSA2048"}}, Body: text(v), At: clock}
	seal(p.Header, p.Body)
	return p
}

func TestNotices(t *testing.T) {
	c := connect(t, config("https://api.mch.weixin.qq.com", nil))
	n, err := c.Notice(posted(envelope("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS")), seal))
	want := channel.Notice{OutTradeNo: channeltest.SampleNumber, WalletRef: channeltest.SampleWalletRef, Amount: money.Fen(channeltest.SampleFen),
		Finding: channel.Approved, At: time.Date(2026, 1, 1, 4, 0, 3, 0, time.UTC)}
	if err != nil || n != want {
		t.Errorf("told %+v, %v", n, err)
	}
	for status, finding := range map[string]channel.RefundFinding{"SUCCESS": channel.Refunded, "ABNORMAL": channel.RefundTaken, "CLOSED": channel.RefundRefused, "NEW": channel.RefundUnknown} {
		n, err := c.Notice(posted(envelope("REFUND."+status, "refund", backTold(status)), seal))
		want := channel.Notice{OutTradeNo: channeltest.SampleNumber, OutRefundNo: channeltest.SampleRefundNumber, WalletRef: channeltest.SampleRefundRef,
			Amount: money.Fen(channeltest.SampleRefundFen), Refund: finding, At: time.Date(2026, 1, 1, 4, 0, 30, 0, time.UTC)}
		if err != nil || n != want {
			t.Errorf("%s: told %+v, %v", status, n, err)
		}
	}
	bare := envelope("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS"))
	resource := sealFor(apiKey, "fdasflkja484", "", text(paid("SUCCESS")))
	delete(resource, "associated_data")
	resource["original_type"] = "transaction"
	bare["resource"] = resource
	if _, err := c.Notice(posted(bare, seal)); err != nil {
		t.Errorf("nothing associated: %v", err)
	}
	for took, want := range map[bool]string{true: `{"code":"SUCCESS","message":"成功"}`, false: `{"code":"FAIL","message":"失败"}`} {
		if r := c.Reply(took); string(r.Body) != want || (r.Status == http.StatusOK) != took || r.ContentType != "application/json" {
			t.Errorf("%t is answered %d %s", took, r.Status, r.Body)
		}
	}
}

// TestNoticesRefused changes one thing at a time in honest notices.
func TestNoticesRefused(t *testing.T) {
	c := connect(t, config("https://api.mch.weixin.qq.com", nil))
	order := func(path string, v any) channel.Posted {
		return posted(envelope("TRANSACTION.SUCCESS", "transaction", with(paid("SUCCESS"), path, v)), seal)
	}
	back := func(path string, v any) channel.Posted {
		return posted(envelope("REFUND.SUCCESS", "refund", with(backTold("SUCCESS"), path, v)), seal)
	}
	honest := envelope("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS"))
	sealed := func(change func(http.Header, []byte)) channel.Posted { return posted(honest, change) }
	late := posted(honest, seal)
	late.At = clock.Add(5 * time.Minute)
	longer := posted(honest, seal)
	longer.Body = append(longer.Body, ' ')
	for name, p := range map[string]channel.Posted{
		"wechatv3.notice_foreign mchid":      order("mchid", "1"),
		"wechatv3.notice_foreign no mchid":   order("mchid", nil),
		"wechatv3.notice_foreign appid":      order("appid", "wxother"),
		"wechatv3.notice_foreign no appid":   order("appid", nil),
		"wechatv3.notice_form no order":      order("out_trade_no", nil),
		"wechatv3.notice_form no reference":  order("transaction_id", nil),
		"wechatv3.notice_form other state":   order("trade_state", "REFUND"),
		"wechatv3.notice_amount none":        order("amount", nil),
		"wechatv3.notice_amount zero":        order("amount.total", 0),
		"wechatv3.notice_amount negative":    order("amount.total", -5),
		"wechatv3.notice_currency":           order("amount.currency", "USD"),
		"wechatv3.notice_form text":          order("amount.total", "8888"),
		"wechatv3.notice_foreign refund":     back("mchid", "1"),
		"wechatv3.notice_amount no refund":   back("amount.refund", nil),
		"wechatv3.notice_amount more":        back("amount.refund", channeltest.SampleFen+1),
		"wechatv3.notice_form no number":     back("out_refund_no", nil),
		"wechatv3.notice_form other status":  back("refund_status", "CLOSED"),
		"wechatv3.notice_sealed key":         posted(with(honest, "resource.ciphertext", sealFor("x"+apiKey[1:], "fdasflkja484", "transaction", text(paid("SUCCESS")))["ciphertext"]), seal),
		"wechatv3.notice_sealed associated":  posted(with(honest, "resource.associated_data", "refund"), seal),
		"wechatv3.notice_sealed algorithm":   posted(with(honest, "resource.algorithm", "NONE"), seal),
		"wechatv3.notice_form original":      posted(with(honest, "resource.original_type", "refund"), seal),
		"wechatv3.notice_form no resource":   posted(with(honest, "resource", nil), seal),
		"wechatv3.notice_form no id":         posted(with(honest, "id", nil), seal),
		"wechatv3.notice_event":              posted(with(with(honest, "event_type", "COUPON.USE"), "resource.original_type", "coupon"), seal),
		"wechatv3.notice_probe":              sealed(func(h http.Header, b []byte) { seal(h, b); h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/abc") }),
		"wechatv3.notice_signature unsigned": sealed(func(http.Header, []byte) {}),
		"wechatv3.notice_signature other":    sealed(func(h http.Header, b []byte) { seal(h, append([]byte("x"), b...)) }),
		"wechatv3.notice_signature way": sealed(func(h http.Header, b []byte) {
			seal(h, b)
			h.Set("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3")
		}),
		"wechatv3.notice_serial":           sealed(func(h http.Header, b []byte) { sealAt(h, b, clock, serial) }),
		"wechatv3.notice_time":             late,
		"wechatv3.notice_signature longer": longer,
	} {
		want, _, _ := strings.Cut(name, " ")
		n, err := c.Notice(p)
		if fault.CodeOf(err) != want || n != (channel.Notice{}) {
			t.Errorf("%s: told %+v, %v", name, n, err)
		}
	}
}

// TestAStrangersSerial: a notice with a serial that we do not hold makes the next question look, and no payment wait.
func TestAStrangersSerial(t *testing.T) {
	p := newPlatform(t, nil)
	old, oldText := certificate(t, 0x111111111111, longAgo, someDay)
	next, nextText := certificate(t, 0x222222222222, longAgo, someDay)
	p.list, p.signs = listOf(apiKey, issued{old, oldText}), old
	p.asks(t, channel.Approved, 1)
	p.list = listOf(apiKey, issued{old, oldText}, issued{next, nextText})
	p.wait(2 * time.Minute)
	honest := envelope("TRANSACTION.SUCCESS", "transaction", paid("SUCCESS"))
	notice := func() channel.Posted {
		at := time.Unix(p.now.Load(), 0).UTC()
		n := posted(honest, func(h http.Header, b []byte) { sealAt(h, b, at, next) })
		n.At = at
		return n
	}
	for range 5 {
		if _, err := p.Notice(notice()); fault.CodeOf(err) != "wechatv3.notice_serial" {
			t.Errorf("an unknown serial: %v", err)
		}
	}
	if p.fetched != 1 {
		t.Errorf("strangers had %d lists fetched", p.fetched-1)
	}
	p.asks(t, channel.Approved, 2)
	if _, err := p.Notice(notice()); err != nil {
		t.Errorf("after the look: %v", err)
	}
}
