package wechat_test

import (
	"crypto/rand"
	"crypto/tls"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechat"
	"cloudcashier/shared/pay"
)

// atSandbox connects the sandbox's merchant; sign is how it signs.
func atSandbox(t *testing.T, s *channeltest.Sandbox, sign string, more func(*wechat.Config)) *wechat.Channel {
	t.Helper()
	m := s.Merchant.WeChat
	cert, err := tls.X509KeyPair([]byte(m.ClientCert), []byte(m.ClientKey))
	if err != nil {
		t.Fatal(err)
	}
	cfg := wechat.Config{BaseURL: s.Base + "/wechat", AppID: m.AppID, MchID: m.MchID, APIKey: m.APIKey, SignType: sign,
		ClientCert: cert, RootCAs: s.Roots, DeviceIP: "127.0.0.1", Now: s.Now, Nonce: rand.Text}
	if more != nil {
		more(&cfg)
	}
	c, err := wechat.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBillsAtTheSandbox(t *testing.T) {
	for _, sign := range []string{"HMAC-SHA256", "MD5"} {
		t.Run(sign, func(t *testing.T) {
			channeltest.Bills(t, channeltest.BillSubject{Wallet: pay.WeChat, Funds: true, Rules: (*wechat.Channel)(nil).BillRules(),
				Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel { return atSandbox(t, s, sign, nil) }})
		})
	}
}
