package agentd

import (
	"fmt"
	"time"

	"cloudcashier/agent/internal/printer"
	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/run"
)

// shopZone is where receipts tell the time: the merchant's zone, which has no summer time.
var shopZone = time.FixedZone("CST", 8*60*60)

// desk is the place of the receipt printer, which a till may do without.
type desk struct {
	printer *printer.Printer
	till    *till.Till
}

func (d *desk) open(p *printer.Printer, t *till.Till) {
	d.printer, d.till = p, t
	t.PrinterChanged(p.State())
}

// look tells the printer that the journal has grown. It never waits.
func (d *desk) look() {
	if d.printer != nil {
		d.printer.Look()
	}
}

func (d *desk) parts() []run.Part {
	if d.printer == nil {
		return nil
	}
	return []run.Part{{Name: "printer", Run: d.printer.Run}}
}

func none() error {
	return fault.New(fault.Conflict, "printer.none", "this till has no receipt printer: start the agent with --printer")
}

// Reprint queues the receipt of a paid sale (see [printer.Printer.Reprint]).
func (d *desk) Reprint(saleID string) (api.PrintJob, error) {
	if d.printer == nil {
		return api.PrintJob{}, none()
	}
	return d.printer.Reprint(saleID)
}

// PrintShift queues the report of a shift (see [printer.Printer.PrintShift]).
func (d *desk) PrintShift(number int64) (api.PrintJob, error) {
	if d.printer == nil {
		return api.PrintJob{}, none()
	}
	return d.printer.PrintShift(number)
}

// SaleOf finds the sale of the number on a receipt.
func (d *desk) SaleOf(number string) (api.Sale, error) {
	if d.printer == nil {
		return api.Sale{}, none()
	}
	saleID, err := d.printer.SaleOf(number)
	if err != nil {
		return api.Sale{}, err
	}
	return d.till.Sale(saleID)
}

// receipts looks at the printer of the running agent. A till sells without one.
func receipts(s *api.Status) []Check {
	if s == nil || s.Printer == nil {
		return nil
	}
	p := s.Printer
	if p.State != api.PrinterReady || p.Failed > 0 {
		return []Check{{"printer " + p.Path, Warn, fmt.Sprintf("%s: %s; %d slips wait, %d failed", p.State, p.Message, p.Waiting, p.Failed),
			"look at the printer, or correct --printer and --printer-baud; reprint what failed"}}
	}
	return []Check{{"printer " + p.Path, OK, fmt.Sprintf("ready; %d slips wait", p.Waiting), ""}}
}
