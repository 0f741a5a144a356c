package printer_test

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/makiuchi-d/gozxing/qrcode"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/receipt"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// TestAReceipt: what lies in the tray shows the money and leads back to the sale, on both papers.
func TestAReceipt(t *testing.T) {
	for _, columns := range []int{receipt.Columns80mm, receipt.Columns58mm} {
		x := newRig(t, board.PrinterOptions{Columns: columns})
		x.config.Columns = columns
		p, _ := x.run()
		x.untilState(localapi.PrinterReady)
		id := x.pay(false)
		p.Look()
		s := x.untilSlips(1)
		x.clean(s)
		for _, want := range []string{"兴隆小卖部", "已付款 PAID", "￥12.80", "微信支付", "00000001", id} {
			if !strings.Contains(s.Slips[0], want) {
				t.Errorf("no %q on\n%s", want, s.Slips[0])
			}
		}
		if marked(s.Slips[0]) {
			t.Errorf("the first receipt says that it is another\n%s", s.Slips[0])
		}
		raw, err := x.board.PNG(0)
		must(t, err)
		picture, err := png.Decode(bytes.NewReader(raw))
		must(t, err)
		bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
		must(t, err)
		code, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		must(t, err)
		if code.GetText() != id {
			t.Errorf("the QR says %q", code.GetText())
		}
		bars, err := oned.NewCode128Reader().Decode(bitmap, map[gozxing.DecodeHintType]interface{}{gozxing.DecodeHintType_TRY_HARDER: true})
		must(t, err)
		if found, err := x.saleOf(bars.GetText()); err != nil || found != id {
			t.Errorf("the barcode %q leads to %q, %v", bars.GetText(), found, err)
		}
		if jobs := x.untilIdle(); len(jobs) != 1 || jobs[0].State != printjob.Done || jobs[0].Attempts != 1 {
			t.Errorf("%+v", jobs)
		}
	}
}

// TestWhatWasPaidBeforeThePrinter is not printed: the first time the log is not read back.
func TestWhatWasPaidBeforeThePrinter(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.pay(false)
	p, kill := x.run()
	x.untilState(localapi.PrinterReady)
	id := x.pay(true)
	p.Look()
	if s := x.untilSlips(1); !strings.Contains(s.Slips[0], id) {
		t.Errorf("%q", s.Slips)
	}
	kill()
	missed := x.pay(false) // while nothing runs
	x.run()
	if s := x.untilSlips(2); !strings.Contains(s.Slips[1], missed) || len(s.Slips) != 2 || marked(s.Slips[1]) {
		t.Errorf("%q", s.Slips)
	}
	if jobs := x.untilIdle(); len(jobs) != 2 {
		t.Errorf("%+v", jobs)
	}
}

func TestReprint(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.config.Copies = 0 // on request only
	p, _ := x.run()
	id := x.pay(false)
	p.Look()
	for i, want := range []bool{false, true, true} {
		job, err := p.Reprint(id)
		if err != nil || job.Reprint != want || job.Sale != id {
			t.Fatalf("%+v, %v", job, err)
		}
		s := x.untilSlips(i + 1)
		x.clean(s)
		if marked(s.Slips[i]) != want {
			t.Errorf("slip %d\n%s", i, s.Slips[i])
		}
	}
	x.untilIdle()
	if _, err := p.Reprint("sale_none"); fault.CodeOf(err) != "sale.unknown" {
		t.Error(err)
	}
}

func TestCopies(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.config.Copies = 2
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	x.pay(false)
	p.Look()
	s := x.untilSlips(2)
	if strings.Contains(s.Slips[0], "Copy") || !strings.Contains(s.Slips[1], "第 2 联 Copy 2") || marked(s.Slips[1]) {
		t.Errorf("%s", s.Slips)
	}
	x.untilIdle()
}

// TestSimplePrinters: a make without an echo is believed by the order of its answers.
func TestSimplePrinters(t *testing.T) {
	x := newRig(t, board.PrinterOptions{Mute: true})
	x.proof = slow
	p, _ := x.run()
	x.untilState(localapi.PrinterReady)
	x.pay(false)
	p.Look()
	x.clean(x.untilSlips(1))
	if jobs := x.untilIdle(); jobs[0].State != printjob.Done {
		t.Errorf("%+v", jobs)
	}
}

func TestTheDrawer(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.config.Drawer = true
	p, kill := x.run()
	x.untilState(localapi.PrinterReady)
	x.pay(false)
	p.Look()
	if s := x.untilSlips(1); s.Pulses != 0 {
		t.Error("a wallet's payment opened the drawer")
	}
	x.pay(true)
	p.Look()
	if s := x.untilSlips(2); s.Pulses != 1 {
		t.Errorf("%d pulses for cash", s.Pulses)
	}
	x.untilIdle()
	x.board.Cover(true)
	x.untilState(localapi.PrinterCoverOpen)
	x.pay(true) // the drawer needs no paper
	p.Look()
	x.until("a pulse without paper", func(s board.PrinterState) bool { return s.Pulses == 2 })
	kill()
	x.board.Cover(false)
	x.run()
	if s := x.untilSlips(3); s.Pulses != 2 {
		t.Errorf("a restart opened the drawer: %d pulses", s.Pulses)
	}
	x.untilIdle()
}

func TestNearEndIsToldAndPrinted(t *testing.T) {
	x := newRig(t, board.PrinterOptions{})
	x.board.NearEnd(true)
	p, _ := x.run()
	s := x.untilState(localapi.PrinterReady)
	if !s.NearEnd || !strings.Contains(s.Message, "about to end") {
		t.Errorf("%+v", s)
	}
	x.pay(false)
	p.Look()
	x.untilSlips(1)
	x.untilIdle()
}
