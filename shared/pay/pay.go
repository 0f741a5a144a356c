// Package pay holds the words both ends of a payment share: wallets, the customer's
// payment code, the three outcomes people are shown, and the states of a payment.
//
// It refuses to show a payment code: [Code] prints as its mask everywhere, and only
// [Code.Reveal], called where the code leaves for the wallet, gives it away. Newcomers get
// one thing wrong: [Unknown] is a real outcome, neither paid nor not paid.
package pay

import (
	"log/slog"
	"strings"

	"cloudcashier/shared/fault"
)

// Wallet is the customer's app.
type Wallet string

// The wallets.
const (
	WeChat   Wallet = "wechat"
	Alipay   Wallet = "alipay"
	UnionPay Wallet = "unionpay"
	// StoredValue is the hub's own: one-time codes it signed, over balances it keeps.
	StoredValue Wallet = "storedvalue"
)

// Outcome is what people and integrators are told about money: three words, all of them true.
type Outcome string

// The outcomes.
const (
	Paid    Outcome = "paid"     // the wallet proved that it charged the customer
	NotPaid Outcome = "not_paid" // it is proven that no money moved, or that all of it went back
	Unknown Outcome = "unknown"  // neither is proven yet: do not charge again, do not hand over
)

// Status is the state of a payment at the hub. Package payment holds its law.
type Status string

// The states of a payment, in order of life.
const (
	StatusCreated   Status = "created"   // written down, nothing sent to a wallet
	StatusPending   Status = "pending"   // sent; the wallet works or the customer types the password
	StatusUnknown   Status = "unknown"   // sent, and the answer is lost or not to be trusted
	StatusSucceeded Status = "succeeded" // proven charged
	StatusDeclined  Status = "declined"  // the wallet said no: proven not charged
	StatusReversing Status = "reversing" // we gave up and are undoing it until the wallet proves the end
	StatusReversed  Status = "reversed"  // proven undone: nothing charged, or all of it given back
	StatusClosed    Status = "closed"    // proven never charged
)

// Statuses lists every state of a payment, in order of life.
var Statuses = []Status{StatusCreated, StatusPending, StatusUnknown, StatusSucceeded, StatusDeclined,
	StatusReversing, StatusReversed, StatusClosed}

// Outcome derives the word people are told.
func (s Status) Outcome() Outcome {
	switch s {
	case StatusSucceeded:
		return Paid
	case StatusDeclined, StatusReversed, StatusClosed:
		return NotPaid
	default:
		return Unknown
	}
}

// Final reports whether the money question is settled.
func (s Status) Final() bool { return s.Outcome() != Unknown }

// Code is a customer's payment code: bearer money for about a minute. It prints as a mask
// with every verb, in JSON and in logs; the zero Code is no code.
type Code struct{ secret string }

// ParseCode takes a scanned or typed code. It trims white space at the ends and nothing
// inside: a code with an inner blank was misread and must be scanned again (Invalid).
func ParseCode(s string) (Code, error) {
	s = strings.TrimSpace(s)
	if len(s) < 10 || len(s) > 512 {
		return Code{}, fault.New(fault.Invalid, "code.length",
			"this is no payment code (%d characters): scan the payment code in the customer's wallet", len(s))
	}
	for _, r := range s {
		if r <= ' ' || r >= 0x7f {
			return Code{}, fault.New(fault.Invalid, "code.garbled", "the code was read badly: scan it again")
		}
	}
	return Code{secret: s}, nil
}

// Reveal gives the code itself, for the wallet or the signed message to the hub only.
func (c Code) Reveal() string { return c.secret }

// IsZero reports that there is no code.
func (c Code) IsZero() bool { return c.secret == "" }

// Mask keeps the two digits that name the wallet and the last two: "13**************42".
func (c Code) Mask() string {
	if len(c.secret) < 8 {
		return "****"
	}
	return c.secret[:2] + strings.Repeat("*", min(len(c.secret), 24)-4) + c.secret[len(c.secret)-2:]
}

// String, GoString, LogValue, MarshalText: the mask, whoever asks.
func (c Code) String() string { return c.Mask() }

// GoString keeps %#v from showing the code.
func (c Code) GoString() string { return c.Mask() }

// LogValue keeps slog from showing the code.
func (c Code) LogValue() slog.Value { return slog.StringValue(c.Mask()) }

// MarshalText keeps JSON and friends from showing the code.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.Mask()), nil }

// EMV reports a code of EMVCo's consumer-presented kind: base64 of the TLV 85 05 "CPV01" and what follows.
func (c Code) EMV() bool { return strings.HasPrefix(c.secret, "hQVDUFYwM") }

// Wallet recognises whose code it is by length and prefix; ok is false for a code of nobody
// we know. The ranges do not overlap (handbook: wallets, section 5).
func (c Code) Wallet() (w Wallet, ok bool) {
	s := c.secret
	if strings.HasPrefix(s, "fp") && len(s) == 35 {
		return Alipay, true // Alipay's face token: "fp" and 33 alphanumerics
	}
	if c.EMV() {
		return UnionPay, true
	}
	if strings.HasPrefix(s, "SV1.") || strings.HasPrefix(s, "SV1C.") {
		return StoredValue, true // the code a customer shows, or a till's claim on it: package storedvalue
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return "", false
		}
	}
	n, prefix := len(s), s[:2]
	switch {
	case n == 18 && prefix >= "10" && prefix <= "15":
		return WeChat, true
	case n >= 16 && n <= 24 && prefix >= "25" && prefix <= "30":
		return Alipay, true
	case n == 19 && prefix == "62":
		return UnionPay, true
	}
	return "", false
}
