package alipay_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/pay"
)

func TestSandbox(t *testing.T) {
	public, err := os.ReadFile("testdata/test_rsa.pub.pem")
	if err != nil {
		t.Fatal(err)
	}
	channeltest.Run(t, channeltest.Subject{
		Wallet: pay.Alipay, AlipayKey: string(public), Unscanned: channel.Absent, Expired: channel.CodeUsed, Refused: channel.Reversed, Beyond: channel.RefundRefused, TooLate: channel.RefundTooLate,
		Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel {
			m := s.Merchant.Alipay
			block, _ := pem.Decode([]byte(m.PublicKey))
			if block == nil {
				t.Fatalf("the sandbox's key is no PEM: %q", m.PublicKey)
			}
			wallet, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			c, err := alipay.New(alipay.Config{
				GatewayURL: s.Base + "/alipay/gateway.do", AppID: m.AppID, SellerID: m.SellerID, PrivateKey: testKey(t),
				WalletKey: wallet.(*rsa.PublicKey), RootCAs: s.Roots, Now: s.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
	})
}
