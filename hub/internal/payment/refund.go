package payment

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Refund is money of a paid payment that is to go back, in part or whole. A wallet tells refunds
// apart by OutRefundNo alone, so one whose answer was lost is asked about and may be sent again as
// it was, never under another number: that would give the money twice.
//
//	created -> unknown <-> pending -> succeeded
//	   |          \------------------> failed
//	   \-> failed, turned away before anything was sent
type Refund struct {
	ID          string
	Payment     string
	Merchant    string
	Store       string
	Terminal    string // who asked; empty from the API
	Source      Source
	Key         string // idempotency key: unique in its scope, minted by who asked
	BodyHash    string // of what was asked, so that the same key with another body is caught
	RefundNo    string // the merchant's own number, for people
	OutRefundNo string // the number at the wallet; minted once
	Amount      money.Amount
	Reason      string // may be empty
	Status      pay.RefundStatus
	WalletRef   string
	Decline     Decline   // why it failed
	Created     time.Time // when it was taken in
	NotBefore   time.Time // when it may first be sent: wallets want refunds of one order apart
	Since       time.Time // when the status last changed
	Stamp       time.Time // the wall clock's time at the first sending, for ever: part of the refund's name at UnionPay; zero before
	Sent        time.Time // when the latest was
	Stray       time.Time // the latest sending whose answer never came; zero: none
	Called      time.Time // the last call of any kind
	Look        time.Time // when a wallet's notice wants it asked about; zero: no notice, or its look was answered
	Finished    time.Time // when the outcome became final; zero before
	RefundedAt  time.Time // when succeeded: by the wallet's clock, or ours when it did not tell
	Tries       int       // calls since the status last changed
}

// Scope is what a key is unique in, beside merchant and source.
func (r Refund) Scope() string { return Payment{Source: r.Source, Terminal: r.Terminal}.Scope() }

// Outcome is what people are told.
func (r Refund) Outcome() pay.RefundOutcome { return r.Status.Outcome() }

// Final reports that the outcome will not change any more.
func (r Refund) Final() bool { return r.Status.Final() }

// RefundEventKind is something that happened to a refund.
type RefundEventKind string

// The events.
const (
	RefundSend     RefundEventKind = "send"      // the request is about to leave
	RefundDone     RefundEventKind = "done"      // proven: exactly this money went back
	RefundRefuse   RefundEventKind = "refuse"    // proven: nothing went back, and nothing will
	RefundTake     RefundEventKind = "take"      // the wallet has it and is not done
	RefundBusy     RefundEventKind = "busy"      // this sending was not taken; an earlier one may have been
	RefundAbsent   RefundEventKind = "absent"    // the wallet has no such refund, while ours may still travel
	RefundLose     RefundEventKind = "lose"      // no answer, or one that proves nothing
	RefundTurnAway RefundEventKind = "turn_away" // our own law refuses it, before anything was sent
)

// RefundEvents lists every event.
var RefundEvents = []RefundEventKind{RefundSend, RefundDone, RefundRefuse, RefundTake, RefundBusy, RefundAbsent, RefundLose, RefundTurnAway}

// RefundEvent is an event with what it told.
type RefundEvent struct {
	Kind       RefundEventKind
	WalletRef  string
	RefundedAt time.Time
	Decline    Decline
	Differs    string    // the answer speaks of other money, or calls for a person: the connector's code
	Stamp      time.Time // of a sending: the wall clock, which is not the engine's own
}

// nextRefund is the law of one refund. A pair that is missing is refused: it contradicts what is
// proven and a person must look at it. "No such refund" ends nothing: our request may be on its
// way, and sending the same one again is safe.
var nextRefund = map[pay.RefundStatus]map[RefundEventKind]pay.RefundStatus{
	pay.RefundCreated: {RefundSend: pay.RefundUnknown, RefundTurnAway: pay.RefundFailed},
	pay.RefundPending: {
		RefundDone: pay.RefundSucceeded, RefundRefuse: pay.RefundFailed, RefundTake: pay.RefundPending,
		RefundAbsent: pay.RefundUnknown, RefundLose: pay.RefundPending,
	},
	pay.RefundUnknown: {
		RefundSend: pay.RefundUnknown, RefundDone: pay.RefundSucceeded, RefundRefuse: pay.RefundFailed, RefundTake: pay.RefundPending,
		RefundBusy: pay.RefundUnknown, RefundAbsent: pay.RefundUnknown, RefundLose: pay.RefundUnknown,
	},
	pay.RefundSucceeded: {RefundDone: pay.RefundSucceeded, RefundLose: pay.RefundSucceeded},
	pay.RefundFailed:    {RefundRefuse: pay.RefundFailed, RefundAbsent: pay.RefundFailed, RefundLose: pay.RefundFailed},
}

// NextRefund is the law: the status after an event, or a Conflict when the event contradicts it.
func NextRefund(s pay.RefundStatus, e RefundEventKind) (pay.RefundStatus, error) {
	to, ok := nextRefund[s][e]
	if !ok {
		return s, fault.New(fault.Conflict, "refund.refused_event", "a refund that is %s cannot take %q", s, e)
	}
	return to, nil
}

// ApplyRefund changes a refund by an event that happened at a moment. A refused event leaves it as
// it was.
func ApplyRefund(r Refund, e RefundEvent, at time.Time) (Refund, error) {
	to, err := NextRefund(r.Status, e.Kind)
	if err != nil {
		return r, err
	}
	if e.WalletRef != "" {
		r.WalletRef = e.WalletRef
	}
	switch {
	case e.Kind == RefundSend:
		if r.Sent = at; r.Stamp.IsZero() {
			r.Stamp = e.Stamp
		}
	case e.Kind == RefundLose && r.Sent.Equal(r.Called): // the call that was lost was a sending
		r.Stray = r.Sent
	}
	if answers(r.Look, r.Called, e.Kind != RefundLose && e.Kind != RefundSend) {
		r.Look = time.Time{}
	}
	if to == r.Status {
		return r, nil
	}
	r.Status, r.Since, r.Tries = to, at, 0
	switch to {
	case pay.RefundSucceeded:
		if r.RefundedAt = e.RefundedAt; r.RefundedAt.IsZero() {
			r.RefundedAt = at
		}
	case pay.RefundFailed:
		r.Decline = e.Decline
	}
	if to.Final() {
		r.Finished = at
	}
	return r, nil
}
