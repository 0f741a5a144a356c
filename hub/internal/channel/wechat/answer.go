package wechat

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cloudcashier/hub/internal/channel/carry"
)

// Bounds of an answer. A real one has about 20 fields in 1.5 KiB; an orderquery of an order with
// many coupons has the most.
const (
	maxAnswer = 32 << 10
	maxFields = 64
)

// field is one parameter of the protocol.
type field struct{ name, value string }

// fields are an answer's parameters, sorted by name, each name once. Both the signature and the
// business code read these and nothing else, so what is believed is what was signed.
type fields []field

// get gives a parameter; an absent one is the same as an empty one, as in the signed text.
func (f fields) get(name string) string {
	i, found := slices.BinarySearchFunc(f, name, func(x field, n string) int { return strings.Compare(x.name, n) })
	if !found {
		return ""
	}
	return f[i].value
}

var errXML = errors.New("no strict XML")

// parse reads <xml><name>value</name>…</xml>. The protocol is flat and so is the parser: an
// element inside an element has no defined place in the signed text, so it is refused, as are
// attributes, comments, DOCTYPE, entities of one's own, a name sent twice and anything after the
// root. Where encoding/xml would take the last of two equal elements, a forger takes the first.
func parse(s string) (fields, error) { return parseRoot(s, "xml") }

// parseRoot is parse for a root of another name: that of a refund notice's inner text.
func parseRoot(s, root string) (fields, error) {
	if len(s) > maxAnswer {
		return nil, fmt.Errorf("%w: above %d bytes", errXML, maxAnswer)
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: not UTF-8", errXML)
	}
	r := reader{rest: s}
	if strings.HasPrefix(s, "<?xml ") {
		if !r.past("?>") {
			return nil, fmt.Errorf("%w: declaration not closed", errXML)
		}
	}
	r.space()
	if !r.take("<" + root + ">") {
		return nil, fmt.Errorf("%w: the root is not <%s>", errXML, root)
	}
	out := make(fields, 0, 32)
	for {
		r.space()
		if r.take("</" + root + ">") {
			break
		}
		if len(out) == maxFields {
			return nil, fmt.Errorf("%w: more than %d elements", errXML, maxFields)
		}
		f, err := r.element()
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	r.space()
	if r.rest != "" {
		return nil, fmt.Errorf("%w: more after the root", errXML)
	}
	slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(out); i++ {
		if out[i].name == out[i-1].name {
			return nil, fmt.Errorf("%w: an element came twice", errXML)
		}
	}
	return out, nil
}

// reader walks over the text; rest is what is still to be read.
type reader struct{ rest string }

func (r *reader) space() { r.rest = strings.TrimLeft(r.rest, " \t\r\n") }

func (r *reader) take(token string) (ok bool) {
	r.rest, ok = strings.CutPrefix(r.rest, token)
	return ok
}

func (r *reader) past(token string) (ok bool) {
	_, r.rest, ok = strings.Cut(r.rest, token)
	return ok
}

func (r *reader) element() (field, error) {
	n := 1
	for n < len(r.rest) && nameByte(r.rest[n]) {
		n++
	}
	if n == 1 || n > 65 || r.rest[0] != '<' || nameDigit(r.rest[1]) {
		return field{}, fmt.Errorf("%w: an element was expected", errXML)
	}
	name := r.rest[1:n]
	r.rest = r.rest[n:]
	if r.take("/>") {
		return field{name: name}, nil
	}
	if !r.take(">") {
		return field{}, fmt.Errorf("%w: an element's start is not closed", errXML)
	}
	value, err := r.value()
	if err != nil {
		return field{}, err
	}
	if !r.take("</") || !r.take(name) || !r.take(">") {
		return field{}, fmt.Errorf("%w: an element's end does not match its start", errXML)
	}
	return field{name, value}, nil
}

func nameByte(b byte) bool  { return carry.LetterOrDigit(b) || b == '_' || b == '-' || b == '.' }
func nameDigit(b byte) bool { return '0' <= b && b <= '9' || b == '-' || b == '.' }

// value reads character data and CDATA up to the element's end tag.
func (r *reader) value() (string, error) {
	var whole string
	for parts := 0; ; parts++ {
		if parts > 16 { // each is copied; a wallet writes one
			return "", fmt.Errorf("%w: a value in too many parts", errXML)
		}
		i := strings.IndexByte(r.rest, '<')
		if i < 0 {
			return "", fmt.Errorf("%w: cut off inside an element", errXML)
		}
		part, err := characters(r.rest[:i])
		if err != nil {
			return "", err
		}
		r.rest = r.rest[i:]
		whole += part // one part in every real answer: nothing is copied then
		if strings.HasPrefix(r.rest, "</") {
			break
		}
		if !r.take("<![CDATA[") {
			return "", fmt.Errorf("%w: an element inside an element", errXML)
		}
		part, after, closed := strings.Cut(r.rest, "]]>")
		if !closed {
			return "", fmt.Errorf("%w: CDATA not closed", errXML)
		}
		whole, r.rest = whole+part, after
	}
	for i := 0; i < len(whole); i++ {
		if b := whole[i]; b < ' ' && b != '\t' && b != '\r' && b != '\n' {
			return "", fmt.Errorf("%w: a control character", errXML)
		}
	}
	return whole, nil
}

// characters resolves the five entities of XML itself and character references.
func characters(s string) (string, error) {
	if strings.Contains(s, "]]>") {
		return "", fmt.Errorf("%w: a stray end of CDATA", errXML)
	}
	if !strings.Contains(s, "&") {
		return s, nil
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, "&")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, rest, closed := strings.Cut(after, ";")
		r, ok := entity(name)
		if !closed || !ok {
			return "", fmt.Errorf("%w: an unknown entity", errXML)
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
	if !numeric || err != nil || !utf8.ValidRune(rune(n)) {
		return 0, false
	}
	return rune(n), true
}
