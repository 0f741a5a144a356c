package alipay

import (
	"context"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cloudcashier/hub/internal/channel/carry"
)

// Certificates is certificate mode: keys are told by the serial numbers of their certificates, in requests and answers.
type Certificates struct {
	App    *x509.Certificate   // of the application's key
	Alipay []*x509.Certificate // alipayPublicCert.crt: Alipay's own first, then who vouches for it
	Roots  [][]byte            // alipayRootCert.crt: every certificate in it, DER, in its order
}

// certs are the certificates a channel goes by, and Alipay's further ones as they come.
type certs struct {
	appSN, rootSN string
	roots, middle *x509.CertPool
	subject       string // of Alipay's certificate: the same authority certifies merchants, too

	mu    sync.Mutex
	keys  map[string]*rsa.PublicKey // by serial number; what is in it is never changed
	tried time.Time                 // when an unknown one was last asked for
}

const (
	maxCerts  = 16          // Alipay changes its certificate once in years
	askCertIn = time.Minute // between two questions for unknown ones: whoever makes serial numbers up makes no load
)

func newCerts(c *Certificates) (*certs, error) {
	if c == nil {
		return nil, nil
	}
	if c.App == nil || len(c.Alipay) == 0 || len(c.Roots) == 0 {
		return nil, errors.New("Certificates: the application's, Alipay's and Alipay's root are needed")
	}
	key, ok := c.Alipay[0].PublicKey.(*rsa.PublicKey)
	if !ok || !longRSA(key) {
		return nil, errors.New("Certificates: Alipay's has no RSA key of 2048 bits or more")
	}
	out := &certs{appSN: certSN(c.App), roots: x509.NewCertPool(), middle: x509.NewCertPool(), subject: string(c.Alipay[0].RawSubject),
		keys: map[string]*rsa.PublicKey{certSN(c.Alipay[0]): key}}
	for _, m := range c.Alipay[1:] {
		out.middle.AddCert(m)
	}
	var err error
	out.rootSN, err = rootSN(c.Roots, out.roots)
	return out, err
}

// certSN is Alipay's name for a certificate: MD5 over issuer and serial number (section 3.1). It guards nothing.
func certSN(c *x509.Certificate) string {
	var issuer pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawIssuer, &issuer); err != nil || len(rest) > 0 {
		return "" // x509 parsed it before
	}
	// RFC 2253 writes it from the end: CN=…,OU=…,O=…,C=….
	sum := md5.Sum([]byte(issuer.String() + c.SerialNumber.String()))
	return hex.EncodeToString(sum[:])
}

// rsaSigned is the prefix of the algorithms that count: roots signed with others (SM2, EC) have no part in the number.
const rsaSigned = "1.2.840.113549.1.1."

// rootSN joins the names of the root file's RSA certificates, and collects them.
func rootSN(roots [][]byte, pool *x509.CertPool) (string, error) {
	var names []string
	for _, der := range roots {
		// x509 does not parse SM2 certificates, so the algorithm is looked at first.
		var outline struct {
			TBS asn1.RawValue
			Alg pkix.AlgorithmIdentifier
			Sig asn1.BitString
		}
		if _, err := asn1.Unmarshal(der, &outline); err != nil {
			return "", fmt.Errorf("Certificates: a root is no certificate: %w", err)
		}
		if !strings.HasPrefix(outline.Alg.Algorithm.String(), rsaSigned) {
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return "", fmt.Errorf("Certificates: a root cannot be read: %w", err)
		}
		names = append(names, certSN(c))
		pool.AddCert(c)
	}
	if len(names) == 0 {
		return "", errors.New("Certificates: the root file holds no RSA root")
	}
	return strings.Join(names, "_"), nil
}

// known gives Alipay's key by its certificate's serial number; nil for one that was never seen.
func (c *certs) known(sn string) *rsa.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[sn]
}

func (c *certs) all() []*rsa.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.keys))
}

// mayAsk takes the turn to ask for an unknown certificate.
func (c *certs) mayAsk(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.tried).Abs() < askCertIn || len(c.keys) >= maxCerts {
		return false
	}
	c.tried = now
	return true
}

// learn takes a certificate that was proven.
func (c *certs) learn(sn string, key *rsa.PublicKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = maps.Clone(c.keys)
	c.keys[sn] = key
	c.tried = time.Time{}
}

var certDownload = method{"alipay.open.app.alipaycert.download", "alipay_open_app_alipaycert_download_response"}

// fetchCert asks for the certificate that an answer names and we do not have: Alipay changed its own. What comes is believed
// when it is the one that was asked for, has the subject of the one we were given, and leads to the configured root now;
// the answer that brings it must be signed by it, or by one we had.
func (c *Channel) fetchCert(ctx context.Context, sn string) (*rsa.PublicKey, error) {
	if len(sn) != 32 || strings.Trim(sn, "0123456789abcdef") != "" || !c.certs.mayAsk(c.now()) {
		return nil, errors.New("alipay_cert_sn is unknown")
	}
	form, err := c.form(certDownload, append(appendMember(nil, "alipay_cert_sn", sn), '}'))
	if err != nil {
		return nil, err
	}
	body, _, err := carry.Post(ctx, c.via, c.gateway, header, form)
	if err != nil {
		return nil, carry.Scrub(err)
	}
	p, err := splitParts(body, certDownload.node)
	if err != nil {
		return nil, err
	}
	raw, err := c.open(p)
	if err != nil {
		return nil, err
	}
	got, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if got.code != "10000" {
		return nil, fmt.Errorf("Alipay gives no certificate: %q", carry.Printable(got.code+" "+got.subCode))
	}
	key, err := c.certs.prove(got.certContent, sn, c.now())
	if err != nil {
		return nil, err
	}
	by := c.certs.known(string(p.certSN))
	if string(p.certSN) == sn {
		by = key
	}
	if by == nil {
		return nil, errors.New("the certificate comes in an answer signed by nobody we know")
	}
	if err := verify(by, p.raw, p.sign); err != nil {
		return nil, err
	}
	c.certs.learn(sn, key)
	return key, nil
}

// prove checks a downloaded certificate. Its file may hold more than one; the first is meant.
func (c *certs) prove(content, sn string, now time.Time) (*rsa.PublicKey, error) {
	text, err := base64.StdEncoding.Strict().DecodeString(content)
	if err != nil {
		return nil, errors.New("the certificate is no base64")
	}
	var leaf *x509.Certificate
	middle := c.middle.Clone()
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("the certificate cannot be read")
		}
		if leaf == nil {
			leaf = cert
		} else {
			middle.AddCert(cert)
		}
	}
	switch {
	case leaf == nil:
		return nil, errors.New("there is no certificate")
	case certSN(leaf) != sn:
		return nil, errors.New("it is another certificate than was asked for")
	case string(leaf.RawSubject) != c.subject || leaf.IsCA:
		return nil, errors.New("it is not Alipay's own certificate")
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: c.roots, Intermediates: middle, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("the certificate does not lead to Alipay's root: %w", err)
	}
	key, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok || !longRSA(key) {
		return nil, errors.New("the certificate has no RSA key of 2048 bits or more")
	}
	return key, nil
}
