package payment

import (
	"fmt"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// NoticeRefund is [Notice] for a refund: which exceptions an event gives reason to open, and the
// kinds whose matter it ended by proof.
func NoticeRefund(before, after Refund, e RefundEvent, refused bool, at time.Time) (open []Exception, ended []ExceptionKind) {
	raise := func(k ExceptionKind, matter string, args ...any) {
		open = append(open, Exception{Payment: after.Payment, Refund: after.ID, Kind: k, Matter: fmt.Sprintf(matter, args...),
			Owner: OwnerOperations, Opened: at, Deadline: at.Add(personTime)})
	}
	if e.Differs != "" {
		raise(AnswerDiffers, "%s", e.Differs)
	}
	if refused {
		raise(RefusedEvent, "%s takes no %s", before.Status, e.Kind)
		return open, nil
	}
	patience := map[pay.RefundStatus]time.Duration{pay.RefundUnknown: slowAfter, pay.RefundPending: refundSlow}[after.Status]
	if patience > 0 && !at.Before(after.Since.Add(patience)) {
		raise(SlowRefund, "%s since %s", after.Status, stamp(after.Since))
	}
	if after.Final() && !before.Final() {
		ended = append(ended, SlowRefund)
	}
	return open, ended
}

// DecideRefund is what a person's decision about an exception does to its refund. It never touches
// the outcome: only the wallet's proof does. Conflict when the decision is not safe.
func DecideRefund(r Refund, k ExceptionKind, d Decision) (Refund, error) {
	going := !r.Final()
	switch d {
	case Settled:
		if going && k == SlowRefund {
			return r, fault.New(fault.Conflict, "exception.going_on",
				"the refund may still be made: only the wallet's proof ends this; look at the merchant platform, and do not refund under another number")
		}
	case Retry:
		if !going || r.Sent.IsZero() {
			return r, fault.New(fault.Conflict, "exception.no_retry",
				"a refund that is %s has nothing to be tried again: read it with ?refresh=wallet instead", r.Status)
		}
		r.Tries = 0
	case WrittenOff:
		return r, fault.New(fault.Conflict, "exception.no_write_off", "a refund is tried until the wallet proves its end: it is not written off")
	default:
		return r, fault.New(fault.Invalid, "exception.decision", "%q is no decision: choose retry or written-off, or none", d)
	}
	return r, nil
}

func refundDiffers(a channel.RefundAnswer) string { return differing(a.Err) }
