package world

import (
	"encoding/json"
	"time"

	"cloudcashier/hub/hubtest"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// shifts draws when cashiers go home.
func (w *World) shifts() (plan []step) {
	luck := w.luck("shifts")
	for _, t := range w.tills {
		for range luck.IntN(4) {
			at := 5*time.Second + time.Duration(luck.Int64N(int64(faulty-6*time.Second)))
			twice := luck.IntN(2) == 0
			plan = append(plan, step{at, func() { w.closeShift(t, twice) }})
		}
	}
	return plan
}

// closeShift ends the open shift, and asks a second time when the answer was lost.
func (w *World) closeShift(t *till, twice bool) {
	counted := int64(0)
	var z localapi.Shift
	w.ask(t, func(r *tillRun) {
		n := localapi.CloseShift{Number: r.till.Status().Shift.Number, Counted: &counted}
		var err error
		if z, err = r.till.CloseShift(n); err != nil || r.gone() {
			if k := fault.KindOf(err); k == fault.Invalid || k == fault.Conflict {
				w.fail("%s could not close shift %d: %v", t.name, n.Number, err)
			}
			return
		}
		w.note("%s closes shift %d", t.name, z.Number)
		if z.PendingCount > 0 {
			w.saw("shift closed in doubt")
		}
		if twice {
			again, err := r.till.CloseShift(n)
			if !r.gone() && (err != nil || text(again) != text(z)) {
				w.fail("%s closed shift %d as %s, asked again as %s, %v", t.name, z.Number, text(z), text(again), err)
			}
		}
		t.closed = append(t.closed, z)
	})
}

func text(z localapi.Shift) string {
	data, _ := json.Marshal(z)
	return string(data)
}

// judgeShifts holds a till's shifts against the hub's books: numbered without gaps, as they were heard, and together
// exactly what was paid and refunded.
func (w *World) judgeShifts(t *till, books hubtest.Books) error {
	list, err := t.run.till.Shifts(100)
	if err != nil {
		return err
	}
	open, err := t.run.till.ReportShift()
	if err != nil {
		return err
	}
	is := map[int64]string{}
	var sum, late int64
	for k, z := range append([]localapi.Shift{open}, list...) {
		if z.Number != open.Number-int64(k) {
			w.fail("%s has shift %d where %d should be", t.name, z.Number, open.Number-int64(k))
		}
		is[z.Number] = text(z)
		for _, one := range z.Tenders {
			if one.Tender == localapi.TenderWallet {
				sum += one.Net
			}
		}
		late += int64(z.CarriedCount)
	}
	if late > 0 {
		w.saw("settled in a later shift")
	}
	for _, z := range t.closed {
		if is[z.Number] != text(z) {
			w.fail("%s closed shift %d as %s, and has it as %s", t.name, z.Number, text(z), is[z.Number])
		}
	}
	if open.PendingCount != 0 {
		w.fail("%s has %d lines open in its shift, and everything is settled", t.name, open.PendingCount)
	}
	for _, p := range books.Payments {
		if p.Terminal == terminalID(t.n) && p.Outcome == pay.Paid {
			sum -= p.Fen
		}
	}
	for _, r := range books.Refunds {
		if r.Terminal == terminalID(t.n) && r.Outcome == pay.Refunded {
			sum += r.Fen
		}
	}
	if sum != 0 {
		w.fail("the shifts of %s differ from the hub's books by %d fen", t.name, sum)
	}
	return nil
}
