package console_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

// crew is the agent's part about people: PINs are the last digit of the ID four times over and 1.
type crew struct {
	people   []localapi.Listed
	required bool
	expires  *time.Time
}

func (a *agent) operators() localapi.Operators {
	return localapi.Operators{Operators: append([]localapi.Listed{}, a.people...), OnDuty: a.status.Operator, Required: a.required, ExpiresAt: a.expires}
}

func (a *agent) Operators(context.Context) (localapi.Operators, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return localapi.Operators{}, errDial
	}
	return a.operators(), nil
}

func pinFor(id string) string { return strings.Repeat(id[len(id)-1:], 4) + "1" }

// prove is the agent's look at a PIN.
func (a *agent) prove(id, pin string) (localapi.Operator, error) {
	for i := range a.people {
		x := &a.people[i]
		switch {
		case x.ID != id:
		case x.LockedUntil != nil:
			return x.Operator, fault.New(fault.Denied, "operator.locked", "locked")
		case pin == pinFor(id):
			x.TriesLeft = 5
			return x.Operator, nil
		default:
			if x.TriesLeft--; x.TriesLeft == 0 {
				until := time.Now().Add(time.Minute)
				x.LockedUntil = &until
				return x.Operator, fault.New(fault.Denied, "operator.locked", "locked")
			}
			return x.Operator, fault.New(fault.Denied, "operator.pin", "wrong PIN")
		}
	}
	return localapi.Operator{}, fault.New(fault.NotFound, "operator.unknown", "unknown")
}

func (a *agent) SignOn(_ context.Context, n localapi.SignOn) (localapi.Operators, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, "sign on "+n.Operator)
	if a.gone {
		return localapi.Operators{}, errDial
	}
	o, err := a.prove(n.Operator, n.PIN)
	if err != nil {
		return localapi.Operators{}, err
	}
	a.status.Operator = &o
	return a.operators(), nil
}

func (a *agent) SignOff(context.Context) (localapi.Operators, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, "sign off")
	if a.gone {
		return localapi.Operators{}, errDial
	}
	a.status.Operator = nil
	return a.operators(), nil
}

func (a *agent) Void(ctx context.Context, saleID string, n localapi.NewVoid) (localapi.Refund, error) {
	a.mu.Lock()
	a.asked = append(a.asked, "void")
	amount := int64(0)
	for _, s := range a.list {
		if s.ID == saleID {
			amount = s.Amount
		}
	}
	a.mu.Unlock()
	return a.NewRefund(ctx, saleID, localapi.NewRefund{Amount: amount, RefundNo: n.RefundNo, Reason: n.Reason, Approval: n.Approval})
}

// extras is what goes with a refund, without the PIN.
func (a *agent) extras(reason string, by *localapi.Approval) (s string) {
	if reason != "" {
		s += fmt.Sprintf(" %q", reason)
	}
	if by != nil {
		s += " by " + by.Operator
	}
	return s
}

// stands is the agent's law: within the own limit, or with a supervisor's PIN.
func (a *agent) stands(amount int64, by *localapi.Approval) error {
	if by != nil {
		_, err := a.prove(by.Operator, by.PIN)
		return err
	}
	if o := a.status.Operator; o != nil && amount > o.Refund {
		return fault.New(fault.Denied, "operator.limit", "above the limit")
	}
	return nil
}

// manned is a till of a cashier and two supervisors, with the cashier on duty.
func manned(a *agent) {
	history(a)
	expires := time.Now().Add(20 * time.Hour)
	a.expires = &expires
	a.people = []localapi.Listed{
		{Operator: localapi.Operator{ID: "opr_1", Name: "小李", Role: localapi.RoleCashier, Refund: 5000}, TriesLeft: 5},
		{Operator: localapi.Operator{ID: "opr_2", Name: "王店长", Role: localapi.RoleSupervisor, Refund: 500000}, TriesLeft: 5},
		{Operator: localapi.Operator{ID: "opr_3", Name: "Alexandra Lee", Role: localapi.RoleSupervisor, Refund: 100000}, TriesLeft: 5}}
	one := a.people[0].Operator
	a.status.Operator = &one
}

func unmanned(a *agent) {
	manned(a)
	a.status.Operator, a.required = nil, true
}

func TestSigningOnAndOff(t *testing.T) {
	play(t, words.EN, unmanned, func(r *rig) {
		r.send(console.Resize(80, 24))
		r.keys("f11")
		r.sees("Nobody is on duty.", "This shop sells with an operator on duty only.", "1 小李", "refunds up to ¥50.00")
		r.keys("1", "1", "1", "1", "1")
		r.sees("PIN of 小李", "> ****_")
		r.lacks("1111")
		r.keys("1", "enter")
		r.sees("On duty: 小李", "小李 is on duty.", "on duty 小李")
		r.send(console.Resize(160, 50))
		r.sees("F11 sign off")
		r.keys("esc")
		r.sees("AMOUNT (yuan)", "on duty 小李")
		r.keys("f11") // one key, from wherever
		r.sees("Nobody is on duty.", "Signed off.")
		r.lacks("on duty 小李")
		r.keys("down", "enter", "2", "esc") // away without an answer
		r.asked("sign on opr_1", "sign off")
	})
}

func TestWrongPINsSayHowManyAreLeft(t *testing.T) {
	play(t, words.EN, unmanned, func(r *rig) {
		r.keys("f11", "2", "9", "9", "9", "9", "enter")
		r.sees("Wrong PIN of 王店长: 4 more tries.")
		for range 4 {
			r.keys("2", "9", "9", "9", "9", "enter")
		}
		r.sees("Too many wrong PINs: 王店长 is locked until 08:0", "LOCKED until")
		r.keys("2") // no prompt any more
		r.lacks("PIN of 王店长")
		r.keys("1")
		r.sees("PIN of 小李")
	})
}

func TestASaleThatNeedsSomebodyOnDuty(t *testing.T) {
	play(t, words.EN, unmanned, func(r *rig) {
		r.agent.refuse = fault.New(fault.Denied, "operator.required", "an operator has to sign on")
		r.amount("5")
		r.keys("enter")
		r.sees("Nobody is on duty: sign on first")
	})
}

func TestARefundAboveTheLimit(t *testing.T) {
	play(t, words.EN, manned, func(r *rig) {
		r.send(console.Resize(80, 24))
		r.keys("f3", "down", "down", "f7", "y")
		r.sees("Who approves the refund of ¥123.40?", "a supervisor's PIN is needed", "1 王店长", "2 Alexandra")
		r.lacks("cashier ")
		r.keys("1", "9", "9", "9", "9", "enter")
		r.sees("Wrong PIN of 王店长: 4 more tries.", "Who approves")
		r.keys("1", "2", "2", "2", "2", "1", "enter")
		r.pass(6 * time.Second)
		r.sees("queued, not refunded yet")
		// The same number throughout: whatever got lost, it goes back once.
		r.asked("refund old_09 12340 ORDER0000001", "refund old_09 12340 ORDER0000001 by opr_2", "refund old_09 12340 ORDER0000001 by opr_2")
	})
	play(t, words.EN, manned, func(r *rig) {
		r.keys("f3", "down", "down", "f7", "y", "esc")
		r.sees("Not refunded: nobody approved it.")
		r.keys("f7", "p", "5", "0", "enter", "y") // within the limit
		r.pass(time.Second)
		r.sees("Refund of ¥50.00: queued")
		r.asked("refund old_09 12340 ORDER0000001", "refund old_09 5000 ORDER0000001") // nothing stood under the number
	})
}

func TestALockedSupervisorCannotBeChosen(t *testing.T) {
	play(t, words.EN, manned, func(r *rig) {
		r.keys("f3", "down", "down", "f7", "y")
		for range 5 {
			r.keys("1", "9", "9", "9", "9", "enter")
		}
		r.sees("Too many wrong PINs: 王店长 is locked until", "LOCKED until")
		r.keys("1")
		r.sees("Who approves")
		r.keys("2", "3", "3", "3", "3", "1", "enter")
		r.pass(time.Second)
		r.sees("queued, not refunded yet")
	})
}

func TestPartReasonAndVoid(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.keys("f3", "down", "down", "f7", "p", "2", "0", "0", "enter") // more than there is
		r.sees("that is no amount between 0.01 and ¥123.40")
		r.asked()
		r.keys("f7", "r", "c", "o", "l", "d", "enter")
		r.sees("Reason: cold.")
		r.keys("p", "2", ".", "5", "enter")
		r.sees("Refund ¥2.50", "Reason: cold.")
		r.keys("y")
		r.asked(`refund old_09 250 ORDER0000001 "cold"`)
	})
	play(t, words.EN, history, func(r *rig) {
		r.keys("f3", "down", "down", "f7")
		r.sees("void the whole sale")
		r.keys("v")
		r.asked("void", "refund old_09 12340 ORDER0000001")
	})
}

// A void that nobody approved leaves nothing behind in the next refund of the sale.
func TestAVoidThatNobodyApproved(t *testing.T) {
	play(t, words.EN, manned, func(r *rig) {
		r.keys("f3", "down", "down", "f7", "v", "esc", "f7", "p", "4", "0", "enter", "y")
		r.asked("void", "refund old_09 12340 ORDER0000001", "refund old_09 4000 ORDER0000001")
	})
}

// A refund whose answer was lost is asked again as it was, not with another amount.
func TestWhatWasSentDoesNotChange(t *testing.T) {
	play(t, words.EN, manned, func(r *rig) {
		r.agent.lose = errLost
		r.keys("f3", "down", "down", "f7", "p", "4", "0", "enter", "y")
		r.keys("f7")
		r.sees("Refund ¥40.00")
		r.lacks("another amount", "void")
		r.keys("y")
		r.asked("refund old_09 4000 ORDER0000001", "refund old_09 4000 ORDER0000001")
		if len(r.agent.refunds) != 1 {
			t.Errorf("%d refunds", len(r.agent.refunds))
		}
	})
}
