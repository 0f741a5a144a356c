package unionpay_test

import (
	"crypto/x509"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/shared/pay"
)

func atSandbox(t *testing.T, s *channeltest.Sandbox) *unionpay.Channel {
	t.Helper()
	m := s.Merchant.UnionPay
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, m.Root))
	c, err := unionpay.New(unionpay.Config{
		BaseURL: s.Base + "/unionpay/gateway/api", FileURL: s.Base + "/unionpay/filedownload/", MerID: m.MerID, TermID: "00000001",
		PrivateKey: privateKey(t, m.SignKey), Cert: certificate(t, m.SignCert), SignRoots: roots,
		SignMiddle: []*x509.Certificate{certificate(t, m.Middle)}, Signer: m.Signer, RootCAs: s.Roots, Now: s.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBillsAtTheSandbox(t *testing.T) {
	channeltest.Bills(t, channeltest.BillSubject{Wallet: pay.UnionPay, NoUndone: true, Rules: (*unionpay.Channel)(nil).BillRules(),
		Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel { return atSandbox(t, s) }})
}
