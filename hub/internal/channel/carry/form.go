package carry

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds of a form that a wallet posts to us: about 40 fields, the longest of them a certificate.
const (
	maxFields = 96
	maxName   = 64
	maxValue  = 8 << 10
)

var errForm = errors.New("no strict form")

// Form reads what a wallet posted as a form: names and values, decoded once. A name sent twice is refused, because of
// two values one would be compared and the other believed; so are names that nobody uses, control characters
// other than line ends, and what is no UTF-8.
func Form(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil || len(values) == 0 || len(values) > maxFields {
		return nil, fmt.Errorf("%w: not encoded as one, empty, or too many fields", errForm)
	}
	out := make(map[string]string, len(values))
	for name, v := range values {
		if !fieldName(name) || len(v) != 1 || !fieldValue(v[0]) {
			return nil, fmt.Errorf("%w: a strange name, a strange value, or a name that came twice", errForm)
		}
		out[name] = v[0]
	}
	return out, nil
}

func fieldName(s string) bool {
	for i := 0; i < len(s); i++ {
		if !LetterOrDigit(s[i]) && s[i] != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func fieldValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if b := s[i]; b < ' ' && b != '\r' && b != '\n' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return len(s) <= maxValue && utf8.ValidString(s)
}

// WalletURL reads the address of a wallet's host. It takes http for this machine only: a payment code travels to a verified
// host or nowhere. The error says how to write it, which is what example shows.
func WalletURL(field, s, example string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s: write it as %s", field, example)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, fmt.Errorf("%s: use https; http is taken for this machine only", field)
	}
	u.Path = "/" + strings.Trim(u.Path, "/") // a host alone must give "/pay/…" too
	return u, nil
}

// NotifyURL reports an address that every wallet takes for its notices: absolute, without a query, at most 256 characters.
func NotifyURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 256 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}
