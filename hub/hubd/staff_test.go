package hubd

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/roster"
	"cloudcashier/shared/wire"
)

// openShops is a running hub of one merchant with two stores.
func openShops(t *testing.T) (h *Hub, dir string, till registry.Terminal) {
	t.Helper()
	h, dir = openHub(t, "")
	must(t, h.store.Update(func(tx *store.Tx) error {
		if err := tx.PutMerchant(registry.Merchant{ID: "mer_1", Created: time.Now()}); err != nil {
			return err
		}
		for _, name := range []string{"sto_1", "sto_2"} {
			if err := tx.PutStore(registry.Store{ID: name, Merchant: "mer_1", Name: name, Created: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	}))
	runHub(t, h)
	serves(t, h)
	return h, dir, registry.Terminal{ID: "trm_1", Merchant: "mer_1", Store: "sto_1"}
}

// hears is what a terminal would be told.
func hears(t *testing.T, h *Hub, till registry.Terminal) roster.Roster {
	t.Helper()
	signed, err := h.roster(till)
	must(t, err)
	r, err := roster.Open(signed, till.Store, h.keys.signing().Public().(ed25519.PublicKey))
	must(t, err)
	return r
}

func TestOperatorsOfTills(t *testing.T) {
	h, dir, till := openShops(t)
	ctx := t.Context()
	if r := hears(t, h, till); len(r.Operators) != 0 || r.Required || r.Expires.Sub(r.Issued) != roster.Lease {
		t.Errorf("%+v", r)
	}
	limit := func(fen int64) *int64 { return &fen }
	anna, err := AddOperator(ctx, dir, StaffOrder{Name: "Anna", Store: "sto_1", PIN: "2580", Refund: limit(5000), By: "mei"})
	if err != nil || anna.Merchant != "mer_1" || anna.Role != localapi.RoleCashier {
		t.Fatalf("%+v, %v", anna, err)
	}
	wang, err := AddOperator(ctx, dir, StaffOrder{Name: "王店长", Role: localapi.RoleSupervisor, PIN: "739146", Refund: limit(500000), By: "mei"})
	must(t, err)
	other, err := AddOperator(ctx, dir, StaffOrder{Name: "Bo", Store: "sto_2", PIN: "8264", By: "mei"})
	must(t, err)
	for name, c := range map[string]struct {
		o    StaffOrder
		code string
	}{
		"nobody asks":      {StaffOrder{Name: "A", PIN: "2580"}, "operator.who"},
		"no name":          {StaffOrder{PIN: "2580", By: "mei"}, "operator.name"},
		"no PIN":           {StaffOrder{Name: "A", By: "mei"}, "operator.pin_form"},
		"an easy PIN":      {StaffOrder{Name: "A", PIN: "1111", By: "mei"}, "operator.pin_easy"},
		"an odd role":      {StaffOrder{Name: "A", PIN: "2580", Role: "owner", By: "mei"}, "operator.role"},
		"a negative limit": {StaffOrder{Name: "A", PIN: "2580", Refund: limit(-1), By: "mei"}, "operator.refund"},
		"no such store":    {StaffOrder{Name: "A", PIN: "2580", Store: "sto_9", By: "mei"}, "store.unknown"},
		"no such merchant": {StaffOrder{Name: "A", PIN: "2580", Merchant: "mer_9", By: "mei"}, "merchant.unknown"},
		"another's store":  {StaffOrder{Name: "A", PIN: "2580", Merchant: "mer_9", Store: "sto_1", By: "mei"}, "operator.store"},
	} {
		_, err := AddOperator(ctx, dir, c.o)
		wantCode(t, err, c.code)
		if err != nil && c.o.PIN != "" && strings.Contains(err.Error(), c.o.PIN) {
			t.Errorf("%s: the error shows the PIN", name)
		}
	}
	r := hears(t, h, till)
	if len(r.Operators) != 2 {
		t.Fatalf("%+v", r)
	}
	o, ok := r.Operator(anna.ID)
	if !ok || o.Refund != money.Fen(5000) || !o.Right("2580") {
		t.Errorf("%+v", o)
	}
	if _, ok := r.Operator(other.ID); ok {
		t.Error("another store's operator is on the list")
	}
	if o, _ := r.Operator(wang.ID); o.Role != localapi.RoleSupervisor {
		t.Errorf("%+v", o)
	}

	_, err = ChangeOperator(ctx, dir, anna.ID, "set", StaffOrder{Refund: limit(100), By: "mei"})
	must(t, err)
	_, err = ChangeOperator(ctx, dir, anna.ID, "pin", StaffOrder{PIN: "8642", By: "mei"})
	must(t, err)
	_, err = ChangeOperator(ctx, dir, anna.ID, "pin", StaffOrder{PIN: "4321", By: "mei"})
	wantCode(t, err, "operator.pin_easy")
	_, err = ChangeOperator(ctx, dir, "opr_x", "disable", StaffOrder{By: "mei"})
	wantCode(t, err, "operator.unknown")
	if o, _ := hears(t, h, till).Operator(anna.ID); o.Refund != money.Fen(100) || o.Name != "Anna" || o.Right("2580") || !o.Right("8642") {
		t.Errorf("%+v", o)
	}
	for range 2 { // the second changes nothing
		v, err := ChangeOperator(ctx, dir, anna.ID, "disable", StaffOrder{By: "mei"})
		if err != nil || !v.Disabled {
			t.Errorf("%+v, %v", v, err)
		}
	}
	if _, ok := hears(t, h, till).Operator(anna.ID); ok {
		t.Error("a disabled operator is on the list")
	}
	list, err := Operators(filepath.Join(dir, "hub.db"))
	shown, _ := json.Marshal(list)
	if err != nil || len(list) != 3 || strings.Contains(string(shown), "a1:") {
		t.Errorf("%s, %v", shown, err)
	}
	var kinds []string
	must(t, h.store.View(func(tx *store.Tx) error {
		var n int
		for _, kind := range []string{"operator.added", "operator.set", "operator.pin", "operator.disable"} {
			if err := tx.QueryRow("SELECT count(*) FROM event WHERE entity = ? AND kind = ? AND cause = 'mei' AND body NOT LIKE '%a1:%'", anna.ID, kind).Scan(&n); err != nil {
				return err
			}
			kinds = append(kinds, fmt.Sprint(n))
		}
		return nil
	}))
	if got := strings.Join(kinds, ""); got != "1111" {
		t.Errorf("events: %s", got)
	}
}

func TestAStoreThatAsksForAnOperator(t *testing.T) {
	h, dir, till := openShops(t)
	ctx := t.Context()
	_, err := SetStaffPolicy(ctx, dir, StaffOrder{Store: "sto_1", Required: true, By: "mei"})
	wantCode(t, err, "operator.none")
	anna, err := AddOperator(ctx, dir, StaffOrder{Name: "Anna", Store: "sto_1", PIN: "2580", By: "mei"})
	must(t, err)
	_, err = SetStaffPolicy(ctx, dir, StaffOrder{Store: "sto_1", Required: true, By: "mei"})
	must(t, err)
	if !hears(t, h, till).Required {
		t.Error("the till is not told")
	}
	_, err = ChangeOperator(ctx, dir, anna.ID, "disable", StaffOrder{By: "mei"}) // the shop would be closed, or open to anybody
	wantCode(t, err, "operator.none")
	_, err = SetStaffPolicy(ctx, dir, StaffOrder{Store: "sto_1", By: "mei"})
	must(t, err)
	_, err = ChangeOperator(ctx, dir, anna.ID, "disable", StaffOrder{By: "mei"})
	must(t, err)
	_, err = SetStaffPolicy(ctx, dir, StaffOrder{Store: "sto_9", By: "mei"})
	wantCode(t, err, "store.unknown")
}

// TestAFullListFitsOneMessage of the longest names, with limits for what is taken without a connection; one more is refused.
func TestAFullListFitsOneMessage(t *testing.T) {
	h, dir, till := openShops(t)
	pin, err := h.hashPIN("opr", "2580")
	must(t, err)
	must(t, h.store.Update(func(tx *store.Tx) error {
		for i := range roster.Most {
			if err := tx.InsertOperator(store.Operator{Merchant: "mer_1", Created: time.Now(), Operator: roster.Operator{ID: fmt.Sprintf("opr_%026d", i),
				Name: strings.Repeat("王", roster.MaxName/3), Role: localapi.RoleSupervisor, Refund: money.Fen(money.Max), PIN: pin}}); err != nil {
				return err
			}
		}
		return nil
	}))
	signed, err := h.roster(till)
	must(t, err)
	now := time.Now()
	data, err := wire.Seal(wire.Envelope{Kind: wire.KindWelcome, ID: "msg_" + strings.Repeat("0", 26), At: now},
		wire.Welcome{SentAt: now, Now: now, Offline: strings.Repeat("x", 600), Operators: signed}, "trm_"+strings.Repeat("0", 26), wire.Down, h.keys.signing())
	if err != nil || len(data) > wire.MaxMessage {
		t.Fatalf("%d bytes of %d: %v", len(data), wire.MaxMessage, err)
	}
	_, err = AddOperator(t.Context(), dir, StaffOrder{Name: "One more", Store: "sto_2", PIN: "2580", By: "mei"})
	wantCode(t, err, "operator.too_many")
}
