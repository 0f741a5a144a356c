package receipt

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"cloudcashier/shared/fault"
)

// Number is a sale's number as receipts show it. Its digits are even, for the denser half of Code 128.
func Number(n int64) string {
	text := fmt.Sprintf("%08d", n)
	if len(text)%2 == 1 {
		text = "0" + text
	}
	return text
}

// markSize is how many digits of a barcode tell the till.
const markSize = 2

// Code is what the barcode of a receipt holds: the number, and two digits that tell whether it is this till's and
// was read well. Another till's receipt passes once in a hundred times; the QR with the sale's own name never does.
func Code(n int64, terminal string) string {
	text := Number(n)
	return text + fmt.Sprintf("%02d", crc32.ChecksumIEEE([]byte(terminal+" "+text))%100)
}

// ParseNumber reads a receipt's number: what a scanner made of its barcode, or the digits above that a person typed
// (Invalid; NotFound when the barcode is another till's).
func ParseNumber(text, terminal string) (int64, error) {
	digits := text
	if len(text) > len(Number(1)) {
		digits = text[:len(text)-markSize]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || strings.Trim(text, "0123456789") != "" {
		return 0, fault.New(fault.Invalid, "receipt.number", "%q is no receipt's number: type the digits of its line No.", text)
	}
	if digits != text && Code(n, terminal) != text {
		return 0, fault.New(fault.NotFound, "receipt.other_till", "this receipt is another till's, or was read badly: take it to the till that it names")
	}
	return n, nil
}
