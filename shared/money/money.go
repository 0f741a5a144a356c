// Package money holds amounts: whole minor units (fen) of one currency.
//
// It refuses floats, other currencies in one sum, overflow, and sloppy text: "0.1" is
// ten fen, "1.005" is an error, not a rounding. Newcomers get one thing wrong: wallets
// disagree on units (WeChat and UnionPay speak fen, Alipay and every bill speak yuan),
// so an amount crosses a border only through [Amount.Fen], [Amount.Yuan] or [ParseYuan].
package money

import (
	"math"
	"strconv"
	"strings"

	"cloudcashier/shared/fault"
)

// Currency is an ISO 4217 code. The only one in use is [CNY].
type Currency string

// CNY is the renminbi; its minor unit is the fen, a hundredth of a yuan.
const CNY Currency = "CNY"

// Max bounds a single amount: 100,000,000.00 yuan, the largest Alipay takes (trade.pay total_amount).
const Max = 100_000_000_00

// Amount is money: minor units of a currency. The zero value is no amount at all, of no currency.
type Amount struct {
	minor    int64
	currency Currency
}

// Fen makes an amount of n fen of renminbi.
func Fen(n int64) Amount { return Amount{minor: n, currency: CNY} }

// New makes an amount of n minor units; an unknown currency is refused (Invalid).
func New(n int64, c Currency) (Amount, error) {
	if c != CNY {
		return Amount{}, fault.New(fault.Invalid, "money.currency", "currency %q is not supported: use CNY", string(c))
	}
	return Fen(n), nil
}

// Fen gives the amount in minor units.
func (a Amount) Fen() int64 { return a.minor }

// Currency gives the currency; empty for the zero Amount.
func (a Amount) Currency() Currency { return a.currency }

// IsZero reports an amount of nothing.
func (a Amount) IsZero() bool { return a.minor == 0 }

// Charge checks that the amount may be charged: above zero, not above [Max].
func (a Amount) Charge() error {
	switch {
	case a.minor <= 0:
		return fault.New(fault.Invalid, "money.not_positive", "amount must be at least 1 fen, not %d", a.minor)
	case a.minor > Max:
		return fault.New(fault.Invalid, "money.too_large", "amount %s is above the limit of %s", a, Fen(Max))
	}
	return nil
}

// Add sums two amounts of one currency; overflow and mixed currencies are refused.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.currency != b.currency {
		return Amount{}, fault.New(fault.Invalid, "money.currency", "cannot add %s and %s", a.currency, b.currency)
	}
	if (b.minor > 0 && a.minor > math.MaxInt64-b.minor) || (b.minor < 0 && a.minor < math.MinInt64-b.minor) {
		return Amount{}, fault.New(fault.Invalid, "money.overflow", "sum of amounts is too large")
	}
	return Amount{minor: a.minor + b.minor, currency: a.currency}, nil
}

// Neg gives the opposite amount.
func (a Amount) Neg() Amount { return Amount{minor: -a.minor, currency: a.currency} }

// Yuan writes the amount in major units with exactly two decimals: "12.05", "-0.01".
func (a Amount) Yuan() string {
	sign, n := "", uint64(a.minor)
	if a.minor < 0 {
		sign, n = "-", -n
	}
	cents := strconv.FormatUint(n%100, 10)
	if len(cents) == 1 {
		cents = "0" + cents
	}
	return sign + strconv.FormatUint(n/100, 10) + "." + cents
}

// String is for people and logs: "12.05 CNY".
func (a Amount) String() string { return a.Yuan() + " " + string(a.currency) }

// ParseYuan reads yuan text with at most two decimals, exactly. Signs other than a leading
// minus, exponents, spaces, grouping and full-width digits are refused (Invalid).
func ParseYuan(s string) (Amount, error) {
	bad := func() (Amount, error) {
		return Amount{}, fault.New(fault.Invalid, "money.text", "%q is no amount in yuan: write it as 12.80", s)
	}
	digits, negative := strings.CutPrefix(s, "-")
	whole, cents, pointed := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 15 || (pointed && (len(cents) == 0 || len(cents) > 2)) {
		return bad()
	}
	for len(cents) < 2 {
		cents += "0"
	}
	var n int64
	for _, c := range whole + cents {
		if c < '0' || c > '9' {
			return bad()
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return Fen(n), nil
}
