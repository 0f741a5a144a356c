package till_test

import (
	"testing"

	"cloudcashier/shared/localapi"
)

// TestWhoIsToldTheDrawer: once the hub names people, a cashier closes a shift blind, and only a supervisor hears before
// what should be there; an approval of a closing is a PIN that was looked at, and nobody else's name gets into the Z.
func TestWhoIsToldTheDrawer(t *testing.T) {
	r := newRig(t)
	if x, err := r.till.ReportShift(localapi.ReportShift{}); err != nil || x.Expected == nil {
		t.Errorf("nobody to ask: %+v, %v", x, err)
	}
	r.hears(r.list(), true)
	report := func(a *localapi.Approval) error {
		x, err := r.till.ReportShift(localapi.ReportShift{Approval: a})
		if (err == nil) != (x.Expected != nil) {
			t.Errorf("%+v, %v", x, err)
		}
		return err
	}
	r.wants("", report(nil)) // the shop's own software, as ever
	r.wants("", r.signOn(cashier, cashierPIN))
	r.wants("operator.supervisor", report(nil))
	r.wants("operator.pin", report(&localapi.Approval{Operator: supervisor, PIN: wrongPIN}))
	r.wants("operator.role", report(&localapi.Approval{Operator: cashier, PIN: cashierPIN}))
	r.wants("", report(approved))
	closing := localapi.CloseShift{Number: 1, Counted: new(int64)}
	closing.Approval = &localapi.Approval{Operator: supervisor, PIN: wrongPIN}
	_, err := r.till.CloseShift(closing)
	r.wants("operator.pin", err)
	closing.Approval = approved
	if z, err := r.till.CloseShift(closing); err != nil || z.Approved != supervisor || z.ClosedBy != cashier {
		t.Errorf("%+v, %v", z, err)
	}
	r.wants("", r.signOn(supervisor, supervisorPIN))
	r.wants("", report(nil))
}
