// Package shiftbook holds a till's shifts against the hub's own books: each report is computed again from the copy of
// the till's log, and each sale and refund by wallet is looked up by its key among the hub's payments and refunds.
//
// It refuses to call anything equal that it did not look up, and it changes nothing. Newcomers get one thing wrong: cash
// is the till's word alone. The hub never saw that money, so that its lines can be summed up again but not confirmed.
package shiftbook

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/shift"
)

// Row is a payment or a refund in the hub's books.
type Row struct {
	ID      string
	Status  string
	Outcome string
	Paid    bool // the money moved: a payment succeeded, a refund went back
	Amount  int64
	Wallet  pay.Wallet
}

// Books are the hub's, by the till's keys; ok is false for what the hub does not have.
type Books interface {
	Payment(key string) (r Row, ok bool, err error)
	Refund(key string) (r Row, ok bool, err error)
}

// Check is one shift, and what the hub says to it.
type Check struct {
	Terminal    string         `json:"terminal"`
	Equal       bool           `json:"equal"`
	Shift       localapi.Shift `json:"shift"`   // computed from the hub's copy of the till's log
	Tenders     []Tender       `json:"tenders"` // both sides
	Pending     []Line         `json:"pending"`
	Differences []Difference   `json:"differences"`
}

// Tender is the money of one wallet on both sides, in fen.
type Tender struct {
	Tender localapi.Tender `json:"tender"`
	Wallet pay.Wallet      `json:"wallet,omitempty"`
	Till   Sums            `json:"till"`
	Hub    *Sums           `json:"hub"` // none: the hub never saw this money
	Equal  bool            `json:"equal"`
}

// Sums are one side's.
type Sums struct {
	Count    int64 `json:"count"`
	Gross    int64 `json:"gross"`
	Refunds  int64 `json:"refunds"`
	Refunded int64 `json:"refunded"`
	Net      int64 `json:"net"`
}

// Line is a sale or refund that a shift carried over, and what is known of it now.
type Line struct {
	localapi.ShiftLine
	Hub       string `json:"hub"` // its status at the hub now; "" when the hub does not have it
	Outcome   string `json:"hub_outcome,omitempty"`
	HubID     string `json:"hub_id,omitempty"`
	Now       string `json:"till"`                 // its state in the till's log now
	SettledIn int64  `json:"settled_in,omitempty"` // the shift; 0 while it is open
}

// Difference is one thing on which till and hub do not agree.
type Difference struct {
	What string `json:"what"` // a stable word: "payment", "refund", "sum", "report", "stray"
	ID   string `json:"id,omitempty"`
	Till string `json:"till"`
	Hub  string `json:"hub"`
}

// Stray is a payment that succeeded at the hub and whose sale is not in the copied log.
type Stray struct {
	Key    string
	Amount int64
}

// Reader reads one till's copied log, in its order.
type Reader struct {
	terminal string
	books    Books
	tally    shift.Tally
	wallets  map[string]pay.Wallet // of paid sales
	settled  map[string]end        // of what was carried over once; 0 while it is open
	open     map[string]string     // the state of what is open
	now      book
	checks   []Check
}

// end is where and how a line settled.
type end struct {
	shift int64
	state string
}

// book is the shift that is read.
type book struct {
	hub         map[wallet]*Sums
	differences []Difference
}

type wallet struct {
	tender localapi.Tender
	wallet pay.Wallet
}

// New reads the log of a till from its beginning.
func New(terminal string, books Books) *Reader {
	return &Reader{terminal: terminal, books: books, wallets: map[string]pay.Wallet{}, settled: map[string]end{}, open: map[string]string{},
		now: book{hub: map[wallet]*Sums{}}}
}

// words are what the bodies of sales' and refunds' events say.
type words struct {
	Outcome string          `json:"outcome"`
	Refund  string          `json:"refund"`
	State   string          `json:"state"`
	Tender  localapi.Tender `json:"tender"`
	Wallet  pay.Wallet      `json:"wallet"`
	Amount  int64           `json:"amount"`
}

// Add reads the next event.
func (r *Reader) Add(e shift.Entry) error {
	var w words
	if e.Sale != "" {
		if err := json.Unmarshal(e.Body, &w); err != nil {
			return fault.Wrap(err, fault.Internal, "shift.record", "row %d of %s cannot be read", e.Seq, r.terminal)
		}
		e.Wallet = r.wallets[e.Sale]
	}
	if e.Kind == shift.Ended && e.Sale == "" {
		if err := r.end(e); err != nil {
			return err
		}
	}
	if err := r.tally.Add(e); err != nil {
		return err
	}
	switch {
	case w.Outcome == "": // no change of a sale or refund
		return nil
	case w.Refund != "":
		return r.refund(e, w)
	}
	return r.sale(e, w)
}

func (r *Reader) sale(e shift.Entry, w words) error {
	state := localapi.State(w.State)
	if !state.Final() {
		r.open[e.Sale] = w.State
		return nil
	}
	delete(r.open, e.Sale)
	r.settle(e.Sale, w.State)
	paid := state == localapi.StatePaid
	if paid {
		r.wallets[e.Sale] = w.Wallet
	}
	if w.Tender != localapi.TenderWallet {
		return nil
	}
	have, ok, err := r.books.Payment(e.Sale)
	if err != nil {
		return err
	}
	if have.Paid {
		one := r.of(have.Wallet)
		one.Count, one.Gross, one.Net = one.Count+1, one.Gross+have.Amount, one.Net+have.Amount
	}
	r.compare("payment", e.Sale, side{paid, w.State, w.Amount, w.Wallet}, have, ok)
	return nil
}

func (r *Reader) refund(e shift.Entry, w words) error {
	state := localapi.RefundState(w.State)
	if !state.Final() {
		r.open[w.Refund] = w.State
		return nil
	}
	delete(r.open, w.Refund)
	r.settle(w.Refund, w.State)
	if w.Tender != localapi.TenderWallet {
		return nil
	}
	have, ok, err := r.books.Refund(w.Refund)
	if err != nil {
		return err
	}
	if have.Paid {
		one := r.of(have.Wallet)
		one.Refunds, one.Refunded, one.Net = one.Refunds+1, one.Refunded+have.Amount, one.Net-have.Amount
	}
	r.compare("refund", w.Refund, side{state == localapi.RefundSucceeded, w.State, w.Amount, r.wallets[e.Sale]}, have, ok)
	return nil
}

// settle notes where something ended that a shift had carried over.
func (r *Reader) settle(id, state string) {
	if _, carried := r.settled[id]; carried {
		r.settled[id] = end{r.tally.Number(), state}
	}
}

func (r *Reader) of(w pay.Wallet) *Sums {
	k := wallet{localapi.TenderWallet, w}
	if r.now.hub[k] == nil {
		r.now.hub[k] = &Sums{}
	}
	return r.now.hub[k]
}

// side is what the till says of one payment or refund.
type side struct {
	moved  bool
	state  string
	amount int64
	wallet pay.Wallet
}

// compare names what the two say differently of one settled sale or refund. What the till says did not move, the hub
// need not have.
func (r *Reader) compare(what, id string, till side, hub Row, ok bool) {
	switch {
	case !ok && !till.moved, ok && till.moved == hub.Paid && (!till.moved || till.amount == hub.Amount && till.wallet == hub.Wallet):
		return
	case !ok:
		hub.Status = "unknown to the hub"
	}
	r.differ(what, id, fmt.Sprintf("%s %d %s", till.state, till.amount, till.wallet), fmt.Sprintf("%s %d %s", hub.Status, hub.Amount, hub.Wallet))
}

func (r *Reader) differ(what, id, till, hub string) {
	r.now.differences = append(r.now.differences, Difference{what, id, strings.TrimSpace(till), strings.TrimSpace(hub)})
}

// end holds the till's own report against the one its log gives, and begins the next shift.
func (r *Reader) end(e shift.Entry) error {
	var said localapi.Shift
	if err := json.Unmarshal(e.Body, &said); err != nil || said.Counted == nil || said.ClosedAt == nil {
		return fault.Wrap(err, fault.Internal, "shift.record", "row %d of %s is no report of a shift", e.Seq, r.terminal)
	}
	z := r.tally.Close(shift.Closing{At: *said.ClosedAt, Counted: *said.Counted, Operator: said.ClosedBy, Approved: said.Approved, Note: said.Note})
	brief := shift.Brief(z)
	mine, err := parts(brief)
	if err != nil {
		return err
	}
	theirs, err := parts(said)
	if err != nil {
		return err
	}
	for _, name := range names(mine, theirs) {
		if mine[name] != theirs[name] {
			r.differ("report", name, theirs[name], mine[name])
		}
	}
	for _, l := range z.Pending {
		if _, before := r.settled[l.ID]; !before {
			r.settled[l.ID] = end{}
		}
	}
	r.checks = append(r.checks, r.check(z))
	r.now = book{hub: map[wallet]*Sums{}}
	return nil
}

// parts are a report's fields, each as its JSON.
func parts(s localapi.Shift) (map[string]string, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for name, value := range raw {
		all[name] = string(value)
	}
	return all, nil
}

func names(a, b map[string]string) (list []string) {
	for name := range a {
		list = append(list, name)
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// check puts both sides of a shift beside each other. What is pending is filled in at the end of the log.
func (r *Reader) check(z localapi.Shift) Check {
	c := Check{Terminal: r.terminal, Shift: z, Tenders: []Tender{}, Pending: []Line{}}
	for _, one := range z.Tenders {
		t := Tender{Tender: one.Tender, Wallet: one.Wallet, Till: Sums{one.Count, one.Gross, one.Refunds, one.Refunded, one.Net}, Equal: true}
		if one.Tender == localapi.TenderWallet {
			k := wallet{one.Tender, one.Wallet}
			t.Hub = &Sums{}
			if have := r.now.hub[k]; have != nil {
				t.Hub = have
			}
			delete(r.now.hub, k)
			t.Equal = *t.Hub == t.Till
		}
		c.Tenders = append(c.Tenders, t)
	}
	for k, have := range r.now.hub { // a wallet that the till knows nothing of
		c.Tenders = append(c.Tenders, Tender{Tender: k.tender, Wallet: k.wallet, Hub: have})
	}
	slices.SortFunc(c.Tenders, func(a, b Tender) int {
		return cmp.Or(strings.Compare(string(a.Tender), string(b.Tender)), strings.Compare(string(a.Wallet), string(b.Wallet)))
	})
	for _, t := range c.Tenders {
		if !t.Equal {
			r.differ("sum", string(t.Wallet), fmt.Sprint(t.Till.Net), fmt.Sprint(t.Hub.Net))
		}
	}
	c.Differences = append([]Difference{}, r.now.differences...)
	return c
}

// Checks are all shifts in the log, oldest first, the open one last; strays stand with that.
func (r *Reader) Checks(strays []Stray) ([]Check, error) {
	for _, s := range strays {
		r.differ("stray", s.Key, "not in the copied log", fmt.Sprintf("succeeded %d", s.Amount))
	}
	r.checks = append(r.checks, r.check(r.tally.Report()))
	r.now = book{hub: map[wallet]*Sums{}}
	for i := range r.checks {
		c := &r.checks[i]
		c.Equal = len(c.Differences) == 0
		for _, l := range c.Shift.Pending {
			look := r.books.Payment
			if l.Kind == "refund" {
				look = r.books.Refund
			}
			have, _, err := look(l.ID)
			if err != nil {
				return nil, err
			}
			line := Line{ShiftLine: l, Hub: have.Status, Outcome: have.Outcome, HubID: have.ID, Now: r.open[l.ID]}
			if end := r.settled[l.ID]; end.shift != 0 {
				line.Now, line.SettledIn = end.state, end.shift
			}
			c.Pending = append(c.Pending, line)
		}
	}
	return r.checks, nil
}
