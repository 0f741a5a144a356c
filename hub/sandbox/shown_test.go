package sandbox_test

import (
	"testing"
	"time"
)

func (l *lab) wechatShown(number string) fields {
	return fields{"appid": l.WeChat.AppID, "mch_id": l.WeChat.MchID, "nonce_str": "abc", "body": "tea", "out_trade_no": number, "total_fee": "100",
		"spbill_create_ip": "127.0.0.1", "notify_url": "https://x.invalid/", "trade_type": "NATIVE", "product_id": "p", "time_expire": "20260101120600"}
}

func (l *lab) scans(qr, scenario string) string {
	l.t.Helper()
	var got struct{ Seen string }
	l.control("POST", "/sandbox/pay", map[string]string{"qr": qr, "scenario": scenario}, &got)
	return got.Seen
}

// TestWeChatShownOrders is the wallet's every word about an order whose code is shown, with a crash at each step.
func TestWeChatShownOrders(t *testing.T) {
	l := start(t)
	ask := func(path string, f fields, want string) fields {
		t.Helper()
		got, word := l.wechat(path, f)
		if word != want {
			t.Fatalf("%s %s: %s %v, want %s", path, f["out_trade_no"], word, got, want)
		}
		l.crash()
		l.up()
		return got
	}
	one, two := l.wechatShown("SHOWN1"), l.wechatShown("SHOWN2")
	ref := l.wechatRef("SHOWN1")
	ask("pay/closeorder", ref, "ORDERNOTEXIST")
	qr := ask("pay/unifiedorder", one, "SUCCESS")["code_url"]
	if again := ask("pay/unifiedorder", one.with("nonce_str", "other"), "SUCCESS")["code_url"]; again != qr || qr == "" {
		t.Errorf("asked again: %q, at first %q", again, qr)
	}
	ask("pay/unifiedorder", one.with("total_fee", "101"), "OUT_TRADE_NO_USED")
	ask("pay/orderquery", ref, "NOTPAY")
	ask("secapi/pay/reverse", ref, "INVALID_REQUEST")
	if seen := l.scans(qr, "53"); seen != "pending" {
		t.Errorf("the customer sees %s", seen)
	}
	ask("pay/orderquery", ref, "USERPAYING")
	l.clock.advance(5 * time.Second)
	if got := ask("pay/orderquery", ref, "SUCCESS"); got["trade_type"] != "NATIVE" || got["time_end"] != "20260101120005" {
		t.Errorf("paid: %v", got)
	}
	ask("pay/closeorder", ref, "ORDERPAID")
	ask("pay/unifiedorder", one, "ORDERPAID")

	ref = l.wechatRef("SHOWN2")
	qr = ask("pay/unifiedorder", two, "SUCCESS")["code_url"]
	ask("pay/closeorder", ref, "SUCCESS")
	ask("pay/closeorder", ref, "ORDERCLOSED")
	ask("pay/unifiedorder", two, "ORDERCLOSED")
	ask("pay/orderquery", ref, "CLOSED")
	if seen := l.scans(qr, "00"); seen != "order_closed" {
		t.Errorf("the customer sees %s", seen)
	}
	qr = ask("pay/unifiedorder", l.wechatShown("SHOWN3"), "SUCCESS")["code_url"]
	l.clock.advance(6 * time.Minute)
	if seen := l.scans(qr, "00"); seen != "order_closed" {
		t.Errorf("the customer of an old code sees %s", seen)
	}
	ask("pay/orderquery", l.wechatRef("SHOWN3"), "CLOSED")
	ask("pay/unifiedorder", l.wechatShown("SHOWN4"), "PARAM_ERROR") // expired on arrival
	if _, word := l.wechat("pay/micropay", l.wechatPay("CODE1", l.code("wechat", "55"))); word != "USERPAYING" {
		t.Fatal(word)
	}
	ask("pay/closeorder", l.wechatRef("CODE1"), "INVALID_REQUEST")
	ask("pay/unifiedorder", l.wechatShown("CODE1").with("time_expire", "20260101121200"), "OUT_TRADE_NO_USED")
	for name, value := range map[string]string{"trade_type": "JSAPI", "product_id": "", "notify_url": "", "auth_code": "1", "body": ""} {
		if _, word := l.wechat("pay/unifiedorder", l.wechatShown(l.number()).with(name, value)); word == "SUCCESS" {
			t.Errorf("%s=%q was taken", name, value)
		}
	}
	if _, word := l.wechat("pay/unifiedorder", l.wechatShown(l.number()).with("time_start", "20260101120101")); word != "PARAM_ERROR" {
		t.Errorf("a life below five minutes: %s", word)
	}
	if lines := l.ledger(); len(lines) != 1 {
		t.Errorf("the ledger has %d lines, want one charge", len(lines))
	}
}

// TestAlipayShownOrders: until somebody scans there is no trade, and none can be cancelled or closed.
func TestAlipayShownOrders(t *testing.T) {
	l := start(t)
	ask := func(method string, f fields, want string) fields {
		t.Helper()
		got, word := l.alipay("alipay.trade."+method, f)
		if word != want {
			t.Fatalf("%s %s: %s %v, want %s", method, f["out_trade_no"], word, got, want)
		}
		l.crash()
		l.up()
		return got
	}
	shown := func(number string) fields {
		return fields{"out_trade_no": number, "subject": "tea", "total_amount": "1.00", "time_expire": "2026-01-01 12:02:00"}
	}
	ref := fields{"out_trade_no": "SHOWN1"}
	const absent = "ACQ.TRADE_NOT_EXIST"
	qr := ask("precreate", shown("SHOWN1"), "10000")["qr_code"]
	if again := ask("precreate", shown("SHOWN1"), "10000")["qr_code"]; again != qr || qr == "" {
		t.Errorf("asked again: %q, at first %q", again, qr)
	}
	ask("precreate", shown("SHOWN1").with("subject", "cake"), "ACQ.CONTEXT_INCONSISTENT")
	ask("query", ref, absent)
	ask("cancel", ref, absent)
	ask("close", ref, absent)
	ask("refund", ref.with("refund_amount", "1.00"), absent)
	if seen := l.scans(qr, "54"); seen != "pending" {
		t.Errorf("the customer sees %s", seen)
	}
	ask("query", ref, "WAIT_BUYER_PAY")
	l.clock.advance(5 * time.Second)
	ask("query", ref, "WAIT_BUYER_PAY") // he refused; the next may pay
	if seen := l.scans(qr, "00"); seen != "charged" {
		t.Errorf("the customer sees %s", seen)
	}
	ask("query", ref, "TRADE_SUCCESS")
	ask("close", ref, "ACQ.REASON_TRADE_STATUS_INVALID")
	ask("precreate", shown("SHOWN1"), "ACQ.TRADE_HAS_SUCCESS")
	ask("cancel", ref, "refund")

	ref = fields{"out_trade_no": "SHOWN2"}
	qr = ask("precreate", shown("SHOWN2"), "10000")["qr_code"]
	l.scans(qr, "55")
	ask("close", ref, "10000")
	ask("query", ref, "TRADE_CLOSED")
	ask("close", ref, "ACQ.REASON_TRADE_STATUS_INVALID")
	ask("precreate", shown("SHOWN2"), "ACQ.TRADE_HAS_CLOSE")
	qr = ask("precreate", shown("SHOWN3"), "10000")["qr_code"]
	l.clock.advance(2 * time.Minute)
	if seen := l.scans(qr, "00"); seen != "order_closed" {
		t.Errorf("the customer of an old code sees %s", seen)
	}
	ask("query", fields{"out_trade_no": "SHOWN3"}, absent)
	ask("precreate", shown("SHOWN4"), "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR")
	ask("precreate", shown("SHOWN5").with("auth_code", "1"), "ACQ.INVALID_PARAMETER")
	if lines := l.ledger(); len(lines) != 2 {
		t.Errorf("the ledger has %d lines, want a charge and its way back", len(lines))
	}
}
