package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// payment is a line of `export payments`, with what the audit of the books does not need.
type payment struct {
	ID, Terminal, Key string
	OrderNo           string `json:"order_no"`
	Amount            int64
	Status            pay.Status
	CreatedAt         time.Time  `json:"created_at"`
	FinishedAt        *time.Time `json:"finished_at"`
}

// attempt is a line of `export attempts`.
type attempt struct {
	ID, Payment string
	Status      pay.Status
	OutTradeNo  string     `json:"out_trade_no"`
	SettledAt   *time.Time `json:"settled_at"`
}

// sold is a sale of a journal, with its times.
type sold struct {
	Type, ID   string
	OrderNo    string `json:"order_no"`
	Amount     int64
	State      string
	Outcome    pay.Outcome
	CreatedAt  time.Time  `json:"created_at"`
	ScannedAt  *time.Time `json:"scanned_at"`
	FinishedAt *time.Time `json:"finished_at"`
	Till       string     `json:"-"`
}

// evidence is everything there is when all is over.
type evidence struct {
	books     rig.Books
	payments  []payment
	attempts  []attempt
	sales     []sold
	terminals map[string][]string // terminal to the tills that are it: one, and its copies
	copies    map[string]bool     // tills that were copies and are gone
	posts     []posted
	backs     []asked
	returned  []returned // the tills'
	asked     map[string]int64
	shown     map[string][]sight
}

// collect reads the three books; with the hub and the tills stopped nothing can change any more.
func (w *world) collect(ctx context.Context, l *workload) (e evidence, err error) {
	var tills []*rig.Till
	e.terminals, e.copies = map[string][]string{}, map[string]bool{}
	for _, t := range append(w.tills[:len(w.tills):len(w.tills)], w.copies()...) {
		tills = append(tills, t.Till)
		e.terminals[t.terminal] = append(e.terminals[t.terminal], t.name())
		e.copies[t.name()] = t.of != nil
		sales, err := read[sold](ctx, w.rig, "cashier-agent", "journal", "export", "--data", t.Data)
		if err != nil {
			return e, err
		}
		for _, s := range sales {
			if s.Type == "sale" {
				s.Till = t.name()
				e.sales = append(e.sales, s)
			}
		}
		refunds, err := read[returned](ctx, w.rig, "cashier-agent", "journal", "export", "--data", t.Data)
		if err != nil {
			return e, err
		}
		for _, r := range refunds {
			if r.Type == "refund" {
				r.Till = t.name()
				e.returned = append(e.returned, r)
			}
		}
	}
	if e.books, err = rig.Read(ctx, w.lab, tills...); err != nil {
		return e, err
	}
	if e.payments, err = read[payment](ctx, w.rig, "cashier-hub", "export", "payments", "--data", w.lab.Data); err != nil {
		return e, err
	}
	if e.attempts, err = read[attempt](ctx, w.rig, "cashier-hub", "export", "attempts", "--data", w.lab.Data); err != nil {
		return e, err
	}
	l.mu.Lock()
	e.posts, e.asked, e.backs = l.posts, l.asked, l.backs
	l.mu.Unlock()
	w.shown.mu.Lock()
	e.shown = w.shown.of
	w.shown.mu.Unlock()
	return e, nil
}

// read runs an export and reads its lines.
func read[T any](ctx context.Context, r *rig.Rig, program string, args ...string) (all []T, err error) {
	out, _, err := r.Run(ctx, program, args...)
	if err != nil {
		return nil, err
	}
	for line := range slices.Values(lines(out)) {
		var one T
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("%s %v: %q: %w", program, args, line, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// match finds every difference between the books, and between them and what was ever promised or shown. unresolved
// are the sales and payments whose outcome nobody knows; they are not among the differences.
func (e evidence) match() (differences []string, unresolved int) {
	known := e.settled()
	open := map[string]bool{} // payments without an outcome, and their sales
	for _, r := range e.books.Hub {
		if open[r.ID] = r.Outcome == pay.Unknown; open[r.ID] {
			unresolved++
		}
	}
	unknown := map[string]bool{}
	for _, r := range known.Refunds {
		if r.Outcome == pay.RefundInDoubt {
			unresolved++
			open[r.ID] = true
		}
	}
	for _, s := range known.Journal {
		if unknown[s.ID] = s.Outcome == pay.Unknown; unknown[s.ID] {
			unresolved++
		}
	}
	for _, d := range known.Audit() {
		if !aboutOpen(d, open, unknown) {
			differences = append(differences, d)
		}
	}
	differences = slices.Concat(differences, e.askers(), e.promises(), e.once(), e.words(), e.refunds())
	slices.Sort(differences)
	return slices.Compact(differences), unresolved
}

// settled gives the books without what a copy of a till had open when it was taken away: nobody tells it the end any
// more. A payment that only such a sale knows of is held against the wallets alone.
func (e evidence) settled() rig.Books {
	known := e.books
	known.Hub, known.Journal = slices.Clone(known.Hub), nil
	orphans := map[string]bool{}
	for _, s := range e.books.Journal {
		if s.Outcome == pay.Unknown && e.copies[s.Till] {
			orphans[s.ID] = true
			continue
		}
		known.Journal = append(known.Journal, s)
	}
	for _, s := range known.Journal {
		delete(orphans, s.ID)
	}
	keys := map[string]string{}
	for _, p := range e.payments {
		keys[p.ID] = p.Key
	}
	for i, r := range known.Hub {
		if orphans[keys[r.ID]] {
			known.Hub[i].Terminal = ""
		}
	}
	return known
}

// aboutOpen reports that a difference only says that something is not settled.
func aboutOpen(difference string, open, unknown map[string]bool) bool {
	for _, id := range names.FindAllString(difference, -1) {
		if open[id] || unknown[id] {
			return true
		}
	}
	return false
}

// askers: no payment without somebody who asked for it, in the same words, and one attempt each.
func (e evidence) askers() (out []string) {
	bySale := map[string]sold{}
	for _, s := range e.sales {
		bySale[s.Till+" "+s.ID] = s
	}
	for _, p := range e.payments {
		if p.Terminal == "" {
			if amount, ok := e.asked[p.OrderNo]; !ok || amount != p.Amount {
				out = append(out, fmt.Sprintf("payment %s (%s) over %d: nobody asked for it (%d)", p.ID, p.OrderNo, p.Amount, amount))
			}
			continue
		}
		var s sold
		ok := false
		for _, till := range e.terminals[p.Terminal] {
			if found, has := bySale[till+" "+p.Key]; has {
				s, ok = found, true
			}
		}
		if !ok || s.OrderNo != p.OrderNo || s.Amount != p.Amount {
			out = append(out, fmt.Sprintf("payment %s of %s under %s (%s, %d): the till's journal has %s (%s, %d)", p.ID,
				e.terminals[p.Terminal], p.Key, p.OrderNo, p.Amount, s.ID, s.OrderNo, s.Amount))
		}
	}
	attempts, numbers := map[string]int{}, map[string]int{}
	for _, a := range e.attempts {
		attempts[a.Payment]++
		numbers[a.OutTradeNo]++
		if numbers[a.OutTradeNo] > 1 {
			out = append(out, fmt.Sprintf("number %s has more than one attempt", a.OutTradeNo))
		}
	}
	for _, p := range e.payments {
		if attempts[p.ID] != 1 {
			out = append(out, fmt.Sprintf("payment %s has %d attempts", p.ID, attempts[p.ID]))
		}
	}
	return out
}

// promises: every sale that was answered is in the journal of its till.
func (e evidence) promises() (out []string) {
	journal := map[string]sold{}
	for _, s := range e.sales {
		journal[s.Till+" "+s.ID] = s
	}
	for _, p := range e.posts {
		if s, ok := journal[p.Till+" "+p.Sale]; !ok || s.OrderNo != p.Order || s.Amount != p.Amount {
			out = append(out, fmt.Sprintf("%s answered order %s with sale %s over %d; its journal has %q (%s, %d)",
				p.Till, p.Order, p.Sale, p.Amount, s.ID, s.OrderNo, s.Amount))
		}
	}
	return out
}

// once: an order is paid once, whatever happened.
func (e evidence) once() (out []string) {
	paid := map[string]string{}
	for _, p := range e.payments {
		if p.Status.Outcome() != pay.Paid {
			continue
		}
		if first := paid[p.OrderNo]; first != "" {
			out = append(out, fmt.Sprintf("order %s is paid twice: %s and %s", p.OrderNo, first, p.ID))
		}
		paid[p.OrderNo] = p.ID
	}
	return out
}

// words: whatever final word was shown is what the books say, and "paid" was never said before the wallet charged.
func (e evidence) words() (out []string) {
	final, amounts := map[string]pay.Outcome{}, map[string]int64{}
	for _, s := range e.sales {
		amounts[s.ID] = s.Amount
		switch before := final[s.ID]; {
		case before == "" || before == pay.Unknown:
			final[s.ID] = s.Outcome
		case s.Outcome != pay.Unknown && s.Outcome != before: // a till and its copy
			out = append(out, fmt.Sprintf("sale %s is %s at one of its tills and %s at %s", s.ID, before, s.Outcome, s.Till))
		}
	}
	charged, number := map[string]time.Time{}, map[string]string{}
	for _, a := range e.attempts {
		number[a.Payment] = a.OutTradeNo
	}
	for _, p := range e.payments {
		final[p.ID], amounts[p.ID] = p.Status.Outcome(), p.Amount
	}
	for _, l := range e.books.Ledger {
		if l.Kind == "charge" {
			charged[l.OutTradeNo] = l.At
		}
	}
	for name, sights := range e.shown {
		outcome, ok := final[name]
		if !ok {
			out = append(out, fmt.Sprintf("%s was shown and stands in no book", name))
			continue
		}
		for _, s := range sights {
			switch at, was := charged[number[s.Payment]]; {
			case s.Amount != amounts[name]:
				out = append(out, fmt.Sprintf("%s was shown with %d fen and is over %d", name, s.Amount, amounts[name]))
			case s.final() && s.Outcome != outcome:
				out = append(out, fmt.Sprintf("%s was shown as %s (%s) and is %s", name, s.Outcome, s.Where, outcome))
			case s.Outcome == pay.Paid && (!was || at.After(s.At)):
				out = append(out, fmt.Sprintf("%s was shown as paid at %s (%s); the wallet charged at %s", name, s.At, s.Where, at))
			}
		}
	}
	return out
}
