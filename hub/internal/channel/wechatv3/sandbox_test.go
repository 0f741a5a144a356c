package wechatv3_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/wechatv3"
	"cloudcashier/shared/pay"
)

func publicKey(t testing.TB, text string) *rsa.PublicKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

// ways to verify answers.
var ways = map[string]func(t testing.TB, cfg *wechatv3.Config, m channeltest.Merchant){
	"certificates": func(_ testing.TB, cfg *wechatv3.Config, _ channeltest.Merchant) { cfg.Certificates = true },
	"public key": func(t testing.TB, cfg *wechatv3.Config, m channeltest.Merchant) {
		cfg.PublicKeys = []wechatv3.PublicKey{{ID: m.WeChat.PublicKeyID, Key: publicKey(t, m.WeChat.PublicKey)}}
	},
}

// atSandbox is the configuration of the sandbox's merchant.
func atSandbox(t testing.TB, s *channeltest.Sandbox) wechatv3.Config {
	t.Helper()
	m := s.Merchant.WeChat
	cert, err := tls.X509KeyPair([]byte(m.ClientCert), []byte(m.ClientKey))
	if err != nil {
		t.Fatal(err)
	}
	return wechatv3.Config{BaseURL: s.Base + "/wechat", AppID: m.AppID, MchID: m.MchID, Key: cert.PrivateKey.(crypto.Signer), Serial: m.SerialNo,
		APIKey: m.APIv3Key, Codepay: true, NotifyURL: "https://127.0.0.1:9/notices", RootCAs: s.Roots, DeviceIP: "127.0.0.1", Now: s.Now, Nonce: rand.Text}
}

func TestSandbox(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			channeltest.Run(t, channeltest.Subject{
				Wallet: pay.WeChat, Unscanned: channel.Pending, Expired: channel.CodeExpired, Refused: channel.Declined, Beyond: channel.RefundRefused,
				TooLate: channel.RefusedOther, Undone: channel.RefundRefused,
				Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel {
					cfg := atSandbox(t, s)
					way(t, &cfg, s.Merchant)
					c, err := wechatv3.New(cfg)
					if err != nil {
						t.Fatal(err)
					}
					return c
				},
			})
		})
	}
}
