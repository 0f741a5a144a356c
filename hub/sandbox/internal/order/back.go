package order

import (
	"fmt"
	"time"

	"cloudcashier/shared/money"
)

// Back is money of a paid order that goes back under a number of its own, as at UnionPay.
type Back struct {
	ID      int64
	Kind    BackKind
	Of      string // the wallet's number of the order
	Number  string // the merchant's number of this
	Stamp   string
	Amount  money.Amount
	Created time.Time
}

// BackKind tells a refund from an undo.
type BackKind string

// The kinds.
const (
	PartBack  BackKind = "refund" // any part, several times, later
	WholeBack BackKind = "undo"   // all of it, once, on the order's own day
)

// BackVerdict is what the merchant is told.
type BackVerdict string

// The verdicts.
const (
	BackTaken      BackVerdict = "taken"
	BackNoOrder    BackVerdict = "no_order" // no such order, or not one whose money can go back this way
	BackTooMuch    BackVerdict = "too_much"
	BackNumberUsed BackVerdict = "number_used"
)

// refundable is how long after the charge money can go back: UnionPay's QR product promises 30 days.
const refundable = 30 * 24 * time.Hour

// Ref is the wallet's own number of it.
func (b *Back) Ref() string {
	return fmt.Sprintf("%s202%0*d", b.Created.In(beijing).Format("20060102"), refDigits, b.ID)
}

// Judge decides a request to give money of o back. before is what went back already, and how: once
// refunded an order cannot be undone, once undone not refunded. The order is settled.
func (b *Back) Judge(o Order, before money.Amount, how BackKind, now time.Time) BackVerdict {
	switch {
	case o.State != Paid || how == WholeBack:
		return BackNoOrder
	case b.Kind == WholeBack && (how == PartBack || !ruleBook[o.Wallet].undoable(o.Created, now) || b.Amount != o.Amount):
		return BackNoOrder
	case now.After(o.PaidAt.Add(refundable)):
		return BackNoOrder
	case b.Amount.Fen()+before.Fen() > o.Amount.Fen():
		return BackTooMuch
	}
	return BackTaken
}

// Line is what it books.
func (b *Back) Line() Line {
	if b.Kind == WholeBack {
		return Line{Reversal, b.Amount, b.Created}
	}
	return Line{Refund, b.Amount, b.Created}
}
