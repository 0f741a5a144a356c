package unionpay_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/hub/internal/channel/unionpay"
	"cloudcashier/shared/pay"
)

// certificate reads one in PEM.
func certificate(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func privateKey(t testing.TB, text string) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func TestSandbox(t *testing.T) {
	channeltest.Run(t, channeltest.Subject{
		Wallet: pay.UnionPay, Expired: channel.CodeUsed, Refused: channel.Declined, Accepts: true,
		Connect: func(t *testing.T, s *channeltest.Sandbox) channel.Channel {
			m := s.Merchant.UnionPay
			roots := x509.NewCertPool()
			roots.AddCert(certificate(t, m.Root))
			c, err := unionpay.New(unionpay.Config{
				BaseURL: s.Base + "/unionpay/gateway/api", MerID: m.MerID, TermID: "00000001", PrivateKey: privateKey(t, m.SignKey),
				Cert: certificate(t, m.SignCert), SignRoots: roots, SignMiddle: []*x509.Certificate{certificate(t, m.Middle)},
				Signer: m.Signer, RootCAs: s.Roots, Now: s.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
	})
}
