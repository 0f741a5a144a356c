package till

import (
	"slices"
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/shift"
)

// Bounds of what people say about a shift: all of it has to fit an event.
const (
	maxWhy           = 80 // bytes
	maxDenominations = 20
	maxPieces        = 100_000 // of one coin or note
)

// current is the shift that is open. There always is one.
type current struct {
	number int64
	opened *time.Time // when staff opened it
	// tally is what was read of the log so far, nil when nothing was: the sale path does not carry it along, and a
	// report reads what is new.
	tally *shift.Tally
}

func (t *Till) resumeShift(tx *store.Tx) error {
	t.shift = current{number: 1}
	last, ok, err := tx.LastShift()
	switch {
	case err != nil || !ok:
	case last.ClosedSeq == 0:
		t.shift.number, t.shift.opened = last.Number, &last.Opened
	default:
		t.shift.number = last.Number + 1
	}
	return err
}

// tallied reads the open shift up to the newest event of a transaction. Closing and opening one are decided on it in
// the transaction that writes them: the printer writes events, too.
func (t *Till) tallied(tx *store.Tx) (*shift.Tally, error) {
	if t.shift.tally == nil {
		t.shift.tally = &shift.Tally{}
		last, ok, err := tx.LastClosed()
		if err != nil {
			return nil, err
		}
		if ok {
			t.shift.tally = shift.After(last.Report, last.ClosedSeq)
		}
	}
	tally := t.shift.tally.Clone()
	if err := tx.Entries(tally.Through(), tally.Add); err != nil {
		return nil, err
	}
	t.shift.tally = tally.Clone()
	return tally, nil
}

// catchUp reads the log up to now without the lock: after a restart it may be a day's, and no sale waits for a report.
// What comes in meanwhile is read under the lock, and so is everything when this fails.
func (t *Till) catchUp() {
	t.mu.Lock()
	tally := &shift.Tally{}
	err := t.read(func(tx *store.Tx) error {
		if t.shift.tally != nil {
			tally = t.shift.tally.Clone()
			return nil
		}
		last, ok, err := tx.LastClosed()
		if ok {
			tally = shift.After(last.Report, last.ClosedSeq)
		}
		return err
	})
	t.mu.Unlock()
	if err == nil {
		err = t.Journal.View(func(tx *store.Tx) error { return tx.Entries(tally.Through(), tally.Add) })
	}
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if tally.Number() == t.shift.number && (t.shift.tally == nil || t.shift.tally.Through() < tally.Through()) {
		t.shift.tally = tally
	}
}

// NewShift opens the next shift with a float, or gives the one that the same request opened; fresh tells which. Once
// money moved in it the shift has opened by itself (Conflict): change that comes later is paid in.
func (t *Till) NewShift(n localapi.NewShift) (s localapi.Shift, fresh bool, err error) {
	if n.Float < 0 || n.Float > money.Max {
		return s, false, fault.New(fault.Invalid, "shift.float", "a float is from 0 to %s", money.Fen(money.Max))
	}
	t.catchUp()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.roomForMore(); err != nil {
		return s, false, err
	}
	now := t.moment()
	err = t.update(func(tx *store.Tx) error {
		tally, err := t.tallied(tx)
		if err != nil {
			return err
		}
		s, fresh = tally.Report(), tally.Empty()
		switch {
		case fresh:
			return tx.OpenShift(shift.Opening{Shift: s.Number, Float: n.Float, Operator: t.onDuty()}, now)
		case s.ByItself:
			return fault.New(fault.Conflict, "shift.begun", "shift %d has opened by itself, with the first money: note the change as paid in", s.Number)
		case s.Float != n.Float:
			return fault.New(fault.Conflict, "shift.open", "shift %d is open with a float of %s: close it first", s.Number, money.Fen(s.Float))
		}
		return nil
	})
	if err != nil {
		return localapi.Shift{}, false, err
	}
	if fresh {
		at := now
		t.shift.opened = &at
		t.Log.Info("shift opened", "shift", s.Number, "float", n.Float)
		t.tellShift()
	}
	s, err = t.report()
	return shift.Blind(s), fresh, err
}

// report is the open shift with the money in its drawer. The caller holds the lock.
func (t *Till) report() (s localapi.Shift, err error) {
	err = t.read(func(tx *store.Tx) error {
		tally, err := t.tallied(tx)
		if err == nil {
			s = tally.Report()
		}
		return err
	})
	return s, err
}

// CurrentShift is the open shift, without what should be in the drawer: whoever counts it must not know.
func (t *Till) CurrentShift() (localapi.Shift, error) {
	t.catchUp()
	t.mu.Lock()
	defer t.mu.Unlock()
	s, err := t.report()
	return shift.Blind(s), err
}

// ReportShift is the X report with the money in the drawer, for whom a supervisor stands.
func (t *Till) ReportShift(n localapi.ReportShift) (localapi.Shift, error) {
	if err := t.mayApprove(n.Approval); err != nil {
		return localapi.Shift{}, err
	}
	t.catchUp()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.report()
}

// Shift reads a shift by its number: the Z of a closed one, or the open one, blind (NotFound).
func (t *Till) Shift(number int64) (s localapi.Shift, err error) {
	t.catchUp()
	t.mu.Lock()
	defer t.mu.Unlock()
	if number == t.shift.number {
		s, err = t.report()
		return shift.Blind(s), err
	}
	err = t.read(func(tx *store.Tx) error {
		row, ok, err := tx.ShiftOf(number)
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "shift.unknown", "there is no shift %d on this till: the open one is %d", number, t.shift.number)
		}
		s = row.Report
		return err
	})
	return s, err
}

// Shifts reads the newest closed shifts, newest first.
func (t *Till) Shifts(limit int) (list []localapi.Shift, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err = t.read(func(tx *store.Tx) error {
		list, err = tx.ClosedShifts(limit)
		return err
	})
	return list, err
}

// MoveCash notes cash that moved without a sale, or gives the movement that the same request noted; fresh tells which.
func (t *Till) MoveCash(n localapi.NewMovement) (m localapi.CashMovement, fresh bool, err error) {
	if shift.KindOf(n.Kind) == "" {
		return m, false, fault.New(fault.Invalid, "movement.kind", "cash moves %q, %q or %q, not %q", localapi.CashIn, localapi.CashOut, localapi.CashDrop, n.Kind)
	}
	if err := money.Fen(n.Amount).Charge(); err != nil {
		return m, false, err
	}
	if err := checkText("why", n.Why, maxWhy); err != nil {
		return m, false, err
	}
	if err := checkText("movement_no", n.No, maxOrderNo); err != nil {
		return m, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.No != "" {
		err := t.read(func(tx *store.Tx) (err error) {
			m, err = tx.Movement(n.No)
			return err
		})
		switch {
		case err == nil && (m.Kind != n.Kind || m.Amount != n.Amount || m.Why != n.Why):
			return m, false, fault.New(fault.Conflict, "movement.other_content", "movement %s is %s of %s: repeat exactly that, or use another number",
				n.No, string(m.Kind), money.Fen(m.Amount))
		case fault.KindOf(err) != fault.NotFound:
			return m, false, err
		}
	}
	if err := t.roomForMore(); err != nil {
		return m, false, err
	}
	m = localapi.CashMovement{No: n.No, Shift: t.shift.number, Kind: n.Kind, Amount: n.Amount, Why: n.Why, Operator: t.onDuty(), At: t.moment()}
	if m.No == "" {
		m.No = t.IDs.New(id.Movement)
	}
	if err := t.update(func(tx *store.Tx) error { return tx.MoveCash(m) }); err != nil {
		return m, false, err
	}
	t.Log.Info("cash moved", "shift", m.Shift, logs.Kind, string(m.Kind), "amount", m.Amount)
	t.tellShift()
	return m, true, nil
}

// CloseShift closes the open shift and gives its Z report; of a shift that the same request closed before it gives the
// same one. What is open stays open: it is named in the report and counts in the shift in which it settles.
func (t *Till) CloseShift(n localapi.CloseShift) (z localapi.Shift, err error) {
	counted, err := count(n)
	if err != nil {
		return z, err
	}
	if err := checkText("note", n.Note, maxWhy); err != nil {
		return z, err
	}
	approved := ""
	if n.Approval != nil {
		if err := t.mayApprove(n.Approval); err != nil {
			return z, err
		}
		approved = n.Approval.Operator
	}
	t.catchUp()
	t.mu.Lock()
	defer t.mu.Unlock()
	if n.Number < t.shift.number && n.Number > 0 {
		return t.closedAs(n, counted)
	}
	if n.Number != t.shift.number {
		return z, fault.New(fault.Conflict, "shift.number", "the open shift is %d: name it to close it", t.shift.number)
	}
	said := shift.Closing{At: t.moment(), Counted: counted, Denominations: n.Denominations, Operator: t.onDuty(),
		Approved: approved, Note: n.Note}
	next := current{number: n.Number + 1}
	if n.HandOver {
		next.opened = &said.At
	}
	err = t.update(func(tx *store.Tx) (err error) {
		z, err = t.end(tx, n, said)
		return err
	})
	if err != nil {
		t.shift.tally = nil // it may have read what was never stored
		return localapi.Shift{}, err
	}
	t.shift = next
	t.Log.Info("shift closed", "shift", z.Number, "difference", *z.Difference, "pending", z.PendingCount)
	t.tellShift()
	return z, nil
}

// end writes the end of a shift, and at a hand-over what goes to the safe before it and the next one behind it.
func (t *Till) end(tx *store.Tx, n localapi.CloseShift, said shift.Closing) (z localapi.Shift, err error) {
	if n.Drop > 0 {
		if err := tx.MoveCash(localapi.CashMovement{No: t.IDs.New(id.Movement), Shift: n.Number, Kind: localapi.CashDrop, Amount: n.Drop,
			Operator: said.Operator, At: said.At}); err != nil {
			return z, err
		}
	}
	tally, err := t.tallied(tx)
	if err != nil {
		return z, err
	}
	z = tally.Close(said)
	if err := tx.CloseShift(z); err != nil || !n.HandOver {
		return z, err
	}
	return z, tx.OpenShift(shift.Opening{Shift: n.Number + 1, Float: said.Counted, Operator: said.Operator}, said.At)
}

// closedAs gives the Z of a shift that was closed with the same count (Conflict).
func (t *Till) closedAs(n localapi.CloseShift, counted int64) (z localapi.Shift, err error) {
	err = t.read(func(tx *store.Tx) error {
		row, _, err := tx.ShiftOf(n.Number)
		z = row.Report
		return err
	})
	if err == nil && (*z.Counted != counted || z.Note != n.Note || !slices.Equal(z.Denominations, n.Denominations)) {
		return localapi.Shift{}, fault.New(fault.Conflict, "shift.closed", "shift %d was closed with %s counted, and does not change: the open one is %d",
			n.Number, money.Fen(*z.Counted), t.shift.number)
	}
	return z, err
}

// count is the cash that stays in the drawer: what was counted, as a sum or note by note, less what goes to the safe.
func count(n localapi.CloseShift) (counted int64, err error) {
	if (n.Counted != nil) == (len(n.Denominations) > 0) || len(n.Denominations) > maxDenominations {
		return 0, fault.New(fault.Invalid, "shift.counted", "count the drawer: send the sum as counted, or up to %d denominations", maxDenominations)
	}
	if n.Counted != nil {
		counted = *n.Counted
	}
	for _, d := range n.Denominations {
		if d.Value < 1 || d.Value > money.Max/maxPieces || d.Count < 0 || d.Count > maxPieces {
			return 0, fault.New(fault.Invalid, "shift.denomination", "%d pieces of %s are no count", d.Count, money.Fen(d.Value))
		}
		counted += d.Value * d.Count
	}
	if counted < 0 || counted > money.Max {
		return 0, fault.New(fault.Invalid, "shift.counted", "a drawer holds from 0 to %s", money.Fen(money.Max))
	}
	if n.Drop < 0 || n.Drop > counted || n.Drop > 0 && !n.HandOver {
		return 0, fault.New(fault.Invalid, "shift.drop", "a hand-over takes from 0 to the %s that were counted to the safe", money.Fen(counted))
	}
	return counted - n.Drop, nil
}

// moment is now as the journal keeps it: what is said of a shift is the same before and after a restart.
func (t *Till) moment() time.Time { return time.UnixMilli(t.Now().UnixMilli()).UTC() }

// tellShift tells the watchers and the link about a committed change. The caller holds the lock.
func (t *Till) tellShift() {
	status := t.status()
	t.watchers.tell(localapi.Event{Kind: localapi.EventStatus, Status: &status})
	t.Grown()
	t.stir()
}
