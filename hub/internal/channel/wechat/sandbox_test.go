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

func TestSandbox(t *testing.T) {
	for _, kind := range []string{"HMAC-SHA256", "MD5"} {
		t.Run(kind, func(t *testing.T) {
			channeltest.Run(t, channeltest.Subject{
				Wallet: pay.WeChat, Unscanned: channel.Pending, Expired: channel.CodeExpired, Refused: channel.Declined, Beyond: channel.RefundUnknown, TooLate: channel.RefundTooLate,
				Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel {
					m := s.Merchant.WeChat
					cert, err := tls.X509KeyPair([]byte(m.ClientCert), []byte(m.ClientKey))
					if err != nil {
						t.Fatal(err)
					}
					c, err := wechat.New(wechat.Config{
						BaseURL: s.Base + "/wechat", AppID: m.AppID, MchID: m.MchID, APIKey: m.APIKey, SignType: kind,
						ClientCert: cert, RootCAs: s.Roots, DeviceIP: "127.0.0.1", Now: s.Now, Nonce: rand.Text,
					})
					if err != nil {
						t.Fatal(err)
					}
					return c
				},
			})
		})
	}
}
