package printer

import (
	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/shift"
)

// eventReport is the event of a report that was asked for.
const eventReport = "report.requested"

// PrintShift queues the report of a shift: its Z once it is closed, marked when it may have been printed before, else an
// X, which does not tell what should be in the drawer. It is called from other goroutines.
func (p *Printer) PrintShift(number int64) (api.PrintJob, error) {
	now := p.Now()
	var job printjob.Job
	err := p.Journal.Update(func(tx *store.Tx) error {
		cause, before, err := reportOf(tx, number)
		if err != nil {
			return err
		}
		open, err := tx.OpenPrints()
		if err != nil {
			return err
		}
		if len(open) >= maxWaiting {
			return fault.New(fault.Unavailable, "printer.busy", "%d slips wait for the printer: look at it first", len(open))
		}
		if job, err = tx.InsertPrint(printjob.OfShift(number, cause, before, now)); err != nil {
			return err
		}
		return tx.Append("", eventReport, map[string]any{"slip": job.ID, "shift": number, "reprint": before}, now)
	})
	if err != nil {
		return api.PrintJob{}, err
	}
	p.Grown()
	p.Look()
	p.Log.Info("report asked for", "shift", number, "slip", job.ID)
	return shown(job), nil
}

// reportOf tells which report a shift has now, and whether it may lie on paper already (NotFound).
func reportOf(tx *store.Tx, number int64) (cause printjob.Cause, before bool, err error) {
	tally, err := tallyOf(tx)
	if err != nil {
		return "", false, err
	}
	switch {
	case number == tally.Number():
		return printjob.X, false, nil
	case number < 1 || number > tally.Number():
		return "", false, fault.New(fault.NotFound, "shift.unknown", "there is no shift %d on this till: the open one is %d", number, tally.Number())
	}
	before, err = tx.PrintedShift(number)
	return printjob.Z, before, err
}

// tallyOf takes up behind the last closed shift.
func tallyOf(tx *store.Tx) (*shift.Tally, error) {
	last, ok, err := tx.LastClosed()
	if err != nil || !ok {
		return &shift.Tally{}, err
	}
	return shift.After(last.Report, last.ClosedSeq), nil
}

// renderShift makes the bytes of a shift's report (Invalid: an X of a shift that was closed meanwhile).
func (p *Printer) renderShift(tx *store.Tx, job printjob.Job) ([]byte, error) {
	var report api.Shift
	if job.Cause == printjob.Z {
		row, _, err := tx.ShiftOf(job.Shift)
		if err != nil {
			return nil, err
		}
		report = row.Report
	} else {
		tally, err := tallyOf(tx)
		if err != nil {
			return nil, err
		}
		if tally.Number() != job.Shift {
			return nil, fault.New(fault.Invalid, "report.closed", "shift %d was closed before its X was printed: print its Z", job.Shift)
		}
		if err := tx.Entries(tally.Through(), tally.Add); err != nil {
			return nil, err
		}
		report = shift.Blind(tally.Report())
	}
	return receipt.OfShift(receipt.Report{Title: p.config.Title, Store: p.Store, Terminal: p.Terminal, Shift: report, Zone: p.Zone,
		Reprint: job.Marked, Printed: p.Now()}).Bytes(p.config.Columns)
}
