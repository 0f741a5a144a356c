package duty

import (
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

var at = time.Unix(1_700_000_000, 0).UTC()

// people by the letter that the table names them with: cashiers and supervisors with a limit of 50.00 and of nothing.
func person(letter byte) *localapi.Operator {
	switch letter {
	case 'c':
		return &localapi.Operator{ID: "opr_c", Name: "Li", Role: localapi.RoleCashier, Refund: 5000}
	case 'z':
		return &localapi.Operator{ID: "opr_z", Name: "Zhao", Role: localapi.RoleCashier}
	case 's':
		return &localapi.Operator{ID: "opr_s", Name: "Wang", Role: localapi.RoleSupervisor, Refund: 50000}
	}
	return nil
}

const people = "-czs"

// want is the law once more, as a table: list, required, on duty, approver, amount in fen -> who stands, or the refusal.
func want(l List, required bool, onDuty, approver byte, fen int64) (by string, code string) {
	limits := map[byte]int64{'c': 5000, 'z': 0, 's': 50000}
	if approver == '-' && onDuty == '-' && !required && l != Broken {
		return "", ""
	}
	switch l {
	case None:
		if approver != '-' {
			return "", "operator.unknown"
		}
		if onDuty != '-' {
			return "opr_" + string(onDuty), ""
		}
		return "", ""
	case Expired:
		return "", "operator.expired"
	case Broken:
		return "", "operator.roster"
	}
	who := onDuty
	if approver != '-' {
		if approver != 's' {
			return "", "operator.role"
		}
		who = approver
	}
	if who == '-' {
		return "", "operator.required"
	}
	if fen > limits[who] {
		return "", "operator.limit"
	}
	return "opr_" + string(who), ""
}

func TestEveryCellOfARefund(t *testing.T) {
	cells := 0
	for _, l := range Lists {
		for _, required := range []bool{false, true} {
			for i := range people {
				for j := range people {
					for _, fen := range []int64{1, 5000, 5001, 50000, 50001} {
						r := Refund{List: l, Required: required, OnDuty: person(people[i]), Approver: person(people[j]), Amount: money.Fen(fen)}
						by, code := want(l, required, people[i], people[j], fen)
						a, err := r.Decide()
						cells++
						switch {
						case code == "" && (err != nil || a.By() != by):
							t.Errorf("%v required=%v duty %c approver %c %d: %+v, %v, want %q", l, required, people[i], people[j], fen, a, err, by)
						case code != "" && fault.CodeOf(err) != code:
							t.Errorf("%v required=%v duty %c approver %c %d: %v, want %s", l, required, people[i], people[j], fen, err, code)
						case err == nil && r.OnDuty != nil && a.Operator != r.OnDuty.ID:
							t.Errorf("who asked is not named: %+v", a)
						}
					}
				}
			}
		}
	}
	if cells != 4*2*4*4*5 {
		t.Errorf("%d cells", cells)
	}
}

// A limit cannot be split, and what others stood for does not count against it.
func TestALimitIsForTheWholeSale(t *testing.T) {
	r := Refund{List: Fresh, OnDuty: person('c'), Amount: money.Fen(2000),
		Stood: map[string]money.Amount{"opr_c": money.Fen(3000), "opr_s": money.Fen(40000)}}
	if _, err := r.Decide(); err != nil {
		t.Fatal(err)
	}
	r.Amount = money.Fen(2001)
	if _, err := r.Decide(); fault.CodeOf(err) != "operator.limit" {
		t.Errorf("%v", err)
	}
	r.Approver = person('s')
	if a, err := r.Decide(); err != nil || a != (Authority{"opr_c", "opr_s"}) {
		t.Errorf("%+v, %v", a, err)
	}
	r.Amount = money.Fen(10001)
	if _, err := r.Decide(); fault.CodeOf(err) != "operator.limit" {
		t.Errorf("a supervisor is above the own limit: %v", err)
	}
}

func TestEveryCellOfASale(t *testing.T) {
	for _, l := range Lists {
		for _, required := range []bool{false, true} {
			for _, on := range []bool{false, true} {
				err := Sell(l, required, on)
				if refused := l == Fresh && required && !on; (err != nil) != refused || refused && fault.CodeOf(err) != "operator.required" {
					t.Errorf("%v %v %v: %v", l, required, on, err)
				}
			}
		}
	}
	for l, code := range map[List]string{None: "", Fresh: "", Expired: "operator.expired", Broken: "operator.roster"} {
		if err := Known(l); (err == nil) != (code == "") || err != nil && fault.CodeOf(err) != code {
			t.Errorf("%v: %v", l, err)
		}
	}
}

func TestWrongPINs(t *testing.T) {
	var tries Tries
	now := at
	for i, locked := range []time.Duration{0, 0, 0, 0, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 4 * time.Hour} {
		if tries.Locked(now) {
			t.Fatalf("locked before try %d", i+1)
		}
		tries = tries.Again(now)
		code := "operator.pin"
		if locked > 0 {
			code = "operator.locked"
		}
		if err := tries.Refused(now); fault.CodeOf(err) != code || fault.KindOf(err) != fault.Denied {
			t.Errorf("try %d: %v", i+1, err)
		}
		if locked > 0 && (!tries.Locked(now.Add(locked-time.Second)) || tries.Locked(now.Add(locked)) || !tries.Locked(now.Add(-24*time.Hour))) {
			t.Errorf("try %d locks until %s, not for %s", i+1, tries.Until(), locked)
		}
		now = now.Add(locked)
	}
	if (Tries{Wrong: 2}).Left() != 3 || tries.Left() != 0 {
		t.Error("the tries that are left")
	}
}
