package printer

import (
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
)

const (
	maxWaiting = 50               // slips; with more, something is wrong that another would make worse
	feedMost   = 100              // paid sales looked at in one transaction
	pulseLife  = 10 * time.Second // a drawer that opens later surprises somebody
)

// kicked is the event of a drawer that is opened; asked that of a receipt asked for.
const (
	eventDrawer  = "drawer.opened"
	eventRequest = "receipt.requested"
	eventDoubt   = "receipt.doubt"
)

// resume takes up what the last run left: nobody heard the end of what was under way.
func (p *Printer) resume() error {
	waiting := 0
	err := p.Journal.Update(func(tx *store.Tx) (err error) {
		if p.through, err = tx.PrintedThrough(); err != nil {
			return err
		}
		list, err := tx.OpenPrints()
		if err != nil {
			return err
		}
		waiting = len(list)
		for _, job := range list {
			after, err := job.Step(printjob.Restart, p.Now())
			if err == nil && after != job {
				err = tx.ChangePrint(job, after)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	p.tell(func(s *api.Printer) { s.Waiting = waiting })
	return err
}

// feed makes slips of the sales that were paid since it last looked. It reads the event log behind the
// till's back: no payment waits for it, and none is missed, whenever the power fails.
func (p *Printer) feed() error {
	for {
		var list []store.PaidSale
		var through int64
		var ended []int64
		if err := p.Journal.View(func(tx *store.Tx) (err error) {
			if list, through, err = tx.PaidSales(p.through, feedMost); err == nil {
				ended, err = tx.ShiftsEnded(p.through, through)
			}
			return err
		}); err != nil {
			return journalError{err}
		}
		if len(list)+len(ended) > 0 {
			if err := p.queue(list, ended, through); err != nil {
				return journalError{err}
			}
		}
		p.through = through
		if len(list) < feedMost {
			return nil
		}
	}
}

// queue stores the slips of paid sales and of shifts that ended, and that their drawer is opened, before it is.
func (p *Printer) queue(list []store.PaidSale, ended []int64, through int64) error {
	now := p.Now()
	var pulse bool
	var waiting int
	err := p.Journal.Update(func(tx *store.Tx) error {
		open, err := tx.OpenPrints()
		if err != nil {
			return err
		}
		pulse, waiting = false, len(open)
		for _, paid := range list {
			if p.config.Drawer && paid.Tender == api.TenderCash && now.Sub(paid.At) < pulseLife {
				if err := tx.Append(paid.Sale, eventDrawer, struct{}{}, now); err != nil {
					return err
				}
				pulse = true
			}
			for copy := 1; copy <= p.config.Copies && now.Sub(paid.At) < printjob.Fresh && waiting < maxWaiting; copy++ {
				if _, err := tx.InsertPrint(printjob.New(paid.Sale, printjob.Paid, copy, false, paid.At)); err != nil {
					return err
				}
				waiting++
			}
		}
		for _, number := range ended {
			before, err := tx.PrintedShift(number) // somebody was faster
			if err != nil {
				return err
			}
			if p.config.Copies == 0 || waiting >= maxWaiting || before {
				continue
			}
			if _, err := tx.InsertPrint(printjob.OfShift(number, printjob.Z, false, now)); err != nil {
				return err
			}
			waiting++
		}
		return tx.SetPrintedThrough(through)
	})
	if err != nil {
		return err
	}
	p.through = through
	if pulse {
		p.pulse = now
	}
	p.Grown()
	p.tell(func(s *api.Printer) { s.Waiting = waiting })
	return nil
}

// Reprint queues the receipt of a paid sale. It is called from other goroutines.
func (p *Printer) Reprint(saleID string) (api.PrintJob, error) {
	now := p.Now()
	var job printjob.Job
	err := p.Journal.Update(func(tx *store.Tx) error {
		row, err := tx.Sale(saleID)
		if err != nil {
			return err
		}
		if row.State != api.StatePaid {
			return fault.New(fault.Conflict, "receipt.not_paid", "sale %s is not paid: there is no receipt of it", saleID)
		}
		open, err := tx.OpenPrints()
		if err != nil {
			return err
		}
		if len(open) >= maxWaiting {
			return fault.New(fault.Unavailable, "printer.busy", "%d slips wait for the printer: look at it first", len(open))
		}
		before, err := tx.Printed(saleID)
		if err != nil {
			return err
		}
		if job, err = tx.InsertPrint(printjob.New(saleID, printjob.Request, 1, before, now)); err != nil {
			return err
		}
		return tx.Append(saleID, eventRequest, map[string]any{"slip": job.ID, "reprint": before}, now)
	})
	if err != nil {
		return api.PrintJob{}, err
	}
	p.Grown()
	p.Look()
	p.Log.Info("receipt asked for", logs.Sale, saleID, "slip", job.ID)
	return shown(job), nil
}

// next is the oldest slip that somebody still waits for. What nobody does is dropped.
func (p *Printer) next() (job printjob.Job, ok bool, err error) {
	var list []printjob.Job
	if err := p.Journal.View(func(tx *store.Tx) error {
		list, err = tx.OpenPrints()
		return err
	}); err != nil {
		return job, false, journalError{err}
	}
	for len(list) > 0 && list[0].Stale(p.Now()) {
		if _, err := p.step(list[0], printjob.Drop); err != nil {
			return job, false, err
		}
		list = list[1:]
	}
	p.tell(func(s *api.Printer) { s.Waiting = len(list) })
	if len(list) == 0 {
		return job, false, nil
	}
	return list[0], true, nil
}

// step takes a slip through one event of the law, on the disk before anything follows from it.
func (p *Printer) step(job printjob.Job, e printjob.Event) (printjob.Job, error) {
	after, err := job.Step(e, p.Now())
	if err != nil {
		return job, err
	}
	err = p.Journal.Update(func(tx *store.Tx) error {
		if e == printjob.Lost && after != job {
			if err := tx.Append(job.Sale, eventDoubt, map[string]any{"slip": job.ID, "state": string(after.State)}, p.Now()); err != nil {
				return err
			}
		}
		return tx.ChangePrint(job, after)
	})
	if err != nil {
		return job, journalError{err}
	}
	p.Log.Info("slip changed", "slip", job.ID, logs.Sale, job.Sale, logs.Kind, string(e), logs.Status, string(after.State))
	if after.State == printjob.Failed {
		p.tell(func(s *api.Printer) { s.Failed++ })
	}
	return after, nil
}

// render makes the bytes of a slip that is about to be begun (Invalid: it cannot be laid out).
func (p *Printer) render(job printjob.Job) (raw []byte, err error) {
	err = p.Journal.View(func(tx *store.Tx) error {
		if job.Shift != 0 {
			raw, err = p.renderShift(tx, job)
			return err
		}
		row, err := tx.Sale(job.Sale)
		if err != nil {
			return err
		}
		number, err := tx.Number(job.Sale)
		if err != nil {
			return err
		}
		bill, err := billOf(tx, row)
		if err != nil {
			return err
		}
		raw, err = receipt.New(receipt.Slip{Received: row.Received, Change: row.Change(), Bill: bill, Title: p.config.Title, Store: p.Store, Terminal: p.Terminal, Number: number, Sale: row.ID,
			OrderNo: row.OrderNo, Subject: row.Subject, Amount: row.Amount, Tender: row.Tender, Wallet: row.Wallet, WalletRef: row.WalletRef,
			Paid: row.Finished.In(p.Zone), Copy: job.Copy, Reprint: job.Marked, Printed: p.Now().In(p.Zone)}).Bytes(p.config.Columns)
		return err
	})
	return raw, err
}

// billOf is what a receipt tells of the bill its sale pays a part of: all parts, when this is the one that paid the rest.
func billOf(tx *store.Tx, row store.Row) (b receipt.Bill, err error) {
	if row.Bill.Number == "" {
		return b, nil
	}
	parts, err := tx.Parts(row.Bill.Number)
	if err != nil {
		return b, err
	}
	b = receipt.Bill{Number: row.Bill.Number, Total: row.Bill.Total}
	if last, ok := parts.Last(); ok && last.ID == row.ID {
		for _, s := range parts.Sales {
			if s.State == api.StatePaid {
				b.Parts = append(b.Parts, receipt.Part{Amount: s.Amount, Tender: s.Tender, Wallet: s.Wallet})
			}
		}
	}
	return b, nil
}
