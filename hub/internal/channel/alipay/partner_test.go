package alipay_test

import (
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/pay"
)

// TestPartner pays for a merchant that gave its token, and with a sub merchant; without right to either, nothing is charged.
func TestPartner(t *testing.T) {
	s := channeltest.Start(t, publicPEM(t))
	bakery := s.Befriend(t, "bakery").Subs["bakery"]
	n := 0
	pays := func(p alipay.Partner, seller string, want bool) {
		t.Helper()
		n++
		c := atSandbox(t, s, func(c *alipay.Config) { c.Partner, c.SellerID = p, seller })
		o := channeltest.SampleOrder(pay.Alipay)
		o.OutTradeNo, o.SentAt, o.Expires, o.Code = o.OutTradeNo[:24]+string(rune('A'+n))+"P", s.Now(), s.Now().Add(c.Rules().Travel), s.Code(t, pay.Alipay, "00")
		if a := c.Pay(t.Context(), o); (a.Finding == channel.Approved) != want {
			t.Errorf("%d: %+v", n, a)
		}
	}
	own := s.Merchant.Alipay.SellerID
	pays(alipay.Partner{AppAuthToken: bakery.AppAuthToken}, bakery.SellerID, true)
	pays(alipay.Partner{AppAuthToken: "2026NOBODYGAVETHIS"}, bakery.SellerID, false)
	pays(alipay.Partner{SubMerchant: bakery.SellerID}, own, true)
	pays(alipay.Partner{SubMerchant: s.Stranger(t, "florist").Alipay.SellerID}, own, false)
}
