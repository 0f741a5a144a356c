package wechatv3

import (
	"crypto"
	"crypto/rsa"
	"net/http"
)

// Sign signs a text as a request is signed.
func Sign(key crypto.Signer, text []byte) (string, error) { return signature(key, text) }

// SignedText is what a request's signature is over.
var SignedText = signedText

// Verify checks the four headers over a body, whatever its time.
func Verify(key *rsa.PublicKey, h http.Header, body []byte) error {
	s, err := readSeal(h)
	if err != nil {
		return err
	}
	return s.by(key, body)
}

// Unseal decrypts.
func Unseal(key, nonce, associated, ciphertext string) ([]byte, error) {
	return sealed{Algorithm: "AEAD_AES_256_GCM", Nonce: nonce, AssociatedData: associated, Ciphertext: ciphertext}.open([]byte(key))
}

// ReadCertificate reads a platform certificate.
func ReadCertificate(text []byte) (serial string, err error) {
	serial, _, err = readCertificate(text)
	return serial, err
}

// Parse reads one strict JSON object.
func Parse(text []byte, into any) error { return parse(text, into) }

// The tables of refusals.
var (
	PayDeclines    = payDeclines
	RefundDeclines = refundDeclines
)
