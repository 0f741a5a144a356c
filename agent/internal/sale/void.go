package sale

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// NewVoid is a refund of all of a sale on the day it was paid, when nothing of it went back or is asked back. Anything else
// is a refund's business. zone is where the shop's day begins.
func NewVoid(s Sale, x Refund, earlier []Refund, at time.Time, zone *time.Location) (Refund, error) {
	for _, e := range earlier {
		if e.State != localapi.RefundFailed {
			return x, fault.New(fault.Conflict, "void.refunded", "of sale %s money went back already, or is asked back: refund what is left", s.ID)
		}
	}
	if s.State == localapi.StatePaid && day(s.Finished, zone) != day(at, zone) {
		return x, fault.New(fault.Conflict, "void.day", "sale %s was paid on %s: a sale is voided on its own day, later it is refunded", s.ID, day(s.Finished, zone))
	}
	x.Kind, x.Amount = localapi.RefundVoid, s.Amount
	return NewRefund(s, x, earlier, at)
}

func day(at time.Time, zone *time.Location) string { return at.In(zone).Format(time.DateOnly) }
