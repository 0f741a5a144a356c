package localapi

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// PrinterState is how the receipt printer is.
type PrinterState string

// The states of a printer.
const (
	PrinterReady     PrinterState = "ready"
	PrinterAbsent    PrinterState = "absent"     // not plugged in, or not to be opened
	PrinterSilent    PrinterState = "silent"     // plugged in, and it does not answer
	PrinterPaperOut  PrinterState = "paper_out"  // put paper in: it goes on by itself
	PrinterCoverOpen PrinterState = "cover_open" // close it: it goes on by itself
	PrinterError     PrinterState = "error"      // a fault of its own: head, knife
)

// Printer is the receipt printer at a glance.
type Printer struct {
	Path    string       `json:"path"`
	State   PrinterState `json:"state"`
	NearEnd bool         `json:"near_end,omitempty"` // the paper is about to end
	Waiting int          `json:"waiting"`            // slips that are not printed yet
	Failed  int          `json:"failed,omitempty"`   // slips it gave up on since it started: reprint them
	Message string       `json:"message,omitempty"`  // what the cashier can do about it
}

// PrintJob is one slip of paper.
type PrintJob struct {
	ID        int64     `json:"id"`
	Sale      string    `json:"sale,omitempty"`
	Shift     int64     `json:"shift,omitempty"` // of a shift's report
	State     string    `json:"state"`           // "queued", "printing", "doubt", "done", "failed", "dropped"
	Copy      int       `json:"copy"`
	Reprint   bool      `json:"reprint"` // it says so on its face
	CreatedAt time.Time `json:"created_at"`
}

// Reprint asks for the receipt of a paid sale. What may have been printed before is marked as a reprint.
func (c *Client) Reprint(ctx context.Context, saleID string) (j PrintJob, err error) {
	return j, c.do(ctx, http.MethodPost, "/v1/sales/"+url.PathEscape(saleID)+"/reprint", nil, &j)
}

// SaleOfReceipt finds the sale whose receipt has this number in its barcode.
func (c *Client) SaleOfReceipt(ctx context.Context, number string) (s Sale, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/receipts/"+url.PathEscape(number), nil, &s)
}
