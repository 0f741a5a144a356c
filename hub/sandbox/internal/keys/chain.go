package keys

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"path/filepath"
)

// Chain is UnionPay's side of signatures: a root, an authority in the middle, and the one
// certificate that signs every answer. Merchants hold root and middle; the certificate travels in
// the answers themselves.
type Chain struct {
	Root, Middle string // PEM
	Cert         string // PEM, of Key
	Key          *Signer
	middle       *Authority
}

// LoadChain reads the chain in a folder, or makes it on the first start. signer is the common name
// of the signing certificate.
func LoadChain(dir, signer string) (*Chain, error) {
	root, err := loadAuthority(filepath.Join(dir, "unionpay-root.pem"), "Cloud Cashier sandbox UnionPay root", nil, 1)
	if err != nil {
		return nil, err
	}
	middle, err := loadAuthority(filepath.Join(dir, "unionpay-middle.pem"), "Cloud Cashier sandbox UnionPay middle", root, 0)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "unionpay-sign.pem")
	pair, err := load(path, func() ([]byte, error) {
		cert, key, err := middle.issueSigner(signer)
		return []byte(cert + key), err
	})
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok || pair.Leaf.CheckSignatureFrom(middle.cert) != nil {
		return nil, damaged(path, errors.New("it does not fit the authorities beside it"))
	}
	return &Chain{Root: root.PEM(), Middle: middle.PEM(), Cert: encodeCert(pair.Leaf), Key: NewSigner(key), middle: middle}, nil
}

// IssueMerchant makes a merchant's signing certificate from the same authority, as in the field;
// only the name tells it from the wallet's own.
func (c *Chain) IssueMerchant(name string) (certPEM, keyPEM string, err error) {
	return c.middle.issueSigner(name)
}

func (a *Authority) issueSigner(name string) (certPEM, keyPEM string, err error) {
	key, err := NewRSA()
	if err != nil {
		return "", "", err
	}
	t := template(name)
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	return a.issue(t, key)
}
