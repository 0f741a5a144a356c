package agentd

import (
	"fmt"
	"strings"
	"time"

	"cloudcashier/agent/internal/display"
	"cloudcashier/agent/internal/printer"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/agent/internal/till"
	"cloudcashier/agent/internal/voice"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/run"
)

// shopZone is where receipts tell the time: the merchant's zone, which has no summer time.
var shopZone = time.FixedZone("CST", 8*60*60)

// desk is the place of the receipts and of the devices that follow the journal. A till may do without each of these.
type desk struct {
	printer  *printer.Printer
	display  *display.Display
	voice    *voice.Voice
	till     *till.Till
	terminal string
}

func (d *desk) open(p *printer.Printer, t *till.Till) {
	d.printer = p
	t.PrinterChanged(p.State())
}

// look tells the devices that the journal has grown. It never waits.
func (d *desk) look() {
	if d.printer != nil {
		d.printer.Look()
	}
	if d.display != nil {
		d.display.Look()
	}
	if d.voice != nil {
		d.voice.Look()
	}
}

func (d *desk) parts() (list []run.Part) {
	if d.printer != nil {
		list = append(list, run.Part{Name: "printer", Run: d.printer.Run})
	}
	if d.display != nil {
		list = append(list, run.Part{Name: "display", Run: d.display.Run})
	}
	if d.voice != nil {
		list = append(list, run.Part{Name: "voice", Run: d.voice.Run})
	}
	return list
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

// Number reads a receipt's number (see [receipt.ParseNumber]).
func (d *desk) Number(text string) (int64, error) { return receipt.ParseNumber(text, d.terminal) }

// SaleOf finds the sale of a receipt: by its number, or by the sale's own name in its QR. Nothing else on the paper is
// believed.
func (d *desk) SaleOf(number string) (api.Sale, error) {
	if strings.HasPrefix(number, id.Sale+"_") {
		s, err := d.till.Sale(number)
		if fault.KindOf(err) == fault.NotFound {
			err = fault.New(fault.NotFound, "receipt.other_till", "this receipt is another till's: take it to the till that it names")
		}
		return s, err
	}
	n, err := d.Number(number)
	if err != nil {
		return api.Sale{}, err
	}
	return d.till.SaleByNumber(n)
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
