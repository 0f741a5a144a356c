package agentd_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/agentd"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// startPrinting runs an agent with a printer.
func startPrinting(t *testing.T, dir, link string) (client *api.Client, stop func()) {
	t.Helper()
	log := &lines{ready: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	config := agentd.Config{Dir: dir, Printer: agentd.Printer{Path: link, Baud: 115200, Copies: 1, Drawer: true, Title: "兴隆小卖部"},
		Scanners: []string{filepath.Join(filepath.Dir(link), "*")}} // a pattern that would take the printer, too
	go func() { ended <- agentd.Run(ctx, config, world(log)) }()
	select {
	case <-log.ready:
	case err := <-ended:
		t.Fatalf("the agent ended: %v\n%s", err, log)
	}
	client = api.NewClient(filepath.Join(dir, "agent.sock"))
	return client, func() {
		t.Helper()
		client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	}
}

// untilPrinter waits for the event that tells of a printer in a state.
func untilPrinter(t *testing.T, client *api.Client, state api.PrinterState) api.Printer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got api.Printer
	_ = client.Events(ctx, func(e api.Event) {
		if e.Status != nil && e.Status.Printer != nil && e.Status.Printer.State == state {
			got = *e.Status.Printer
			cancel()
		}
	})
	if got.State != state {
		t.Fatalf("the printer never was %s", state)
	}
	return got
}

// TestReceipts: a payment answers while the printer is stuck; what was paid is printed after the refill,
// and its receipt leads back to it.
func TestReceipts(t *testing.T) {
	dir, link := activated(t), filepath.Join(t.TempDir(), "printer0")
	paper, err := board.NewPrinter(link, board.PrinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer paper.Close()
	client, stop := startPrinting(t, dir, link)
	defer stop()
	ctx := t.Context()
	untilPrinter(t, client, api.PrinterReady)
	paper.PaperAfter(3)
	var sales []api.Sale
	for range 5 { // the first sticks in the middle of its paper, the others behind it
		s, err := client.NewSale(ctx, api.NewSale{Amount: 1280, Tender: api.TenderCash, Subject: "茶"})
		if err != nil || s.State != api.StatePaid {
			t.Fatalf("%+v, %v", s, err)
		}
		sales = append(sales, s)
	}
	untilPrinter(t, client, api.PrinterPaperOut)
	wantChecks(t, dir, map[string]agentd.Verdict{"printer " + link: agentd.Warn})
	paper.Refill()
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if !paper.Await(wait, func(s board.PrinterState) bool { return len(s.Slips) == len(sales) }) {
		t.Fatalf("%+v", paper.State())
	}
	job, err := client.Reprint(ctx, sales[0].ID)
	if err != nil || !job.Reprint || job.Sale != sales[0].ID {
		t.Fatalf("%+v, %v", job, err)
	}
	if !paper.Await(wait, func(s board.PrinterState) bool { return len(s.Slips) == len(sales)+1 }) {
		t.Fatalf("%+v", paper.State())
	}
	state := paper.State()
	for i, slip := range state.Slips {
		want := sales[i%len(sales)].ID
		if !strings.Contains(slip, want) || strings.Contains(slip, "REPRINT") != (i == len(sales)) || !strings.Contains(slip, "现金 Cash") {
			t.Errorf("slip %d is not of %s\n%s", i, want, slip)
		}
	}
	if state.Pulses == 0 || len(state.Complaints) != 0 {
		t.Errorf("%d pulses, %q", state.Pulses, state.Complaints)
	}
	if found, err := client.SaleOfReceipt(ctx, "00000003"); err != nil || found.ID != sales[2].ID {
		t.Errorf("%+v, %v", found, err)
	}
	waits, err := client.NewSale(ctx, api.NewSale{Amount: 1})
	if err != nil {
		t.Fatal(err)
	}
	for want, call := range map[string]func() error{
		"receipt.not_paid": func() error { _, err := client.Reprint(ctx, waits.ID); return err },
		"sale.unknown":     func() error { _, err := client.Reprint(ctx, "sale_none"); return err },
		"receipt.unknown":  func() error { _, err := client.SaleOfReceipt(ctx, "77"); return err },
	} {
		if err := call(); fault.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestATillWithoutAPrinter(t *testing.T) {
	dir := activated(t)
	client, _, stop := start(t, dir)
	defer stop()
	if status, err := client.Status(t.Context()); err != nil || status.Printer != nil {
		t.Errorf("%+v, %v", status, err)
	}
	if _, err := client.Reprint(t.Context(), "sale_1"); fault.CodeOf(err) != "printer.none" {
		t.Error(err)
	}
	sold, err := client.NewSale(t.Context(), api.NewSale{Amount: 1280, Tender: api.TenderCash})
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"1", "00000001", sold.ID} { // paper needs a printer, what it says does not
		if found, err := client.SaleOfReceipt(t.Context(), number); err != nil || found.ID != sold.ID {
			t.Errorf("%s: %+v, %v", number, found, err)
		}
	}
	for number, want := range map[string]string{"2": "receipt.unknown", "sale_01KB0000000000000000000000": "receipt.other_till", "x": "receipt.number",
		"0000000101": "receipt.other_till"} {
		if _, err := client.SaleOfReceipt(t.Context(), number); fault.CodeOf(err) != want {
			t.Errorf("%s: %v", number, err)
		}
	}
	wrong := agentd.Config{Dir: dir, Printer: agentd.Printer{Path: "p", Columns: 3}}
	if err := agentd.Run(t.Context(), wrong, world(os.Stderr)); fault.CodeOf(err) != "printer.columns" {
		t.Error(err)
	}
}
