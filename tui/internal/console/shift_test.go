package console_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

// shiftBook is what the pretended agent knows of shifts. It obeys the agent's rule: a shift is closed once.
type shiftBook struct {
	now    localapi.Shift
	closed []localapi.Shift // newest first
}

// ask notes a question and says whether it is answered.
func (a *agent) ask(format string, args ...any) error {
	a.asked = append(a.asked, fmt.Sprintf(format, args...))
	if a.gone {
		return errDial
	}
	return a.refuse
}

// answer loses an answer when that is wanted.
func (a *agent) answer() error {
	err := a.lose
	a.lose = nil
	return err
}

func (a *agent) current() localapi.Shift {
	x := a.shift.now
	if x.Number == 0 {
		x.Number = 1
	}
	x.PendingCount, x.PendingAmount = len(x.Pending), 0
	for _, l := range x.Pending {
		x.PendingAmount += l.Amount
	}
	drawer := x.Float + x.PaidIn - x.PaidOut - x.Dropped
	for _, one := range x.Tenders {
		if one.Tender == localapi.TenderCash {
			drawer += one.Net
		}
	}
	x.Expected = &drawer
	return x
}

func (a *agent) Shift(context.Context, string) (localapi.Shift, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return localapi.Shift{}, errDial
	}
	x := a.current()
	x.Blind, x.Expected = true, nil
	if len(x.Tenders) > 0 {
		x.Tenders = x.Tenders[1:] // cash
	}
	return x, nil
}

func (a *agent) ReportShift(context.Context, localapi.ReportShift) (localapi.Shift, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current(), a.refuse
}

func (a *agent) Shifts(context.Context, int) ([]localapi.Shift, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.shift.closed, nil
}

func (a *agent) OpenShift(_ context.Context, n localapi.NewShift) (localapi.Shift, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ask("open %d", n.Float); err != nil {
		return localapi.Shift{}, err
	}
	at := time.Now()
	a.shift.now.Float, a.shift.now.OpenedAt = n.Float, &at
	return a.current(), nil
}

func (a *agent) MoveCash(_ context.Context, n localapi.NewMovement) (localapi.CashMovement, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ask("%s %d %s %s", n.Kind, n.Amount, n.No, n.Why); err != nil {
		return localapi.CashMovement{}, err
	}
	return localapi.CashMovement{No: n.No, Kind: n.Kind, Amount: n.Amount}, a.answer()
}

func (a *agent) CloseShift(_ context.Context, n localapi.CloseShift) (localapi.Shift, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	counted := int64(0)
	if n.Counted != nil {
		counted = *n.Counted
	}
	for _, d := range n.Denominations {
		counted += d.Value * d.Count
	}
	if err := a.ask("close %d with %d in %d lines, hand over %t drop %d", n.Number, counted, len(n.Denominations), n.HandOver, n.Drop); err != nil {
		return localapi.Shift{}, err
	}
	if x := a.current(); x.Number == n.Number {
		a.shift.now.Dropped += n.Drop
		z, at := a.current(), time.Now()
		if z.OpenedAt == nil {
			z.OpenedAt = &at
		}
		counted -= n.Drop
		difference := counted - *z.Expected
		z.Closed, z.ClosedAt, z.Counted, z.Difference = true, &at, &counted, &difference
		a.shift.closed = append([]localapi.Shift{z}, a.shift.closed...)
		a.shift.now = localapi.Shift{Number: n.Number + 1, Pending: z.Pending}
		if n.HandOver {
			a.shift.now.Float, a.shift.now.OpenedAt = counted, &at
		}
	}
	return a.shift.closed[0], a.answer()
}

func (a *agent) PrintShift(_ context.Context, number string) (localapi.PrintJob, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return localapi.PrintJob{}, a.ask("print shift %s", number)
}

func TestReportsOnPaper(t *testing.T) {
	play(t, words.EN, func(a *agent) { busyShift(a); a.status.Printer = &localapi.Printer{State: localapi.PrinterReady} }, func(r *rig) {
		r.pass(6 * time.Second)
		inShift("p", "c", "tab", "5", "enter", "y")(r)
		r.sees("P print")
		r.keys("p")
		r.asked("print shift current", "close 3 with 500 in 0 lines, hand over false drop 0", "print shift 3")
		r.agent.refuse = fault.New(fault.Unavailable, "printer.busy", "50 slips wait")
		r.keys("p")
		r.sees("Not done: 50 slips wait")
	})
}

func TestAShiftFromOpenToZ(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.send(console.Resize(80, 24))
		inShift()(r)
		r.sees("SHIFT 1, OPEN", "Nothing has happened", "O open")
		r.keys("o", "2", "0", "0", "enter")
		r.asked("open 20000")
		r.sees("Float", "200.00")
		r.lacks("O open")
		r.keys("o")
		r.sees("The shift is open already")
		r.keys("i", "5", "0", "enter", "c", "o", "i", "n", "enter")
		r.sees("Noted: ¥50.00")
		r.keys("d", "1", "0", "0", "enter")
		r.asked("open 20000", "in 5000 ORDER0000001 coin", "drop 10000 ORDER0000002 ")
		r.keys("c", "1", "enter", "2", "esc") // half-way: nothing is closed, and the count is there
		r.sees("SHIFT 1, OPEN")
		r.keys("c")
		r.sees("100.00 x 1", "50.00 x 2_", "¥200.00")
		for range 7 {
			r.keys("enter")
		}
		r.sees("Close shift 1?", "Counted: ¥200.00")
		r.keys("enter") // the safe answer
		r.sees("SHIFT 1, OPEN")
		r.asked("open 20000", "in 5000 ORDER0000001 coin", "drop 10000 ORDER0000002 ")
		r.keys("c", "up", "enter", "enter", "y")
		r.sees("Z REPORT, SHIFT 1", "Should be there", "Difference", "¥0.00")
		r.keys("esc")
		r.sees("SHIFT 2, OPEN")
		r.keys("z", "enter")
		r.sees("Z REPORT, SHIFT 1")
		r.keys("esc", "esc", "esc")
		r.sees("AMOUNT (yuan)")
	})
}

// TestTheCashIsCountedBlind: no screen before the count tells what should be there.
func TestTheCashIsCountedBlind(t *testing.T) {
	play(t, words.EN, busyShift, func(r *rig) {
		inShift()(r)
		r.sees("WeChat x21", "The cash is told once it is counted.", "Open: 2, ¥50.21")
		r.lacks("265.20", "22.20", "Should be there")
		r.keys("c")
		r.lacks("265.20", "22.20")
		r.keys("tab", "2", "6", "5", "enter")
		r.lacks("265.20", "22.20")
		r.keys("y")
		r.sees("Should be there", "265.20", "-0.20", "Carried over: 2 open, ¥50.21", "sale DOUBT1 unknown", "from shift 2")
	})
}

// TestALostAnswerToAClose: asked again it is the same count for the same shift, which closes once.
func TestALostAnswerToAClose(t *testing.T) {
	const asked = "close 3 with 26520 in 0 lines, hand over true drop 20000"
	for _, obeyed := range []bool{true, false} {
		play(t, words.EN, busyShift, func(r *rig) {
			if r.agent.refuse = errLost; obeyed {
				r.agent.refuse, r.agent.lose = nil, errLost
			}
			inShift("h", "tab", "2", "6", "5", ".", "2", "enter", "2", "0", "0", "enter")(r)
			r.sees("to the safe: ¥200.00", "begins with ¥65.20")
			r.keys("y")
			r.sees("closes once")
			r.agent.refuse = nil
			r.pass(6 * time.Second) // a look in between changes nothing
			r.keys("h")
			r.asked(asked, asked)
			r.sees("Z REPORT, SHIFT 3", "¥0.00")
			if len(r.agent.shift.closed) != 1 || r.agent.shift.now.Float != 6520 {
				t.Errorf("obeyed %t: %d shifts closed, the next begins with %d", obeyed, len(r.agent.shift.closed), r.agent.shift.now.Float)
			}
		})
	}
	play(t, words.EN, busyShift, func(r *rig) {
		inShift("c", "tab", "5", "enter")(r)
		r.agent.gone = true
		r.keys("y")
		r.sees("nothing was closed")
		r.agent.gone = false
		r.keys("c")
		r.sees("Z REPORT, SHIFT 3")
	})
	play(t, words.EN, busyShift, func(r *rig) {
		inShift("c", "tab", "5", "enter")(r)
		r.agent.refuse = fault.New(fault.Conflict, "shift.number", "the open shift is 4")
		r.keys("y")
		r.sees("Not done: the open shift is 4")
	})
}

// TestALostAnswerToCash: asked again it is the same movement.
func TestALostAnswerToCash(t *testing.T) {
	play(t, words.EN, busyShift, func(r *rig) {
		r.agent.lose = errLost
		inShift("u", "7", "enter", "t", "e", "a", "enter")(r)
		r.sees("notes it once")
		r.keys("u", "y")
		r.asked("out 700 ORDER0000001 tea", "out 700 ORDER0000001 tea")
		r.sees("Noted: ¥7.00")
		r.keys("d", "x")
		r.keys("0", "enter")
		r.sees("This is no amount")
	})
}

// TestAScanInTheCount: a customer's code never becomes a number of notes.
func TestAScanInTheCount(t *testing.T) {
	play(t, words.EN, busyShift, func(r *rig) {
		inShift("c")(r)
		r.wedge(wechatCode)
		r.lacks("1345")
		r.keys("enter")
		r.sees("COUNT THE DRAWER")
		r.asked()
	})
}
