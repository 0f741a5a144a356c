package world

import (
	"fmt"
	"time"

	"cloudcashier/hub/hubtest"
	"cloudcashier/scripts/simtest/disk"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// shows is a till's screen telling how a sale stands. What it said last is what the cashier goes by.
func (w *World) shows(t *till, s localapi.Sale) {
	w.mu.Lock()
	i := w.known[s.OrderNo]
	before, had := t.shown[s.ID]
	if i == nil {
		w.blame(fmt.Sprintf("%s shows order %s, which nobody entered", t.name, s.OrderNo))
		w.mu.Unlock()
		return
	}
	if had && before.State.Final() && before.State != s.State {
		w.blame(fmt.Sprintf("%s showed %s as %s, then as %s", t.name, s.OrderNo, before.State, s.State))
	}
	if s.Outcome != s.State.Outcome() || s.Amount != i.fen {
		w.blame(fmt.Sprintf("%s shows %s as %s over %d, outcome %s", t.name, s.OrderNo, s.State, s.Amount, s.Outcome))
	}
	if !had {
		i.sales = append(i.sales, s.ID)
	}
	t.shown[s.ID] = s
	if had && before.State == s.State {
		w.mu.Unlock()
		return
	}
	if s.State.Final() {
		w.write(fmt.Sprintf("%s shows %s as %s (%s)", t.name, s.OrderNo, s.State, s.Reason))
	} else { // its reason may name the link, which changes beside it
		w.write(fmt.Sprintf("%s shows %s as %s", t.name, s.OrderNo, s.State))
	}
	if s.State == localapi.StateLapsed && i.sent[s.ID] == 0 {
		w.seen["code lapsed unsent"]++
	}
	w.mu.Unlock()
	if s.Tender != localapi.TenderWallet {
		return
	}
	switch net := w.bank.net(s.OrderNo); {
	case s.Outcome == pay.Paid && net < 1:
		w.fail("%s shows %s as paid, and the wallet has nothing", t.name, s.OrderNo)
	case s.Outcome == pay.NotPaid && net > 0 && !w.bank.lateFor(s.OrderNo) && len(i.sales) == 1:
		w.fail("%s shows %s as not paid, and the wallet has the money", t.name, s.OrderNo)
	}
}

// remembers holds a till that has just started against what it had said before.
func (w *World) remembers(t *till, r *tillRun) {
	list, err := r.till.Sales(500)
	if err != nil {
		w.fail("%s cannot read its journal: %v", t.name, err)
		return
	}
	has := map[string]bool{}
	for k := len(list) - 1; k >= 0; k-- {
		has[list[k].ID] = true
		w.shows(t, list[k])
	}
	for id, s := range t.shown {
		if !has[id] {
			w.fail("%s forgot %s, which it had shown as %s", t.name, s.OrderNo, s.State)
		}
	}
	w.remembersBacks(t, r)
	head := r.till.Head()
	if head < t.head {
		w.fail("%s had %d rows in its journal, now %d", t.name, t.head, head)
	}
	if t.failing == disk.SyncFails && head > t.head {
		w.saw("sync failed, and the row was there")
	}
	t.failing, t.head = disk.None, head
}

// recalls holds a hub that has just started against what was known to be committed.
func (w *World) recalls(h *hub, r *hubRun) {
	n, err := r.hub.Newest()
	if err != nil {
		return // the disk fails again
	}
	if n < w.events {
		w.fail("the hubs had %d events, %s finds %d", w.events, h.name, n)
	}
	if h.failing == disk.SyncFails && n > w.events && len(w.hubs) == 1 {
		w.saw("sync failed at a hub, and the row was there")
	}
	h.failing = disk.None
}

// heal ends all faults.
func (w *World) heal() {
	w.mu.Lock()
	w.healed = true
	w.write("everything is healed")
	for _, t := range w.tills {
		t.outage = time.Time{}
	}
	w.mu.Unlock()
	for _, t := range w.tills {
		t.disk.Room(-1)
		t.full.Store(false)
		t.back = time.Time{}
		if t.run != nil {
			t.run.proc.Plan(disk.None, 0)
		}
	}
	for _, h := range w.hubs {
		h.back = time.Time{}
		if h.run != nil {
			h.run.gate.open()
			h.run.proc.Plan(disk.None, 0)
		}
	}
}

// settled: everybody knows, and nothing waits to be said.
func (w *World) settled() bool { return w.unsettled() == "" }

func (w *World) unsettled() string {
	h := w.leading()
	if h == nil {
		return "no hub leads"
	}
	for _, t := range w.tills {
		if t.run == nil || t.run.gone() {
			return t.name + " is not running"
		}
		w.dismiss(t.run)
		if s := t.run.till.Status(); s.OpenSales > 0 || s.Queue > 0 || s.Unsynced > 0 {
			return fmt.Sprintf("%s has %d sales open, %d messages unanswered, %d rows not copied, link %s", t.name, s.OpenSales, s.Queue, s.Unsynced, s.Link)
		}
	}
	if open, _, err := h.hub.Open(); err != nil || open > 0 {
		return fmt.Sprintf("the hub has %d payments or messages open (%v)", open, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.api {
		if v.told == "" {
			return "a merchant's server waits for an end"
		}
	}
	return ""
}

// dismiss cancels sales that wait for a customer who has left.
func (w *World) dismiss(r *tillRun) {
	if r.till.Status().OpenSales == 0 {
		return
	}
	list, err := r.till.Sales(50)
	if err != nil {
		return
	}
	for _, s := range list {
		if s.State == localapi.StateWaiting {
			_, _ = r.till.Cancel(s.ID)
		}
	}
}

func (w *World) leading() *hubRun {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.hubs {
		if r := h.run; r != nil && !r.gone() && r.leads && !r.ended && !r.gate.closed() {
			return r
		}
	}
	return nil
}

// resting: nothing is planned any more, and no wallet has anything up its sleeve.
func (w *World) resting() bool {
	h := w.leading()
	if h == nil || !w.settled() || w.refunding() != "" || w.bank.owes() {
		return false
	}
	_, planned, err := h.hub.Open()
	return err == nil && planned == 0
}

// restless names what is still planned.
func (w *World) restless() string {
	text := w.unsettled() + w.refunding()
	h := w.leading()
	if h == nil {
		return text
	}
	books, err := h.hub.Books()
	for _, p := range books.Payments {
		if !p.Resting {
			text += fmt.Sprintf(" %s is %s, its attempt %s (%s) after %d tries and %d looks;", p.OrderNo, p.Status, p.Attempt, p.Cause, p.Tries, p.Looks)
		}
	}
	return fmt.Sprint(text, " ", said(err))
}

// verdict compares all books.
func (w *World) verdict() error {
	books, err := w.leading().hub.Books()
	if err != nil {
		return fmt.Errorf("the hub's books: %w", err)
	}
	by := map[string]hubtest.Payment{} // by terminal and key
	for _, p := range books.Payments {
		if _, twice := by[p.Terminal+"/"+p.Key]; twice {
			w.fail("%s has two payments", p.OrderNo)
		}
		by[p.Terminal+"/"+p.Key] = p
		if !p.Status.Final() || !p.Attempt.Final() {
			w.fail("%s is %s at the hub, its attempt %s", p.OrderNo, p.Status, p.Attempt)
		}
	}
	for _, t := range w.tills {
		if err := w.judgeTill(t, by, books); err != nil {
			return err
		}
	}
	for _, v := range w.api {
		p, ok := by["/"+v.order]
		if !ok || p.Outcome != v.told {
			w.fail("the merchant was told that %s is %s, at the hub it is %s", v.order, v.told, p.Status)
		}
		w.balance(v.order, map[pay.Outcome]int{pay.Paid: 1}[v.told])
	}
	w.bank.judge(books)
	w.judgeReturns(books)
	w.reached(books)
	return nil
}

// judgeTill holds a till's journal against the hub's books and the wallets' truth.
func (w *World) judgeTill(t *till, by map[string]hubtest.Payment, books hubtest.Books) error {
	rows, err := t.run.till.Rows()
	if err != nil {
		return fmt.Errorf("the journal of %s: %w", t.name, err)
	}
	copied := books.Copies[terminalID(t.n)]
	if len(copied) != len(rows) {
		w.fail("%s has %d rows, the hub's copy %d", t.name, len(rows), len(copied))
	}
	for k, r := range rows {
		if k < len(copied) && copied[k] != r.Hash {
			w.fail("row %d of %s differs from the hub's copy", r.Seq, t.name)
		}
		if r.Kind == "contradiction" || r.Kind == "unusable" {
			w.fail("%s holds a %s: %s", t.name, r.Kind, r.Body)
		}
	}
	sales, err := t.run.till.Sales(500)
	if err != nil {
		return err
	}
	paid := map[string]int{}
	for _, s := range sales {
		p, has := by[terminalID(t.n)+"/"+s.ID]
		switch {
		case s.Tender != localapi.TenderWallet:
			continue
		case s.Outcome == pay.Paid:
			paid[s.OrderNo]++
			fallthrough
		case has:
			if !has || p.Outcome != s.Outcome || p.Fen != s.Amount || p.OrderNo != s.OrderNo {
				w.fail("%s shows %s as %s over %d, at the hub it is %q over %d", t.name, s.OrderNo, s.State, s.Amount, p.Status, p.Fen)
			}
		}
	}
	for _, p := range by {
		if p.Terminal != terminalID(t.n) {
			continue
		}
		if _, known := t.shown[p.Key]; !known {
			w.fail("the hub has a payment of %s that the till does not know: %s", t.name, p.OrderNo)
		}
	}
	for order, i := range w.known {
		if i.till == t && i.tender == localapi.TenderWallet {
			w.balance(order, paid[order])
		}
	}
	return w.judgeShifts(t, books)
}

func (w *World) balance(order string, want int) {
	if net := w.bank.net(order); net != want {
		w.fail("%s: the wallet took %d, people were told %d", order, net, want)
	}
}

// owes reports that a wallet may still book something by itself. It looks at all, in whichever order they come:
// a look books what is due.
func (b *bank) owes() (owes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.orders {
		b.turn(o)
		owes = owes || !o.late.IsZero()
	}
	return owes
}

// judge finds charges that nobody asked for, and more than one for a code.
func (b *bank) judge(books hubtest.Books) {
	numbers := map[string]hubtest.Payment{}
	for _, p := range books.Payments {
		numbers[p.OutTradeNo] = p
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for no, o := range b.orders {
		p, known := numbers[no]
		if o.charged > 0 && !known {
			b.w.fail("the wallet charged %s for a payment that the hub does not know", o.of.name)
		}
		if o.charged > 1 {
			b.w.fail("the wallet charged %s %d times", o.of.name, o.charged)
		}
		if o.of.orphan && p.Outcome == pay.Paid {
			b.w.saw("hub died between charge and commit, recovered paid")
		}
	}
}

// reached counts rare states that only the books tell.
func (w *World) reached(books hubtest.Books) {
	for _, p := range books.Payments {
		for what, is := range map[string]bool{
			"late success given back": p.Cause == "late_success", "cancelled and given back": p.Cause == "cancelled" && p.Attempt == pay.StatusReversed,
			"given up and reversed": p.Cause == "gave_up" && p.Attempt == pay.StatusReversed, "closed as never charged": p.Status == pay.StatusClosed,
		} {
			if is {
				w.saw(what)
			}
		}
	}
	for _, x := range books.Exceptions {
		w.saw("exception " + x.Kind)
		if x.Open && x.Owner == "operations" {
			w.saw("exception handed to a person")
		}
		if x.Kind == "refused_event" {
			w.fail("the law refused what a wallet said of %s: %s", w.orderOf(books, x.Payment), x.Matter)
		}
	}
	if books.Causes["restart"] > 0 {
		w.saw("call found begun after a restart")
	}
	if books.Epoch > 1 {
		w.saw("lease taken over")
	}
	if books.Kinds["terminal.fork"] > 0 {
		w.fail("the hub saw a fork of a till's journal")
	}
}

func (w *World) orderOf(books hubtest.Books, paymentID string) string {
	for _, p := range books.Payments {
		if p.ID == paymentID {
			return p.OrderNo
		}
	}
	return "nobody's payment"
}
