// Package duty decides who may do what at one till: sell, give money back, stand for another, try a PIN.
//
//	list of operators   a sale                    a refund without an approval                     with one
//	none                as ever                   as ever                                          nobody is known
//	fresh               required: with somebody   the operator on duty within the limit;           a supervisor within
//	                    on duty, else refused     nobody: as ever, or refused when required        their own limit
//	expired, broken     as ever: selling goes on  nobody on duty and not required: as ever         refused
//	                                              (broken: refused); else refused
//
// "As ever" trusts whoever may open the till's socket: the shop's own software. A limit counts what one person stood
// for in all refunds of a sale, so that it cannot be split.
//
// It is arithmetic on values: it sees no PIN, no clock and no storage. Newcomers get one thing wrong: whether a repeated
// request is the same refund is asked before this law; a refund that exists needs nobody's word again.
package duty

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// List is how the till's list of operators stands.
type List int

// The states of the list.
const (
	None    List = iota // the hub names nobody
	Fresh               // the hub's, and inside its lease
	Expired             // the hub's, and too old to believe about anybody
	Broken              // not the hub's: somebody changed it
)

// Lists are all of them.
var Lists = []List{None, Fresh, Expired, Broken}

// Idle is how long an operator stays on duty without a sale, a refund or a sign-on. Restarts change nothing.
const Idle = 4 * time.Hour

// Sell refuses (Denied) a new sale that nobody may make. Where the list cannot be believed selling goes on: a shop that
// lost its line must not close, and money that comes in harms nobody.
func Sell(l List, required, onDuty bool) error {
	if l == Fresh && required && !onDuty {
		return fault.New(fault.Denied, "operator.required", "an operator has to sign on before anything is sold on this till")
	}
	return nil
}

// Known refuses (Denied) to look anybody up in a list that is not to be believed.
func Known(l List) error {
	switch l {
	case Expired:
		return fault.New(fault.Denied, "operator.expired", "the hub has not renewed this till's list of operators for too long: connect the till. Selling goes on, signing on and approving do not")
	case Broken:
		return fault.New(fault.Denied, "operator.roster", "the list of operators on this till is not the hub's: connect the till, and tell the operator of the hub")
	}
	return nil
}

// Refund is a refund or void that somebody must stand for.
type Refund struct {
	List     List
	Required bool
	OnDuty   *localapi.Operator // nil: nobody
	Approver *localapi.Operator // who gave the right PIN in the request; nil: nobody was named
	Amount   money.Amount
	Stood    map[string]money.Amount // what each stood for in the earlier refunds of the sale
}

// Authority is who asked for a refund and who stood for it beside them; both may be "".
type Authority struct{ Operator, ApprovedBy string }

// By is whose limit a refund counts against; "" when nobody's.
func (a Authority) By() string {
	if a.ApprovedBy != "" {
		return a.ApprovedBy
	}
	return a.Operator
}

// Decide tells who stands for the refund, or refuses it (Denied).
func (r Refund) Decide() (a Authority, err error) {
	if r.OnDuty != nil {
		a.Operator = r.OnDuty.ID
	}
	trusted := r.OnDuty == nil && r.Approver == nil && !r.Required
	switch {
	case r.List == None && r.Approver == nil, r.List == Expired && trusted, r.List == Fresh && trusted:
		return a, nil
	case r.List == None:
		return a, Unknown()
	case r.List != Fresh:
		return a, Known(r.List)
	case r.Approver != nil && r.Approver.Role != localapi.RoleSupervisor:
		return a, fault.New(fault.Denied, "operator.role", "%s is no supervisor: a refund is approved by one", r.Approver.Name)
	case r.Approver != nil:
		a.ApprovedBy = r.Approver.ID
		return a, r.within(*r.Approver)
	case r.OnDuty == nil:
		return a, fault.New(fault.Denied, "operator.required", "somebody has to stand for a refund on this till: sign on, or have a supervisor approve it")
	}
	return a, r.within(*r.OnDuty)
}

// Unknown is the answer about somebody whom the list does not name.
func Unknown() error {
	return fault.New(fault.NotFound, "operator.unknown", "this till knows no such operator: look at the list again")
}

func (r Refund) within(o localapi.Operator) error {
	sum := r.Amount
	if before, ok := r.Stood[o.ID]; ok {
		var err error
		if sum, err = sum.Add(before); err != nil {
			return err
		}
	}
	if sum.Fen() > o.Refund {
		return fault.New(fault.Denied, "operator.limit", "%s is above what %s may refund alone of one sale (%s): a supervisor's PIN is needed, of one whose own limit reaches",
			sum, o.Name, money.Fen(o.Refund))
	}
	return nil
}

// Tries are the wrong PINs of one operator since the last right one.
type Tries struct {
	Wrong int
	Last  time.Time
}

// Free is how many wrong tries lock nothing.
const Free = 5

// waits are how long an operator is locked after the fifth wrong try, the sixth, and so on; the last repeats.
var waits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}

// Left is how many wrong tries there still are before a lock: one after each lock.
func (t Tries) Left() int { return max(Free-t.Wrong, 0) }

// Until is when the lock ends; zero when there is none.
func (t Tries) Until() time.Time {
	if t.Wrong < Free {
		return time.Time{}
	}
	return t.Last.Add(waits[min(t.Wrong-Free, len(waits)-1)])
}

// Locked reports that no PIN may be tried at a moment. A clock set back before the last try opens nothing.
func (t Tries) Locked(at time.Time) bool { return at.Before(t.Until()) }

// Again are the tries after another wrong one.
func (t Tries) Again(at time.Time) Tries { return Tries{Wrong: t.Wrong + 1, Last: at} }

// Refused is the answer (Denied) to a wrong PIN.
func (t Tries) Refused(at time.Time) error {
	if t.Locked(at) {
		return t.Lock()
	}
	return fault.New(fault.Denied, "operator.pin", "wrong PIN: %d more tries, then it is locked for a while", t.Left())
}

// Lock is the answer (Denied) while nobody may try.
func (t Tries) Lock() error {
	return fault.New(fault.Denied, "operator.locked", "too many wrong PINs: this operator is locked until %s", t.Until().UTC().Format(time.RFC3339))
}
