package payment

import (
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/pay"
)

// The tasks of a refund.
const (
	TaskRefund    Task = "refund"     // ask the wallet to give money back
	TaskAskRefund Task = "ask_refund" // ask how that stands
)

// Patience bounds of refunds.
const (
	refundPauseMost = 10 * time.Minute   // between calls about one refund, however long it takes
	refundTravel    = 2 * time.Minute    // a request lost for so long does not arrive any more
	refundSlow      = 5 * 24 * time.Hour // with the wallet: a refund to a bank card takes three working days
)

// The reasons of refunds that our own law turns away.
const (
	RefundNotPaid       = "refund.not_paid"
	RefundTooMuch       = "refund.too_much"
	RefundWindowOver    = "refund.window_over"
	RefundTooManyParts  = "refund.too_many_parts"
	RefundOtherTerminal = "refund.other_terminal"
	RefundNotOffered    = "refund.not_offered"
)

// Standing is what an order's other refunds take of it: all that did not fail count as spent.
type Standing struct {
	Count int
	Last  time.Time // when the latest was sent, or may be; zero: none
}

// AdmitRefund decides whether a refund of a payment may be made, and from when on. The payment and
// what stands must be read in the transaction that stores the answer, or two refunds could each
// believe that the money is theirs. offered: the channel can refund at all.
func AdmitRefund(r Refund, p Payment, s Standing, rules channel.RefundRules, offered bool, at time.Time) Refund {
	r.Status, r.Created, r.Since, r.NotBefore = pay.RefundCreated, at, at, at
	if !s.Last.IsZero() {
		r.NotBefore = later(at, s.Last.Add(rules.Apart))
	}
	code, message := refuseRefund(r, p, s, rules, offered, at)
	if code == "" {
		return r
	}
	r, _ = ApplyRefund(r, RefundEvent{Kind: RefundTurnAway, Decline: Decline{Code: code, Message: message}}, at) // created takes it always
	return r
}

func refuseRefund(r Refund, p Payment, s Standing, rules channel.RefundRules, offered bool, at time.Time) (code, message string) {
	switch left := p.Refundable(); {
	case r.Source == FromTill && (p.Source != FromTill || r.Terminal != p.Terminal):
		return RefundOtherTerminal, "this sale was made elsewhere: refund it where it was sold"
	case p.Status != pay.StatusSucceeded || p.Attempt.Status != pay.StatusSucceeded:
		return RefundNotPaid, "only a payment that is paid can be refunded"
	case !offered:
		return RefundNotOffered, "this way of payment gives nothing back: pay it out in cash"
	case !at.Before(later(p.PaidAt, p.Created).Add(rules.Window)):
		return RefundWindowOver, "the wallet takes no refund of so old a payment: give it back in another way"
	case rules.Parts > 0 && s.Count >= rules.Parts:
		return RefundTooManyParts, "the wallet takes no further refund of this payment"
	case r.Amount.Fen() > left:
		return RefundTooMuch, "that is more than is left of this payment"
	}
	return "", ""
}

// Refundable is what may still be given back, in fen: refunds under way count as spent.
func (p Payment) Refundable() int64 { return p.Amount.Fen() - p.Refunded.Fen() - p.Refunding.Fen() }

// PlanRefund derives the next call and when it is due. It reads nothing but the refund, so a
// restart plans the same. In doubt it asks first and sends again, as it was, every other time.
func PlanRefund(r Refund, rules channel.RefundRules) (Task, time.Time) {
	task, due := planRefund(r, rules)
	return hurriedRefund(r, task, due)
}

func planRefund(r Refund, rules channel.RefundRules) (Task, time.Time) {
	due := r.Called.Add(min(rules.Every<<min(r.Tries/2, 8), refundPauseMost))
	switch r.Status {
	case pay.RefundCreated:
		return TaskRefund, r.NotBefore
	case pay.RefundPending:
		return TaskAskRefund, due
	case pay.RefundUnknown:
		if r.Tries%2 == 0 {
			return TaskAskRefund, due
		}
		return TaskRefund, due
	}
	return TaskNone, time.Time{}
}

// CallRefund notes that a call is being made; wall is what the wallets' clocks show then.
func CallRefund(r Refund, t Task, at, wall time.Time) (Refund, error) {
	r.Called = at
	r.Tries++
	if t != TaskRefund {
		return r, nil
	}
	return ApplyRefund(r, RefundEvent{Kind: RefundSend, Stamp: wall}, at)
}

// LearnRefund turns an answer into an event. asked is when the question left. A sending that is
// refused proves nothing while an earlier one may still arrive: the wallet may take that.
func LearnRefund(r Refund, t Task, a channel.RefundAnswer, asked time.Time) RefundEvent {
	e := RefundEvent{Kind: RefundLose, WalletRef: a.WalletRef, Differs: refundDiffers(a)}
	switch a.Finding {
	case channel.Refunded:
		e.Kind, e.RefundedAt = RefundDone, a.RefundedAt
	case channel.RefundRefused:
		e.Kind, e.Decline = RefundRefuse, Decline{Code: string(a.Decline.Code), Message: a.Decline.Message, Wallet: a.Decline.Wallet}
		if t == TaskRefund && !r.Stray.IsZero() && asked.Before(r.Stray.Add(refundTravel)) {
			e.Kind, e.Decline = RefundAbsent, Decline{}
		}
	case channel.RefundTaken:
		e.Kind = RefundTake
	case channel.RefundBusy:
		if t == TaskRefund {
			e.Kind = RefundBusy
		}
	case channel.RefundAbsent:
		if t == TaskAskRefund { // an answer to a sending that knows no refund proves nothing
			e.Kind = RefundAbsent
		}
	}
	return e
}
