package order

import (
	"fmt"
	"time"

	"cloudcashier/shared/money"
)

// Contra is money of a paid order that goes back under a number of its own, as at UnionPay.
type Contra struct {
	ID      int64
	Kind    ContraKind
	Of      string // the wallet's number of the order
	Number  string // the merchant's number of this
	Stamp   string
	Amount  money.Amount
	Created time.Time
}

// ContraKind tells a refund from an undo.
type ContraKind string

// The kinds.
const (
	ContraRefund ContraKind = "refund" // any part, several times, later
	ContraUndo   ContraKind = "undo"   // all of it, once, on the order's own day
)

// ContraVerdict is what the merchant is told.
type ContraVerdict string

// The verdicts.
const (
	ContraTaken      ContraVerdict = "taken"
	ContraNoOrder    ContraVerdict = "no_order" // no such order, or not one whose money can go back this way
	ContraTooMuch    ContraVerdict = "too_much"
	ContraNumberUsed ContraVerdict = "number_used"
)

// refundable is how long after the charge money can go back: UnionPay's QR product promises 30 days.
const refundable = 30 * 24 * time.Hour

// Ref is the wallet's own number of it.
func (b *Contra) Ref() string {
	return fmt.Sprintf("%s202%0*d", b.Created.In(beijing).Format("20060102"), refDigits, b.ID)
}

// Judge decides a request to give money of o back. before is what went back already, and how: once
// refunded an order cannot be undone, once undone not refunded. The order is settled.
func (b *Contra) Judge(o Order, before money.Amount, how ContraKind, now time.Time) ContraVerdict {
	switch {
	case o.State != Paid || how == ContraUndo:
		return ContraNoOrder
	case b.Kind == ContraUndo && (how == ContraRefund || !ruleBook[o.Wallet].undoable(o.Created, now) || b.Amount != o.Amount):
		return ContraNoOrder
	case now.After(o.PaidAt.Add(refundable)):
		return ContraNoOrder
	case b.Amount.Fen()+before.Fen() > o.Amount.Fen():
		return ContraTooMuch
	}
	return ContraTaken
}

// Line is what it books.
func (b *Contra) Line() Line {
	if b.Kind == ContraUndo {
		return Line{Reversal, b.Amount, b.Created}
	}
	return Line{Refund, b.Amount, b.Created}
}
