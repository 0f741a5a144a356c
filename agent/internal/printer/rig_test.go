package printer_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudcashier/agent/internal/printer"
	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/serialline"
	"cloudcashier/agent/internal/store"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// TestMain lets the test binary be a driver in a process of its own, which can be killed.
func TestMain(m *testing.M) {
	if link := os.Getenv("BE_PRINTER_DRIVER"); link != "" {
		drive(link)
		return
	}
	goleak.VerifyTestMain(m)
}

// drive runs a driver on the journal beside the printer's link until it is killed.
func drive(link string) {
	journal, err := store.Open(filepath.Join(filepath.Dir(link), store.FileName), rand.Reader)
	if err != nil {
		panic(err)
	}
	p := printer.New(configOf(link), printer.Deps{Now: time.Now, Zone: time.UTC, Journal: journal, Claims: serialline.NewClaims(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})), Store: "sto_1", Terminal: "trm_1",
		Grown: func() {}, Changed: func(localapi.Printer) {}})
	p.Hurry(patience)
	panic(p.Run(context.Background()))
}

func configOf(link string) printer.Config {
	return printer.Config{Path: link, Baud: 115200, Copies: 1, Title: "兴隆小卖部"}
}

// patience is how long a test waits for what must come; only a failing test uses it up.
const patience = 20 * time.Second

// rig is a journal, a pretended printer, and a driver between them.
type rig struct {
	t      *testing.T
	link   string
	store  *store.Store
	board  *board.Printer
	log    *safeBuffer
	config printer.Config
	proof  time.Duration
	sales  int
	grown  func() // may be nil

	mu      sync.Mutex
	told    []localapi.Printer
	offset  time.Duration // of the driver's clock
	changed chan struct{}
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newRig(t *testing.T, o board.PrinterOptions) *rig {
	t.Helper()
	dir := t.TempDir()
	x := &rig{t: t, link: filepath.Join(dir, "printer0"), log: &safeBuffer{}, proof: patience, changed: make(chan struct{}, 1)}
	x.config = configOf(x.link)
	x.open()
	t.Cleanup(func() { _ = x.store.Close() })
	var err error
	if x.board, err = board.NewPrinter(x.link, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.board.Close() })
	return x
}

func (x *rig) open() {
	x.t.Helper()
	var err error
	if x.store, err = store.Open(filepath.Join(filepath.Dir(x.link), store.FileName), rand.Reader); err != nil {
		x.t.Fatal(err)
	}
}

func (x *rig) now() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return time.Now().Add(x.offset)
}

// run runs a driver until the returned function is called, which is like a kill: it writes nothing.
func (x *rig) run() (p *printer.Printer, kill func()) {
	x.t.Helper()
	p = printer.New(x.config, printer.Deps{Now: x.now, Zone: time.FixedZone("CST", 8*3600), Journal: x.store, Claims: serialline.NewClaims(),
		Log: slog.New(slog.NewTextHandler(x.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Store: "sto_1", Terminal: "trm_1",
		Grown: func() {
			if x.grown != nil {
				x.grown()
			}
		}, Changed: func(s localapi.Printer) {
			x.mu.Lock()
			x.told = append(x.told, s)
			x.mu.Unlock()
			select {
			case x.changed <- struct{}{}:
			default:
			}
		}})
	p.Hurry(x.proof)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	kill = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			x.t.Errorf("the driver ended: %v", err)
		}
	})
	x.t.Cleanup(kill)
	return p, kill
}

// until waits until the printer is as wanted.
func (x *rig) until(what string, wanted func(board.PrinterState) bool) board.PrinterState {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !x.board.Await(ctx, wanted) {
		x.t.Fatalf("never %s: %+v\n%s", what, x.board.State(), x.log)
	}
	return x.board.State()
}

func (x *rig) untilSlips(n int) board.PrinterState {
	x.t.Helper()
	return x.until(fmt.Sprintf("%d slips", n), func(s board.PrinterState) bool { return len(s.Slips) >= n })
}

// untilTold waits until the driver has said something about the printer.
func (x *rig) untilTold(what string, wanted func(localapi.Printer) bool) localapi.Printer {
	x.t.Helper()
	deadline := time.After(patience)
	for {
		x.mu.Lock()
		for i, s := range x.told {
			if wanted(s) {
				x.told = x.told[i+1:]
				x.mu.Unlock()
				return s
			}
		}
		x.mu.Unlock()
		select {
		case <-x.changed:
		case <-deadline:
			x.t.Fatalf("never told %s: %+v\n%s", what, x.told, x.log)
		}
	}
}

func (x *rig) untilState(state localapi.PrinterState) localapi.Printer {
	x.t.Helper()
	return x.untilTold(string(state), func(s localapi.Printer) bool { return s.State == state })
}

// untilIdle waits until nothing waits for the printer, and gives its slips' states.
func (x *rig) untilIdle() []printjob.Job {
	x.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		jobs := x.jobs()
		open := 0
		for _, j := range jobs {
			if j.State.Open() {
				open++
			}
		}
		if open == 0 {
			return jobs
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("slips stay open: %+v\n%s", jobs, x.log)
		}
		select {
		case <-x.changed:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// jobs are all slips of the journal.
func (x *rig) jobs() (list []printjob.Job) {
	x.t.Helper()
	err := x.store.View(func(tx *store.Tx) error {
		for seq := int64(1); ; seq++ {
			j, err := tx.Print(seq)
			if err != nil {
				return nil
			}
			list = append(list, j)
		}
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return list
}

// pay stores a sale that a wallet paid, in cash when cash is true, as the till does it.
func (x *rig) pay(cash bool) (saleID string) {
	x.t.Helper()
	x.sales++
	saleID = fmt.Sprintf("sale_01KB00000000000000000000%02d", x.sales)
	at := time.Now()
	err := x.store.Update(func(tx *store.Tx) error {
		if cash {
			_, err := tx.Insert(sale.Taken(saleID, saleID, "龙井茶", money.Fen(1280), localapi.TenderCash, at), at)
			return err
		}
		row, err := tx.Insert(sale.New(saleID, saleID, "龙井茶", money.Fen(1280), at), at)
		for _, n := range []sale.News{{Event: sale.Scan, Wallet: pay.WeChat},
			{Event: sale.Approved, PaymentID: "pay_" + saleID, Amount: 1280, WalletRef: "4200000000000000000000000001"}} {
			after, failed := sale.Default.Step(row.Sale, n, at)
			if failed != nil {
				return failed
			}
			if row, err = tx.Change(row, after, n.Event, at); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return saleID
}

func (x *rig) clean(s board.PrinterState) {
	x.t.Helper()
	if len(s.Complaints) > 0 {
		x.t.Errorf("the printer complains: %q", s.Complaints)
	}
}

func marked(slip string) bool { return strings.Contains(slip, "REPRINT") }

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// saleOf finds the sale that a receipt's barcode leads to.
func (x *rig) saleOf(bars string) (saleID string, err error) {
	n, err := receipt.ParseNumber(bars, "trm_1")
	if err == nil {
		err = x.store.View(func(tx *store.Tx) error {
			saleID, err = tx.SaleByNumber(n)
			return err
		})
	}
	return saleID, err
}
