package alipay_test

import (
	"net/url"
	"testing"

	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/carry"
)

// TestNoticeVector verifies the handbook's A2-4, whose subject has a plus, a percent sign and Chinese in it.
func TestNoticeVector(t *testing.T) {
	form := url.Values{"app_id": {"2014072300007148"}, "charset": {"utf-8"}, "notify_id": {"ac05099524730693a8b330c5ecf72da9786"}, "notify_time": {"2026-01-01 12:00:05"},
		"notify_type": {"trade_status_sync"}, "out_trade_no": {"T1"}, "seller_id": {"2088101106499364"}, "subject": {"a+b%20c 中"}, "total_amount": {"0.01"},
		"trade_no": {"2026010122001400001234567890"}, "trade_status": {"TRADE_SUCCESS"}, "version": {"1.0"}, "sign_type": {"RSA2"},
		"sign": {"hZNRBVqWBVnLAV9vI070wC0lJyzjS8PeExD0L17t2+NEpmp2To/FOcInQ9WAG+9z3J+LRC9Jt6CmHKExzSJxIV66yKuiVJqCJPpVqtmm0auhwmaTT8R5wt0cMs9K08HqeIBp/5maVRo0M0C+pk7sPUHVZcJ/gaZd3oMKeLvtlDkiHDAh3jQO8U6KcoOfp1BgBycDYgz493+EfQZPwutBkS3/RXNOlipy3LZwQBsvA4Abw3tevzYb82PYQRtF0A+i7X+VW5PViu2DC9KVHJmti00TecGzFelNOHqGCChmy1BztfcWncN2TUHYi4v7mCrf+DgQpyyN8QqxhkCSBJCCXg=="}}
	got, err := carry.Form([]byte(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if err := alipay.Verify(&testKey(t).PublicKey, alipay.NoticeText(got), []byte(got["sign"])); err != nil {
		t.Error(err)
	}
	got["total_amount"] = "0.02"
	if alipay.Verify(&testKey(t).PublicKey, alipay.NoticeText(got), []byte(got["sign"])) == nil {
		t.Error("another amount has the same signature")
	}
}

// FuzzNotice: no panic on any form, were it signed; and what is taken has a number and money.
func FuzzNotice(f *testing.F) {
	f.Add("trade_status=TRADE_SUCCESS&out_trade_no=T0000001&trade_no=2026&total_amount=0.30&gmt_payment=2026-01-01+12%3A00%3A05")
	f.Add("trade_status=TRADE_CLOSED&out_trade_no=T0000001&trade_no=2026&total_amount=0.30&out_biz_no=R0000001&refund_fee=0.20&send_back_fee=0.10&gmt_refund=2026-01-01+12%3A00%3A05.123")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := carry.Form([]byte(body))
		if err != nil {
			return
		}
		alipay.NoticeText(got)
		n, err := alipay.ReadNotice(got)
		if err != nil {
			return
		}
		back := n.OutRefundNo != ""
		if n.OutTradeNo == "" || back != (n.Refund != "") || back == (n.Finding != "") || !back && n.Amount.Charge() != nil || back && (n.BackAmount.Charge() != nil || n.Amount.Fen() > n.BackAmount.Fen()) {
			t.Fatalf("taken as %+v", n)
		}
	})
}
