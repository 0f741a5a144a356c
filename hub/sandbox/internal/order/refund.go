package order

import (
	"fmt"
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// RefundState is what is true about a refund.
type RefundState string

// The states of a refund.
const (
	Processing RefundState = "processing" // taken; the money is on its way
	Returned   RefundState = "returned"   // the customer has it
	Shut       RefundState = "shut"       // taken, and given up by the wallet: nothing went back
)

// Given is one refund of an order, or at UnionPay an undo: all of it, once, on the order's own day.
// Number is the merchant's own.
type Given struct {
	ID      int64 // 0 before it is stored
	Number  string
	Stamp   string // UnionPay's txnTime, part of what names it there; empty elsewhere
	Undo    bool
	Amount  money.Amount
	State   RefundState
	Created time.Time
	EndedAt time.Time
	Plan    time.Time // when it is settled; zero when it is

	Notify, NotifySign string // where and how the merchant wants a notice of it; read when it is made and kept apart
}

// The verdicts of a refund.
const (
	Taken       Verdict = "taken"        // asked for the first time
	Repeated    Verdict = "repeated"     // known already: nothing was moved by this request
	OtherAmount Verdict = "other_amount" // the number was used for another amount
	TooMuch     Verdict = "too_much"     // more than is left of the order
	TooSoon     Verdict = "too_soon"     // too close behind another refund of the order
	TooMany     Verdict = "too_many"     // no further part
	NotPaid     Verdict = "not_paid"     // nothing to give back: unpaid, reversed
	AllBack     Verdict = "all_back"     // everything was refunded before
	Undoable    Verdict = "undoable"     // a reversal: refused, because money was refunded
	PoorSeller  Verdict = "poor_seller"  // the merchant's account cannot pay it
)

// RefundStep is what one request about a refund did.
type RefundStep struct {
	Order   Order
	Refund  Given
	Verdict Verdict
	Line    *Line // booked by this step
	Save    bool  // order and refund changed
}

// Back decides a refund request. known is the refund of that number, the zero Given when there is
// none. The order is settled. A wallet tells refunds apart by their number alone, so a repeat is
// answered with what is there, however the order stands by now.
func Back(o Order, known Given, asked Given, now time.Time) RefundStep {
	r := ruleBook[o.Wallet]
	s := RefundStep{Order: o, Refund: known}
	switch {
	case known.ID != 0 && known.Amount != asked.Amount:
		s.Verdict = OtherAmount
	case known.ID != 0:
		s.Verdict = Repeated
	case o.State == Ghost || o.State == Burnt:
		s.Verdict = Absent
	case o.State == Waiting:
		s.Verdict = Pending
	case o.State == Offered && o.Wallet == pay.Alipay:
		s.Verdict = Absent
	case o.State != Paid:
		s.Verdict = NotPaid
	case now.After(o.PaidAt.Add(r.refundWindow)):
		s.Verdict = TooLate
	case o.Refunded == o.Amount:
		s.Verdict = AllBack
	case asked.Undo && (o.Parts > 0 || asked.Amount != o.Amount || !r.undoable(o.Created, now)):
		s.Verdict = TooLate
	case asked.Amount.Fen() > o.Amount.Fen()-o.Refunded.Fen():
		s.Verdict = TooMuch
	case r.refundParts > 0 && o.Parts >= r.refundParts:
		s.Verdict = TooMany
	case o.Parts > 0 && now.Before(o.LastBack.Add(r.refundApart)):
		s.Verdict = TooSoon
	case o.Fate == SellerPoor && !r.once, o.Fate == RefundShut && r.refundTakes == 0: // UnionPay takes it, and gives up later
		s.Verdict = PoorSeller
	default:
		s.Verdict, s.Save = Taken, true
		s.Refund = asked
		s.Refund.State, s.Refund.Created, s.Refund.Plan = Processing, now, now.Add(r.refundTakes)
		if asked.Undo {
			s.Refund.Plan = now
		}
		s.Order.Refunded, s.Order.Parts, s.Order.LastBack = money.Fen(o.Refunded.Fen()+asked.Amount.Fen()), o.Parts+1, now
		s.Line = s.Refund.Settle(&s.Order, now)
	}
	return s
}

// Due reports that the refund was settled by itself and that was not written down yet.
func (g *Given) Due(now time.Time) bool { return !g.Plan.IsZero() && !g.Plan.After(now) }

// Settle carries out what happened to a refund by itself up to now, dated at the planned moment. It
// gives the line it booked, nil when no money moved.
func (g *Given) Settle(o *Order, now time.Time) *Line {
	if !g.Due(now) {
		return nil
	}
	g.EndedAt, g.Plan = g.Plan, time.Time{}
	if o.Fate == RefundShut || o.Fate == SellerPoor {
		g.State = Shut
		o.Refunded = money.Fen(o.Refunded.Fen() - g.Amount.Fen())
		return nil
	}
	g.State = Returned
	if g.Undo {
		return &Line{Reversal, g.Amount, g.EndedAt}
	}
	return &Line{Refund, g.Amount, g.EndedAt}
}

// Ref is the wallet's own number of the refund; Alipay has none.
func (g *Given) Ref(w pay.Wallet) string {
	day := g.Created.In(beijing).Format("20060102")
	switch w {
	case pay.Alipay:
		return ""
	case pay.UnionPay:
		return fmt.Sprintf("%s202%0*d", day, refDigits, g.ID)
	}
	return fmt.Sprintf("5000000001%s%0*d", day, refDigits, g.ID)
}
