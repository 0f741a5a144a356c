package alipay_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/alipay"
	"cloudcashier/hub/internal/channel/channeltest"
	"cloudcashier/shared/pay"
)

// TestCertSN is the handbook's A-SN2: issuer and serial number of a published certificate.
func TestCertSN(t *testing.T) {
	serial, _ := new(big.Int).SetString("42717148698178438532160149381746046530", 10)
	issuer := pkix.Name{Country: []string{"CN"}, Organization: []string{"Ant Financial test"}, OrganizationalUnit: []string{"Certification Authority test"},
		CommonName: "Ant Financial Certification Authority Class 2 R1 test"}
	raw, err := asn1.Marshal(issuer.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	if got := alipay.CertSN(&x509.Certificate{RawIssuer: raw, SerialNumber: serial}); got != "f5476a255774929671073404f7af2b90" {
		t.Errorf("the number is %s", got)
	}
}

// TestContent is the handbook's A2-5, and what must not decrypt.
func TestContent(t *testing.T) {
	key, _ := base64.StdEncoding.DecodeString("MDEyMzQ1Njc4OWFiY2RlZg==")
	const plain, text = `{"out_trade_no":"T1"}`, "hM7TQ18QF5bhZ+Favk3byVFyBpVEinWvPeJOn+sIWrA="
	if got, err := alipay.SealContent(key, []byte(plain)); err != nil || got != text {
		t.Errorf("sealed as %s, %v", got, err)
	}
	if got, err := alipay.OpenContent(key, text); err != nil || string(got) != plain {
		t.Errorf("opened as %s, %v", got, err)
	}
	for _, bad := range []string{"", "AAAA", text[:40], text + "\n", "!" + text[1:], "AAAAAAAAAAAAAAAAAAAAAA=="} {
		if got, err := alipay.OpenContent(key, bad); err == nil {
			t.Errorf("%q opened as %q", bad, got)
		}
	}
}

func ders(text string) (all [][]byte) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		all = append(all, block.Bytes)
	}
	return all
}

func certsOf(t *testing.T, text string) (all []*x509.Certificate) {
	t.Helper()
	for _, der := range ders(text) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// TestCertificateModeAtTheSandbox pays with certificates and encrypted contents, while Alipay changes its own
// certificate.
func TestCertificateModeAtTheSandbox(t *testing.T) {
	s := channeltest.Start(t, publicPEM(t))
	a := s.Agree(t, map[string]any{"alipay_certificate": true, "alipay_content_key": true})
	key, err := base64.StdEncoding.DecodeString(a.Alipay.ContentKey)
	if err != nil {
		t.Fatal(err)
	}
	certs := func(root string) *alipay.Certificates {
		return &alipay.Certificates{App: certsOf(t, a.Alipay.AppCert)[0], Alipay: certsOf(t, a.Alipay.Cert), Roots: ders(root)}
	}
	speak := func(root string) *alipay.Channel {
		return atSandbox(t, s, func(c *alipay.Config) { c.WalletKey, c.Certs, c.ContentKey = nil, certs(root), key })
	}
	c := speak(a.Alipay.Root)
	n := 0
	pays := func(c *alipay.Channel, want channel.Finding) {
		t.Helper()
		n++
		o := channeltest.SampleOrder(pay.Alipay)
		o.OutTradeNo, o.SentAt, o.Expires, o.Code = o.OutTradeNo[:24]+string(rune('A'+n))+"Z", s.Now(), s.Now().Add(c.Rules().Travel), s.Code(t, pay.Alipay, "00")
		if got := c.Pay(t.Context(), o); got.Finding != want {
			t.Errorf("payment %d: %+v, want %s", n, got, want)
		}
	}
	pays(c, channel.Approved)
	// In public-key mode the application no longer speaks.
	pays(atSandbox(t, s, nil), channel.Unknown)
	s.Agree(t, map[string]any{"alipay_certificate": true}) // Alipay changes its certificate
	pays(c, channel.Approved)
	pays(c, channel.Approved)
}

// TestProve takes Alipay's certificate, and no other: not the application's, which the same authority made, nor one of
// another root, nor under another number.
func TestProve(t *testing.T) {
	s, stranger := channeltest.Start(t, publicPEM(t)), channeltest.Start(t, publicPEM(t))
	a, b := s.Agree(t, map[string]any{"alipay_certificate": true}).Alipay, stranger.Agree(t, map[string]any{"alipay_certificate": true}).Alipay
	given := &alipay.Certificates{App: certsOf(t, a.AppCert)[0], Alipay: certsOf(t, a.Cert), Roots: ders(a.Root)}
	prove := func(text string) error {
		return alipay.Prove(given, base64.StdEncoding.EncodeToString([]byte(text)), alipay.CertSN(certsOf(t, text)[0]), s.Now())
	}
	if err := prove(a.Cert); err != nil {
		t.Errorf("its own: %v", err)
	}
	for name, text := range map[string]string{"the application's": a.AppCert, "another root's": b.Cert, "a root": a.Root} {
		if prove(text) == nil {
			t.Errorf("%s was believed", name)
		}
	}
	if alipay.Prove(given, base64.StdEncoding.EncodeToString([]byte(a.Cert)), "00000000000000000000000000000000", s.Now()) == nil {
		t.Error("another number was believed")
	}
	// A stranger's root under Alipay's subject: only the chain tells.
	given.Roots = ders(b.Root)
	if prove(a.Cert) == nil {
		t.Error("a certificate that does not lead to the root was believed")
	}
}
