package alipay

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
)

// sealer encrypts and decrypts contents: AES in CBC mode with a vector of zeros and PKCS#5 padding, in base64 (section 3.1).
// Equal contents give equal texts and nothing in it proves where a text is from: the signature does, over the encrypted text,
// and it is checked before anything is decrypted.
type sealer struct{ block cipher.Block }

func newSealer(key []byte) (*sealer, error) {
	if key == nil {
		return nil, nil
	}
	if len(key) != 16 && len(key) != 24 && len(key) != 32 {
		return nil, errors.New("ContentKey: 16 bytes, as Alipay's console shows them in base64")
	}
	block, err := aes.NewCipher(key)
	return &sealer{block}, err
}

func (s *sealer) seal(plain []byte) []byte {
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	text := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(s.block, make([]byte, aes.BlockSize)).CryptBlocks(text, text)
	return base64.StdEncoding.AppendEncode(nil, text)
}

var errSealed = errors.New("the content does not decrypt: check the content key")

func (s *sealer) open(text []byte) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(text) != base64.StdEncoding.EncodedLen(len(raw)) || len(raw) == 0 || // the decoder skips line ends
		len(raw)%aes.BlockSize != 0 {
		return nil, errSealed
	}
	cipher.NewCBCDecrypter(s.block, make([]byte, aes.BlockSize)).CryptBlocks(raw, raw)
	pad := int(raw[len(raw)-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(raw[len(raw)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errSealed
	}
	return raw[:len(raw)-pad], nil
}

// open gives the node of an answer whose signature is proven, or about to be. A channel with a content key takes refusals in
// clear, for a gateway that could not read the request cannot encrypt; one without takes no encrypted node.
func (c *Channel) open(p parts) ([]byte, error) {
	switch {
	case !p.sealed:
		return p.raw, nil
	case c.content == nil:
		return nil, errors.New("the answer is encrypted, and the channel has no content key")
	}
	return c.content.open(p.raw[1 : len(p.raw)-1])
}
