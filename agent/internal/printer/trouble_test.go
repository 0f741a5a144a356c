package printer_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/printer"
	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// slow is the wait for a proof that never comes.
const slow = 500 * time.Millisecond

// midPrint brings a receipt to the point where its paper ends in the middle.
func midPrint(t *testing.T, x *rig, p *printer.Printer) (saleID string) {
	t.Helper()
	x.untilState(localapi.PrinterReady)
	x.board.PaperAfter(6)
	saleID = x.pay(false)
	p.Look()
	x.until("out of paper", func(s board.PrinterState) bool { return s.PaperOut && s.Printed >= 6 })
	told := x.untilState(localapi.PrinterPaperOut)
	if !strings.Contains(told.Message, "no paper") || told.Waiting == 0 {
		t.Errorf("%+v", told)
	}
	return saleID
}

func one(t *testing.T, x *rig, state printjob.State, attempts int) {
	t.Helper()
	if jobs := x.untilIdle(); len(jobs) != 1 || jobs[0].State != state || jobs[0].Attempts != attempts || jobs[0].Marked != (attempts > 1) {
		t.Errorf("%+v\n%s", jobs, x.log)
	}
}

// TestPaperOutInMidPrint: the printer keeps the rest and finishes it; nothing is printed again.
func TestPaperOutInMidPrint(t *testing.T) {
	for _, cover := range []bool{false, true} {
		x := newRig(t, board.PrinterOptions{})
		p, _ := x.run()
		id := midPrint(t, x, p)
		if cover {
			x.board.Cover(true)
		}
		x.board.Refill()
		if cover {
			x.untilState(localapi.PrinterCoverOpen)
			x.board.Cover(false)
		}
		s := x.untilSlips(1)
		one(t, x, printjob.Done, 1)
		next := x.pay(false)
		p.Look()
		s = x.untilSlips(2)
		x.clean(s)
		if len(s.Slips) != 2 || !strings.Contains(s.Slips[0], id) || !strings.Contains(s.Slips[1], next) || marked(s.Slips[0]+s.Slips[1]) {
			t.Errorf("%s", s.Slips)
		}
		x.untilIdle()
	}
}

// TestThePowerFailsInMidPrint: nobody can know how much is on the paper, so it is finished once, marked.
func TestThePowerFailsInMidPrint(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	p, _ := x.run()
	id := midPrint(t, x, p)
	must(t, x.board.PowerCut())
	x.untilState(localapi.PrinterAbsent)
	x.board.Refill()
	must(t, x.board.Replug())
	s := x.untilSlips(2) // the half one, cut apart, and the whole
	x.clean(s)
	if strings.Contains(s.Slips[0], id) || marked(s.Slips[0]) || !strings.Contains(s.Slips[1], id) || !marked(s.Slips[1]) {
		t.Errorf("%s", s.Slips)
	}
	one(t, x, printjob.Done, 2)
}

// TestTheCableIsPulledInMidPrint: the printer finishes what it has, which is not all; nobody hears how far
// it came, so that the whole is printed once more, marked.
func TestTheCableIsPulledInMidPrint(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	p, _ := x.run()
	id := midPrint(t, x, p)
	must(t, x.board.Unplug())
	x.untilState(localapi.PrinterAbsent)
	x.board.Refill() // it goes on without us; nobody hears the echo
	x.until("done with its buffer", func(s board.PrinterState) bool { return s.Buffered == 0 })
	must(t, x.board.Replug())
	x.until("a reprint", func(s board.PrinterState) bool { return len(s.Slips) > 0 && marked(s.Slips[len(s.Slips)-1]) })
	one(t, x, printjob.Done, 2)
	whole := 0
	for _, slip := range x.board.State().Slips {
		if strings.Contains(slip, id) && !marked(slip) {
			whole++
		}
	}
	if whole > 1 {
		t.Errorf("two receipts without a mark\n%s", x.board.State().Slips)
	}
}

// TestKilledInMidPrint: the next start asks first. A printer that kept the receipt finishes it and says
// so; one that was switched off prints it again, marked.
func TestKilledInMidPrint(t *testing.T) {
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprintf("kept=%v", kept), func(t *testing.T) {
			x := newRig(t, board.PrinterOptions{})
			p, kill := x.run()
			x.board.Slow(time.Millisecond) // so that the whole slip is in its buffer when the paper ends
			id := midPrint(t, x, p)
			x.until("all of it", func(s board.PrinterState) bool { return strings.Contains(x.log.String(), "slip sent") })
			kill()
			if jobs := x.jobs(); len(jobs) != 1 || jobs[0].State != printjob.Printing {
				t.Fatalf("%+v", jobs)
			}
			if !kept {
				must(t, x.board.PowerCut(), x.board.Replug())
			}
			x.run()
			x.untilState(localapi.PrinterPaperOut)
			x.board.Refill()
			jobs := x.untilIdle()
			s := x.board.State()
			x.clean(s)
			if kept && (len(s.Slips) != 1 || marked(s.Slips[0]) || !strings.Contains(s.Slips[0], id) || jobs[0].State != printjob.Done) {
				t.Errorf("%+v\n%s", jobs, s.Slips)
			}
			if !kept && (len(s.Slips) != 2 || marked(s.Slips[0]) || !marked(s.Slips[1]) || jobs[0].State != printjob.Done) {
				t.Errorf("%+v\n%s", jobs, s.Slips)
			}
		})
	}
}

// TestKillMinus9InMidPrint: the same with a process that is really killed.
func TestKillMinus9InMidPrint(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	_, stop := x.run()
	x.untilState(localapi.PrinterReady) // the log is read from here on
	stop()
	id := x.pay(false)
	must(t, x.store.Close())
	x.board.Slow(time.Millisecond)
	x.board.PaperAfter(6)
	driver := exec.Command(os.Args[0])
	driver.Env, driver.Stderr = append(os.Environ(), "BE_PRINTER_DRIVER="+x.link), x.log
	must(t, driver.Start())
	x.until("all of it in the printer, half of it printed", func(s board.PrinterState) bool {
		return s.PaperOut && strings.Contains(x.log.String(), "slip sent")
	})
	must(t, driver.Process.Kill())
	_ = driver.Wait() // it was killed
	x.open()
	if jobs := x.jobs(); len(jobs) != 1 || jobs[0].State != printjob.Printing {
		t.Fatalf("%+v", jobs)
	}
	x.run()
	x.untilState(localapi.PrinterPaperOut)
	x.board.Refill()
	s := x.untilSlips(1)
	one(t, x, printjob.Done, 1)
	if !strings.Contains(s.Slips[0], id) || marked(s.Slips[0]) || len(x.board.State().Slips) != 1 {
		t.Errorf("%s", x.board.State().Slips)
	}
}

// TestBytesLostOnTheLine: the printer is well and says nothing about the end: in doubt, again, marked.
func TestBytesLostOnTheLine(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.proof = slow
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	x.pay(false)
	p.Look()
	x.untilSlips(1)
	x.untilIdle()               // the handshake is over
	x.board.DropBytes(700, 250) // to beyond its end, into the zeros of the next handshake
	id := x.pay(false)
	p.Look()
	x.until("a reprint", func(s board.PrinterState) bool { return len(s.Slips) > 1 && marked(s.Slips[len(s.Slips)-1]) })
	jobs := x.untilIdle()
	if len(jobs) != 2 || jobs[1].State != printjob.Done || jobs[1].Attempts != 2 {
		t.Errorf("%+v", jobs)
	}
	s := x.board.State()
	if last := s.Slips[len(s.Slips)-1]; !strings.Contains(last, id) || !strings.Contains(last, "[QR "+id+"]") {
		t.Errorf("%s", last)
	}
}

// TestAPrinterThatIsAlwaysCut gets three tries, not a roll of paper.
func TestAPrinterThatIsAlwaysCut(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	p, _ := x.run()
	for i := range printjob.MaxAttempts {
		if i == 0 {
			midPrint(t, x, p)
		} else {
			x.board.PaperAfter(6)
			must(t, x.board.Replug())
			x.until("out of paper again", func(s board.PrinterState) bool { return s.PaperOut })
			x.untilState(localapi.PrinterPaperOut)
		}
		must(t, x.board.PowerCut())
		x.untilState(localapi.PrinterAbsent)
		x.board.Refill()
	}
	one(t, x, printjob.Failed, printjob.MaxAttempts)
	if s := p.State(); s.Failed != 1 {
		t.Errorf("%+v", s)
	}
	must(t, x.board.Replug())
	if job, err := p.Reprint(x.jobs()[0].Sale); err != nil || !job.Reprint {
		t.Errorf("%+v, %v", job, err)
	}
	x.untilIdle()
}

// TestWhatNobodyWaitsForIsNotPrinted: the paper was out for long, the customers have left.
func TestWhatNobodyWaitsForIsNotPrinted(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.board.PaperAfter(0)
	p, _ := x.run()
	x.untilState(localapi.PrinterPaperOut)
	id := x.pay(false)
	p.Look()
	x.untilTold("one waits", func(s localapi.Printer) bool { return s.Waiting == 1 })
	x.mu.Lock()
	x.offset = printjob.Fresh + time.Minute
	x.mu.Unlock()
	asked, err := p.Reprint(id)
	if err != nil || !asked.Reprint {
		t.Fatalf("%+v, %v", asked, err)
	}
	x.board.Refill()
	jobs := x.untilIdle()
	if jobs[0].State != printjob.Dropped || jobs[1].State != printjob.Done || len(x.board.State().Slips) != 1 {
		t.Errorf("%+v", jobs)
	}
}

// TestAMistakeInHereDoesNotEndTheTill: a panic costs a turn of the driver, not the agent, and no slip.
func TestAMistakeInHereDoesNotEndTheTill(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	var once sync.Once
	x.grown = func() { once.Do(func() { panic("a mistake") }) }
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	x.pay(false)
	p.Look()
	x.untilSlips(1)
	one(t, x, printjob.Done, 1)
	if !strings.Contains(x.log.String(), "panicked") {
		t.Error("nobody was told")
	}
}

// TestTheQueueIsBounded: hundred payments without a printer leave a bounded pile, and all are paid.
func TestTheQueueIsBounded(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	must(t, x.board.Unplug())
	p, _ := x.run()
	x.untilTold("none there", func(s localapi.Printer) bool { return s.State == localapi.PrinterAbsent && s.Message != "" })
	var last string
	for range printer.MaxWaiting + 20 {
		last = x.pay(true)
		p.Look() // never waits for anybody
	}
	x.untilTold("a full pile", func(s localapi.Printer) bool { return s.Waiting == printer.MaxWaiting })
	if _, err := p.Reprint(last); fault.CodeOf(err) != "printer.busy" {
		t.Error(err)
	}
	if n := len(x.jobs()); n != printer.MaxWaiting {
		t.Errorf("%d slips", n)
	}
}

// TestAPrinterThatTakesNothing: no answer, no progress, and still nobody else waits.
func TestAPrinterThatTakesNothing(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	must(t, x.board.Unplug())
	deaf, err := board.NewScanner(filepath.Join(filepath.Dir(x.link), "deaf"), board.Options{}) // a line that nobody reads
	must(t, err)
	t.Cleanup(func() { _ = deaf.Close() })
	target, err := os.Readlink(filepath.Join(filepath.Dir(x.link), "deaf"))
	must(t, err, os.Symlink(target, x.link))
	p, _ := x.run()
	x.untilState(localapi.PrinterSilent)
	x.pay(true)
	p.Look()
	x.untilTold("one waits", func(s localapi.Printer) bool { return s.Waiting == 1 })
	if jobs := x.jobs(); jobs[0].State != printjob.Queued {
		t.Errorf("%+v", jobs)
	}
	must(t, os.Remove(x.link), x.board.Replug())
	x.untilSlips(1)
	one(t, x, printjob.Done, 1)
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []printer.Config{{Path: "["}, {Columns: 8}, {Columns: 200}, {Baud: -1}, {Copies: -1}, {Copies: 10}} {
		if fault.KindOf(c.Check()) != fault.Invalid {
			t.Errorf("%+v passes", c)
		}
	}
	if err := (printer.Config{Path: "/dev/usb/*", Columns: receipt.Columns58mm, Copies: 2}).Check(); err != nil {
		t.Error(err)
	}
}

func TestAnswers(t *testing.T) {
	id := printer.EchoID('A', 1234567)
	raw := append([]byte{0x12, 0x11, 0x37, 0x22}, id[:]...)  // a status, XON, an echo
	raw = append(raw, 0, 0x14, 0x00, 0x00, 0x0f, 0x0c, 0x16) // an unasked report, an answer in order, a status
	status, ordered, echoes := printer.Answers(raw)
	if string(status) != "\x12\x16" || ordered != 1 || len(echoes) != 1 || echoes[0] != id {
		t.Errorf("%x %d %v", status, ordered, echoes)
	}
	seen := map[[4]byte]bool{}
	for n := range int64(100_000) {
		id := printer.EchoID('B', n)
		if seen[id] {
			t.Fatalf("%d has another's echo", n)
		}
		seen[id] = true
		for _, b := range id {
			if b < 0x20 || b > 0x7e {
				t.Fatalf("%d: %x is not printable", n, id)
			}
		}
	}
}
