package till_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// count closes the open shift with a sum.
func (r *rig) closeShift(counted int64) localapi.Shift {
	r.Helper()
	z, err := r.till.CloseShift(localapi.CloseShift{Number: r.till.Status().Shift.Number, Counted: &counted})
	if err != nil {
		r.Fatal(err)
	}
	return z
}

func (r *rig) move(kind localapi.MovementKind, amount int64) {
	r.Helper()
	if _, _, err := r.till.MoveCash(localapi.NewMovement{Kind: kind, Amount: amount}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) openShift(float int64) localapi.Shift {
	r.Helper()
	s, _, err := r.till.NewShift(localapi.NewShift{Float: float})
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// lines writes the lines of a report down: what, its state, and the shift it began in.
func lines(list []localapi.ShiftLine) (text string) {
	for _, l := range list {
		text += fmt.Sprintf("%s %s %d from %d, ", l.Kind, l.State, l.Amount, l.Shift)
	}
	return text
}

// TestAShift follows two shifts: an unknown sale and a refund are carried over, and settle in the second.
func TestAShift(t *testing.T) {
	r := newRig(t)
	if s := r.openShift(20000); s.Number != 1 || !s.Blind || s.Expected != nil || s.ByItself || s.Float != 20000 {
		t.Fatalf("%+v", s)
	}
	cash := r.cash("C-1")
	sold := r.paid(1)
	r.refund(cash.ID, localapi.NewRefund{Amount: 80})
	queued := r.refund(sold.ID, localapi.NewRefund{Amount: 300})
	doubt := r.charging(2)
	r.hub(wire.KindResult, result(doubt.ID, pay.StatusUnknown))
	r.move(localapi.CashIn, 5000)
	r.move(localapi.CashOut, 700)
	r.move(localapi.CashDrop, 10000)
	const drawer = 20000 + 1280 - 80 + 5000 - 700 - 10000
	x, err := r.till.CurrentShift()
	if err != nil || !x.Blind || x.Expected != nil || len(x.Tenders) != 1 {
		t.Errorf("whoever counts is told %+v, %v", x, err)
	}
	if x, err = r.till.ReportShift(localapi.ReportShift{}); err != nil || x.Blind || *x.Expected != drawer || x.Closed {
		t.Errorf("%+v, %v", x, err)
	}
	if s := r.till.Status().Shift; s.Number != 1 || s.PendingLines != 2 || s.OpenedAt == nil {
		t.Errorf("%+v", s)
	}
	r.pass(time.Minute)
	z := r.closeShift(drawer - 50)
	want := []localapi.ShiftTender{{Tender: "cash", Count: 1, Gross: 1280, Refunds: 1, Refunded: 80, Net: 1200},
		{Tender: "wallet", Wallet: pay.WeChat, Count: 1, Gross: 1280, Net: 1280}}
	if z.Number != 1 || !z.Closed || *z.Expected != drawer || *z.Difference != -50 || !reflect.DeepEqual(z.Tenders, want) || z.FirstSale != 1 || z.LastSale != 3 {
		t.Errorf("%+v", z)
	}
	if got := lines(z.Pending); got != "refund queued 300 from 1, sale unknown 1280 from 1, " || z.PendingAmount != 1580 {
		t.Errorf("carries over %s", got)
	}
	r.crash()
	r.hub(wire.KindResult, result(doubt.ID, pay.StatusSucceeded))
	r.hub(wire.KindRefundResult, back(queued, pay.RefundSucceeded))
	again, err := r.till.Shift(1)
	if err != nil || !reflect.DeepEqual(again, z) {
		t.Errorf("a closed shift is %+v, was %+v, %v", again, z, err)
	}
	z = r.closeShift(0)
	want = []localapi.ShiftTender{{Tender: "wallet", Wallet: pay.WeChat, Count: 1, Gross: 1280, Refunds: 1, Refunded: 300, Net: 980}}
	if z.Number != 2 || !z.ByItself || *z.Expected != 0 || !reflect.DeepEqual(z.Tenders, want) || z.PendingCount != 0 || z.FirstSale != 0 {
		t.Errorf("%+v", z)
	}
	if got := lines(z.Carried); got != "sale paid 1280 from 1, refund succeeded 300 from 1, " {
		t.Errorf("settled %s", got)
	}
	list, err := r.till.Shifts(5)
	if err != nil || len(list) != 2 || list[0].Number != 2 || !reflect.DeepEqual(list[1], again) {
		t.Errorf("%+v, %v", list, err)
	}
	if got := r.events(""); got != "shift_opened cash_in cash_out cash_drop shift_closed shift_closed" {
		t.Error(got)
	}
}

// TestTheSameRequestAgain: an answer that was lost is given again, and nothing happens twice.
func TestTheSameShiftRequestAgain(t *testing.T) {
	r := newRig(t)
	first, second := r.openShift(100), r.openShift(100)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("%+v, %+v", first, second)
	}
	move := localapi.NewMovement{Kind: localapi.CashIn, Amount: 5, Why: "coins", No: "M-1"}
	one, fresh, err := r.till.MoveCash(move)
	again, refresh, err2 := r.till.MoveCash(move)
	if err != nil || err2 != nil || !fresh || refresh || one != again {
		t.Errorf("%+v %v %v, %+v %v %v", one, fresh, err, again, refresh, err2)
	}
	move.Amount = 6
	_, _, err = r.till.MoveCash(move)
	r.refused("another amount", err, "movement.other_content")
	counted := int64(90)
	end := localapi.CloseShift{Number: 1, Counted: &counted, Note: "n"}
	z, err := r.till.CloseShift(end)
	if err != nil || *z.Difference != -15 {
		t.Fatalf("%+v, %v", z, err)
	}
	r.crash()
	if same, err := r.till.CloseShift(end); err != nil || !reflect.DeepEqual(z, same) {
		t.Errorf("%+v, %v; was %+v", same, err, z)
	}
	counted++
	_, err = r.till.CloseShift(end)
	r.refused("counted again", err, "shift.closed")
	end.Number = 3
	_, err = r.till.CloseShift(end)
	r.refused("a shift that is not yet", err, "shift.number")
	end.Number = 0
	_, err = r.till.CloseShift(end)
	r.refused("no number", err, "shift.number")
	if s := r.till.Status().Shift; s.Number != 2 || s.OpenedAt != nil {
		t.Errorf("%+v", s)
	}
}

func TestWhatNoShiftTakes(t *testing.T) {
	r := newRig(t)
	sum, less, more := int64(5), int64(-1), int64(100_000_000_01)
	for name, n := range map[string]localapi.CloseShift{
		"no count": {Number: 1}, "two counts": {Number: 1, Counted: &sum, Denominations: []localapi.Denomination{{Value: 100, Count: 1}}},
		"less than nothing": {Number: 1, Counted: &less}, "too much": {Number: 1, Counted: &more},
	} {
		_, err := r.till.CloseShift(n)
		r.refused(name, err, "shift.counted")
	}
	_, err := r.till.CloseShift(localapi.CloseShift{Number: 1, Denominations: []localapi.Denomination{{Value: 100, Count: -1}}})
	r.refused("fewer than no coins", err, "shift.denomination")
	_, _, err = r.till.NewShift(localapi.NewShift{Float: -1})
	r.refused("float", err, "shift.float")
	_, _, err = r.till.MoveCash(localapi.NewMovement{Kind: "sideways", Amount: 1})
	r.refused("kind", err, "movement.kind")
	_, _, err = r.till.MoveCash(localapi.NewMovement{Kind: localapi.CashIn})
	r.refused("nothing", err, "money.not_positive")
	_, err = r.till.Shift(7)
	r.refused("a shift of the future", err, "shift.unknown")
	r.cash("C-1")
	_, _, err = r.till.NewShift(localapi.NewShift{Float: 100})
	r.refused("money was first", err, "shift.begun")
	r.closeShift(0)
	r.openShift(100)
	_, _, err = r.till.NewShift(localapi.NewShift{Float: 200})
	r.refused("another float", err, "shift.open")
	z, err := r.till.CloseShift(localapi.CloseShift{Number: 2, Denominations: []localapi.Denomination{{Value: 10000, Count: 3}, {Value: 10, Count: 7}}})
	if err != nil || *z.Counted != 30070 || len(z.Denominations) != 2 {
		t.Errorf("%+v, %v", z, err)
	}
	r.free = 1 << 20
	r.pass(time.Second)
	_, _, err = r.till.NewShift(localapi.NewShift{})
	r.refused("a full disk", err, "till.storage_full")
	r.closeShift(0) // but a shift that is open can be ended
}

// TestAHandOver: the end of one shift and the beginning of the next are one step.
func TestAHandOver(t *testing.T) {
	r := newRig(t)
	r.openShift(10000)
	r.cash("C-1")
	end := localapi.CloseShift{Number: 1, Denominations: []localapi.Denomination{{Value: 10000, Count: 1}, {Value: 10, Count: 127}}, HandOver: true, Drop: 5000}
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.till.CloseShift(end); err == nil {
		t.Fatal("closed on no disk")
	}
	r.start()
	z, err := r.till.CloseShift(end)
	if err != nil || *z.Counted != 6270 || *z.Expected != 6280 || *z.Difference != -10 || z.Dropped != 5000 || len(z.Movements) != 1 {
		t.Fatalf("%+v, %v", z, err)
	}
	r.crash()
	if again, err := r.till.CloseShift(end); err != nil || !reflect.DeepEqual(again, z) {
		t.Errorf("%+v, %v", again, err)
	}
	x, err := r.till.ReportShift(localapi.ReportShift{})
	if err != nil || x.Number != 2 || x.Float != 6270 || *x.Expected != 6270 || r.till.Status().Shift.OpenedAt == nil || x.ByItself {
		t.Errorf("%+v, %v", x, err)
	}
	if got := r.events(""); got != "shift_opened cash_drop shift_closed shift_opened" {
		t.Error(got)
	}
	end.Number, end.Drop = 2, 20000
	_, err = r.till.CloseShift(end)
	r.refused("more than was counted", err, "shift.drop")
	end.Drop, end.HandOver = 5, false
	_, err = r.till.CloseShift(end)
	r.refused("no hand-over", err, "shift.drop")
}

// TestP16TheShiftIsClosing: whenever the power fails, the number is used once and none is lost.
func TestP16TheShiftIsClosing(t *testing.T) {
	r := newRig(t)
	r.openShift(100)
	r.cash("C-1")
	counted := int64(1380)
	end := localapi.CloseShift{Number: 1, Counted: &counted}
	if err := r.journal.Close(); err != nil { // before the commit
		t.Fatal(err)
	}
	if _, err := r.till.CloseShift(end); err == nil {
		t.Fatal("closed on no disk")
	}
	for range 3 {
		r.start()
		if s := r.till.Status().Shift; s.Number != 1 || s.OpenedAt == nil {
			t.Fatalf("%+v", s)
		}
		if err := r.journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	z, err := r.till.CloseShift(end)
	if err != nil || z.Number != 1 || *z.Difference != 0 {
		t.Fatalf("%+v, %v", z, err)
	}
	for range 3 { // behind the commit, before the answer
		r.crash()
		if same, err := r.till.CloseShift(end); err != nil || !reflect.DeepEqual(same, z) {
			t.Fatalf("%+v, %v", same, err)
		}
		if s := r.till.Status().Shift; s.Number != 2 {
			t.Fatalf("%+v", s)
		}
	}
	if got := r.events(""); got != "shift_opened shift_closed" {
		t.Error(got)
	}
}
