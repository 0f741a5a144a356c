// Package gbtext writes texts as the devices of the field show them: in GB18030, where a character's
// columns are its bytes, one for ASCII and two for Chinese.
//
// It refuses what these devices cannot show (characters of four bytes) or would take for a command
// (control characters): they become a question mark. Newcomers get one thing wrong: the number of runes
// says nothing about a text's width; the number of bytes does.
package gbtext

import (
	"strings"
	"unicode"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Encode gives a text in GB18030, columns and bytes alike.
func Encode(text string) []byte {
	encoder := simplifiedchinese.GB18030.NewEncoder()
	var out []byte
	for _, r := range strings.ReplaceAll(text, "¥", "￥") {
		raw, err := encoder.Bytes([]byte(string(r)))
		if err != nil || len(raw) > 2 || len(raw) == 0 || unicode.IsControl(r) || len(raw) == 1 && raw[0] >= 0x80 {
			raw = []byte("?")
		}
		out = append(out, raw...)
	}
	return out
}

// Cut shortens a text to so many columns, never through a character.
func Cut(text []byte, columns int) []byte {
	n := 0
	for n < len(text) {
		size := 1
		if text[n] >= 0x80 {
			size = 2
		}
		if n+size > columns {
			break
		}
		n += size
	}
	return text[:n]
}
