package agenttest

import "cloudcashier/shared/localapi"

// CloseShift closes the open shift, as the cashier does.
func (t *Till) CloseShift(n localapi.CloseShift) (localapi.Shift, error) { return t.till.CloseShift(n) }

// ReportShift is the open shift with the money in its drawer.
func (t *Till) ReportShift() (localapi.Shift, error) {
	return t.till.ReportShift(localapi.ReportShift{})
}

// Shifts reads the closed shifts, newest first.
func (t *Till) Shifts(limit int) ([]localapi.Shift, error) { return t.till.Shifts(limit) }
