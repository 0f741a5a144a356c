package printer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// events counts the events of a kind in the journal.
func (x *rig) events(kind string) (n int) {
	x.t.Helper()
	must(x.t, x.store.View(func(tx *store.Tx) error {
		list, err := tx.Records(0, 1<<20)
		for _, r := range list.Rows {
			if r.Kind == kind {
				n++
			}
		}
		return err
	}))
	return n
}

// TestATest: it is printed and marked, in no journal but for the drawer's pulse, and one that nobody waits
// for any more is not carried out when the printer is back.
func TestATest(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.config.Drawer = true
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	must(t, p.Test(t.Context()))
	s := x.until("a test slip", func(s board.PrinterState) bool { return len(s.Slips) == 1 })
	x.clean(s)
	for _, want := range []string{"测试 TEST", "不是付款凭证", "兴隆小卖部", "[QR TEST]", "00000000"} {
		if !strings.Contains(s.Slips[0], want) {
			t.Errorf("no %q on\n%s", want, s.Slips[0])
		}
	}
	if jobs := x.jobs(); len(jobs) != 0 || s.Pulses != 0 {
		t.Errorf("%+v, %d pulses", jobs, s.Pulses)
	}
	must(t, p.TestDrawer(t.Context()))
	x.until("a pulse", func(s board.PrinterState) bool { return s.Pulses == 1 && s.Open })
	if n := x.events("drawer.tested"); n != 1 {
		t.Errorf("%d events", n)
	}
	x.board.PaperAfter(0)
	x.untilState(localapi.PrinterPaperOut)
	if err := p.Test(t.Context()); fault.CodeOf(err) != "printer.not_ready" {
		t.Error(err)
	}
	must(t, p.TestDrawer(t.Context())) // it needs no paper
	x.until("a pulse without paper", func(s board.PrinterState) bool { return s.Pulses == 2 })
	x.pay(false) // a slip stops for paper, and the driver waits with it
	x.board.Refill()
	x.untilState(localapi.PrinterReady)
	x.board.PaperAfter(2)
	p.Look()
	x.untilState(localapi.PrinterPaperOut)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := p.TestDrawer(ctx); fault.CodeOf(err) != "printer.slow" {
		t.Error(err)
	}
	x.board.Refill()
	x.untilSlips(2)
	x.untilState(localapi.PrinterReady)
	must(t, p.Test(t.Context()))
	if s := x.untilSlips(3); s.Pulses != 2 {
		t.Errorf("a drawer opened that nobody waited for: %d pulses", s.Pulses)
	}
	x.untilIdle()
}

func TestNothingToTest(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	if err := p.TestDrawer(t.Context()); fault.CodeOf(err) != "drawer.none" {
		t.Error(err)
	}
	must(t, x.board.Unplug())
	x.untilState(localapi.PrinterAbsent)
	if err := p.Test(t.Context()); fault.CodeOf(err) != "printer.not_ready" {
		t.Error(err)
	}
}
