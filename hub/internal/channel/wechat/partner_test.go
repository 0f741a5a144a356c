package wechat_test

import (
	"io"
	"net/http"
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

// TestAnotherSubMerchantsAnswer: one key signs for all sub merchants of a provider, so that a genuine answer about another of
// them, or about the provider itself, says nothing of ours.
func TestAnotherSubMerchantsAnswer(t *testing.T) {
	x := &told{}
	s := channeltest.Serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) { io.WriteString(w, x.body) })
	cfg := config(t, s.URL, s.Roots, "")
	cfg.SubMchID, cfg.SubAppID = "1900000109", "wxsub"
	var err error
	if x.Channel, err = wechat.New(cfg); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sub, app string
		want     channel.Finding
	}{
		{"1900000109", "wxsub", channel.Approved}, {"1900000109", "", channel.Approved}, {"1900000108", "wxsub", channel.Unknown},
		{"", "wxsub", channel.Unknown}, {"", "", channel.Unknown}, {mchID, "wxsub", channel.Unknown}, {"1900000109", "wxother", channel.Unknown},
	} {
		x.say(with(paid("SUCCESS"), "sub_mch_id", c.sub, "sub_appid", c.app))
		for name, a := range map[string]channel.Answer{"pay": x.pay(t.Context()), "query": x.ask(t.Context())} {
			if a.Finding != c.want {
				t.Errorf("%s, sub merchant %q with %q: found %q (%v), want %q", name, c.sub, c.app, a.Finding, a.Err, c.want)
			}
		}
		x.say(with(undone(), "sub_mch_id", c.sub, "sub_appid", c.app))
		if a := x.undo(t.Context()); (a.Finding == channel.Reversed) != (c.want == channel.Approved) {
			t.Errorf("reverse, sub merchant %q with %q: found %q", c.sub, c.app, a.Finding)
		}
	}
}
