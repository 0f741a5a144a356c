package order

import (
	"time"

	"cloudcashier/shared/pay"
)

// Verdict is what the merchant is told.
type Verdict string

// The verdicts.
const (
	Charged         Verdict = "charged"
	Pending         Verdict = "pending" // password wanted, or simply not paid yet
	BalanceLow      Verdict = "balance_low"
	CustomerRefused Verdict = "customer_refused"
	CodeExpired     Verdict = "code_expired"
	CodeUsed        Verdict = "code_used"
	NumberUsed      Verdict = "number_used" // same number, other parameters
	OrderClosed     Verdict = "order_closed"
	OrderReversed   Verdict = "order_reversed"
	Expired         Verdict = "expired" // the request came after the order's own expiry
	SystemError     Verdict = "system_error"
	Limited         Verdict = "limited"
	Down            Verdict = "down" // HTTP 503

	Known  Verdict = "known"  // a query: the order's state is the answer
	Absent Verdict = "absent" // no such order

	Done       Verdict = "done"        // a reversal: nothing is left to do
	Nothing    Verdict = "nothing"     // a reversal: there was nothing, and will be nothing
	TryAgain   Verdict = "try_again"   // a reversal: not done
	InPassword Verdict = "in_password" // a reversal: refused while the customer types
	TooLate    Verdict = "too_late"    // a reversal: past the window
)

// Delivery is how the answer travels.
type Delivery int

// The deliveries.
const (
	Whole   Delivery = iota
	Cut              // the connection is closed without a byte
	Late             // whole, after [SlowAnswer]
	Forged           // with a broken signature
	Garbled          // damaged
)

// Step is what one request did.
type Step struct {
	Order    Order
	Verdict  Verdict
	Delivery Delivery
	Line     *Line // booked by this step
	Save     bool  // the order changed
}

// Open decides a pay request whose number the wallet does not know. o is the order asked for, with
// what is known about its code; seen is the ghost of an earlier request under the number, or the
// zero Order.
func Open(o, seen Order, now time.Time) Step {
	if seen.down(now) {
		return Step{Order: seen, Verdict: Down}
	}
	o.ID, o.Created = seen.ID, now
	if !o.Expires.After(now) {
		return Step{Order: o, Verdict: Expired}
	}
	if v := o.Code.judge(o.ID, now); v != Charged {
		return Step{Order: o, Verdict: v}
	}
	switch o.Fate {
	case CodeTooOld:
		return Step{Order: o, Verdict: CodeExpired}
	case CodeAlreadyUsed:
		return Step{Order: o, Verdict: CodeUsed}
	case RequestLost:
		return Step{Order: o, Delivery: Cut}
	case ErrorBefore:
		return Step{Order: o, Verdict: SystemError}
	case Outage: // never executed, however often it is asked for
		if o.ID != 0 && seen.Fate == Outage {
			return Step{Order: seen, Verdict: Down}
		}
		o.State = Ghost
		return Step{Order: o, Verdict: Down, Save: true}
	case RateLimited: // once
		if o.ID == 0 || seen.Fate != RateLimited {
			o.State = Ghost
			return Step{Order: o, Verdict: Limited, Save: true}
		}
	}
	return execute(o, now)
}

// execute is the wallet doing what was asked for.
func execute(o Order, now time.Time) Step {
	s := Step{Save: true}
	if o.Code.Born.IsZero() {
		o.Code.Born = now
	}
	switch o.Fate {
	case BalanceTooLow:
		o.State, o.EndedAt, s.Verdict = Refused, now, BalanceLow
	case PasswordPaid, PasswordRefused:
		o.State, o.Plan, s.Verdict = Waiting, now.Add(typing), Pending
	case PasswordNever:
		o.State, s.Verdict = Waiting, Pending
	case UndoStubborn:
		o.State, o.Again, s.Delivery = Waiting, againFor, Cut
	case LateCharge:
		o.State, s.Delivery = Waiting, Cut
	default:
		s.Line, s.Verdict = o.charge(now), Charged
	}
	switch o.Fate {
	case AnswerLost:
		s.Delivery = Cut
	case HiddenPaid:
		o.Hidden, s.Delivery = hiddenFor, Cut
	case ErrorAfter:
		s.Verdict = SystemError
	case Slow:
		s.Delivery = Late
	case ForgedAnswer:
		s.Delivery = Forged
	case GarbledAnswer:
		s.Delivery = Garbled
	}
	s.Order = o
	return s
}

// Repeat decides a pay request whose number the wallet knows: the same parameters are answered
// with the order's state, others are refused. The order is settled.
func Repeat(o Order, digest [16]byte) Step {
	s := Step{Order: o}
	switch {
	case o.State == Burnt:
		s.Verdict = OrderClosed
	case o.Digest != digest || ruleBook[o.Wallet].once:
		s.Verdict = NumberUsed
	case o.State == Paid:
		s.Verdict = Charged
	case o.State == Waiting:
		s.Verdict = Pending
	case o.State == Refused && o.Fate == BalanceTooLow:
		s.Verdict = BalanceLow
	case o.State == Refused:
		s.Verdict = CustomerRefused
	case o.State == Closed:
		s.Verdict = OrderClosed
	default:
		s.Verdict = OrderReversed
	}
	return s
}

// Query decides a query. The order is settled; a number never seen is an order in state Ghost.
func Query(o Order, now time.Time) Step {
	switch {
	case o.down(now):
		return Step{Order: o, Verdict: Down}
	case o.State == Ghost || o.State == Burnt || o.State == Offered && o.Wallet == pay.Alipay:
		return Step{Order: o, Verdict: Absent}
	case o.Hidden > 0:
		o.Hidden--
		return Step{Order: o, Verdict: Absent, Save: true}
	}
	return Step{Order: o, Verdict: Known}
}

// Reverse decides a reversal. The order is settled; a number never seen is an order in state Ghost.
func Reverse(o Order, now time.Time) Step {
	r := ruleBook[o.Wallet]
	switch {
	case o.down(now):
		return Step{Order: o, Verdict: Down}
	case o.Shown && o.Wallet == pay.WeChat:
		return Step{Order: o, Verdict: WrongWay}
	case o.State == Offered: // nothing to cancel, and the code is still there to be scanned
		return Step{Order: o, Verdict: Absent}
	case o.State == Ghost && !r.burns:
		return Step{Order: o, Verdict: Absent}
	case o.State == Ghost:
		o.State, o.EndedAt = Burnt, now
		if o.Created.IsZero() {
			o.Created, o.Expires = now, now
		}
		return Step{Order: o, Verdict: Nothing, Save: true}
	case o.State == Burnt:
		return Step{Order: o, Verdict: Nothing}
	case o.State == Paid && o.Parts > 0:
		return Step{Order: o, Verdict: Undoable}
	case o.State == Undone:
		return Step{Order: o, Verdict: Done} // a late charge may still be planned; it stays so
	case !r.undoable(o.Created, now):
		return Step{Order: o, Verdict: TooLate}
	case o.atPassword() && now.Before(o.Created.Add(r.passwordHold)):
		return Step{Order: o, Verdict: InPassword}
	case o.State == Waiting && o.Again > 0:
		o.Again--
		return Step{Order: o, Verdict: TryAgain, Save: true}
	}
	s := Step{Verdict: Done, Save: true}
	switch {
	case o.State == Paid:
		o.Returned = true
		s.Line = &Line{Reversal, o.Amount, now}
	case o.State == Waiting && o.Fate == LateCharge:
		o.Plan = now.Add(lateBy)
	default:
		o.Plan = time.Time{} // the pending password must not book any more
	}
	o.State, o.EndedAt, o.Hidden = Undone, now, 0
	s.Order = o
	return s
}
