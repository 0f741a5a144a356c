package till

import (
	"cloudcashier/agent/internal/duty"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/roster"
)

// supervised does what a supervisor has to stand for, under the lock: the one who gave a PIN with the request, else the
// one on duty (Denied; see [duty.Drawer]).
func (t *Till) supervised(a *localapi.Approval, do func() error) error {
	if a != nil && t.named() {
		return t.prove(a.Operator, a.PIN, func(o roster.Operator) error {
			v := o.View()
			if err := duty.Drawer(duty.Fresh, true, nil, &v); err != nil {
				return err
			}
			return do()
		})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r, l := t.people(t.Now())
	if err := duty.Drawer(l, r.Required, t.viewDuty(), nil); err != nil {
		return err
	}
	return do()
}

// named reports that the hub names people who work here.
func (t *Till) named() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, l := t.people(t.Now())
	return l != duty.None
}
