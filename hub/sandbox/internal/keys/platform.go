package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
)

// Platform is WeChat Pay's side of API v3: the platform's certificate, which merchants download, and the newer public key,
// which they are handed and which has a name instead of a certificate.
type Platform struct {
	Serial string // of Cert, upper-case hex, 40 digits
	Cert   string // PEM
	Key    *Signer

	KeyID     string // PUB_KEY_ID_…
	PublicPEM string
	PublicKey *Signer
}

// LoadPlatform reads both from a folder, or makes them on the first start.
func LoadPlatform(dir string) (*Platform, error) {
	p := &Platform{}
	for _, x := range []struct {
		file string
		into func(key *rsa.PrivateKey, cert string, serial *big.Int) error
	}{
		{"wechat-platform.pem", func(key *rsa.PrivateKey, cert string, serial *big.Int) error {
			p.Key, p.Cert, p.Serial = NewSigner(key), cert, fmt.Sprintf("%X", serial)
			return nil
		}},
		{"wechat-public.pem", func(key *rsa.PrivateKey, _ string, serial *big.Int) (err error) {
			digits := new(big.Int).Mod(serial, new(big.Int).Exp(big.NewInt(10), big.NewInt(27), nil))
			p.PublicKey, p.KeyID = NewSigner(key), fmt.Sprintf("PUB_KEY_ID_0%027d", digits)
			p.PublicPEM, err = EncodePublic(&key.PublicKey)
			return err
		}},
	} {
		path := filepath.Join(dir, x.file)
		pair, err := load(path, selfSigned)
		if err != nil {
			return nil, err
		}
		key, ok := pair.PrivateKey.(*rsa.PrivateKey)
		if !ok {
			return nil, damaged(path, errors.New("no RSA key"))
		}
		if err := x.into(key, encodeCert(pair.Leaf), pair.Leaf.SerialNumber); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// selfSigned makes a platform certificate: what vouches for it is the encryption with the merchant's key.
func selfSigned() ([]byte, error) {
	key, err := NewRSA()
	if err != nil {
		return nil, err
	}
	t := template("Cloud Cashier sandbox WeChat Pay")
	random := make([]byte, 20)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	random[0] = 0x50 | random[0]&0x0f // positive, and 40 digits in every spelling
	t.SerialNumber = new(big.Int).SetBytes(random)
	return sign(t, t, key, key)
}
