package carry

import (
	"errors"
	"fmt"
	"net/url"
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

// NotifyURL reports an address that every wallet takes for its notices: absolute, without a query, at most 256 characters.
func NotifyURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 256 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}
