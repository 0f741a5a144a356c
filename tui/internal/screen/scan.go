package screen

import (
	"strings"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// Scan is what a keyboard-wedge scanner typed. It prints nothing of it.
type Scan struct{ text string }

// NewScan wraps the typed text.
func NewScan(text string) Scan { return Scan{text: text} }

// String keeps a payment code out of every print.
func (Scan) String() string { return "scan" }

// GoString keeps %#v from showing it too.
func (Scan) GoString() string { return "scan" }

// Read sorts the scan: a payment code of a wallet we know, or the kind of a notice ("product",
// "link", "unreadable") that says why it is none.
func (s Scan) Read() (code pay.Code, kind string) {
	text := strings.TrimFunc(s.text, func(r rune) bool { return r <= ' ' || r == 0x7f })
	if id, rest, ok := aim(text); ok {
		if id == 'E' || id == 'e' { // AIM's letter for EAN and UPC
			return pay.Code{}, "product"
		}
		text = rest
	}
	if strings.Contains(text, "://") {
		return pay.Code{}, "link"
	}
	if strings.ContainsRune(text, '\x1d') || isProduct(text) { // GS separates the fields of GS1 labels
		return pay.Code{}, "product"
	}
	code, err := pay.ParseCode(text)
	if err != nil {
		return pay.Code{}, "unreadable"
	}
	if _, ok := code.Wallet(); !ok {
		return pay.Code{}, "unreadable"
	}
	return code, ""
}

// aim splits the symbology prefix that many scanners can be set to send: "]C1", "]E0", "]Q3".
func aim(text string) (id byte, rest string, ok bool) {
	if len(text) < 4 || text[0] != ']' || text[2] < '0' || text[2] > '9' {
		return 0, "", false
	}
	return text[1], text[3:], true
}

// isProduct knows EAN-8, UPC-A, EAN-13 and ITF-14; no wallet's code has these lengths.
func isProduct(text string) bool {
	for _, r := range text {
		if r < '0' || r > '9' {
			return false
		}
	}
	switch len(text) {
	case 8, 12, 13, 14:
		return true
	}
	return false
}

// notice is a scan's refusal in the same form the agent gives its own.
func notice(kind string) localapi.Notice { return localapi.Notice{Kind: kind} }
