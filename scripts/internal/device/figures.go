package device

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// What DESIGN section 8 wants of an agent.
const (
	wantResident = 16 << 20
	wantBinary   = 12 << 20
	wantLinked   = 50 * time.Millisecond
	wantOver     = 2 * time.Millisecond  // from a scan to the line, over one sync
	wantScreen   = 50 * time.Millisecond // from a scan to the screen, over the wallet
	wantIdle     = 0.005                 // of one processor
)

// Agent says how much is measured.
type Agent struct {
	Starts, Scans, Screens int
	Idle                   time.Duration
}

// Figures are what came of it; times are sorted.
type Figures struct {
	Binary          int64
	Fresh, Used     Sample // once connected, and after all sales
	Linked          []time.Duration
	Idle            float64 // of one processor
	Published, Sync []time.Duration
	PerSale         time.Duration // processor
	WrittenPerSale  int64
	Shown           []time.Duration
	sales           int
}

// Run measures one till at a lab hub.
func (a Agent) Run(ctx context.Context, r *rig.Rig) (f Figures, err error) {
	f.Binary = size(r.Program("cashier-agent"))
	lab, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"))
	if err != nil {
		return f, err
	}
	b, err := newBoard(ctx, r, lab)
	if err != nil {
		return f, err
	}
	defer b.close()
	for i := range a.Starts {
		took, err := b.start(ctx)
		if err != nil {
			return f, err
		}
		f.Linked = append(f.Linked, took)
		if i < a.Starts-1 {
			if err := b.Agent.Stop(); err != nil {
				return f, err
			}
		}
	}
	if err := b.settle(ctx); err != nil {
		return f, err
	}
	if f.Fresh, err = b.look(); err != nil {
		return f, err
	}
	if f.Idle, err = a.idle(ctx, b); err != nil {
		return f, err
	}
	if err := a.scans(ctx, &f, b, lab); err != nil {
		return f, err
	}
	if err := a.screens(ctx, &f, b, lab); err != nil {
		return f, err
	}
	if f.Used, err = b.look(); err != nil {
		return f, err
	}
	for _, times := range [][]time.Duration{f.Linked, f.Published, f.Sync, f.Shown} {
		slices.Sort(times)
	}
	return f, nil
}

// idle measures a connected till that nobody uses.
func (a Agent) idle(ctx context.Context, b *board) (float64, error) {
	before, err := b.look()
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(a.Idle):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, err := b.look()
	return float64(after.Processor-before.Processor) / float64(a.Idle), err
}

// scans measures from the scanner's first byte to the first byte on the line to the hub.
func (a Agent) scans(ctx context.Context, f *Figures, b *board, lab *rig.Lab) error {
	raw, err := os.Create(filepath.Join(b.rig.Dir, "raw"))
	if err != nil {
		return err
	}
	defer raw.Close()
	page := make([]byte, 4<<10)
	before, err := b.look()
	if err != nil {
		return err
	}
	for i := range a.Scans {
		code, err := lab.Code(ctx, pay.WeChat, "00")
		if err != nil {
			return err
		}
		sale, err := b.Client.NewSale(ctx, localapi.NewSale{Amount: int64(100 + i)})
		if err != nil {
			return err
		}
		if err := b.settle(ctx); err != nil {
			return err
		}
		began := time.Now()
		if _, err := raw.Write(page); err != nil {
			return err
		}
		if err := syscall.Fdatasync(int(raw.Fd())); err != nil {
			return err
		}
		f.Sync = append(f.Sync, time.Since(began))
		sent := b.tap.next()
		at, err := b.scan(code)
		if err != nil {
			return err
		}
		select {
		case seen := <-sent:
			f.Published = append(f.Published, seen.Sub(at))
		case <-ctx.Done():
			return fmt.Errorf("a scan that never left the till: %w", ctx.Err())
		}
		if _, err := b.AwaitSale(ctx, sale.ID, "the sale is paid", func(s localapi.Sale) bool { return s.Outcome == pay.Paid }); err != nil {
			return err
		}
	}
	after, err := b.look()
	f.sales = a.Scans
	f.PerSale, f.WrittenPerSale = (after.Processor-before.Processor)/time.Duration(a.Scans), (after.Written-before.Written)/int64(a.Scans)
	return err
}

// screens measures from the scanner's first byte to the word on the cashier's screen.
func (a Agent) screens(ctx context.Context, f *Figures, b *board, lab *rig.Lab) error {
	s, err := openScreen(b.rig.Program("cashier-tui"), b.Data)
	if err != nil {
		return err
	}
	defer s.close()
	for i := range a.Screens {
		if err := s.next(ctx); err != nil {
			return err
		}
		if err := s.keys(fmt.Sprintf("%d.50\r", 10+i)); err != nil {
			return err
		}
		if _, err := s.await(ctx, "SCAN"); err != nil {
			return err
		}
		code, err := lab.Code(ctx, pay.Alipay, "00")
		if err != nil {
			return err
		}
		s.forget()
		at, err := b.scan(code)
		if err != nil {
			return err
		}
		seen, err := s.await(ctx, "PAID")
		if err != nil {
			return err
		}
		f.Shown = append(f.Shown, seen.Sub(at))
	}
	return nil
}

// Table holds each figure against what is wanted.
func (f Figures) Table() []load.Row {
	us := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }
	sync := quantile(f.Sync, 50)
	memory := func(s Sample) string {
		return fmt.Sprintf("%s: %s its own, %s of files", mib(s.Resident), mib(s.Anonymous), mib(s.File))
	}
	published, shown, linked := quantile(f.Published, 99), quantile(f.Shown, 99), quantile(f.Linked, 50)
	return []load.Row{
		{What: "binary", Figure: mib(f.Binary), Limit: "<= " + mib(wantBinary), Missed: f.Binary > wantBinary},
		{What: "resident once connected", Figure: memory(f.Fresh), Limit: "<= " + mib(wantResident), Missed: f.Fresh.Resident > wantResident},
		{What: fmt.Sprintf("resident after %d sales", f.sales+len(f.Shown)), Figure: memory(f.Used), Limit: "<= " + mib(wantResident), Missed: f.Used.Resident > wantResident},
		{What: "threads, open files", Figure: fmt.Sprintf("%d, %d", f.Used.Threads, f.Used.Files)},
		{What: "processor time at rest", Figure: fmt.Sprintf("%.2f %% of one", f.Idle*100), Limit: fmt.Sprintf("<= %.1f %%", wantIdle*100), Missed: f.Idle > wantIdle},
		{What: "start to connected, p50", Figure: us(linked), Limit: "<= " + us(wantLinked), Missed: linked > wantLinked},
		{What: "a raw 4 KiB fdatasync, p50 and p99", Figure: us(sync) + ", " + us(quantile(f.Sync, 99))},
		{What: "scan to published bytes, p50", Figure: us(quantile(f.Published, 50))},
		{What: "scan to published bytes, p99", Figure: us(published), Limit: fmt.Sprintf("<= one sync (p50) + %s", us(wantOver)), Missed: published > sync+wantOver},
		{What: "scan to PAID on the screen, p50", Figure: us(quantile(f.Shown, 50))},
		{What: "scan to PAID on the screen, p99", Figure: us(shown), Limit: fmt.Sprintf("<= %s, the wallet's time with it", us(wantScreen)), Missed: shown > wantScreen},
		{What: "processor time a sale", Figure: us(f.PerSale), Limit: "entered, scanned, paid, copied to the hub"},
		{What: "written to the disk a sale", Figure: fmt.Sprintf("%.1f KiB", float64(f.WrittenPerSale)/1024)},
	}
}
