package payment

import (
	"fmt"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// ExceptionKind is a doubt that somebody must know about until it has ended.
type ExceptionKind string

// The kinds.
const (
	RefusedEvent  ExceptionKind = "refused_event"  // the wallet contradicts what was proven
	LateSuccess   ExceptionKind = "late_success"   // money came after people were told "not paid"
	SlowReversal  ExceptionKind = "slow_reversal"  // money is being given back for too long
	UndoEnding    ExceptionKind = "undo_ending"    // soon the wallet takes no reversal any more
	AnswerDiffers ExceptionKind = "answer_differs" // the wallet speaks of other money than was asked for
	Unlooked      ExceptionKind = "unlooked"       // undone, and the wallet never answered a look afterwards
	SlowRefund    ExceptionKind = "slow_refund"    // a refund is in doubt, or with the wallet, for too long

	DeferredRefused ExceptionKind = "deferred_refused" // taken offline, the goods are gone, and it could not be collected
)

// ExceptionKinds lists every kind.
var ExceptionKinds = []ExceptionKind{RefusedEvent, LateSuccess, SlowReversal, UndoEnding, AnswerDiffers, Unlooked, SlowRefund, DeferredRefused}

// Owner is who must act on an exception.
type Owner string

// The owners.
const (
	OwnerHub        Owner = "hub"        // the schedule is at it; people need only know
	OwnerOperations Owner = "operations" // a person must look
)

// Exception is one doubt about one payment or one of its refunds. At most one of a kind is open for each.
type Exception struct {
	ID       string
	Payment  string
	Refund   string // empty: the doubt is about the payment itself
	Kind     ExceptionKind
	Matter   string // what exactly: a matter that was judged is not opened again
	Known    string // JSON: what was known when it was opened
	Owner    Owner
	Opened   time.Time
	Deadline time.Time // when it should have ended
	Resolved time.Time // zero while open
	By       string    // "hub" when proof ended it, else the person
	Decision Decision
	Note     string
}

// Decision is what a person decides about an exception.
type Decision string

// The decisions.
const (
	Settled    Decision = ""            // looked at; the note says how it ended
	Retry      Decision = "retry"       // ask or reverse again at once; stays open until the wallet proves the end
	WrittenOff Decision = "written-off" // the wallet's window is over: stop trying
)

// Bounds.
const (
	slowAfter  = 10 * time.Minute // of reversing: a wallet that is merely slow has answered by then
	undoNotice = 2 * time.Hour    // before the wallet's window ends; a quarter of a shorter window
	personTime = 24 * time.Hour   // for a person to look
)

// Notice compares a payment before and after an event: which exceptions it gives reason to open,
// and the kinds whose matter it ended by proof. refused: the law refused the event. An exception
// that is open or was judged before is opened by nobody again; that is the store's to see.
func Notice(before, after Payment, e Event, refused bool, r channel.Rules, at time.Time) (open []Exception, ended []ExceptionKind) {
	was, now := before.Attempt, after.Attempt
	raise := func(k ExceptionKind, owner Owner, deadline time.Time, matter string, args ...any) {
		open = append(open, Exception{Payment: after.ID, Kind: k, Matter: fmt.Sprintf(matter, args...), Owner: owner, Opened: at, Deadline: deadline})
	}
	if e.Differs != "" {
		raise(AnswerDiffers, OwnerOperations, at.Add(personTime), "%s", e.Differs)
	}
	if refused {
		raise(RefusedEvent, OwnerOperations, at.Add(personTime), "%s takes no %s", was.Status, e.Kind)
		return open, nil
	}
	if e.Kind == Approve && (before.Final() && before.Outcome() != pay.Paid || !was.Left.IsZero()) {
		raise(LateSuccess, OwnerHub, at.Add(slowAfter), "undone since %s", stamp(now.Undoing))
	}
	if now.Status == pay.StatusReversing && now.WrittenOff.IsZero() {
		ends, known := undoEnds(after, r)
		if !at.Before(now.Undoing.Add(slowAfter)) {
			deadline := at.Add(personTime)
			if known {
				deadline = ends
			}
			raise(SlowReversal, OwnerOperations, deadline, "undone since %s", stamp(now.Undoing))
		}
		if known && !at.Before(ends.Add(-min(undoNotice, ends.Sub(now.Sent)/4))) {
			raise(UndoEnding, OwnerOperations, ends, "window ends %s", stamp(ends))
		}
	}
	if undone(now) && now.Checks < len(checks) && now.Tries >= checksMost {
		raise(Unlooked, OwnerOperations, at.Add(personTime), "settled %s, %d looks answered", stamp(now.Settled), now.Checks)
	}
	if lost(before, after, e) {
		raise(DeferredRefused, OwnerOperations, at.Add(personTime), "%s %s", after.Status, after.Decline.Code)
	}
	if e.Kind == Undo { // nothing of this attempt is with us any more
		ended = append(ended, LateSuccess)
	}
	if was.Status == pay.StatusReversing && undone(now) {
		ended = append(ended, SlowReversal, UndoEnding)
	}
	if undone(was) && (now.Checks > was.Checks || now.Status == pay.StatusReversing) {
		ended = append(ended, Unlooked)
	}
	return open, ended
}

// lost reports that a sale taken offline has just ended without its money, and not because the till
// stopped it: the shop bears it.
func lost(before, after Payment, e Event) bool {
	return !after.Deferred.IsZero() && !before.Final() && after.Final() && after.Outcome() != pay.Paid &&
		e.Kind != Cancel && after.Attempt.Cause != "cancelled"
}

// Decide is what a person's decision about an exception does to its payment. It never touches the
// outcome. Conflict when the decision is not safe in the payment's present state.
func Decide(p Payment, k ExceptionKind, d Decision, r channel.Rules, at time.Time) (Payment, error) {
	a := &p.Attempt
	trying := a.Status == pay.StatusReversing && a.WrittenOff.IsZero()
	ends, known := undoEnds(p, r)
	switch d {
	case Settled:
		if trying && (k == LateSuccess || k == SlowReversal || k == UndoEnding) {
			return p, fault.New(fault.Conflict, "exception.going_on",
				"the money is still being given back: only the wallet's proof ends this, or --decide written-off once its window is over")
		}
	case Retry:
		if a.Sent.IsZero() || a.Status != pay.StatusReversing && !undone(*a) {
			return p, fault.New(fault.Conflict, "exception.no_retry",
				"a payment whose attempt is %s has nothing to be tried again: read it with ?refresh=wallet instead", a.Status)
		}
		a.Tries, a.WrittenOff, a.Checks = 0, time.Time{}, min(a.Checks, len(checks)-1)
	case WrittenOff:
		switch {
		case !trying:
			return p, fault.New(fault.Conflict, "exception.not_reversing", "no money is being given back here: resolve it without a decision")
		case !known:
			return p, fault.New(fault.Conflict, "exception.window_unknown", "channel %s is not configured, so its window is not known: put it back", a.Channel)
		case at.Before(ends):
			return p, fault.New(fault.Conflict, "exception.window_open", "the wallet takes a reversal until %s: it is tried until then", stamp(ends))
		}
		a.WrittenOff = at
	default:
		return p, fault.New(fault.Invalid, "exception.decision", "%q is no decision: choose retry or written-off, or none", d)
	}
	return p, nil
}

// Ends reports that a decision closes the exception; after a retry only proof does.
func (d Decision) Ends() bool { return d != Retry }

// undone reports that the attempt is said to have taken no money, after the wallet may have had it.
func undone(a Attempt) bool {
	return !a.Sent.IsZero() && (a.Status == pay.StatusReversed || a.Status == pay.StatusClosed)
}

// undoEnds is when the wallet stops taking reversals.
func undoEnds(p Payment, r channel.Rules) (time.Time, bool) {
	return r.UndoUntil(p.Attempt.Sent), r.UndoWindow > 0
}

// differingEnds are the endings of a connector's codes for an answer that speaks of our order and of
// other money; such an answer proves nothing, and a person must hear of it.
var differingEnds = []string{".amount", ".currency", ".reference", ".refunded", ".abnormal"}

func differs(a channel.Answer) string { return differing(a.Err) }

func differing(err error) string {
	code := fault.CodeOf(err)
	for _, end := range differingEnds {
		if strings.HasSuffix(code, end) {
			return code
		}
	}
	return ""
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
