package till_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/roster"
)

const (
	cashier, supervisor         = "opr_1", "opr_2"
	cashierPIN, supervisorPIN   = "2580", "739146"
	wrongPIN                    = "9153"
	cashierLimit, supervisorMax = 5000, 50000
)

var hashes = sync.OnceValue(func() [2]string {
	return [2]string{roster.Hash(cashier, cashierPIN, bytes.Repeat([]byte{1}, roster.SaltLen)),
		roster.Hash(supervisor, supervisorPIN, bytes.Repeat([]byte{2}, roster.SaltLen))}
})

// list is the store's list: a cashier up to 50.00, a supervisor up to 500.00.
func (r *rig) list() roster.Roster {
	h := hashes()
	return roster.Roster{Store: "sto_1", Issued: r.now().Truncate(time.Second), Expires: r.now().Truncate(time.Second).Add(roster.Lease), Operators: []roster.Operator{
		{ID: cashier, Name: "Li", Role: localapi.RoleCashier, Refund: money.Fen(cashierLimit), PIN: h[0]},
		{ID: supervisor, Name: "Wang", Role: localapi.RoleSupervisor, Refund: money.Fen(supervisorMax), PIN: h[1]}}}
}

func (r *rig) hears(l roster.Roster, answered bool) {
	r.Helper()
	signed, err := roster.Sign(l, hubKey)
	if err == nil {
		err = r.till.RosterCame(signed, answered)
	}
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) signOn(operator, pin string) error {
	_, err := r.till.SignOn(localapi.SignOn{Operator: operator, PIN: pin})
	return err
}

func (r *rig) wants(code string, err error) {
	r.Helper()
	if (err == nil) != (code == "") || err != nil && fault.CodeOf(err) != code {
		r.Errorf("%v, want %q", err, code)
	}
}

// tamper raises the cashier's limit in the journal on the disk, and starts the till again.
func (r *rig) tamper() {
	r.Helper()
	err := r.journal.Update(func(tx *store.Tx) error {
		signed, err := tx.Roster()
		if err != nil {
			return err
		}
		parts := strings.Split(signed, ".")
		body, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			return err
		}
		parts[1] = base64.RawURLEncoding.EncodeToString(bytes.Replace(body, []byte(`"refund":5000,`), []byte(`"refund":9000,`), 1))
		return tx.SetRoster(strings.Join(parts, "."))
	})
	if err != nil {
		r.Fatal(err)
	}
	r.crash()
}

func (r *rig) onDuty(want string) {
	r.Helper()
	got := ""
	if o := r.till.Status().Operator; o != nil {
		got = o.ID
	}
	if got != want {
		r.Errorf("%q is on duty, want %q", got, want)
	}
}

func (r *rig) sold(fen int64) localapi.Sale {
	r.Helper()
	return r.begin(localapi.NewSale{Amount: fen, Tender: localapi.TenderCash})
}

func (r *rig) back(s localapi.Sale, fen int64, a *localapi.Approval) (localapi.Refund, error) {
	x, _, err := r.till.NewRefund(s.ID, localapi.NewRefund{Amount: fen, Approval: a})
	return x, err
}

var approved = &localapi.Approval{Operator: supervisor, PIN: supervisorPIN}

func TestDutyIsJournalledAndOutlivesARestart(t *testing.T) {
	r := newRig(t)
	r.wants("operator.unknown", r.signOn(cashier, cashierPIN)) // no list
	r.hears(r.list(), true)
	r.onDuty("")
	r.wants("", r.signOn(cashier, cashierPIN))
	r.onDuty(cashier)
	if s := r.sold(100); s.Operator != cashier {
		t.Errorf("the sale is %q's", s.Operator)
	}
	r.crash()
	r.onDuty(cashier)
	r.wants("", r.signOn(supervisor, supervisorPIN))
	r.onDuty(supervisor)
	if _, err := r.till.SignOff(); err != nil {
		t.Fatal(err)
	}
	r.onDuty("")
	if s := r.sold(100); s.Operator != "" {
		t.Errorf("the sale is %q's", s.Operator)
	}
	if got := r.events(""); got != "operator_on operator_off operator_on operator_off" {
		t.Error(got)
	}
}

func TestAnIdleOperatorGoesOffDuty(t *testing.T) {
	r := newRig(t)
	r.hears(r.list(), true)
	r.wants("", r.signOn(cashier, cashierPIN))
	r.pass(3 * time.Hour)
	r.sold(100)
	r.pass(4*time.Hour - time.Second)
	r.onDuty(cashier)
	r.crash() // the time goes on from the last thing done
	r.onDuty(cashier)
	r.pass(time.Second)
	r.onDuty("")
}

func TestWrongPINsLockOverRestarts(t *testing.T) {
	r := newRig(t)
	r.hears(r.list(), true)
	r.wants("operator.pin_form", r.signOn(cashier, "12"))
	for range 4 {
		r.wants("operator.pin", r.signOn(cashier, wrongPIN))
	}
	list, err := r.till.Operators()
	if err != nil || list.Operators[0].TriesLeft != 1 || list.Operators[1].TriesLeft != 5 || list.Operators[0].LockedUntil != nil {
		t.Errorf("%+v, %v", list, err)
	}
	r.crash()
	r.wants("operator.locked", r.signOn(cashier, wrongPIN))
	r.wants("operator.locked", r.signOn(cashier, cashierPIN)) // also the right one
	r.crash()
	r.wants("operator.locked", r.signOn(cashier, cashierPIN))
	list, _ = r.till.Operators()
	if u := list.Operators[0].LockedUntil; u == nil || !u.Equal(r.now().Add(time.Minute)) || list.Operators[0].TriesLeft != 0 {
		t.Errorf("%+v", list.Operators[0])
	}
	r.wants("", r.signOn(supervisor, supervisorPIN)) // others are free
	r.pass(time.Minute)
	r.wants("operator.locked", r.signOn(cashier, wrongPIN)) // one try each time, and longer
	r.pass(4 * time.Minute)
	r.wants("operator.locked", r.signOn(cashier, cashierPIN))
	r.pass(time.Minute)
	r.wants("", r.signOn(cashier, cashierPIN))
	r.wants("operator.pin", r.signOn(cashier, wrongPIN)) // the right one forgave the others
}

func TestAnotherPINBeginsAnew(t *testing.T) {
	r := newRig(t)
	l := r.list()
	r.hears(l, true)
	for range 5 {
		_ = r.signOn(cashier, wrongPIN)
	}
	r.wants("operator.locked", r.signOn(cashier, cashierPIN))
	l.Operators[0].PIN = roster.Hash(cashier, "8642", bytes.Repeat([]byte{3}, roster.SaltLen))
	r.hears(l, false)
	r.wants("operator.pin", r.signOn(cashier, cashierPIN))
	r.wants("", r.signOn(cashier, "8642"))
}

// A flood of tries at once is no more tries than one after the other.
func TestAFloodOfPINs(t *testing.T) {
	r := newRig(t)
	r.hears(r.list(), true)
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for range 40 {
		wg.Go(func() {
			err := r.signOn(cashier, wrongPIN)
			mu.Lock()
			defer mu.Unlock()
			codes[fault.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes["operator.pin"] > 4 || codes["operator.pin"]+codes["operator.locked"]+codes["operator.busy"] != 40 {
		t.Errorf("%v", codes)
	}
	if tries := strings.Count(r.events(""), "operator_wrong"); tries > 5 {
		t.Errorf("%d PINs were looked at", tries)
	}
}

func TestWhoStandsForARefund(t *testing.T) {
	r := newRig(t)
	r.hears(r.list(), true)
	s := r.sold(60000)
	if x, err := r.back(s, 100, nil); err != nil || x.Operator != "" || x.ApprovedBy != "" { // the shop's own software, as ever
		t.Errorf("%+v, %v", x, err)
	}
	r.wants("", r.signOn(cashier, cashierPIN))
	if x, err := r.back(s, 3000, nil); err != nil || x.Operator != cashier || x.ApprovedBy != "" {
		t.Errorf("%+v, %v", x, err)
	}
	_, err := r.back(s, 2001, nil) // split: 50.01 in all
	r.wants("operator.limit", err)
	_, err = r.back(s, 2001, &localapi.Approval{Operator: supervisor, PIN: wrongPIN})
	r.wants("operator.pin", err)
	_, err = r.back(s, 2001, &localapi.Approval{Operator: cashier, PIN: cashierPIN})
	r.wants("operator.role", err)
	if x, err := r.back(s, 40000, approved); err != nil || x.Operator != cashier || x.ApprovedBy != supervisor {
		t.Errorf("%+v, %v", x, err)
	}
	_, err = r.back(s, 10001, approved)
	r.wants("operator.limit", err)
	if x, err := r.back(s, 2000, nil); err != nil || x.Operator != cashier { // what was approved is not the cashier's
		t.Errorf("%+v, %v", x, err)
	}
	if !strings.Contains(r.events(""), "operator_wrong") {
		t.Error("the wrong approval is not in the journal")
	}
}

func TestAnApprovalIsForOneRequest(t *testing.T) {
	r := newRig(t)
	r.hears(r.list(), true)
	r.wants("", r.signOn(cashier, cashierPIN))
	s := r.sold(60000)
	ask := localapi.NewRefund{Amount: 20000, RefundNo: "R-1"}
	_, _, err := r.till.NewRefund(s.ID, ask)
	r.wants("operator.limit", err)
	ask.Approval = approved
	x, fresh, err := r.till.NewRefund(s.ID, ask)
	if err != nil || !fresh {
		t.Fatal(err)
	}
	// The repeat is the same refund: with the approval, without, with a wrong one, and with nobody on duty.
	if _, err := r.till.SignOff(); err != nil {
		t.Fatal(err)
	}
	for _, a := range []*localapi.Approval{approved, nil, {Operator: supervisor, PIN: wrongPIN}, {Operator: "opr_9", PIN: wrongPIN}} {
		ask.Approval = a
		if again, fresh, err := r.till.NewRefund(s.ID, ask); err != nil || fresh || again.ID != x.ID {
			t.Errorf("%+v %v %v", again, fresh, err)
		}
	}
	if list, _ := r.till.Operators(); list.Operators[1].TriesLeft != 5 {
		t.Error("a repeat was a try")
	}
	r.wants("", r.signOn(cashier, cashierPIN))
	_, _, err = r.till.NewRefund(s.ID, localapi.NewRefund{Amount: 20000, RefundNo: "R-2"})
	r.wants("operator.limit", err)
	ask.Approval, ask.Amount = approved, 20001
	_, _, err = r.till.NewRefund(s.ID, ask)
	r.wants("refund.other_content", err)
}

func TestWhereAnOperatorIsRequired(t *testing.T) {
	r := newRig(t)
	s := r.sold(1000)
	l := r.list()
	l.Required = true
	r.hears(l, true)
	_, _, err := r.till.NewSale(localapi.NewSale{Amount: 100, Tender: localapi.TenderCash})
	r.wants("operator.required", err)
	_, err = r.back(s, 100, nil)
	r.wants("operator.required", err)
	if _, fresh, err := r.till.NewSale(localapi.NewSale{Amount: 1000, OrderNo: s.OrderNo, Tender: localapi.TenderCash}); err != nil || fresh {
		t.Errorf("a sale that exists is not given: %v", err)
	}
	if x, err := r.back(s, 100, approved); err != nil || x.ApprovedBy != supervisor {
		t.Errorf("%+v %v", x, err)
	}
	r.wants("", r.signOn(cashier, cashierPIN))
	r.sold(100)
	if _, err := r.back(s, 100, nil); err != nil {
		t.Error(err)
	}
}

// Past the lease nobody signs on or approves, also a till that has seen no hub for a day and whose clock was set back.
func TestALeaseEnds(t *testing.T) {
	r := newRig(t)
	l := r.list()
	l.Required = true
	r.hears(l, true)
	r.wants("", r.signOn(cashier, cashierPIN))
	s := r.sold(1000)
	r.pass(roster.Lease)
	r.onDuty("") // idle
	r.wants("operator.expired", r.signOn(cashier, cashierPIN))
	_, err := r.back(s, 100, approved)
	r.wants("operator.expired", err)
	_, err = r.back(s, 100, nil)
	r.wants("operator.expired", err)
	r.sold(100) // selling goes on
	r.crash()
	r.wants("operator.expired", r.signOn(cashier, cashierPIN))
	l = r.list()
	r.hears(l, true)
	r.wants("", r.signOn(cashier, cashierPIN))
}

func TestWhoLeavesTheListGoesOffDuty(t *testing.T) {
	r := newRig(t)
	l := r.list()
	r.hears(l, true)
	r.wants("", r.signOn(cashier, cashierPIN))
	gone := l
	gone.Operators = l.Operators[1:]
	r.pass(time.Second)
	gone.Issued = r.now()
	r.hears(gone, false)
	r.onDuty("")
	r.wants("operator.unknown", r.signOn(cashier, cashierPIN))
	r.hears(l, false) // the old list, sent again
	r.wants("operator.unknown", r.signOn(cashier, cashierPIN))
	r.crash()
	r.onDuty("")
	r.wants("operator.unknown", r.signOn(cashier, cashierPIN))
	if err := r.till.RosterCame("", true); err != nil {
		t.Fatal(err)
	}
	if list, err := r.till.Operators(); err != nil || len(list.Operators) != 0 || list.ExpiresAt != nil {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAListThatIsNotTheHubs(t *testing.T) {
	r := newRig(t)
	l := r.list()
	r.hears(l, true)
	other := l
	other.Store = "sto_2"
	r.hears(other, true)
	if err := r.till.RosterCame("OPR1.e30.AAAA", true); err != nil {
		t.Fatal(err)
	}
	r.wants("", r.signOn(cashier, cashierPIN)) // nothing of it was taken
	s := r.sold(1000)
	r.tamper()
	r.wants("operator.roster", r.signOn(supervisor, supervisorPIN))
	_, err := r.back(s, 100, nil)
	r.wants("operator.roster", err)
	if _, err := r.till.SignOff(); fault.CodeOf(err) != "operator.roster" {
		t.Error(err)
	}
	_, err = r.back(s, 100, nil) // nobody on duty changes nothing: what the shop's rule is nobody knows
	r.wants("operator.roster", err)
	r.sold(100)
	l = r.list()
	r.hears(l, true)
	r.wants("", r.signOn(supervisor, supervisorPIN))
}

func TestAVoid(t *testing.T) {
	r := newRig(t)
	s := r.sold(1000)
	x, fresh, err := r.till.Void(s.ID, localapi.NewVoid{Reason: "cold"})
	if err != nil || !fresh || x.Amount != 1000 || x.Kind != localapi.RefundVoid || x.State != localapi.RefundSucceeded {
		t.Fatalf("%+v %v %v", x, fresh, err)
	}
	if again, fresh, err := r.till.Void(s.ID, localapi.NewVoid{Reason: "cold"}); err != nil || fresh || again.ID != x.ID {
		t.Errorf("%+v %v %v", again, fresh, err)
	}
	_, _, err = r.till.Void(s.ID, localapi.NewVoid{RefundNo: "another"})
	r.wants("void.refunded", err)
	part := r.sold(1000)
	if _, err := r.back(part, 1, nil); err != nil {
		t.Fatal(err)
	}
	_, _, err = r.till.Void(part.ID, localapi.NewVoid{})
	r.wants("void.refunded", err)
	_, _, err = r.till.Void(r.begin(localapi.NewSale{Amount: 5}).ID, localapi.NewVoid{})
	r.wants("refund.not_paid", err)
	late := r.sold(1000)
	r.pass(24 * time.Hour)
	_, _, err = r.till.Void(late.ID, localapi.NewVoid{})
	r.wants("void.day", err)
	r.hears(r.list(), true)
	r.wants("", r.signOn(cashier, cashierPIN))
	big := r.sold(5001)
	_, _, err = r.till.Void(big.ID, localapi.NewVoid{})
	r.wants("operator.limit", err)
	if x, _, err := r.till.Void(big.ID, localapi.NewVoid{Approval: approved}); err != nil || x.ApprovedBy != supervisor || x.Operator != cashier {
		t.Errorf("%+v %v", x, err)
	}
}

func TestASaleOfAnotherTill(t *testing.T) {
	r := newRig(t)
	r.cut()
	_, err := r.back(localapi.Sale{ID: r.ids.New(id.Sale)}, 100, nil)
	r.wants("sale.other_till", err)
	_, err = r.back(localapi.Sale{ID: "sale_none"}, 100, nil)
	r.wants("sale.unknown", err)
}

// No PIN is on the disk or in the log, right or wrong.
func TestNoPINIsKept(t *testing.T) {
	r := newRig(t)
	r.hears(r.list(), true)
	_ = r.signOn(supervisor, wrongPIN)
	_ = r.signOn(supervisor, supervisorPIN)
	s := r.sold(1000)
	if _, err := r.back(s, 10, approved); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{r.path, r.path + "-wal"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(supervisorPIN)) {
			t.Errorf("%s holds a PIN", file)
		}
	}
	if log := r.log.String(); strings.Contains(log, supervisorPIN) || strings.Contains(log, wrongPIN) {
		t.Error("the log holds a PIN")
	}
}
