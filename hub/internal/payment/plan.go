package payment

import (
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/pay"
)

// Task is the call a payment needs next.
type Task string

// The tasks.
const (
	TaskNone    Task = ""        // at rest
	TaskSubmit  Task = "submit"  // ask the wallet to charge
	TaskAsk     Task = "ask"     // ask how it stands
	TaskReverse Task = "reverse" // ask to undo
	TaskPresent Task = "present" // ask again for the text of the code to show
)

// Patience bounds.
const (
	unsentLife  = 45 * time.Second // a payment not yet sent lives as long as its code: then it closes
	checksMost  = 40               // looks at an undone attempt before a wallet's silence is left to its bill
	backoffMost = 30 * time.Second // between tries of a reversal, however long a wallet is away
	busyPause   = time.Second      // before the first repeat of a call the wallet did not take
	edgeTime    = 30 * time.Second // after a shown code's end, for an answer to whether it was paid in its last second
)

// checks are the looks after an attempt was undone: a wallet may book a charge after it said
// "reversed", and only a look finds it, because payment-code payments send no notice.
var checks = []time.Duration{15 * time.Second, 60 * time.Second}

// Plan derives the next call and when it is due. It reads nothing but the payment, so a restart
// plans the same.
func Plan(p Payment, r channel.Rules) (Task, time.Time) {
	task, due := plan(p, r)
	return hurried(p.Attempt, r, task, due)
}

func plan(p Payment, r channel.Rules) (Task, time.Time) {
	a := p.Attempt
	switch a.Status {
	case pay.StatusCreated:
		if a.Called.IsZero() {
			return TaskSubmit, p.Created
		}
		return TaskSubmit, a.Called.Add(busyPause << min(a.Tries, 4))
	case pay.StatusPending, pay.StatusUnknown:
		if a.Shown {
			return planShown(a, r)
		}
		pause := r.QueryEvery
		if r.QueryDoubles {
			pause = max(pause, a.Called.Sub(a.Sent))
		}
		due := later(a.Sent.Add(r.FirstQuery), a.Called.Add(pause))
		if deadline := a.Sent.Add(r.GiveUp); due.After(deadline) {
			due = deadline
		}
		return TaskAsk, due
	case pay.StatusReversing:
		if !a.WrittenOff.IsZero() {
			return TaskNone, time.Time{}
		}
		due := a.Sent.Add(r.ReverseNotBefore)
		if a.Tries > 0 {
			due = later(due, a.Called.Add(backoff(r.ReverseEvery, a.Tries/2)))
		}
		// Not a moment later than "no such order" becomes proof.
		if proof := a.Sent.Add(r.Travel); a.Called.Before(proof) && due.After(proof) {
			due = proof
		}
		if a.Tries%2 == 1 { // every other time we look: the wallet may have ended it in its own way
			return TaskAsk, due
		}
		return TaskReverse, due
	case pay.StatusReversed, pay.StatusClosed:
		if !a.Sent.IsZero() && a.Checks < len(checks) && a.Tries < checksMost {
			due := a.Settled.Add(checks[a.Checks])
			if a.Tries > 0 { // the last look was lost
				due = later(due, a.Called.Add(backoff(r.ReverseEvery, a.Tries)))
			}
			return TaskAsk, due
		}
	}
	return TaskNone, time.Time{}
}

// planShown is Plan for an open order whose code is shown, or is to be. Its last question is asked when the code
// has ended: who paid in the last second has paid.
func planShown(a Attempt, r channel.Rules) (Task, time.Time) {
	if a.QR == "" {
		return TaskPresent, a.Called.Add(r.QueryEvery)
	}
	due := later(a.Sent.Add(r.FirstQuery), a.Called.Add(r.QueryEvery))
	switch {
	case a.Called.Before(a.Until) && due.After(a.Until):
		due = a.Until
	case answeredAfter(a):
		due = a.Called
	case due.After(a.Until.Add(edgeTime)):
		due = a.Until.Add(edgeTime)
	}
	return TaskAsk, due
}

// answeredAfter reports that a question asked after a shown code's end was answered, and that it is unpaid.
func answeredAfter(a Attempt) bool { return !a.Called.Before(a.Until) && a.Status == pay.StatusPending }

// Overdue reports that patience with an open attempt is over: the engine applies [GiveUp] before
// it carries out what Plan says.
func Overdue(p Payment, r channel.Rules, at time.Time) bool {
	switch p.Attempt.Status {
	case pay.StatusCreated:
		return !at.Before(p.Created.Add(unsentLife))
	case pay.StatusPending, pay.StatusUnknown:
		if p.Attempt.Shown {
			return overdueShown(p, at)
		}
		return !at.Before(p.Attempt.Sent.Add(r.GiveUp))
	}
	return false
}

// overdueShown is Overdue for an open order whose code is shown; one without a text lives no longer than a
// payment that was not sent, for nobody waits at an empty screen.
func overdueShown(p Payment, at time.Time) bool {
	a := p.Attempt
	if a.QR == "" {
		return !at.Before(p.Created.Add(unsentLife))
	}
	return !at.Before(a.Until) && answeredAfter(a) || !at.Before(a.Until.Add(edgeTime))
}

// Called notes that a call is being made.
func Called(p Payment, at time.Time) Payment {
	p.Attempt.Called = at
	p.Attempt.Tries++
	return p
}

// Learn turns an answer into an event. asked is when the question left: what was not there then
// may still have arrived since.
func Learn(p Payment, t Task, a channel.Answer, r channel.Rules, asked time.Time) Event {
	e := Event{Kind: Lose, WalletRef: a.WalletRef, Differs: differs(a)}
	switch a.Finding {
	case channel.Approved:
		if t != TaskReverse {
			e.Kind, e.PaidAt = Approve, a.PaidAt
		}
	case channel.Declined:
		if t != TaskReverse && t != TaskPresent { // of a repeat it says nothing about the first request
			e.Kind, e.Decline = Refuse, Decline{Code: string(a.Decline.Code), Message: a.Decline.Message, Wallet: a.Decline.Wallet}
		}
	case channel.Pending:
		if e.Kind, e.Password = Wait, !a.Working; p.Attempt.Shown && (t == TaskSubmit || t == TaskPresent) {
			e = presented(e, a)
		}
	case channel.Busy:
		if t == TaskSubmit {
			e.Kind = Busy
		}
	case channel.Absent:
		switch {
		case t == TaskSubmit || t == TaskPresent: // an answer to a pay call that knows no order proves nothing
		case asked.Before(p.Attempt.Sent.Add(r.Travel)) && p.Showing():
			e.Kind = Wait // the wallet gave the code, and nobody has scanned it
		case asked.Before(p.Attempt.Sent.Add(r.Travel)):
			e.Kind = Absent
		default:
			e.Kind = Gone
		}
	case channel.Reversed:
		if e.Kind = Undo; p.Attempt.Left.IsZero() && p.Status == pay.StatusSucceeded && p.Refundable() <= 0 {
			e.Kind = Lose // a trade refunded to the last fen is closed: our own doing
		}
	}
	if p.Attempt.Left.IsZero() && p.Refunded.Fen()+p.Refunding.Fen() > 0 && strings.HasSuffix(e.Differs, ".refunded") {
		e.Differs = "" // so we asked
	}
	return e
}

// presented is what the answer with a code to show means; one without a text is none.
func presented(e Event, a channel.Answer) Event {
	if e.Kind, e.QR, e.Password = Show, a.QR, false; e.QR == "" {
		e.Kind = Lose
	}
	return e
}

func backoff(first time.Duration, tries int) time.Duration {
	return min(first<<min(tries, 8), backoffMost)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
