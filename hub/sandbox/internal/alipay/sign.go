package alipay

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
)

// signedText joins a request's parameters the way the merchant signed them: all but sign, none
// empty, sorted by name, values as they are after one URL decoding (section 3.1).
func signedText(params map[string]string) []byte {
	names := make([]string, 0, len(params))
	for name, value := range params {
		if name != "sign" && value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text := make([]byte, 0, 1024)
	for i, name := range names {
		if i > 0 {
			text = append(text, '&')
		}
		text = append(append(append(text, name...), '='), params[name]...)
	}
	return text
}

// verify checks an RSA2 signature: SHA-256, PKCS #1 v1.5, base64 of the standard alphabet.
func verify(key *rsa.PublicKey, text []byte, sign string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(sign)
	if err != nil || len(sign) != base64.StdEncoding.EncodedLen(len(raw)) { // the decoder skips line ends
		return false
	}
	sum := sha256.Sum256(text)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}

// seal writes an answer: compact, the method's node first, the signature over exactly its bytes last; an encrypted node is a
// text, and its quotes are signed, too.
func seal(how signing, name string, node any) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false) // what is signed must not depend on an encoder's taste
	if err := enc.Encode(node); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	plain.Truncate(plain.Len() - 1) // the encoder's newline
	value := plain.Bytes()
	if how.content != nil {
		text, err := encrypt(how.content, value)
		if err != nil {
			return nil, fmt.Errorf("encrypt answer: %w", err)
		}
		value = []byte(`"` + text + `"`)
	}
	body := bytes.NewBufferString(`{"` + name + `":`)
	body.Write(value)
	if how.key != nil {
		sum := sha256.Sum256(value)
		raw, err := how.key.Sign(sum)
		if err != nil {
			return nil, fmt.Errorf("sign answer: %w", err)
		}
		if how.forged {
			raw[0] ^= 1
		}
		if how.certSN != "" {
			body.WriteString(`,"alipay_cert_sn":"` + how.certSN + `"`)
		}
		body.WriteString(`,"sign":"` + base64.StdEncoding.EncodeToString(raw) + `"`)
	}
	body.WriteByte('}')
	return body.Bytes(), nil
}
