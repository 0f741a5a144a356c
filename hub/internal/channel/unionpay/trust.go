package unionpay

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// trust decides whose signatures are UnionPay's. The certificate comes in the answer itself, so
// whoever writes an answer chooses it: it counts only when the chain ends in our copy of UnionPay's
// root and the name in it is UnionPay's own, because the same authority certifies merchants too.
type trust struct {
	roots  *x509.CertPool
	middle *x509.CertPool
	signer string
	last   atomic.Pointer[verified] // there is one certificate for years; its chain need not be walked each time
}

// verified is a certificate whose chain was found good.
type verified struct {
	pem         string
	key         *rsa.PublicKey
	from, until time.Time
}

func newTrust(cfg Config) *trust {
	t := &trust{roots: cfg.SignRoots, middle: x509.NewCertPool(), signer: cfg.Signer}
	for _, c := range cfg.SignMiddle {
		t.middle.AddCert(c)
	}
	return t
}

// key gives the public key of a certificate that is UnionPay's at this moment.
func (t *trust) key(text string, now time.Time) (*rsa.PublicKey, error) {
	if v := t.last.Load(); v != nil && v.pem == text && !now.Before(v.from) && !now.After(v.until) {
		return v.key, nil
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("signPubKeyCert is no single certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("signPubKeyCert: %w", err)
	}
	chains, err := cert.Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: t.middle, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("signPubKeyCert: %w", err)
	}
	// "041@Z12@00040000:SIGN@00000001": the third part says whose it is.
	parts := strings.Split(cert.Subject.CommonName, "@")
	if len(parts) < 3 || parts[2] != t.signer {
		return nil, errors.New("signPubKeyCert is not UnionPay's own certificate")
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 {
		return nil, errors.New("signPubKeyCert has no RSA key of 2048 bits or more")
	}
	v := &verified{pem: text, key: key, from: cert.NotBefore, until: cert.NotAfter}
	for _, c := range chains[0] { // no longer than the shortest-lived above it
		if c.NotAfter.Before(v.until) {
			v.until = c.NotAfter
		}
		if c.NotBefore.After(v.from) {
			v.from = c.NotBefore
		}
	}
	t.last.Store(v)
	return key, nil
}

// verify checks that UnionPay signed all of these fields.
func (t *trust) verify(f fields, now time.Time) error {
	if f.get("signMethod") != "01" {
		return errors.New("signMethod is not 01")
	}
	key, err := t.key(f.get("signPubKeyCert"), now)
	if err != nil {
		return err
	}
	return matches(key, f)
}

func matches(key *rsa.PublicKey, f fields) error {
	text := f.get("signature")
	// Strict: loose base64 reads several texts as one signature.
	sig, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(text) != base64.StdEncoding.EncodedLen(len(sig)) { // the decoder skips line ends
		return errors.New("the signature is no base64")
	}
	sum := digest(signedText(f))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig)
}
