package wechatv3

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
)

// scheme is SHA-256 with RSA, PKCS#1 v1.5.
const scheme = "WECHATPAY2-SHA256-RSA2048"

// window is how far a signed message's own time may be from ours, before and behind (section 1.3).
const window = 5 * time.Minute

// signedText is five lines of a request (section 1.2), each ended, also the last.
func signedText(method, uri, stamp, nonce string, body []byte) []byte {
	text := make([]byte, 0, len(body)+256)
	for _, line := range [...]string{method, uri, stamp, nonce, string(body)} {
		text = append(append(text, line...), '\n')
	}
	return text
}

// header signs a request. Unavailable: it could not be signed and must not leave.
func (c *Channel) header(method string, to *url.URL, body []byte) (http.Header, error) {
	stamp, nonce := strconv.FormatInt(c.now().Unix(), 10), c.nonce()
	sign, err := signature(c.key, signedText(method, to.RequestURI(), stamp, nonce, body))
	switch {
	case err == nil:
	case fault.KindOf(err) == fault.Unavailable: // the signer's own word: it is busy, or its token does not answer
		return nil, fault.Wrap(carry.Scrub(err), fault.Unavailable, "wechatv3.busy", "the request could not be signed in time and was not sent")
	default:
		return nil, fault.Wrap(carry.Scrub(err), fault.Invalid, "wechatv3.sign", "the request could not be signed and was not sent: check the merchant's API key")
	}
	h := http.Header{
		"Authorization": {scheme + ` mchid="` + c.who.mchID + `",nonce_str="` + nonce + `",timestamp="` + stamp + `",serial_no="` + c.serial + `",signature="` + sign + `"`},
		"Accept":        {"application/json"},
		"User-Agent":    {"cloud-cashier"},
	}
	if len(body) > 0 {
		h["Content-Type"] = []string{"application/json"}
	}
	if id := c.trust.wanted(); id != "" {
		h["Wechatpay-Serial"] = []string{id} // or WeChat Pay signs with a certificate that we may not hold
	}
	return h, nil
}

func signature(key crypto.Signer, text []byte) (string, error) {
	digest := sha256.Sum256(text)
	sig, err := key.Sign(nil, digest[:], crypto.SHA256) // this padding takes no randomness
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// seal is what WeChat Pay says about the body of an answer or a notice.
type seal struct {
	serial, stamp, nonce, signature string
}

var (
	errUnsigned = errors.New("it is not signed")
	errProbe    = errors.New("it is one of WeChat Pay's own probes, made to be refused")
)

// readSeal takes the four headers, each once; errUnsigned when there is none of them.
func readSeal(h http.Header) (s seal, err error) {
	for _, f := range []struct {
		name string
		into *string
	}{{"Wechatpay-Serial", &s.serial}, {"Wechatpay-Timestamp", &s.stamp}, {"Wechatpay-Nonce", &s.nonce}, {"Wechatpay-Signature", &s.signature}} {
		values := h.Values(f.name)
		switch {
		case len(values) > 1:
			return s, errors.New(f.name + " came twice")
		case len(values) == 1:
			*f.into = values[0]
		}
	}
	switch {
	case s == seal{}:
		return s, errUnsigned
	case s.serial == "" || s.stamp == "" || s.nonce == "" || s.signature == "":
		return s, errors.New("a header of the signature is missing")
	case strings.HasPrefix(s.signature, "WECHATPAY/SIGNTEST/"):
		return s, errProbe
	}
	s.serial = strings.ToUpper(s.serial)
	return s, nil
}

// timely checks the message's own time. It is signed, but an old message is somebody's recording.
func (s seal) timely(now time.Time) error {
	if len(s.stamp) > 12 {
		return errors.New("Wechatpay-Timestamp is no time")
	}
	sec, err := strconv.ParseInt(s.stamp, 10, 64)
	if err != nil || sec < 0 {
		return errors.New("Wechatpay-Timestamp is no time")
	}
	if now.Sub(time.Unix(sec, 0)).Abs() >= window {
		return errors.New("it is five minutes old or more, or ahead of us: check this machine's clock")
	}
	return nil
}

// by checks the signature over the bytes as they came.
func (s seal) by(key *rsa.PublicKey, body []byte) error {
	// Strict: loose base64 reads several texts as one signature.
	sig, err := base64.StdEncoding.Strict().DecodeString(s.signature)
	if err != nil {
		return errors.New("the signature is no base64")
	}
	text := make([]byte, 0, len(body)+64)
	text = append(append(append(append(text, s.stamp...), '\n'), s.nonce...), '\n')
	text = append(append(text, body...), '\n')
	digest := sha256.Sum256(text)
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig)
}
