package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Ant is Alipay's side of certificates: two roots, of which the one with an elliptic curve counts for no number, and the
// authority below that certifies applications and Alipay itself alike.
type Ant struct {
	Roots  string // alipayRootCert.crt: PEM, both
	RootSN string
	class2 *Authority
}

// antName is a subject as Ant writes it: C, O, OU, CN.
func antName(organization, unit, name string) pkix.Name {
	return pkix.Name{Country: []string{"CN"}, Organization: []string{organization}, OrganizationalUnit: []string{unit}, CommonName: name}
}

// LoadAnt reads the authorities in a folder, or makes them; RSA keys cost half a second.
func LoadAnt(dir string) (*Ant, error) {
	const unit = "Certification Authority"
	curve, err := loadAnt(filepath.Join(dir, "ant-root-e1.pem"), antName("Ant Financial", unit, "Ant Financial Certification Authority E1"), nil, 1, false)
	if err != nil {
		return nil, err
	}
	root, err := loadAnt(filepath.Join(dir, "ant-root-r1.pem"), antName("Ant Financial", unit, "Ant Financial Certification Authority R1"), nil, 1, true)
	if err != nil {
		return nil, err
	}
	class2, err := loadAnt(filepath.Join(dir, "ant-class2.pem"), antName("Ant Financial", unit, "Ant Financial Certification Authority Class 2 R1"), root, 0, true)
	if err != nil {
		return nil, err
	}
	return &Ant{Roots: curve.PEM() + root.PEM(), RootSN: SN(root.cert), class2: class2}, nil
}

func loadAnt(path string, subject pkix.Name, parent *Authority, below int, useRSA bool) (*Authority, error) {
	pair, err := load(path, func() ([]byte, error) {
		t := template("")
		t.Subject = subject
		t.IsCA, t.BasicConstraintsValid, t.MaxPathLen, t.MaxPathLenZero = true, true, below, below == 0
		t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		if !useRSA {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return nil, err
			}
			return sign(t, t, key, key)
		}
		key, err := NewRSA()
		switch {
		case err != nil:
			return nil, err
		case parent == nil:
			return sign(t, t, key, key)
		}
		return sign(t, parent.cert, key, parent.key)
	})
	if err != nil {
		return nil, err
	}
	if !pair.Leaf.IsCA || parent != nil && pair.Leaf.CheckSignatureFrom(parent.cert) != nil {
		return nil, damaged(path, errors.New("no authority, or another's"))
	}
	a := &Authority{cert: pair.Leaf}
	switch key := pair.PrivateKey.(type) {
	case *rsa.PrivateKey:
		a.key = key
	case *ecdsa.PrivateKey:
		a.key = key
	}
	return a, nil
}

// Certify makes the certificate of an application's public key.
func (a *Ant) Certify(appID, owner string, public *rsa.PublicKey) (certPEM string, err error) {
	t := template("")
	t.Subject = antName(owner, "Alipay", appID)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, a.class2.cert, public, a.class2.key)
	if err != nil {
		return "", fmt.Errorf("create certificate: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// Own makes a certificate of Alipay's own for one seller, with its key; the authority's follows it, as in the files that
// Alipay hands out.
func (a *Ant) Own(seller string) (chainPEM, keyPEM string, err error) {
	key, err := NewRSA()
	if err != nil {
		return "", "", err
	}
	t := template("")
	t.Subject = antName("支付宝(中国)网络技术有限公司", "Alipay", "支付宝(中国)网络技术有限公司-"+seller)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	cert, keyPEM, err := a.class2.issue(t, key)
	return cert + a.class2.PEM(), keyPEM, err
}

// SN is Alipay's number of a certificate: MD5 of the issuer, from its last part to its first, and the decimal serial.
func SN(c *x509.Certificate) string {
	i := c.Issuer
	var parts []string
	for _, p := range [...]struct {
		name   string
		values []string
	}{{"CN", []string{i.CommonName}}, {"OU", i.OrganizationalUnit}, {"O", i.Organization}, {"C", i.Country}} {
		for _, v := range p.values {
			parts = append(parts, p.name+"="+v)
		}
	}
	sum := md5.Sum([]byte(strings.Join(parts, ",") + c.SerialNumber.String()))
	return hex.EncodeToString(sum[:])
}

// ReadCert reads the first certificate of a PEM text.
func ReadCert(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}
