package wechat

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a request. The longest legal one (micropay with a 6000 character detail) has 22 fields.
const (
	maxFields = 64
	maxName   = 64
)

// field is one parameter of the protocol.
type field struct{ name, value string }

// fields are a request's parameters sorted by name, each name once, so what is checked is what was
// signed.
type fields []field

// get gives a parameter; an absent one is the same as an empty one, as in the signed text.
func (f fields) get(name string) string {
	i, found := slices.BinarySearchFunc(f, name, func(x field, n string) int { return strings.Compare(x.name, n) })
	if !found {
		return ""
	}
	return f[i].value
}

var (
	errXML      = errors.New("no strict XML")
	errEncoding = errors.New("not UTF-8")
)

// parseXML reads <xml><name>value</name>…</xml> and nothing else: no element inside an element, no
// attribute, comment, DOCTYPE or entity of one's own, no name twice, nothing after the root. Each
// of these has made some parser read another request than the one that was signed.
func parseXML(s string) (fields, error) {
	if !utf8.ValidString(s) {
		return nil, errEncoding
	}
	p := scanner{rest: s}
	if after, ok := strings.CutPrefix(s, "<?xml "); ok {
		head, rest, closed := strings.Cut(after, "?>")
		lower := strings.ToLower(head)
		if !closed || strings.ContainsAny(head, "<>&") {
			return nil, errXML
		}
		if strings.Contains(lower, "encoding") && !strings.Contains(lower, "utf-8") {
			return nil, errEncoding
		}
		p.rest = rest
	}
	p.space()
	if !p.take("<xml>") {
		return nil, errXML
	}
	out := make(fields, 0, 24)
	for {
		p.space()
		if p.take("</xml>") {
			break
		}
		f, ok := p.element()
		if !ok || len(out) == maxFields {
			return nil, errXML
		}
		out = append(out, f)
	}
	p.space()
	if p.rest != "" {
		return nil, errXML
	}
	slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(out); i++ {
		if out[i].name == out[i-1].name {
			return nil, errXML
		}
	}
	return out, nil
}

// scanner walks over the text; rest is what is still to be read.
type scanner struct{ rest string }

func (p *scanner) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *scanner) take(token string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, token)
	return ok
}

func (p *scanner) element() (field, bool) {
	n := 1
	for n < len(p.rest) && n <= maxName && nameByte(p.rest[n], n == 1) {
		n++
	}
	if n == 1 || p.rest[0] != '<' {
		return field{}, false
	}
	name := p.rest[1:n]
	p.rest = p.rest[n:]
	if p.take("/>") {
		return field{name: name}, true
	}
	if !p.take(">") {
		return field{}, false
	}
	value, ok := p.value()
	return field{name, value}, ok && p.take("</") && p.take(name) && p.take(">")
}

func nameByte(b byte, first bool) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '_' || !first && ('0' <= b && b <= '9' || b == '-' || b == '.')
}

// value reads character data and CDATA up to the element's end.
func (p *scanner) value() (string, bool) {
	whole := ""
	for {
		i := strings.IndexByte(p.rest, '<')
		if i < 0 {
			return "", false
		}
		text, ok := unescape(p.rest[:i])
		if !ok {
			return "", false
		}
		whole, p.rest = whole+text, p.rest[i:] // one part in every usual request: nothing is copied
		if strings.HasPrefix(p.rest, "</") {
			return whole, plain(whole)
		}
		if !p.take("<![CDATA[") {
			return "", false
		}
		text, after, closed := strings.Cut(p.rest, "]]>")
		if !closed {
			return "", false
		}
		whole, p.rest = whole+text, after
	}
}

// plain refuses control characters, which XML has no place for.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if b := s[i]; b < ' ' && b != '\t' && b != '\r' && b != '\n' {
			return false
		}
	}
	return true
}

// unescape resolves the five entities of XML itself and character references.
func unescape(s string) (string, bool) {
	if strings.Contains(s, "]]>") {
		return "", false
	}
	if !strings.Contains(s, "&") {
		return s, true
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, "&")
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		name, rest, closed := strings.Cut(after, ";")
		r, ok := entity(name)
		if !closed || !ok {
			return "", false
		}
		out.WriteRune(r)
		s = rest
	}
}

func entity(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, numeric := strings.CutPrefix(name, "#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 21) // 21 bits hold every rune
	return rune(n), numeric && err == nil && utf8.ValidRune(rune(n))
}

// appendXML writes an answer as the wallet does: text in CDATA, numbers bare.
func appendXML(dst []byte, fs []field) []byte {
	dst = append(dst, "<xml>"...)
	for _, f := range fs {
		dst = append(append(append(dst, '<'), f.name...), '>')
		if bare(f.value) {
			dst = append(dst, f.value...)
		} else {
			dst = append(append(append(dst, "<![CDATA["...), strings.ReplaceAll(f.value, "]]>", "]]]]><![CDATA[>")...), "]]>"...)
		}
		dst = append(append(append(dst, "</"...), f.name...), '>')
	}
	return append(dst, "</xml>"...)
}

// bare reports a whole number of the size of an amount.
func bare(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) < 14
}
