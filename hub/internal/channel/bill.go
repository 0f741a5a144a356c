package channel

import (
	"time"

	"cloudcashier/shared/fault"
)

// BillRules are when a wallet's bills are there (handbook: wallets, sections 4.8 and 7).
type BillRules struct {
	DayEnds  time.Duration // hour of China's day that ends the bill's day; zero: midnight
	Ready    time.Duration // hour of China's next day from which the bill is there
	KeptDays int           // how many days back it can still be had
	Timeout  time.Duration // how long one fetch may take
}

// BillDay is the day whose bill has what happened at that moment: its midnight in China.
func (r BillRules) BillDay(at time.Time) time.Time {
	y, m, d := at.In(china).Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, china)
	if r.DayEnds != 0 && !at.Before(day.Add(r.DayEnds)) {
		day = day.Add(24 * time.Hour)
	}
	return day
}

// ReadyAt is when the bill of a day is there.
func (r BillRules) ReadyAt(day time.Time) time.Time {
	y, m, d := day.In(china).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, china).Add(r.Ready)
}

// Ask tells whether the wallet can be asked for a day's bill now: Unavailable before it is ready, NotFound when it is
// too old. A wallet that is asked too early may answer that there is none, which would be believed.
func (r BillRules) Ask(day, now time.Time) error {
	switch ready := r.ReadyAt(day); {
	case now.Before(ready):
		return fault.New(fault.Unavailable, "bill.early", "the bill of %s is ready at %s", day.In(china).Format(time.DateOnly), ready.Format(time.RFC3339))
	case now.Sub(ready) > time.Duration(r.KeptDays)*24*time.Hour:
		return fault.New(fault.NotFound, "bill.too_old", "bills are kept for %d days: that of %s is gone", r.KeptDays, day.In(china).Format(time.DateOnly))
	}
	return nil
}
