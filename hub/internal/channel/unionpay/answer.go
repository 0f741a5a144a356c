package unionpay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of an answer: one with every field has about 40 of them, the longest is the certificate.
const (
	maxFields = 96
	maxName   = 32
	maxValue  = 8 << 10
)

var errSplit = errors.New("the answer is garbled")

// field is one name with its value, as it stands in the answer.
type field struct{ name, value string }

// fields are sorted by name, each name once.
type fields []field

func byName(a, b field) int { return strings.Compare(a.name, b.name) }

// get gives a value, or nothing.
func (f fields) get(name string) string {
	i, ok := slices.BinarySearchFunc(f, field{name: name}, byName)
	if !ok {
		return ""
	}
	return f[i].value
}

// split takes an answer apart: k=v&k=v, values not encoded. A value goes on to the next "&"; what
// stands between { and }, or [ and ], may hold one, as UnionPay's own SDK reads it. A name sent twice
// is refused, because of two values one would be compared and the other believed; so are strange
// names, brackets left open, control characters other than a certificate's line ends, and what is
// no UTF-8.
func split(body string) (fields, error) { return splitWithin(body, maxValue) }

// splitWithin takes values of at most so many bytes.
func splitWithin(body string, longest int) (fields, error) {
	if !utf8.ValidString(body) {
		return nil, fmt.Errorf("%w: no UTF-8", errSplit)
	}
	out := make(fields, 0, 40)
	for rest, more := body, true; more; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || !nameShape(name) || len(out) == maxFields {
			return nil, fmt.Errorf("%w: a strange name, or too many", errSplit)
		}
		n, ok := extent(after, longest)
		if !ok {
			return nil, fmt.Errorf("%w: a value that does not end", errSplit)
		}
		out = append(out, field{name, after[:n]})
		if more = n < len(after); more {
			rest = after[n+1:]
		}
	}
	slices.SortFunc(out, byName)
	for i := 1; i < len(out); i++ {
		if out[i].name == out[i-1].name {
			return nil, fmt.Errorf("%w: a name came twice", errSplit)
		}
	}
	return out, nil
}

func nameShape(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := 0; i < len(s); i++ {
		if b := s[i]; !('0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || b == '_') {
			return false
		}
	}
	return true
}

// extent counts the bytes of the value that s begins with.
func extent(s string, longest int) (n int, ok bool) {
	var closes byte
	for n = 0; n < len(s); n++ {
		b := s[n]
		switch {
		case n == longest, b < ' ' && b != '\r' && b != '\n' && b != '\t', b == 0x7f:
			return 0, false
		case closes != 0:
			if b == closes {
				closes = 0
			}
		case b == '{':
			closes = '}'
		case b == '[':
			closes = ']'
		case b == '&':
			return n, true
		}
	}
	return n, closes == 0
}
