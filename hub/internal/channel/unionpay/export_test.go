package unionpay

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"cloudcashier/hub/internal/channel"
)

// Split takes an answer apart.
func Split(body string) (map[string]string, error) {
	f, err := split(body)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, x := range f {
		out[x.name] = x.value
	}
	return out, nil
}

func sorted(params map[string]string) fields {
	var f fields
	for name, value := range params {
		f = append(f, field{name, value})
	}
	slices.SortFunc(f, byName)
	return f
}

// Sign signs parameters as a request or an answer is signed; hash is the text that RSA hashes again.
func Sign(key crypto.Signer, params map[string]string) (text, hash, sign string, err error) {
	raw := signedText(sorted(params))
	sum := sha256.Sum256(raw)
	sign, err = signature(key, raw)
	return string(raw), hex.EncodeToString(sum[:]), sign, err
}

// Matches checks the signature among parameters.
func Matches(key *rsa.PublicKey, params map[string]string) error { return matches(key, sorted(params)) }

// PayDeclines gives the table of refusals.
var PayDeclines = payDeclines

// ReadNotice is what a genuine notice claims.
func ReadNotice(params map[string]string) (channel.Notice, error) { return read(sorted(params)) }
