package wechat

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
)

// The two ways to sign; each answer must be signed the way its request was.
const (
	signHMAC = "HMAC-SHA256"
	signMD5  = "MD5"
)

// signer makes and checks v2 signatures: the non-empty parameters sorted by name, joined as
// k=v with &, the key at the end, hashed, in upper-case hex (section 2.1).
type signer struct {
	kind   string
	suffix string    // "&key=…"
	pool   sync.Pool // *scratch: a keyed hash costs more to set up than to use
}

type scratch struct {
	mac  hash.Hash
	text []byte
	sum  []byte
}

func newSigner(kind, key string) *signer {
	s := &signer{kind: kind, suffix: "&key=" + key}
	s.pool.New = func() any {
		w := &scratch{text: make([]byte, 0, 1024), sum: make([]byte, 0, 2*sha256.Size)}
		if kind == signHMAC {
			w.mac = hmac.New(sha256.New, []byte(key))
		} else {
			w.mac = md5.New()
		}
		return w
	}
	return s
}

// of signs fields, which are sorted by name.
func (s *signer) of(fields []field) string {
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	return string(s.sum(w, fields))
}

// matches reports whether sign is the signature of fields; it takes the same time for every
// wrong signature.
func (s *signer) matches(fields []field, sign string) bool {
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	return hmac.Equal(s.sum(w, fields), []byte(sign))
}

func (s *signer) sum(w *scratch, fields []field) []byte {
	w.text = appendSigned(w.text[:0], fields)
	w.text = append(w.text, s.suffix...)
	w.mac.Reset()
	w.mac.Write(w.text)
	var raw [sha256.Size]byte
	w.sum = hex.AppendEncode(w.sum[:0], w.mac.Sum(raw[:0]))
	for i, b := range w.sum {
		if b >= 'a' {
			w.sum[i] = b - 'a' + 'A'
		}
	}
	return w.sum
}

// appendSigned writes the signed text: what is empty counts as not sent, values stand as they are.
func appendSigned(text []byte, fields []field) []byte {
	for _, f := range fields {
		if f.value == "" || f.name == "sign" {
			continue
		}
		if len(text) > 0 {
			text = append(text, '&')
		}
		text = append(text, f.name...)
		text = append(text, '=')
		text = append(text, f.value...)
	}
	return text
}
