package scanner

import (
	"encoding/base64"
	"fmt"
	"strings"

	"cloudcashier/shared/pay"
	"cloudcashier/shared/storedvalue"
)

// Kind says what was scanned.
type Kind string

// The kinds of scans.
const (
	Payment    Kind = "payment"    // a customer's payment code
	Product    Kind = "product"    // a valid product barcode
	Receipt    Kind = "receipt"    // a receipt of a till: its number, or the sale's own name
	Link       Kind = "link"       // a web address, such as a shop's or a person's "pay me" code
	Unreadable Kind = "unreadable" // read badly, cut short, or nothing a till can use
	Duplicate  Kind = "duplicate"  // a payment code that was scanned a moment ago
	Stuck      Kind = "stuck"      // the scanner reads the same code over and over; nothing of it is used
)

const ask = "ask for the payment code in the customer's wallet and scan that"

// finding is what a frame turned out to be. Its text is set for products and receipts only.
type finding struct {
	kind    Kind
	code    pay.Code
	text    string
	message string
}

func unreadable(format string, args ...any) finding {
	return finding{kind: Unreadable, message: fmt.Sprintf(format, args...)}
}

// classify names what a sound frame holds. A wrong guess costs a rescan, a guessed digit costs
// money: nothing is corrected here.
func classify(f frame) finding {
	text := strings.Trim(f.text, " ") // SPACE is a suffix too
	if isLink(text) {
		return finding{kind: Link, message: "this is a web address or a pay-me code: " + ask}
	}
	if found, ok := classifyPayment(f.aim, text); ok {
		return found
	}
	if isReceipt(f.aim, text) {
		return finding{kind: Receipt, text: text, message: "a receipt's number"}
	}
	if text == "" || strings.Trim(text, "0123456789") != "" {
		if len(text) < 8 {
			return unreadable("only %d characters were read: scan again", len(text))
		}
		return unreadable("this is no payment code and no product barcode: %s", ask)
	}
	return classifyDigits(text)
}

// classifyPayment recognises payment codes by their wallet's shape, and by the symbology where the
// scanner names it: wallets show QR and Code 128 only, so a loyalty card in Code 39 is no payment
// code whatever its digits.
func classifyPayment(aim, text string) (finding, bool) {
	code, err := pay.ParseCode(text)
	if err != nil {
		return finding{}, false
	}
	wallet, ok := code.Wallet()
	if !ok {
		return finding{}, false
	}
	if code.EMV() && !emvWhole(text) {
		return unreadable("the payment code was cut short: scan again"), true
	}
	if wallet == pay.StoredValue && !storedWhole(text) {
		return unreadable("the stored-value code was cut short: scan again"), true
	}
	if aim != "" && aim != "]C0" && (!strings.HasPrefix(aim, "]Q") || aim == "]Q3") {
		return unreadable("this barcode is a card or a label, no payment code: %s", ask), true
	}
	return finding{kind: Payment, code: code, message: "payment code of " + string(wallet)}, true
}

// storedWhole reports a stored-value code whose last part is there: a secret of 16 bytes, in base64.
// Whether it is genuine is for the till, which has the hub's key.
func storedWhole(text string) bool {
	parts := strings.Split(text, ".")
	return len(parts) == 4 && len(parts[3]) == base64.RawURLEncoding.EncodedLen(storedvalue.SecretSize)
}

// classifyDigits tells products, and payment codes that lost digits, from the rest.
func classifyDigits(text string) finding {
	n := len(text)
	switch {
	case n == 13 || n == 12 || n == 8:
		if !checkDigit(text) {
			return unreadable("the barcode was read badly (its check digit is wrong): scan again")
		}
		message := "product barcode; to be paid, " + ask
		if n == 13 && inStore(text) {
			message = "in-store barcode (price or weight); to be paid, " + ask
		}
		return finding{kind: Product, text: text, message: message}
	case n < 8:
		return unreadable("only %d digits were read: scan again", n)
	case n < 19 && walletPrefix(text):
		return unreadable("the payment code was cut short (%d digits): scan again", n)
	case n > 24:
		return unreadable("%d digits came at once, perhaps two codes: scan again, one at a time", n)
	}
	return unreadable("no wallet has such a code (%d digits): %s", n, ask)
}

// The lengths of what our receipts show: a barcode of ten digits that begins with a zero, and the sale's name in the QR.
const (
	receiptDigits = 10
	saleName      = "sale_"
	saleNameSize  = len(saleName) + 26
)

// isReceipt reports what a receipt of ours shows, on whatever till it was printed. No product's barcode has ten digits.
func isReceipt(aim, text string) bool {
	if name, ok := strings.CutPrefix(text, saleName); ok {
		return len(text) == saleNameSize && strings.Trim(name, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
	}
	return len(text) == receiptDigits && text[0] == '0' && strings.Trim(text, "0123456789") == "" && (aim == "" || strings.HasPrefix(aim, "]C"))
}

// walletPrefix reports a beginning that a wallet's payment codes have (handbook: wallets, section 5).
func walletPrefix(text string) bool {
	p := text[:2]
	return p >= "10" && p <= "15" || p >= "25" && p <= "30" || p == "62"
}

// inStore reports an EAN-13 that a shop's scale printed: 02 and 20 to 29.
func inStore(text string) bool { return text[:2] == "02" || text[0] == '2' }

// checkDigit verifies the last digit of EAN-13, EAN-8 and UPC-A: counted from the right, weights
// 1, 3, 1, 3 … sum up to a multiple of ten (GS1 General Specifications, 7.9).
func checkDigit(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return sum%10 == 0
}

// isLink reports text with a scheme ("https://", "wxp://", "alipays://") or a bare host of the web.
func isLink(text string) bool {
	t := strings.ToLower(text)
	if strings.HasPrefix(t, "www.") || strings.HasPrefix(t, "qr.alipay.com/") {
		return true
	}
	scheme, _, ok := strings.Cut(t, "://")
	if !ok || scheme == "" {
		return false
	}
	return strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// wholeCode reports a payment code that silence may end at once: one whose length says that
// nothing is missing. Alipay's codes have 16 to 24 digits; only the common length counts.
func wholeCode(f frame) bool {
	found := classify(f)
	if found.kind != Payment {
		return false
	}
	wallet, _ := found.code.Wallet()
	return wallet != pay.Alipay || len(strings.Trim(f.text, " ")) == 18 || strings.HasPrefix(f.text, "fp")
}
