package alipay

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"time"
)

// Split finds an answer's node and signature.
func Split(body []byte, node string) (raw, sign []byte, err error) {
	p, err := splitParts(body, node)
	return p.raw, p.sign, err
}

// Verify checks a node's signature.
func Verify(key *rsa.PublicKey, raw, sign []byte) error { return verify(key, raw, sign) }

// Sign signs a text as a request is signed.
func Sign(key crypto.Signer, text string) (string, error) { return signature(key, []byte(text)) }

// Parse reads a verified node and gives the code and the order's number.
func Parse(raw []byte) (code, outTradeNo string, err error) {
	a, err := parse(raw)
	return a.code, a.outTradeNo, err
}

// PayDeclines gives the table of refusals.
var PayDeclines = payDeclines

// RefundDeclines gives the table of refused refunds.
var RefundDeclines = refundDeclines

// NoticeText is what Alipay signs of a notice, and ReadNotice what a genuine one claims.
var NoticeText, ReadNotice = noticeText, read

// SealContent and OpenContent encrypt and decrypt as requests and answers are.
func SealContent(key, plain []byte) (string, error) {
	s, err := newSealer(key)
	if err != nil {
		return "", err
	}
	return string(s.seal(plain)), nil
}

func OpenContent(key []byte, text string) ([]byte, error) {
	s, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	return s.open([]byte(text))
}

// CertSN is Alipay's name for a certificate; RootSN that of a root file.
var CertSN = certSN

func RootSN(ders [][]byte) (string, error) { return rootSN(ders, x509.NewCertPool()) }

// Prove checks a downloaded certificate.
func Prove(c *Certificates, content, sn string, now time.Time) error {
	known, err := newCerts(c)
	if err == nil {
		_, err = known.prove(content, sn, now)
	}
	return err
}
