package wechat

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
)

// signType is how a request is signed; the answer is signed the same way (section 2.1).
type signType string

const (
	signMD5  signType = "MD5"
	signHMAC signType = "HMAC-SHA256"
)

// signature of fields sorted by name: what is not empty, as k=v joined with &, the key at the end,
// hashed, in upper-case hex.
func signature(kind signType, key string, sorted fields) string {
	text := make([]byte, 0, 1024)
	for _, f := range sorted {
		if f.value == "" || f.name == "sign" {
			continue
		}
		if len(text) > 0 {
			text = append(text, '&')
		}
		text = append(append(append(text, f.name...), '='), f.value...)
	}
	if len(text) > 0 {
		text = append(text, '&')
	}
	text = append(append(text, "key="...), key...)
	var raw [sha256.Size]byte
	sum := raw[:]
	if kind == signHMAC {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(text)
		sum = mac.Sum(raw[:0])
	} else {
		md := md5.Sum(text)
		sum = append(raw[:0], md[:]...)
	}
	out := hex.AppendEncode(make([]byte, 0, 2*sha256.Size), sum)
	for i, b := range out {
		if b >= 'a' {
			out[i] = b - 'a' + 'A'
		}
	}
	return string(out)
}

// forge breaks a signature and leaves its shape.
func forge(sign string) string {
	if sign[0] == '0' {
		return "1" + sign[1:]
	}
	return "0" + sign[1:]
}

// digest tells two requests under one number apart. What changes with every sending does not count.
func digest(sorted fields) (out [16]byte) {
	text := make([]byte, 0, 1024)
	for _, f := range sorted {
		switch f.name {
		case "sign", "nonce_str", "sign_type":
			continue
		}
		if f.value != "" {
			text = append(append(append(append(text, f.name...), 0), f.value...), 0)
		}
	}
	sum := sha256.Sum256(text)
	copy(out[:], sum[:])
	return out
}
