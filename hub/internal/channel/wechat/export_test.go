package wechat

import (
	"encoding/base64"
	"net/http"

	"cloudcashier/hub/internal/channel/carry"
)

// Parse is the answer parser.
func Parse(s string) (map[string]string, error) {
	got, err := parse(s)
	if err != nil {
		return nil, err
	}
	m := make(map[string]string, len(got))
	for _, f := range got {
		m[f.name] = f.value
	}
	return m, nil
}

// Sign signs an answer as it was parsed, and says whether it carries that signature.
func Sign(kind, key, xml string) (sign string, carried bool, err error) {
	got, err := parse(xml)
	if err != nil {
		return "", false, err
	}
	s := newSigner(kind, key)
	return s.of(got), s.matches(got, got.get("sign")), nil
}

// PayDeclines gives the table of refusals.
var PayDeclines = payDeclines

// Printable is what foreign text becomes in a log.
var Printable = carry.Printable

// Via replaces the network.
func Via(c *Channel, rt http.RoundTripper) { c.open, c.withCert = rt, rt }

// RefundDeclines gives the table of refused refunds.
var RefundDeclines = refundDeclines

// OpenNotice decrypts a refund notice's req_info.
func OpenNotice(apiKey, text string) (string, error) { return openNotice(newNoticeKey(apiKey), text) }

// SealNotice encrypts a text as OpenNotice wants it.
func SealNotice(apiKey, text string) string {
	raw := []byte(text)
	pad := 16 - len(raw)%16
	for range pad {
		raw = append(raw, byte(pad))
	}
	for at := 0; at < len(raw); at += 16 {
		newNoticeKey(apiKey).Encrypt(raw[at:], raw[at:])
	}
	return base64.StdEncoding.EncodeToString(raw)
}
