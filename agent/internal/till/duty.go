package till

import (
	"sync/atomic"
	"time"

	"cloudcashier/agent/internal/duty"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/roster"
)

// maxProving bounds the PINs that wait to be looked at: each takes some time and one at a time has the memory for it.
const maxProving = 8

// staff is who may work at the till, and who does.
type staff struct {
	text   string        // the list as the hub signed it; empty: the hub names nobody
	list   roster.Roster // of text, verified when it came or was read from the disk
	broken bool          // text is not the hub's, and list is empty
	stored time.Time     // the lease of the list on the disk; zero: there is none
	onDuty string        // an operator's ID; "" when nobody is
	used   time.Time     // the last sign-on, sale or refund

	proving chan struct{} // holds a token while a PIN is being looked at
	waiting atomic.Int32
}

// onDuty is the ID of the operator on duty, "" when nobody is. The caller holds the lock.
func (t *Till) onDuty() string { return t.staff.onDuty }

// resumeStaff takes up who was on duty. The list of a journal that was tampered with is kept as it is, and refused at each use.
func (t *Till) resumeStaff(tx *store.Tx) (err error) {
	s := &t.staff
	s.proving = make(chan struct{}, 1)
	if s.text, err = tx.Roster(); err != nil {
		return err
	}
	if s.text != "" {
		if s.list, err = roster.Open(s.text, t.cfg.Store, t.cfg.HubKey); err != nil {
			t.Log.Error("ALARM: the list of operators is not the hub's: nobody signs on or approves until the hub sends another", logs.Err, err)
			s.broken = true
		}
		s.stored = s.list.Expires
	}
	if s.onDuty, err = tx.OnDuty(); err != nil || s.onDuty == "" {
		return err
	}
	s.used, err = tx.EventAt(t.Journal.Head()) // not later than the last thing done here, whatever the clock did meanwhile
	return err
}

// people is the list of operators and how it stands now.
func (t *Till) people(now time.Time) (roster.Roster, duty.List) {
	if t.staff.text == "" {
		return roster.Roster{}, duty.None
	}
	r := t.staff.list
	at := now.Add(t.limits.offset)
	if at.Before(r.Issued) { // a clock that was set back must not make the lease last
		at = r.Issued
	}
	switch {
	case t.staff.broken:
		return roster.Roster{}, duty.Broken
	case len(r.Operators) == 0:
		return r, duty.None
	case !r.Valid(at):
		return r, duty.Expired
	}
	return r, duty.Fresh
}

// person finds an operator of a list; nil when it names none of the ID.
func person(r roster.Roster, id string) *localapi.Operator {
	o, ok := r.Operator(id)
	if !ok {
		return nil
	}
	v := o.View()
	return &v
}

// RosterCame takes the hub's list of operators; "" voids what was kept. answered tells that it answered a greeting of ours:
// one that nobody asked for may be an old one sent again, and an older list than ours is not taken. Whoever is not on
// the list any more is off duty with the same commit. An error means that the journal failed.
func (t *Till) RosterCame(signed string, answered bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.staff
	var next roster.Roster
	if signed != "" {
		var err error
		if next, err = roster.Open(signed, t.cfg.Store, t.cfg.HubKey); err != nil {
			t.Log.Error("a list of operators that is not for this till was ignored", logs.Err, err)
			return nil
		}
	}
	if !answered && next.Issued.Before(s.list.Issued) {
		return nil
	}
	_, named := next.Operator(s.onDuty)
	leaves := s.onDuty != "" && !named
	// The disk gets a renewed lease when a quarter of it is over, and a changed list at once.
	keep := (signed == "") != (s.text == "") || !next.Same(s.list) || next.Expires.Sub(s.stored) > roster.Lease/4
	if keep || leaves {
		if err := t.update(func(tx *store.Tx) error {
			if err := tx.SetRoster(signed); err != nil || !leaves {
				return err
			}
			return tx.SignOff(s.onDuty, "list", t.Now())
		}); err != nil {
			return err
		}
		s.stored = next.Expires
	}
	changed := leaves || !next.Same(s.list)
	s.text, s.list, s.broken = signed, next, false
	if leaves {
		t.Log.Warn("the operator on duty is not on the list any more", logs.Operator, s.onDuty)
		s.onDuty = ""
	}
	if changed {
		t.tellStaff()
	}
	return nil
}

// tellStaff tells the watchers who is on duty, and the link that the journal grew. The caller holds the lock.
func (t *Till) tellStaff() {
	status := t.status()
	t.watchers.tell(localapi.Event{Kind: localapi.EventStatus, Status: &status})
	t.Grown()
	t.stir()
}

// viewDuty is who is on duty, as others see it; nil when nobody is.
func (t *Till) viewDuty() *localapi.Operator {
	if t.staff.onDuty == "" {
		return nil
	}
	if o := person(t.staff.list, t.staff.onDuty); o != nil {
		return o
	}
	return &localapi.Operator{ID: t.staff.onDuty}
}

// mayBegin refuses a new sale while somebody has to sign on first. The caller holds the lock.
func (t *Till) mayBegin(now time.Time) error {
	r, l := t.people(now)
	return duty.Sell(l, r.Required, t.staff.onDuty != "")
}

// endIdle takes an operator off duty who has done nothing for long. The caller holds the lock.
func (t *Till) endIdle(now time.Time) {
	if due, ok := t.dutyEnds(); ok && !due.After(now) {
		_ = t.guard("idle", "", func() error { return t.signOff("idle") })
	}
}

func (t *Till) dutyEnds() (due time.Time, ok bool) {
	return t.staff.used.Add(duty.Idle), t.staff.onDuty != ""
}

func (t *Till) signOff(why string) error {
	who := t.staff.onDuty
	if err := t.update(func(tx *store.Tx) error { return tx.SignOff(who, why, t.Now()) }); err != nil {
		return err
	}
	t.staff.onDuty = ""
	t.Log.Info("operator off duty", logs.Operator, who, logs.Kind, why)
	t.tellStaff()
	return nil
}

// SignOff takes whoever is on duty off it; when nobody is it changes nothing.
func (t *Till) SignOff() (localapi.Operators, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.staff.onDuty != "" {
		if err := t.signOff("asked"); err != nil {
			return localapi.Operators{}, err
		}
	}
	return t.operators()
}

// SignOn puts an operator on duty who gives the right PIN, in the place of whoever was.
func (t *Till) SignOn(n localapi.SignOn) (localapi.Operators, error) {
	err := t.prove(n.Operator, n.PIN, func(o roster.Operator) error {
		before, now := t.staff.onDuty, t.Now()
		if err := t.update(func(tx *store.Tx) error {
			if before != "" && before != o.ID {
				if err := tx.SignOff(before, "other", now); err != nil {
					return err
				}
			}
			return tx.SignOn(o.ID, now)
		}); err != nil {
			return err
		}
		t.staff.onDuty, t.staff.used = o.ID, now
		t.Log.Info("operator on duty", logs.Operator, o.ID)
		t.tellStaff()
		return nil
	})
	if err != nil {
		return localapi.Operators{}, err
	}
	return t.Operators()
}

// Operators lists who may work here, with how their PINs stand.
func (t *Till) Operators() (localapi.Operators, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.operators()
}

func (t *Till) operators() (v localapi.Operators, err error) {
	now := t.Now()
	r, l := t.people(now)
	if l == duty.Broken {
		return v, duty.Known(l)
	}
	v = localapi.Operators{Operators: []localapi.Listed{}, OnDuty: t.viewDuty(), Required: r.Required}
	if t.staff.text != "" {
		at := r.Expires.Add(-t.limits.offset)
		v.ExpiresAt = &at
	}
	return v, t.read(func(tx *store.Tx) error {
		for _, o := range r.Operators {
			tries, err := tx.Tries(o.ID, o.Mark())
			if err != nil {
				return err
			}
			one := localapi.Listed{Operator: o.View(), TriesLeft: max(tries.Left(), 1)}
			if tries.Locked(now) {
				at := tries.Until().UTC()
				one.TriesLeft, one.LockedUntil = 0, &at
			}
			v.Operators = append(v.Operators, one)
		}
		return nil
	})
}

// prove has one PIN looked at, and calls right under the till's lock when it is right. The slow part runs without the lock,
// one at a time from the count of tries to its commit: a flood of tries costs neither sales nor memory, and no two are
// counted as one.
func (t *Till) prove(operator, pin string, right func(roster.Operator) error) error {
	if err := pinForm(pin); err != nil {
		return err
	}
	s := &t.staff
	if s.waiting.Add(1) > maxProving {
		s.waiting.Add(-1)
		return fault.New(fault.Unavailable, "operator.busy", "too many PINs are being looked at: try again in a moment")
	}
	s.proving <- struct{}{}
	defer func() { <-s.proving; s.waiting.Add(-1) }()
	o, tries, err := t.suspect(operator)
	if err != nil {
		return err
	}
	good := o.Right(pin)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	if !good {
		tries = tries.Again(now)
		if err := t.update(func(tx *store.Tx) error { return tx.Wrong(o.ID, o.Mark(), tries) }); err != nil {
			return err
		}
		t.Log.Warn("a wrong PIN", logs.Operator, o.ID, "wrong", tries.Wrong)
		t.Grown()
		return tries.Refused(now)
	}
	if r, l := t.people(now); l != duty.Fresh || person(r, o.ID) == nil { // the list changed meanwhile
		return duty.Unknown()
	}
	if tries.Wrong > 0 {
		if err := t.update(func(tx *store.Tx) error { return tx.Forgive(o.ID) }); err != nil {
			return err
		}
	}
	return right(o)
}

// suspect is somebody whose PIN may be tried now.
func (t *Till) suspect(operator string) (o roster.Operator, tries duty.Tries, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.Now()
	r, l := t.people(now)
	if err := duty.Known(l); err != nil {
		return o, tries, err
	}
	o, ok := r.Operator(operator)
	if !ok {
		return o, tries, duty.Unknown()
	}
	if err := t.read(func(tx *store.Tx) (err error) {
		tries, err = tx.Tries(o.ID, o.Mark())
		return err
	}); err != nil {
		return o, tries, err
	}
	if tries.Locked(now) {
		return o, tries, tries.Lock()
	}
	return o, tries, nil
}

// pinForm refuses (Invalid) what can be nobody's PIN; that is no try.
func pinForm(pin string) error {
	if err := roster.CheckPIN(pin); fault.CodeOf(err) == "operator.pin_form" {
		return err
	}
	return nil
}

// authority asks the law who stands for a refund. approver gave the right PIN for this request; "" when it named nobody.
// The caller holds the lock.
func (t *Till) authority(approver string, ask duty.Refund) (duty.Authority, error) {
	r, l := t.people(t.Now())
	ask.List, ask.Required = l, r.Required
	if t.staff.onDuty != "" {
		ask.OnDuty = t.viewDuty()
	}
	if approver != "" {
		if ask.Approver = person(r, approver); ask.Approver == nil {
			return duty.Authority{}, duty.Unknown()
		}
	}
	return ask.Decide()
}
