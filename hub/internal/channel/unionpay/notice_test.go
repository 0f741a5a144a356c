package unionpay_test

import (
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/hub/internal/channel/unionpay"
)

// FuzzNotice: no panic on any form, signed or not; and what is taken has a number, a moment and money.
func FuzzNotice(f *testing.F) {
	c, err := unionpay.New(config(f, "https://127.0.0.1", nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("txnType=01&txnSubType=06&orderId=T0000001&txnTime=20260101120002&queryId=202601012010000000001&txnAmt=30&traceTime=0101120002")
	f.Add("txnType=31&txnSubType=00&orderId=R0000001&txnTime=20260101120002&queryId=202601012020000000001&origQryId=202601012010000000001&txnAmt=30&traceTime=0101120002")
	f.Add("signMethod=01&signPubKeyCert=-----BEGIN+CERTIFICATE-----%0AMII%0A-----END+CERTIFICATE-----&signature=AAAA")
	f.Fuzz(func(t *testing.T, body string) {
		if n, err := c.Notice(channel.Posted{Body: []byte(body)}); err == nil {
			t.Fatalf("nobody signed it, and it is taken as %+v", n)
		}
		got, err := carry.Form([]byte(body))
		if err != nil {
			return
		}
		n, err := unionpay.ReadNotice(got)
		if err == nil && ((n.OutTradeNo == "") == (n.OutRefundNo == "") || n.Amount.Charge() != nil || n.SentAt.IsZero() || (n.Finding == "") == (n.Refund == "")) {
			t.Fatalf("taken as %+v", n)
		}
	})
}
