// Package spell says an amount of renminbi in Chinese words, to the fen: 12.05 is 十二点零五元.
//
// It is arithmetic on values; it makes no sound. It refuses what is no amount of a payment: nothing,
// less than nothing, another currency. Newcomers get one thing wrong: zeros inside a number are said
// once however many they are (10,001 is 一万零一), and those at its end not at all, while behind the
// point every digit counts but the last zero (12.80 is 十二点八元, 12.05 十二点零五元).
package spell

import (
	"strings"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// Word is one word of a spoken amount. Its text is the word itself.
type Word string

// The words that are no digits.
const (
	Both     Word = "两" // two of something: 两百, 两千, 两万, 两元
	Ten      Word = "十"
	Hundred  Word = "百"
	Thousand Word = "千"
	Wan      Word = "万"
	Yi       Word = "亿"
	Point    Word = "点"
	Yuan     Word = "元"
)

// digits are the words of 0 to 9.
var digits = [10]Word{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}

// Digit is the word of a digit from 0 to 9.
func Digit(n int) Word { return digits[n] }

// Words lists every word that an amount may need.
func Words() []Word {
	return append(digits[:len(digits):len(digits)], Both, Ten, Hundred, Thousand, Wan, Yi, Point, Yuan)
}

// Amount says an amount (Invalid for one that nobody can have paid).
func Amount(a money.Amount) ([]Word, error) {
	if err := a.Charge(); err != nil {
		return nil, err
	}
	if a.Currency() != money.CNY {
		return nil, fault.New(fault.Invalid, "spell.currency", "only amounts in CNY can be said")
	}
	yuan, fen := a.Fen()/100, a.Fen()%100
	var out []Word
	switch {
	case yuan == 2 && fen == 0:
		out = []Word{Both} // two of them; with a point it is a number: 二点五元
	default:
		out = whole(yuan)
	}
	if fen > 0 {
		out = append(out, Point, digits[fen/10])
		if fen%10 > 0 {
			out = append(out, digits[fen%10])
		}
	}
	return append(out, Yuan), nil
}

// Text joins words.
func Text(words []Word) string {
	var out strings.Builder
	for _, w := range words {
		out.WriteString(string(w))
	}
	return out.String()
}

// whole says a whole number: groups of four digits, each with the name of its size.
func whole(n int64) []Word {
	if n == 0 {
		return []Word{digits[0]}
	}
	var out []Word
	gap := false // a zero that is to be said before the next digit
	for _, group := range []struct {
		size int64
		name []Word
	}{{100_000_000, []Word{Yi}}, {10_000, []Word{Wan}}, {1, nil}} {
		part := n / group.size % 10_000
		if part == 0 {
			gap = gap || len(out) > 0
			continue
		}
		if len(out) > 0 && (gap || part < 1000) {
			out = append(out, digits[0])
		}
		gap = false
		if part == 2 && group.size > 1 {
			out = append(out, Both)
		} else {
			out = append(out, four(part, len(out) == 0)...)
		}
		out = append(out, group.name...)
	}
	return out
}

// four says a number from 1 to 9999. At the very beginning ten is 十 and not 一十.
func four(n int64, first bool) []Word {
	var out []Word
	gap := false
	for _, place := range []struct {
		size int64
		name []Word
	}{{1000, []Word{Thousand}}, {100, []Word{Hundred}}, {10, []Word{Ten}}, {1, nil}} {
		d := n / place.size % 10
		if d == 0 {
			gap = gap || len(out) > 0
			continue
		}
		if gap {
			out = append(out, digits[0])
		}
		gap = false
		switch {
		case place.size == 10 && d == 1 && first && len(out) == 0:
		case place.size >= 100 && d == 2:
			out = append(out, Both)
		default:
			out = append(out, digits[d])
		}
		out = append(out, place.name...)
	}
	return out
}
