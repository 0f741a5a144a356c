package sandbox_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"
)

// TestAge makes a day of yesterday's: amounts and order stay, what was planned has happened, a restart forgets nothing, and the
// ledger can be changed by nobody after it.
func TestAge(t *testing.T) {
	l := start(t)
	g := l.giving(t, "wechat", "00")
	if _, word := g.refund("R1", 30); word != "SUCCESS" {
		t.Fatalf("refund: %s", word)
	}
	l.giving(t, "alipay", "53") // charged in five seconds
	unused := l.code("wechat", "00")
	bill := func() []byte {
		f := fields{"appid": l.WeChat.AppID, "mch_id": l.WeChat.MchID, "nonce_str": "n", "bill_date": "20251230", "bill_type": "ALL"}
		f["sign"] = l.wechatSign(f)
		var body bytes.Buffer
		body.WriteString("<xml>")
		for name, value := range f {
			body.WriteString("<" + name + ">" + value + "</" + name + ">")
		}
		body.WriteString("</xml>")
		status, text, _ := l.send(l.bare, "POST", "https://"+l.s.Addr()+"/wechat/pay/downloadbill", "text/xml", body.Bytes())
		if status != http.StatusOK {
			t.Fatalf("bill: %d", status)
		}
		return text
	}
	if text := bill(); !bytes.Contains(text, []byte("NO Bill Exist")) {
		t.Errorf("before: %s", text)
	}
	l.control("POST", "/sandbox/age", map[string]int{"hours": 48}, nil)
	l.crash()
	want := map[string]struct {
		fen int64
		at  time.Time
	}{
		"wechat charge": {100, began.Add(-48 * time.Hour)},
		"wechat refund": {30, began.Add(-48*time.Hour + 3*time.Second)},
		"alipay charge": {100, began.Add(-48*time.Hour + 5*time.Second)},
	}
	booked := l.ledger()
	for _, x := range booked {
		if w := want[x.Wallet+" "+x.Kind]; w.fen != x.Amount || !w.at.Equal(x.At) {
			t.Errorf("booked: %+v, want %+v", x, w)
		}
	}
	if len(booked) != len(want) {
		t.Errorf("booked: %+v", booked)
	}
	text := bill()
	for _, x := range booked {
		if x.Wallet == "wechat" && !bytes.Contains(text, []byte("`"+x.WalletRef+",`"+x.Number)) {
			t.Errorf("the bill lacks %+v: %s", x, text)
		}
	}
	if _, word := l.wechat("pay/micropay", l.wechatPay(l.number(), unused)); word != "AUTHCODEEXPIRE" {
		t.Errorf("a code of two days: %s", word)
	}
}
