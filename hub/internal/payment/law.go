package payment

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// EventKind is something that happened to an attempt.
type EventKind string

// The events.
const (
	Submit  EventKind = "submit"  // the pay call is about to leave
	Approve EventKind = "approve" // proven charged
	Refuse  EventKind = "refuse"  // proven not charged: the wallet declined
	Wait    EventKind = "wait"    // the wallet is not done
	Show    EventKind = "show"    // the wallet gave the text of a code to show: nobody has scanned it
	Busy    EventKind = "busy"    // the wallet proved that it did not take the pay call; send it again
	Absent  EventKind = "absent"  // no such order, while our request may still travel
	Gone    EventKind = "gone"    // no such order, and our request cannot arrive any more: never charged
	Lose    EventKind = "lose"    // no answer, or one that proves nothing
	Undo    EventKind = "undo"    // proven closed unpaid, or all money given back
	GiveUp  EventKind = "give_up" // the deadline passed
	Cancel  EventKind = "cancel"  // the merchant or the till stopped it
)

// Events lists every event.
var Events = []EventKind{Submit, Approve, Refuse, Wait, Show, Busy, Absent, Gone, Lose, Undo, GiveUp, Cancel}

// Event is an event with what it told.
type Event struct {
	Kind      EventKind
	WalletRef string
	PaidAt    time.Time
	Decline   Decline
	QR        string // Show: the text
	Password  bool   // Wait: the customer is typing the password
	Differs   string // the answer speaks of other money than was asked for: the connector's code
}

// Note is something that must be recorded beside a change.
type Note string

// The notes.
const (
	NoteNone        Note = ""
	NoteLateSuccess Note = "late_success" // money moved after the outcome was told: it is being given back
)

// next is the law of one attempt. A pair that is missing is refused: it contradicts what is proven
// and a person must look at it.
var next = map[pay.Status]map[EventKind]pay.Status{
	pay.StatusCreated: {
		Submit: pay.StatusPending, GiveUp: pay.StatusClosed, Cancel: pay.StatusClosed,
	},
	pay.StatusPending: {
		Approve: pay.StatusSucceeded, Refuse: pay.StatusDeclined, Wait: pay.StatusPending, Show: pay.StatusPending, Busy: pay.StatusCreated,
		Absent: pay.StatusUnknown, Gone: pay.StatusClosed, Lose: pay.StatusUnknown, Undo: pay.StatusReversed,
		GiveUp: pay.StatusReversing, Cancel: pay.StatusReversing,
	},
	pay.StatusUnknown: {
		Approve: pay.StatusSucceeded, Refuse: pay.StatusDeclined, Wait: pay.StatusPending, Show: pay.StatusPending,
		Absent: pay.StatusUnknown, Gone: pay.StatusClosed, Lose: pay.StatusUnknown, Undo: pay.StatusReversed,
		GiveUp: pay.StatusReversing, Cancel: pay.StatusReversing,
	},
	pay.StatusSucceeded: {Approve: pay.StatusSucceeded, Lose: pay.StatusSucceeded},
	pay.StatusDeclined: {
		Refuse: pay.StatusDeclined, Lose: pay.StatusDeclined, Absent: pay.StatusDeclined, Gone: pay.StatusDeclined,
		Undo: pay.StatusDeclined, Approve: pay.StatusReversing,
	},
	pay.StatusReversing: {
		Approve: pay.StatusReversing, Refuse: pay.StatusReversing, Wait: pay.StatusReversing, Absent: pay.StatusReversing,
		Show: pay.StatusReversing, // as Busy: it is not shown to anybody
		Busy: pay.StatusReversing, // cancelled while the pay call was on its way; it is not sent again
		Gone: pay.StatusClosed, Lose: pay.StatusReversing, Undo: pay.StatusReversed,
		GiveUp: pay.StatusReversing, Cancel: pay.StatusReversing,
	},
	pay.StatusReversed: {
		Approve: pay.StatusReversing, Refuse: pay.StatusReversed, Wait: pay.StatusReversing, Show: pay.StatusReversing, Absent: pay.StatusReversed,
		Gone: pay.StatusReversed, Lose: pay.StatusReversed, Undo: pay.StatusReversed, Cancel: pay.StatusReversed,
	},
	pay.StatusClosed: {
		Approve: pay.StatusReversing, Refuse: pay.StatusClosed, Wait: pay.StatusReversing, Show: pay.StatusReversing, Absent: pay.StatusClosed,
		Gone: pay.StatusClosed, Lose: pay.StatusClosed, Undo: pay.StatusClosed, Cancel: pay.StatusClosed,
	},
}

// confirms are the answers that count as a look at an undone attempt: proof that it took no money and
// never can. "No such order" does not count for one the wallet once knew, nor silence for any.
var confirms = map[pay.Status]map[EventKind]bool{
	pay.StatusReversed: {Undo: true, Refuse: true},
	pay.StatusClosed:   {Gone: true, Undo: true, Refuse: true},
}

// Next is the law: the status after an event, or a Conflict when the event contradicts it.
func Next(s pay.Status, e EventKind) (pay.Status, error) {
	to, ok := next[s][e]
	if !ok {
		return s, fault.New(fault.Conflict, "payment.refused_event", "a payment that is %s cannot take %q", s, e)
	}
	return to, nil
}

// Apply changes a payment by an event that happened at a moment. A refused event leaves it as it was.
func Apply(p Payment, e Event, at time.Time) (Payment, Note, error) {
	to, err := Next(p.Attempt.Status, e.Kind)
	if err != nil {
		return p, NoteNone, err
	}
	a := &p.Attempt
	from := a.Status
	if e.WalletRef != "" {
		a.WalletRef = e.WalletRef
	}
	if e.Kind == Submit {
		a.Sent = at
	}
	if e.Kind == Show && to == pay.StatusPending && a.QR == "" { // who saw it may pay it, so it stays
		a.QR = e.QR
	}
	note := NoteNone
	if confirms[to][e.Kind] && to == from {
		a.Checks, a.Tries = a.Checks+1, 0
	}
	if answers(a.Look, a.Called, told[e.Kind]) {
		a.Look = time.Time{}
	}
	if to != from {
		a.Status, a.Tries = to, 0
		a.Settled, a.WrittenOff = time.Time{}, time.Time{}
		if to.Final() {
			a.Settled, a.Checks = at, 0
		}
		if to == pay.StatusReversing {
			a.Undoing = at
			a.Cause = map[EventKind]string{GiveUp: "gave_up", Cancel: "cancelled", Approve: "late_success", Wait: "late_order", Show: "late_order"}[e.Kind]
			if from.Final() && e.Kind == Approve {
				note = NoteLateSuccess
			}
		}
	}
	return follow(p, e, at), note, nil
}

// follow moves the payment after its attempt, until its outcome is final.
func follow(p Payment, e Event, at time.Time) Payment {
	if !p.Attempt.Left.IsZero() { // the payment is another attempt's by now
		return p
	}
	if p.Final() {
		return p
	}
	p.Status = p.Attempt.Status
	p.Waiting = p.Status == pay.StatusPending && e.Kind == Wait && e.Password
	switch p.Status {
	case pay.StatusSucceeded:
		p.PaidAt = e.PaidAt
	case pay.StatusDeclined:
		p.Decline = e.Decline
	}
	if p.Final() {
		p.Finished = at
	}
	return p
}
