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

func publicPEM(t *testing.T) string {
	t.Helper()
	public, err := os.ReadFile("testdata/test_rsa.pub.pem")
	if err != nil {
		t.Fatal(err)
	}
	return string(public)
}

// atSandbox connects the sandbox's merchant in public-key mode, unless more says otherwise.
func atSandbox(t *testing.T, s *channeltest.Sandbox, more func(*alipay.Config)) *alipay.Channel {
	t.Helper()
	m := s.Merchant.Alipay
	block, _ := pem.Decode([]byte(m.PublicKey))
	wallet, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	cfg := alipay.Config{GatewayURL: s.Base + "/alipay/gateway.do", AppID: m.AppID, SellerID: m.SellerID, PrivateKey: testKey(t),
		WalletKey: wallet.(*rsa.PublicKey), RootCAs: s.Roots, Now: s.Now}
	if more != nil {
		more(&cfg)
	}
	c, err := alipay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBillsAtTheSandbox(t *testing.T) {
	channeltest.Bills(t, channeltest.BillSubject{Wallet: pay.Alipay, AlipayKey: publicPEM(t), Funds: true, Rules: (*alipay.Channel)(nil).BillRules(),
		Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel { return atSandbox(t, s, nil) }})
}
