package screen

import (
	"slices"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// handedOver reports an open sale that was accepted offline: nobody waits for its result.
func handedOver(s localapi.Sale) bool {
	return s.DeferredAt != nil && !s.State.Final() && s.State != localapi.StateCancelling
}

// followHanded keeps an eye on what was accepted offline: it is not parked, as nobody waits for it, and
// one that was not collected is shown like a late result.
func (t *Till) followHanded() {
	t.handed = slices.DeleteFunc(t.handed, func(id string) bool {
		s, ok := t.d.Book.Sale(id)
		if ok && s.State.Final() && s.State.Outcome() != pay.Paid {
			t.late = append(t.late, id)
		}
		return ok && s.State.Final() || id == t.sale
	})
	for _, s := range t.d.Book.Open() {
		if handedOver(s) && s.ID != t.sale && !slices.Contains(t.handed, s.ID) {
			t.handed = append(t.handed, s.ID)
		}
	}
}
