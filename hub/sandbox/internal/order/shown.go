package order

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cloudcashier/shared/pay"
)

// The verdicts about orders whose code is shown to the customer.
const (
	Showing    Verdict = "showing"     // the text of the code is the answer
	PaidBefore Verdict = "paid_before" // refused: paid already
	WrongWay   Verdict = "wrong_way"   // refused: an order of this kind is undone in another way
)

// Offer decides a request for a code to show, whose number the wallet does not know. seen is as in [Open].
func Offer(o, seen Order, now time.Time) Step {
	o.ID, o.Created, o.Shown = seen.ID, now, true
	if !o.Expires.After(now) {
		return Step{Order: o, Verdict: Expired}
	}
	o.State = Offered
	return Step{Order: o, Verdict: Showing, Save: true}
}

// OfferAgain decides a request for a code whose number the wallet knows: the same parameters are
// answered with the same code while it may be paid. The order is settled.
func OfferAgain(o Order, digest [16]byte) Step {
	s := Step{Order: o}
	switch {
	case o.State == Burnt || o.State == Closed || o.State == Refused:
		s.Verdict = OrderClosed
	case o.State == Undone:
		s.Verdict = OrderReversed
	case o.State == Paid:
		s.Verdict = PaidBefore
	case !o.Shown || o.Digest != digest:
		s.Verdict = NumberUsed
	default:
		s.Verdict = Showing
	}
	return s
}

// Scan is a customer in front of the shown code, whose fate is as if it were a payment code's. The verdict
// is what the customer sees. The order is settled.
func Scan(o Order, fate Fate, now time.Time) Step {
	s := Step{Order: o}
	switch {
	case o.State == Paid:
		s.Verdict = PaidBefore
		return s
	case o.State != Offered && o.State != Waiting, fate == CodeTooOld, fate == CodeAlreadyUsed:
		s.Verdict = OrderClosed
		return s
	case o.State == Waiting && o.Fate != 0:
		s.Verdict = Pending // another customer was faster
		return s
	}
	s.Save, o.Fate = true, fate
	switch fate {
	case BalanceTooLow:
		o.leave()
		s.Verdict = BalanceLow
	case PasswordPaid, PasswordRefused:
		o.State, o.Plan, s.Verdict = Waiting, now.Add(typing), Pending
	case PasswordNever, LateCharge:
		o.State, s.Verdict = Waiting, Pending
	case UndoStubborn:
		o.State, o.Again, s.Verdict = Waiting, againFor, Pending
	default:
		s.Line, s.Verdict = o.charge(now), Charged
		if fate == HiddenPaid {
			o.Hidden = hiddenFor
		}
	}
	s.Order = o
	return s
}

// leave is a customer who goes without having paid: the next may scan. At Alipay the scan made a trade.
func (o *Order) leave() {
	o.Fate, o.Plan, o.State = 0, time.Time{}, Offered
	if o.Wallet == pay.Alipay {
		o.State = Waiting
	}
}

// Close decides a request to close an unpaid order. The order is settled; a number never seen is an order
// in state Ghost.
func Close(o Order, now time.Time) Step {
	switch {
	case o.State == Ghost || o.State == Burnt || o.State == Offered && o.Wallet == pay.Alipay:
		return Step{Order: o, Verdict: Absent}
	case !o.Shown && o.Wallet == pay.WeChat:
		return Step{Order: o, Verdict: WrongWay}
	case o.State == Paid:
		return Step{Order: o, Verdict: PaidBefore}
	case o.State != Offered && o.State != Waiting:
		return Step{Order: o, Verdict: OrderClosed} // a late charge may still be planned; it stays so
	case o.Again > 0:
		o.Again--
		return Step{Order: o, Verdict: TryAgain, Save: true}
	}
	o.State, o.EndedAt, o.Plan = Closed, now, time.Time{}
	if o.Fate == LateCharge {
		o.Plan = now.Add(lateBy)
	}
	return Step{Order: o, Verdict: Done, Save: true}
}

// The texts of shown codes, as in the field.
var shownTexts = map[pay.Wallet]string{
	pay.WeChat: "weixin://wxpay/bizpayurl?pr=",
	pay.Alipay: "https://qr.alipay.com/",
}

// Text is what the shown code says.
func (o *Order) Text() string { return fmt.Sprintf("%sbx%0*d", shownTexts[o.Wallet], refDigits, o.ID) }

// ParseText gives the wallet and the ID in a shown code's text; whoever uses it must compare [Order.Text].
func ParseText(text string) (w pay.Wallet, id int64, ok bool) {
	for w, begin := range shownTexts {
		if digits, ours := strings.CutPrefix(text, begin+"bx"); ours && len(digits) == refDigits {
			id, err := strconv.ParseInt(digits, 10, 64)
			return w, id, err == nil && id > 0
		}
	}
	return "", 0, false
}
