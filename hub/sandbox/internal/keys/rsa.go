package keys

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"cloudcashier/shared/fault"
)

// EncodeRSA writes a private key as PEM (PKCS#8).
func EncodeRSA(key *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("encode RSA key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// DecodeRSA reads what [EncodeRSA] wrote.
func DecodeRSA(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("decode RSA key: no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("decode RSA key: %w", err)
	}
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("decode RSA key: it is a %T", key)
	}
	return k, nil
}

// EncodePublic writes a public key as PEM (PKIX).
func EncodePublic(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// DecodePublic reads a merchant's RSA public key (PEM, PKIX, 2048 to 4096 bits); anything else is Invalid.
func DecodePublic(text string) (*rsa.PublicKey, error) {
	bad := func(why string) (*rsa.PublicKey, error) {
		return nil, fault.New(fault.Invalid, "sandbox.public_key", "alipay_public_key %s: send a PEM block PUBLIC KEY with an RSA key of 2048 to 4096 bits", why)
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return bad("is no single PEM block PUBLIC KEY")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return bad("does not parse")
	}
	k, ok := key.(*rsa.PublicKey)
	if !ok || k.N.BitLen() < rsaBits || k.N.BitLen() > 2*rsaBits {
		return bad("has the wrong kind or size")
	}
	return k, nil
}
