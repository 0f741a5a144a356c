package wechat_test

import (
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/shared/pay"
)

// TestPartner pays for a sub merchant as its service provider; another's is refused, and nothing was charged.
func TestPartner(t *testing.T) {
	s := channeltest.Start(t, "")
	friends := s.Befriend(t, "bakery")
	strangers := s.Stranger(t, "florist")
	pays := func(sub string) channel.Answer {
		c := atSandbox(t, s, "", func(c *wechat.Config) { c.SubMchID = sub })
		o := channeltest.SampleOrder(pay.WeChat)
		o.SentAt, o.Expires, o.Code = s.Now(), s.Now().Add(c.Rules().Travel), s.Code(t, pay.WeChat, "00")
		return c.Pay(t.Context(), o)
	}
	if a := pays(friends.Subs["bakery"].SubMchID); a.Finding != channel.Approved {
		t.Errorf("for its own sub merchant: %+v", a)
	}
	if a := pays(strangers.WeChat.MchID); a.Finding == channel.Approved || a.Finding == channel.Pending {
		t.Errorf("for a stranger: %+v", a)
	}
}
