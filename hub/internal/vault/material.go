package vault

import (
	"bytes"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"

	"cloudcashier/shared/fault"
)

// MaxMaterial bounds a key or a chain as a person hands it in, in bytes.
const MaxMaterial = 64 << 10

// minRSA is what the wallets ask for, in bits.
const minRSA = 2048

// material is what a person handed in, checked and in one form.
type material struct {
	plain       []byte // what is sealed: PKCS#8, PKIX, a PEM chain, or the text
	public      []byte // PKIX; nil for a secret
	fingerprint string
}

// read checks what was handed in. It takes PEM, and for RSA keys bare base64 too, as Alipay's tool
// writes them. Nothing of the text is in its errors.
func read(kind Kind, text, digestKey []byte) (m material, err error) {
	if len(text) > MaxMaterial {
		return m, fault.New(fault.Invalid, "vault.size", "a key or certificate has at most %d bytes", MaxMaterial)
	}
	text = bytes.TrimSpace(text)
	switch kind {
	case RSA:
		return readRSA(text)
	case Secret:
		return readSecret(text, digestKey)
	case Certificate:
		return readChain(text)
	case Public:
		return readPublic(text)
	}
	return m, fault.New(fault.Invalid, "vault.kind", "%q is no kind of key: use rsa, secret, certificate or public", kind)
}

func der(text []byte) []byte {
	if block, _ := pem.Decode(text); block != nil {
		return block.Bytes
	}
	raw, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(text), nil)))
	if err != nil {
		return nil
	}
	return raw
}

func readRSA(text []byte) (m material, err error) {
	raw := der(text)
	defer clear(raw)
	var key *rsa.PrivateKey
	if any, err := x509.ParsePKCS8PrivateKey(raw); err == nil {
		key, _ = any.(*rsa.PrivateKey)
	} else if pkcs1, err := x509.ParsePKCS1PrivateKey(raw); err == nil {
		key = pkcs1
	}
	if key == nil || key.N.BitLen() < minRSA || key.Validate() != nil {
		return m, fault.New(fault.Invalid, "vault.rsa", "this is no RSA private key of %d bits or more (PEM or base64, PKCS#1 or PKCS#8, without a password)", minRSA)
	}
	if m.plain, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return m, fault.New(fault.Invalid, "vault.rsa", "this RSA key cannot be written as PKCS#8")
	}
	return m.named(&key.PublicKey)
}

func readSecret(text, digestKey []byte) (m material, err error) {
	if len(text) < 16 || len(text) > 256 {
		return m, fault.New(fault.Invalid, "vault.secret", "a secret has 16 to 256 characters, this one %d", len(text))
	}
	for _, b := range text {
		if b <= ' ' || b > '~' {
			return m, fault.New(fault.Invalid, "vault.secret", "a secret is one word of printable ASCII")
		}
	}
	// Keyed: people choose secrets, and a bare digest of one can be searched for.
	mac := hmac.New(sha256.New, digestKey)
	mac.Write(text)
	return material{plain: bytes.Clone(text), fingerprint: hex.EncodeToString(mac.Sum(nil))}, nil
}

func readChain(text []byte) (m material, err error) {
	var leaf *x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return m, fault.New(fault.Invalid, "vault.certificate", "a chain holds certificates and nothing else, the leaf first")
		}
		if leaf == nil {
			leaf = cert
		}
		m.plain = append(m.plain, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
	}
	if leaf == nil {
		return m, fault.New(fault.Invalid, "vault.certificate", "this is no PEM certificate")
	}
	sum := sha256.Sum256(leaf.Raw)
	m.public, m.fingerprint = leaf.RawSubjectPublicKeyInfo, hex.EncodeToString(sum[:])
	return m, nil
}

func readPublic(text []byte) (m material, err error) {
	key, err := publicKey(der(text))
	if err != nil || key.N.BitLen() < minRSA {
		return m, fault.New(fault.Invalid, "vault.public", "this is no RSA public key of %d bits or more (PEM or base64)", minRSA)
	}
	if m, err = m.named(key); err == nil {
		m.plain = m.public
	}
	return m, err
}

// named fills in the public half and its fingerprint.
func (m material) named(key *rsa.PublicKey) (material, error) {
	var err error
	if m.public, err = x509.MarshalPKIXPublicKey(key); err != nil {
		return m, fault.New(fault.Invalid, "vault.public", "this RSA key's public half cannot be written")
	}
	sum := sha256.Sum256(m.public)
	m.fingerprint = hex.EncodeToString(sum[:])
	return m, nil
}

func publicKey(pkix []byte) (*rsa.PublicKey, error) {
	any, err := x509.ParsePKIXPublicKey(pkix)
	if err != nil {
		return nil, err
	}
	key, ok := any.(*rsa.PublicKey)
	if !ok {
		return nil, fault.New(fault.Invalid, "vault.public", "this public key is not RSA")
	}
	return key, nil
}
