package console_test

import (
	"context"
	"testing"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

func (a *agent) Reprint(_ context.Context, saleID string) (localapi.PrintJob, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, "reprint "+saleID)
	return localapi.PrintJob{Sale: saleID}, a.refuse
}

// TestReprint: F9 prints the receipt of a paid sale where there is a printer, and means nothing elsewhere.
func TestReprint(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.send(console.Resize(80, 24))
		r.keys("f3", "down", "down")
		r.lacks("F9", "printer")
		r.keys("f9")
		r.asked()
	})
	play(t, words.EN, func(a *agent) {
		history(a)
		a.status.Printer = &localapi.Printer{State: localapi.PrinterPaperOut, Waiting: 2}
	}, func(r *rig) {
		r.send(console.Resize(80, 24))
		r.sees("! printer out of paper, 2 wait")
		r.keys("f3", "f9") // the newest is not paid
		r.sees("Only what is paid has a receipt.")
		r.keys("down", "down")
		r.sees("F9 receipt")
		r.keys("f9")
		r.asked("reprint old_09")
		r.sees("Sent to the printer.")
		r.agent.refuse = fault.New(fault.Unavailable, "printer.busy", "50 slips wait")
		r.keys("f9")
		r.sees("Not printed: 50 slips wait")
	})
}
