package printer_test

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/store"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/shift"
)

// closeShift ends the open shift with 5.00 counted.
func (x *rig) closeShift() {
	x.t.Helper()
	must(x.t, x.store.Update(func(tx *store.Tx) error {
		tally := &shift.Tally{}
		last, ok, err := tx.LastClosed()
		if err != nil {
			return err
		}
		if ok {
			tally = shift.After(last.Report, last.ClosedSeq)
		}
		if err := tx.Entries(tally.Through(), tally.Add); err != nil {
			return err
		}
		return tx.CloseShift(tally.Close(shift.Closing{At: time.UnixMilli(x.now().UnixMilli()).UTC(), Counted: 500}))
	}))
}

// TestTheReportOfAShift: a Z is printed by itself, once, and every other one says that it is a reprint.
func TestTheReportOfAShift(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	p, kill := x.run()
	x.untilState(localapi.PrinterReady)
	x.pay(true) // cash
	p.Look()
	x.untilSlips(1)
	if job, err := p.PrintShift(1); err != nil || job.Shift != 1 || job.Sale != "" || job.Reprint {
		t.Fatalf("%+v, %v", job, err)
	}
	s := x.untilSlips(2)
	x.clean(s)
	if !strings.Contains(s.Slips[1], "X REPORT") || strings.Contains(s.Slips[1], "12.80") || strings.Contains(s.Slips[1], "Signature") || marked(s.Slips[1]) {
		t.Errorf("the X is\n%s", s.Slips[1])
	}
	x.closeShift()
	p.Look()
	s = x.untilSlips(3)
	x.clean(s)
	for _, want := range []string{"Z REPORT", "现金 Cash x1", "12.80", "实点现金 Counted", "￥5.00", "￥-7.80", "签字 Signature"} {
		if !strings.Contains(s.Slips[2], want) {
			t.Errorf("no %q on\n%s", want, s.Slips[2])
		}
	}
	if marked(s.Slips[2]) {
		t.Errorf("the first Z says that it is another\n%s", s.Slips[2])
	}
	if job, err := p.PrintShift(1); err != nil || !job.Reprint {
		t.Fatalf("%+v, %v", job, err)
	}
	if s = x.untilSlips(4); !marked(s.Slips[3]) || !strings.Contains(s.Slips[3], "Z REPORT") {
		t.Errorf("%s", s.Slips[3])
	}
	if _, err := p.PrintShift(7); fault.CodeOf(err) != "shift.unknown" {
		t.Error(err)
	}
	kill()
	x.closeShift() // while nothing runs
	x.run()
	if s = x.untilSlips(5); !strings.Contains(s.Slips[4], "Z REPORT") || marked(s.Slips[4]) {
		t.Errorf("%s", s.Slips[4])
	}
	x.untilIdle()
}

// TestAnXOfAShiftThatEnded is no Z: it is dropped, and the Z is printed.
func TestAnXOfAShiftThatEnded(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	x.board.PaperAfter(0)
	x.untilState(localapi.PrinterPaperOut)
	if _, err := p.PrintShift(1); err != nil {
		t.Fatal(err)
	}
	x.closeShift()
	p.Look()
	x.board.Refill()
	s := x.untilSlips(1)
	if !strings.Contains(s.Slips[0], "Z REPORT") || marked(s.Slips[0]) || len(s.Slips) != 1 {
		t.Errorf("%q", s.Slips)
	}
	jobs := x.untilIdle()
	if len(jobs) != 2 || jobs[0].State != printjob.Dropped || jobs[1].State != printjob.Done {
		t.Errorf("%+v", jobs)
	}
}
