package hubd

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"

	"cloudcashier/hub/internal/vault"
	"cloudcashier/shared/fault"
)

// inVault begins the name of a key in the vault where a file could stand.
const inVault = "vault:"

// chest finds the keys that one channel names: in the vault, or in files.
type chest struct {
	vault   *vault.Vault
	channel ChannelConfig
}

func (c chest) ref(place string) (vault.Ref, bool) {
	name, ok := strings.CutPrefix(place, inVault)
	return vault.Ref{Name: name, Merchant: c.channel.Merchant, Channel: c.channel.Name}, ok
}

func (c chest) signer(place string) (crypto.Signer, error) {
	if ref, ok := c.ref(place); ok {
		return c.vault.Signer(ref)
	}
	return rsaKey(place)
}

// publics gives a wallet's public keys: the active one first, then those it replaced.
func (c chest) publics(place string) ([]*rsa.PublicKey, error) {
	if ref, ok := c.ref(place); ok {
		return c.vault.Publics(ref, vault.Public)
	}
	key, err := rsaPublicKey(place)
	return []*rsa.PublicKey{key}, err
}

func (c chest) secret(place string) (string, error) {
	if ref, ok := c.ref(place); ok {
		return c.vault.Secret(ref)
	}
	text, err := os.ReadFile(place)
	if err != nil {
		return "", unreadable(err, place)
	}
	return strings.TrimSpace(string(text)), nil
}

// chain gives certificates that stand without a key.
func (c chest) chain(place string) ([][]byte, error) {
	if ref, ok := c.ref(place); ok {
		return c.vault.Chain(ref)
	}
	return certificates(place)
}

// certificate puts a chain and its key together, wherever each of them is.
func (c chest) certificate(chain, key string) (cert tls.Certificate, err error) {
	if ref, ok := c.ref(chain); ok {
		cert.Certificate, err = c.vault.Chain(ref)
	} else {
		cert.Certificate, err = certificates(chain)
	}
	if err != nil {
		return cert, err
	}
	signer, err := c.signer(key)
	if err != nil {
		return cert, err
	}
	if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err == nil {
		if public, ok := cert.Leaf.PublicKey.(*rsa.PublicKey); ok && public.Equal(signer.Public()) {
			cert.PrivateKey = signer
			return cert, nil
		}
	}
	return cert, fault.New(fault.Invalid, "channel.cert", "the merchant certificate %s does not belong to the key %s: import or rotate both", chain, key)
}

func certificates(path string) (chain [][]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, path)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
	if len(chain) == 0 {
		return nil, fault.New(fault.Invalid, "channel.cert", "%s holds no certificate", path)
	}
	return chain, nil
}

func block(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(err, path)
	}
	b, _ := pem.Decode(data)
	if b == nil {
		return nil, fault.New(fault.Invalid, "config.pem", "%s is no PEM file", path)
	}
	return b.Bytes, nil
}

func rsaKey(path string) (crypto.Signer, error) {
	der, err := block(path)
	if err != nil {
		return nil, err
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if rsaKey, ok := key.(*rsa.PrivateKey); ok {
			return rsaKey, nil
		}
	}
	return nil, fault.New(fault.Invalid, "config.key", "%s holds no RSA private key (PKCS#1 or PKCS#8)", path)
}

func rsaPublicKey(path string) (*rsa.PublicKey, error) {
	der, err := block(path)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if public, ok := key.(*rsa.PublicKey); ok && err == nil {
		return public, nil
	}
	return nil, fault.New(fault.Invalid, "config.key", "%s holds no RSA public key", path)
}
