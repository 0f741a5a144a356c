package order

import "time"

// The verdicts of orders whose code the customer scans.
const (
	Shown     Verdict = "shown"      // the order waits for somebody who scans
	OrderPaid Verdict = "order_paid" // a close: refused, the customer was faster
)

// Show decides an order whose code is shown. known is the order of that number, the zero Order when there is none; it is
// settled. The same words again show the same order again.
func Show(o, known Order, now time.Time) Step {
	switch {
	case known.ID == 0 && !o.Expires.After(now):
		return Step{Order: o, Verdict: Expired}
	case known.ID == 0:
		o.State, o.Created, o.Code.Born = Waiting, now, now
		return Step{Order: o, Verdict: Shown, Save: true}
	case known.Digest != o.Digest:
		return Step{Order: known, Verdict: NumberUsed}
	case known.State == Paid:
		return Step{Order: known, Verdict: OrderPaid}
	case known.State != Waiting:
		return Step{Order: known, Verdict: OrderClosed}
	}
	return Step{Order: known, Verdict: Shown}
}

// Scan is a customer who scans the code of a shown order, and then does what fate says: refuses (50 to 52, 54), never
// decides (55), pays after a password (53), or pays at once.
func Scan(o Order, fate Fate, now time.Time) Step {
	s := Step{Order: o, Verdict: OrderClosed}
	switch {
	case o.State == Paid:
		s.Verdict = OrderPaid
	case o.State != Waiting:
	case fate == PasswordNever:
		s.Verdict = Pending
	case fate == BalanceTooLow || fate == CodeTooOld || fate == CodeAlreadyUsed || fate == PasswordRefused:
		s.Verdict = CustomerRefused // the order waits for the next one
	case fate == PasswordPaid:
		s.Order.Plan, s.Verdict, s.Save = now.Add(typing), Pending, true
	default:
		s.Order.Fate = fate // of its refunds
		s.Line, s.Verdict, s.Save = s.Order.charge(now), Charged, true
	}
	return s
}

// Close decides a close of a shown order. The order is settled.
func Close(o Order, now time.Time) Step {
	s := Step{Order: o, Verdict: Done}
	switch o.State {
	case Ghost, Burnt:
		s.Verdict = Absent
	case Paid, Undone:
		s.Verdict = OrderPaid
	case Waiting:
		s.Order.State, s.Order.EndedAt, s.Order.Plan, s.Save = Closed, now, time.Time{}, true
	}
	return s
}
