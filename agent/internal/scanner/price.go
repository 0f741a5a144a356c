package scanner

import (
	"strconv"
	"strings"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// layout is how the ten digits between prefix and check digit of an in-store EAN-13 are used. The price is in fen.
type layout struct{ item, skip, price int }

// layouts are the variants that scales print. They are the shop's own choice (GS1 leaves 02 and 20 to 29 to it), so
// nothing in a barcode tells which one it is. In "i4vp5" a digit of its own checks the price; the barcode's own check
// digit covers it already.
var layouts = map[string]layout{
	"i5p5":  {item: 5, price: 5},
	"i6p4":  {item: 6, price: 4},
	"i4p6":  {item: 4, price: 6},
	"i4vp5": {item: 4, skip: 1, price: 5},
}

// Prices tells which in-store barcodes hold the price of one item, by their first two digits.
type Prices map[string]layout

// ParsePrices reads what a shop's scales print (Invalid): prefixes and ranges of them, each with a layout or i5p5, as in
// "20-24,25-29:i4vp5". The empty text is none: the same barcodes hold weights elsewhere, and a weight must not be
// charged as money.
func ParsePrices(text string) (Prices, error) {
	p := Prices{}
	if text == "" {
		return p, nil
	}
	for _, one := range strings.Split(text, ",") {
		prefixes, name, named := strings.Cut(one, ":")
		if !named {
			name = "i5p5"
		}
		l, ok := layouts[name]
		first, last, isRange := strings.Cut(prefixes, "-")
		if !isRange {
			last = first
		}
		if !ok || !ourPrefix(first) || !ourPrefix(last) || first > last {
			return nil, fault.New(fault.Invalid, "scanner.prices",
				"%q names no price barcodes: write prefixes 02 and 20 to 29 with a layout i5p5, i6p4, i4p6 or i4vp5, as in 20-24,25-29:i4vp5", one)
		}
		for n, end := number(first), number(last); n <= end; n++ {
			if prefix := twoDigits(n); ourPrefix(prefix) {
				p[prefix] = l
			}
		}
	}
	return p, nil
}

// ourPrefix reports a prefix that GS1 leaves to the shops.
func ourPrefix(s string) bool {
	return len(s) == 2 && strings.Trim(s, "0123456789") == "" && inStore(s)
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // digits only
	return n
}

func twoDigits(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }

// Read gives the price in a barcode whose check digit is right; ok is false when it holds none.
func (p Prices) Read(digits string) (price money.Amount, ok bool) {
	if len(digits) != 13 || strings.Trim(digits, "0123456789") != "" || !checkDigit(digits) {
		return price, false
	}
	l, ok := p[digits[:2]]
	if !ok {
		return price, false
	}
	from := 2 + l.item + l.skip
	price = money.Fen(int64(number(digits[from : from+l.price])))
	return price, !price.IsZero() // a label of nothing is no price
}

// ReadProduct sorts the digits of a product's barcode that something else has read.
func ReadProduct(digits string) Scan {
	found := finding{kind: Unreadable, message: "this is no product barcode"}
	if len(digits) >= 8 && strings.Trim(digits, "0123456789") == "" {
		found = classifyDigits(digits)
	}
	return Scan{Kind: found.kind, Text: found.text, Message: found.message}
}
