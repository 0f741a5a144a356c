package screen

import (
	"fmt"
	"strings"
)

// ScanLook is what may be shown of a scan.
type ScanLook struct {
	Kind      string // "payment", or the kind of a notice
	Symbology string // as its prefix says, or as its form suggests
	Length    int    // signs, without the prefix
	Shown     string // what stands in it; of anything that may be money only its ends
}

// symbologies are AIM's letters, as far as shops meet them.
var symbologies = map[byte]string{'C': "Code 128", 'E': "EAN/UPC", 'Q': "QR", 'd': "Data Matrix", 'A': "Code 39", 'I': "ITF", 'L': "PDF417", 'e': "GS1 DataBar", 'z': "Aztec"}

// Look describes a scan for a test. A payment code, and what may be a spoilt one, is masked: it is money for as
// long as its wallet takes it.
func (s Scan) Look() ScanLook {
	text := strings.TrimFunc(s.text, func(r rune) bool { return r <= ' ' || r == 0x7f })
	look := ScanLook{Kind: "payment"}
	if _, kind := s.Read(); kind != "" {
		look.Kind = kind
	}
	if id, rest, ok := aim(text); ok {
		look.Symbology = symbologies[id]
		if look.Symbology == "" {
			look.Symbology = "]" + string(rune(id))
		}
		text = rest
	} else {
		look.Symbology = guess(text)
	}
	look.Length = len([]rune(text))
	look.Shown = mask(text)
	if look.Kind == "product" || look.Kind == "link" {
		look.Shown = printable(text)
	}
	return look
}

// guess names the symbology a text of this form usually comes from; the scanner itself was not asked.
func guess(text string) string {
	switch {
	case strings.Contains(text, "://"):
		return "QR?"
	case isProduct(text) && len(text) == 8:
		return "EAN-8?"
	case isProduct(text) && len(text) == 12:
		return "UPC-A?"
	case isProduct(text) && len(text) == 13:
		return "EAN-13?"
	case isProduct(text):
		return "ITF-14?"
	case len(text) > 40:
		return "QR?"
	}
	return "Code 128/QR?"
}

// mask keeps the two first and last signs of a text that is long enough to hide the rest.
func mask(text string) string {
	r := []rune(text)
	if len(r) < 8 {
		return strings.Repeat("*", len(r))
	}
	return printable(string(r[:2])) + strings.Repeat("*", min(len(r)-4, 20)) + printable(string(r[len(r)-2:]))
}

// printable writes control signs as their numbers.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == noiseSign:
			b.WriteString("<?>")
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "<%02X>", r)
		case r >= 0x2000 && r < 0x2e80: // signs whose width no two terminals agree on
			b.WriteString("?")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// noiseSign is what the arbiter puts in the place of a control character inside a scan.
const noiseSign = '\uFFFD'
