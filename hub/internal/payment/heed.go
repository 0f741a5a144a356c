package payment

import (
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/pay"
)

// Heed is what a wallet's notice is worth: never a change of state, at most a question asked sooner.
type Heed string

// What a notice is worth.
const (
	HeedAsk         Heed = "ask"         // the wallet is to be asked: Look says when
	HeedSettled     Heed = "settled"     // what it claims is proven already, or is older news than what is
	HeedContradicts Heed = "contradicts" // the law cannot follow what it claims
)

// Pauses between looks that notices ask for: whoever repeats a notice makes us ask no faster.
const (
	lookApart     = time.Second      // while the outcome is open: each second counts to somebody at a till
	restLookApart = 30 * time.Second // of what is at rest
)

// claims are the events that a notice's findings would be, if they were proven.
var claims = map[channel.Finding]EventKind{channel.Approved: Approve, channel.Declined: Refuse, channel.Reversed: Undo, channel.Pending: Wait}

// told are the events that are a wallet's answer.
var told = map[EventKind]bool{Approve: true, Refuse: true, Wait: true, Absent: true, Gone: true, Undo: true}

// answers reports that a look which a notice asked for was answered: by a call that was made after it.
func answers(look, called time.Time, told bool) bool {
	return told && !look.IsZero() && !called.Before(look)
}

// wanted reports that a look was asked for and not begun yet.
func wanted(look, called time.Time) bool { return !look.IsZero() && called.Before(look) }

// Hear weighs what a notice claims about a payment, whose number, channel and money were compared before.
// The notice proves nothing, so the payment it gives differs in Look alone.
func Hear(p Payment, claim channel.Finding, at time.Time) (Payment, Heed) {
	kind, known := claims[claim]
	to, err := Next(p.Attempt.Status, kind)
	from := p.Attempt.Status
	switch {
	case !known:
		return p, HeedContradicts
	case kind == Wait && from.Final() && from != pay.StatusReversed && from != pay.StatusClosed:
		return p, HeedSettled // a notice from before the end, come late
	case kind == Undo && from == pay.StatusSucceeded && p.Refundable() <= 0:
		return p, HeedSettled // a trade refunded to the last fen is closed: our own doing
	case err != nil:
		return p, HeedContradicts
	case to == from && from.Final():
		return p, HeedSettled
	}
	p.Attempt.Look = lookAt(p.Attempt.Look, p.Attempt.Called, from.Final(), at)
	return p, HeedAsk
}

// refundClaims are the same for refunds.
var refundClaims = map[channel.RefundFinding]RefundEventKind{channel.Refunded: RefundDone, channel.RefundRefused: RefundRefuse, channel.RefundTaken: RefundTake}

// HearRefund weighs what a notice claims about a refund.
func HearRefund(r Refund, claim channel.RefundFinding, at time.Time) (Refund, Heed) {
	kind, known := refundClaims[claim]
	to, err := NextRefund(r.Status, kind)
	switch {
	case !known:
		return r, HeedContradicts
	case kind == RefundTake && r.Final():
		return r, HeedSettled
	case err != nil:
		return r, HeedContradicts
	case to == r.Status && r.Final():
		return r, HeedSettled
	}
	r.Look = lookAt(r.Look, r.Called, false, at)
	return r, HeedAsk
}

// lookAt is when to ask. One that is wanted already stands; the next comes a pause after the last call.
func lookAt(look, called time.Time, rests bool, at time.Time) time.Time {
	if wanted(look, called) {
		return look
	}
	pause := lookApart
	if rests {
		pause = restLookApart
	}
	return later(at, called.Add(pause))
}

// hurried brings a payment's next question forward to where a notice wants it. One at rest is asked
// about until an answer comes, because its own schedule would not ask again.
func hurried(a Attempt, r channel.Rules, task Task, due time.Time) (Task, time.Time) {
	switch a.Status {
	case pay.StatusCreated, pay.StatusSucceeded:
		return task, due
	}
	look := a.Look
	switch {
	case look.IsZero():
		return task, due
	case wanted(look, a.Called):
	case task == TaskNone && a.Tries < checksMost:
		look = later(look, a.Called.Add(backoff(r.ReverseEvery, a.Tries)))
	default:
		return task, due
	}
	if task != TaskNone && due.Before(look) {
		return task, due
	}
	return TaskAsk, look
}

// hurriedRefund is the same for a refund; one that has no outcome is asked about for ever anyway.
func hurriedRefund(r Refund, task Task, due time.Time) (Task, time.Time) {
	if r.Status == pay.RefundCreated || r.Final() || !wanted(r.Look, r.Called) || due.Before(r.Look) {
		return task, due
	}
	return TaskAskRefund, r.Look
}
