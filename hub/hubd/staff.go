package hubd

import (
	"context"
	"io"
	"net/http"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/roster"
)

// Operator is a person who works at a merchant's tills, as the hub's operators see them. Nobody sees a PIN.
type Operator struct {
	ID        string        `json:"id"`
	Merchant  string        `json:"merchant"`
	Store     string        `json:"store,omitempty"` // none: all of the merchant's
	Name      string        `json:"name"`
	Role      localapi.Role `json:"role"`
	Refund    int64         `json:"refund"` // fen
	Disabled  bool          `json:"disabled"`
	CreatedAt time.Time     `json:"created_at"`
}

// Limit is the refund limit for people.
func (o Operator) Limit() string { return money.Fen(o.Refund).String() }

func operatorOf(o store.Operator) Operator {
	return Operator{ID: o.ID, Merchant: o.Merchant, Store: o.Store, Name: o.Name, Role: o.Role, Refund: o.Refund.Fen(), Disabled: o.Disabled, CreatedAt: o.Created}
}

// StaffOrder is what is asked about an operator; which fields count depends on what is asked.
type StaffOrder struct {
	Merchant string        `json:"merchant,omitempty"` // of a new operator; the store's, or the only one, when empty
	Store    string        `json:"store,omitempty"`
	Name     string        `json:"name,omitempty"`
	Role     localapi.Role `json:"role,omitempty"`
	Refund   *int64        `json:"refund,omitempty"` // fen
	PIN      string        `json:"pin,omitempty"`
	Required bool          `json:"required,omitempty"` // of a store: nothing is sold without an operator on duty
	By       string        `json:"by"`
}

// StaffPolicy is a store's rule.
type StaffPolicy struct {
	Store    string `json:"store"`
	Required bool   `json:"required"`
}

// Operators lists the operators of a database that may be in use or a copy, oldest first. It changes nothing.
func Operators(path string) ([]Operator, error) {
	rows, err := store.Operators(path)
	list := make([]Operator, len(rows))
	for i, o := range rows {
		list[i] = operatorOf(o)
	}
	return list, err
}

// AddOperator has the hub that runs on a folder take on an operator.
func AddOperator(ctx context.Context, folder string, o StaffOrder) (v Operator, err error) {
	return v, operate(ctx, folder, "/v1/operators", o, &v)
}

// ChangeOperator has it change one: "set", "pin", "disable", "enable".
func ChangeOperator(ctx context.Context, folder, operator, what string, o StaffOrder) (v Operator, err error) {
	return v, operate(ctx, folder, "/v1/operators/"+operator+"/"+what, o, &v)
}

// SetStaffPolicy has it change a store's rule.
func SetStaffPolicy(ctx context.Context, folder string, o StaffOrder) (v StaffPolicy, err error) {
	return v, operate(ctx, folder, "/v1/stores/"+o.Store+"/operators", o, &v)
}

// operateStaff adds what may be asked about operators of tills.
func (h *Hub) operateStaff(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/operators", serve(h, func(_ *http.Request, o StaffOrder) (any, error) { return h.addOperator(o) }))
	for what, change := range map[string]func(*store.Operator, StaffOrder) error{
		"set": setOperator, "pin": h.setPIN,
		"disable": func(x *store.Operator, _ StaffOrder) error { x.Disabled = true; return nil },
		"enable":  func(x *store.Operator, _ StaffOrder) error { x.Disabled = false; return nil },
	} {
		mux.HandleFunc("POST /v1/operators/{id}/"+what, serve(h, func(r *http.Request, o StaffOrder) (any, error) {
			return h.changeOperator(r.PathValue("id"), what, o, change)
		}))
	}
	mux.HandleFunc("POST /v1/stores/{id}/operators", serve(h, func(r *http.Request, o StaffOrder) (any, error) {
		return h.setStaffPolicy(r.PathValue("id"), o)
	}))
}

func (h *Hub) addOperator(o StaffOrder) (Operator, error) {
	if err := o.who(); err != nil {
		return Operator{}, err
	}
	x := store.Operator{Operator: roster.Operator{ID: h.ids.New(id.Operator)}, Created: h.deps.Now()}
	if o.Role == "" {
		o.Role = localapi.RoleCashier
	}
	if o.Refund == nil {
		o.Refund = new(int64)
	}
	if err := roster.CheckName(o.Name); err != nil { // which "set" leaves as it is when empty
		return Operator{}, err
	}
	for _, change := range []func(*store.Operator, StaffOrder) error{setOperator, h.setPIN} {
		if err := change(&x, o); err != nil {
			return Operator{}, err
		}
	}
	err := h.store.Update(func(tx *store.Tx) (err error) {
		x.Merchant, x.Store = o.Merchant, o.Store
		if o.Store != "" {
			if x.Merchant, err = tx.StoreOf(o.Store); err == nil && o.Merchant != "" && o.Merchant != x.Merchant {
				err = fault.New(fault.Conflict, "operator.store", "store %s is another merchant's", o.Store)
			}
		} else {
			x.Merchant, err = tx.MerchantNamed(o.Merchant)
		}
		if err != nil {
			return err
		}
		if err := tx.InsertOperator(x); err != nil {
			return err
		}
		return h.noteOperator(tx, x, "operator.added", o.By)
	})
	if err == nil {
		h.broker.StaffChanged(x.Merchant, x.Store)
	}
	return operatorOf(x), err
}

// changeOperator does one thing to an operator in one transaction, and has the connected tills told.
func (h *Hub) changeOperator(operator, what string, o StaffOrder, change func(*store.Operator, StaffOrder) error) (Operator, error) {
	if err := o.who(); err != nil {
		return Operator{}, err
	}
	var x, before store.Operator
	if err := h.store.View(func(tx *store.Tx) (err error) {
		before, err = tx.Operator(operator)
		return err
	}); err != nil {
		return Operator{}, err
	}
	x = before
	if err := change(&x, o); err != nil { // outside the transaction: a PIN takes its time
		return Operator{}, err
	}
	err := h.store.Update(func(tx *store.Tx) error {
		now, err := tx.Operator(operator)
		switch {
		case err != nil:
			return err
		case now != before:
			return fault.New(fault.Conflict, "operator.changed", "somebody else changed operator %s at this moment: look, then ask again", operator)
		case now == x:
			return nil
		}
		if err := tx.ChangeOperator(x); err != nil {
			return err
		}
		return h.noteOperator(tx, x, "operator."+what, o.By)
	})
	if err == nil {
		h.broker.StaffChanged(x.Merchant, x.Store)
	}
	return operatorOf(x), err
}

// noteOperator checks the whole staff after a change, and writes the event. No PIN is in it, nor its hash.
func (h *Hub) noteOperator(tx *store.Tx, x store.Operator, kind, by string) error {
	if err := tx.StaffFits(x.Merchant); err != nil {
		return err
	}
	return tx.Append(store.Event{Entity: x.ID, Kind: kind, Cause: by, At: h.deps.Now(),
		Body: map[string]any{"merchant": x.Merchant, "store": x.Store, "name": x.Name, "role": x.Role, "refund": x.Refund.Fen(), "disabled": x.Disabled}})
}

// who refuses (Invalid) an order of nobody.
func (o StaffOrder) who() error {
	if o.By == "" || len(o.By) > 64 {
		return fault.New(fault.Invalid, "operator.who", "say who asks, a name of up to 64 bytes")
	}
	return nil
}

// setOperator changes what the order names, and leaves the rest.
func setOperator(x *store.Operator, o StaffOrder) error {
	if o.Name != "" {
		if err := roster.CheckName(o.Name); err != nil {
			return err
		}
		x.Name = o.Name
	}
	if o.Role != "" {
		if err := roster.CheckRole(o.Role); err != nil {
			return err
		}
		x.Role = o.Role
	}
	if o.Refund != nil {
		x.Refund = money.Fen(*o.Refund)
	}
	return roster.CheckLimit(x.Refund)
}

// setPIN gives the operator another PIN. Their wrong tries at the one before do not count any more.
func (h *Hub) setPIN(x *store.Operator, o StaffOrder) error {
	if err := roster.CheckPIN(o.PIN); err != nil {
		return err
	}
	hash, err := h.hashPIN(x.ID, o.PIN)
	x.PIN = hash
	return err
}

func (h *Hub) hashPIN(operator, pin string) (string, error) {
	salt := make([]byte, roster.SaltLen)
	if _, err := io.ReadFull(h.deps.Random, salt); err != nil {
		return "", fault.Wrap(err, fault.Internal, "hub.random", "no randomness")
	}
	return roster.Hash(operator, pin, salt), nil
}

func (h *Hub) setStaffPolicy(name string, o StaffOrder) (StaffPolicy, error) {
	if err := o.who(); err != nil {
		return StaffPolicy{}, err
	}
	merchant := ""
	err := h.store.Update(func(tx *store.Tx) (err error) {
		if merchant, err = tx.StoreOf(name); err != nil {
			return err
		}
		if err := tx.SetRequired(name, o.Required); err != nil {
			return err
		}
		if err := tx.StaffFits(merchant); err != nil {
			return err
		}
		return tx.Append(store.Event{Entity: name, Kind: "operator.policy", Cause: o.By, At: h.deps.Now(), Body: map[string]any{"required": o.Required}})
	})
	if err == nil {
		h.broker.StaffChanged(merchant, name)
	}
	return StaffPolicy{Store: name, Required: o.Required}, err
}

// roster is what a terminal hears about the people of its store, signed, with a lease. One without operators is signed too:
// hearing nothing is not hearing that nobody works here.
func (h *Hub) roster(t registry.Terminal) (string, error) {
	var r roster.Roster
	if err := h.store.View(func(tx *store.Tx) (err error) {
		r, err = tx.Roster(t.Merchant, t.Store)
		return err
	}); err != nil {
		return "", err
	}
	r.Issued = h.deps.Now().UTC().Truncate(time.Second)
	r.Expires = r.Issued.Add(roster.Lease)
	return roster.Sign(r, h.keys.signing())
}

// DemoOperator is a person of the demo, with a PIN that everybody may know.
type DemoOperator struct {
	ID     string        `json:"id"`
	Name   string        `json:"name"`
	Role   localapi.Role `json:"role"`
	Refund int64         `json:"refund"` // fen
	PIN    string        `json:"pin"`
}

func (h *Hub) demoOperators() []DemoOperator {
	return []DemoOperator{
		{h.ids.New(id.Operator), "小李", localapi.RoleCashier, 50_00, "2580"},
		{h.ids.New(id.Operator), "王店长", localapi.RoleSupervisor, 5000_00, "739146"}}
}

// putDemoOperators stores those that are not there yet.
func (h *Hub) putDemoOperators(tx *store.Tx, d Demo, now time.Time) error {
	for _, o := range d.Operators {
		hash, err := h.hashPIN(o.ID, o.PIN)
		if err != nil {
			return err
		}
		if err := tx.InsertOperator(store.Operator{Operator: roster.Operator{ID: o.ID, Name: o.Name, Role: o.Role, Refund: money.Fen(o.Refund), PIN: hash},
			Merchant: d.Merchant, Created: now}); err != nil {
			return err
		}
	}
	return nil
}
