package sale_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/wire"
)

// The step simulator: one goroutine, one seed, one till with up to three sales, a network that
// loses, repeats, delays and reorders, a hub (simhub_test.go) with tombstones, and wallets with a
// truth of their own. The till crashes and keeps its journal only; the link is cut; the cashier
// cancels; codes expire. After simHeal all is well, and every sale must come to rest, truly.

const (
	simHeal  = 2 * time.Minute
	simEnd   = 12 * time.Minute
	simDelay = 70 * time.Second // the slowest message
)

var simRules = sale.Default

// inCash stands among the states reached for a sale that was paid in cash.
const inCash localapi.State = "cash"

// planted are the bugs the simulator must be able to see. They live here, in the simulated till.
type planted struct {
	timeoutDeclines   bool // no answer by the end of the code's life: declined
	expiryLapses      bool // the code expired: lapsed, though bytes may have left
	sendBeforeJournal bool // the charge leaves, then it is written down
	askWithoutFence   bool // "how is it?" without the tombstone, and the answer believed
	restartSendsAgain bool // after a restart the charge counts as never sent
	cancelForgets     bool // a cancel of what may have left is final at once
	refusalBelieved   bool // a refusal of one copy is believed without the fence
	lateNewsMoves     bool // the hub's last word moves settled sales
	cashShownFirst    bool // money in the hand is shown as paid before it is written down
	cashIsAsked       bool // money in the hand is told to the hub as a charge
	deferredIsPaid    bool // what was accepted without a connection is shown as paid
	deferredForgets   bool // a cancel of a claim that may have left is final at once
	deferredEnds      bool // a refusal of one copy of a claim ends the sale
	deferredNotLeft   bool // after a restart a claim counts as never sent
	deferredNoLimit   bool // the limits are not looked at
	qrBugs
}

type simEvent struct {
	at  time.Duration
	seq int
	do  func()
}
type simQueue []simEvent

func (q simQueue) Len() int { return len(q) }
func (q simQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q simQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *simQueue) Push(x any)   { *q = append(*q, x.(simEvent)) }
func (q *simQueue) Pop() any     { old := *q; x := old[len(old)-1]; *q = old[:len(old)-1]; return x }

type world struct {
	rng   *rand.Rand
	bugs  planted
	now   time.Duration
	seq   int
	queue simQueue
	hash  uint64
	story func(string)
	wrong error

	loss, crash float64 // drawn per seed
	up          bool    // the link

	// the till
	journal map[string]sale.Sale // what is on the disk
	open    map[string]sale.Sale // what is in memory, nil while down
	codes   map[string]bool      // codes in memory
	stored  map[string]bool      // sales whose customer has stored value
	instead map[string]time.Time // scans in memory that wait for the end of a code that is shown
	down    uint64               // contiguous hub messages stored
	epoch   int
	order   []string

	hub  simHub
	left map[string]bool         // truth: bytes of the charge left
	told map[string]sale.Sale    // the last final word shown
	seen map[localapi.State]bool // reached in this seed
}

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, simEvent{w.now + d, w.seq, do})
}
func (w *world) at() time.Time                      { return start.Add(w.now) }
func (w *world) faulty(p float64) bool              { return w.now < simHeal && w.rng.Float64() < p }
func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

func (w *world) note(what, key, more string) {
	for _, s := range [...]string{what, key, more} {
		for i := range len(s) {
			w.hash = (w.hash ^ uint64(s[i])) * 1099511628211
		}
	}
	w.hash = (w.hash ^ uint64(w.now)) * 1099511628211
	if w.story != nil {
		w.story(fmt.Sprintf("%9.3fs %-9s %s %s", w.now.Seconds(), what, key, more))
	}
}

func (w *world) violation(format string, args ...any) {
	if w.wrong == nil {
		w.wrong = fmt.Errorf(format, args...)
	}
}

// law is the law, or what a planted bug makes of it.
func (w *world) law(s sale.Sale, n sale.News) (sale.Sale, error) {
	sentAndOpen := s.State == localapi.StateSending && s.Left
	if after, done := w.qrBug(s, n); done {
		return after, nil
	}
	if s.State == localapi.StateDeferred || n.Event == sale.Defer {
		if after, done := w.deferredBug(s, n); done {
			return after, nil
		}
	}
	switch {
	case w.bugs.timeoutDeclines && n.Event == sale.Overdue && sentAndOpen:
		return w.end(s, localapi.StateDeclined), nil
	case w.bugs.expiryLapses && n.Event == sale.Overdue && sentAndOpen:
		return w.end(s, localapi.StateLapsed), nil
	case w.bugs.cancelForgets && n.Event == sale.Cancel && sentAndOpen:
		return w.end(s, localapi.StateCancelled), nil
	case w.bugs.restartSendsAgain && n.Event == sale.Restart && s.State == localapi.StateSending:
		return s, nil // and Left is forgotten
	case w.bugs.refusalBelieved && n.Event == sale.Refused && !s.State.Final():
		return w.end(s, localapi.StateDeclined), nil
	case w.bugs.lateNewsMoves && n.Event == sale.Doubt && s.State.Final():
		s.State, s.Asking, s.Finished = localapi.StateUnknown, wire.KindFence, time.Time{}
		return s, nil
	}
	return simRules.Step(s, n, w.at())
}

func (w *world) end(s sale.Sale, to localapi.State) sale.Sale {
	s.State, s.Asking, s.Finished = to, "", w.at()
	return s
}

// apply is the till's step: decide, store, then show. It reports false when the till died on it.
func (w *world) apply(key string, n sale.News) bool {
	before, ok := w.open[key]
	if !ok {
		before = w.journal[key]
	}
	n = byOurClock(before, n)
	s, err := w.law(before, n)
	if err != nil {
		w.note("refused", key, string(n.Event)+" in "+string(before.State))
		if n.Event == sale.Fenced || n.Event == sale.Approved {
			w.violation("%s: the hub's %s was refused in %s", key, n.Event, before.State)
		}
		return true
	}
	if w.faulty(w.crash) { // before the commit
		w.restart()
		return false
	}
	heir := w.heirOf(key, s) // in the same commit
	w.journal[key] = s
	if w.faulty(w.crash) { // after it
		w.restart()
		return false
	}
	w.show(s)
	if s.State.Final() {
		delete(w.open, key)
		delete(w.codes, key)
		delete(w.instead, key)
		w.adopt(heir)
		return true
	}
	w.open[key] = s
	if due, ok := simRules.Due(s); ok {
		w.watch(key, due.Sub(start)-w.now)
	}
	if s.Asking != before.Asking {
		w.flush()
	}
	return true
}

func (w *world) watch(key string, d time.Duration) {
	epoch := w.epoch
	w.after(max(d, 0), func() {
		s, ok := w.open[key]
		if epoch != w.epoch || !ok {
			return
		}
		if due, ok := simRules.Due(s); ok && !due.After(w.at()) {
			w.apply(key, sale.News{Event: sale.Overdue})
		}
	})
}

// show checks what the cashier sees against the truth at this moment.
func (w *world) show(s sale.Sale) {
	w.note("shows", s.ID, string(s.State))
	w.seen[s.State] = true
	if was, ok := w.told[s.ID]; ok && was.State.Outcome() != s.State.Outcome() {
		w.violation("%s: %s became %s", s.ID, was.State, s.State)
	}
	if !s.State.Final() {
		return
	}
	w.told[s.ID] = s
	p := w.hub.payments[s.ID]
	if s.State == localapi.StatePaid && s.ID == s.OrderNo+"_instead" {
		w.seen[chargedInstead] = true
	}
	switch {
	case s.Tender != localapi.TenderWallet:
		w.seen[inCash] = true
		if p != nil || w.left[s.ID] {
			w.violation("%s was paid in cash, and the hub was asked", s.ID)
		}
	case s.State == localapi.StatePaid && (p == nil || p.net != 1):
		w.violation("%s shows paid and no money moved", s.ID)
	case s.State != localapi.StatePaid && w.left[s.ID] && !w.hub.fenced[s.ID] && (p == nil || !p.settledUnpaid()):
		w.violation("%s shows %s without the hub's proof, and bytes have left", s.ID, s.State)
	}
}

// flush is the link: it sends what the hub has not answered, and again every few seconds.
func (w *world) flush() {
	if !w.up || w.open == nil {
		return
	}
	epoch, waiting := w.epoch, false
	for _, key := range w.order {
		s, ok := w.open[key]
		if !ok || s.Asking == "" {
			continue
		}
		waiting = true
		if s.Asking == wire.KindPay {
			w.sendPay(key, s)
			continue
		}
		kind := s.Asking
		if w.bugs.askWithoutFence && kind == wire.KindFence {
			kind = "query"
		}
		w.carry(func() { w.hubTakes(kind, key, 0) })
	}
	if waiting {
		w.after(3*time.Second+w.upTo(4*time.Second), func() {
			if epoch == w.epoch {
				w.flush()
			}
		})
	}
}

func (w *world) sendPay(key string, s sale.Sale) {
	if !w.codes[key] && !w.bugs.restartSendsAgain && s.Deferred.IsZero() && s.Mode == "" {
		return // the code died with the memory
	}
	s, err := w.law(s, sale.News{Event: sale.Leave})
	if err != nil {
		return
	}
	w.open[key] = s
	exp := s.Scanned.Sub(start) + simRules.CodeLife
	if !s.Deferred.IsZero() {
		exp = 2 * simEnd // a claim has no minute
	}
	w.leaves(key, exp)
}

func (w *world) leaves(key string, exp time.Duration) {
	if stored, ok := w.journal[key]; !ok || stored.State == localapi.StateWaiting {
		w.violation("%s left before it was written down", key)
	}
	w.left[key] = true
	w.note("leaves", key, "")
	w.carry(func() { w.hubTakes(wire.KindPay, key, exp) })
}

// carry is the network, one way: it loses, repeats, delays, and so reorders.
func (w *world) carry(deliver func()) {
	copies := 1
	if w.faulty(w.loss / 3) {
		copies = 2
	}
	for range copies {
		if w.faulty(w.loss) {
			continue
		}
		delay := 20*time.Millisecond + w.upTo(time.Second)
		if w.faulty(0.2) {
			delay = w.upTo(simDelay)
		}
		w.after(delay, deliver)
	}
}

// receive is the till's side of one hub message.
func (w *world) receive(m simDown) {
	if w.open == nil {
		return
	}
	w.note("hears", m.key, string(m.news.Event))
	if m.seq > w.down {
		if !w.apply(m.key, m.news) {
			return
		}
		if m.seq == w.down+1 { // one commit with the sale's in the real till
			w.down++
		}
	}
	down := w.down
	w.carry(func() { w.hub.acked = max(w.hub.acked, down) })
}

// restart loses the memory; the next start reads the journal.
func (w *world) restart() {
	w.epoch++
	w.open, w.codes, w.up, w.instead = nil, map[string]bool{}, false, map[string]time.Time{}
	w.note("crash", "", "")
	w.after(w.upTo(20*time.Second)+1, func() {
		w.open = map[string]sale.Sale{}
		for _, key := range w.order {
			s, ok := w.journal[key]
			if !ok || s.State.Final() || w.open == nil {
				continue
			}
			s.Left, s.Heard, s.QREnds = false, time.Time{}, time.Time{} // none is on the disk
			w.open[key] = s
			if !w.apply(key, sale.News{Event: sale.Restart}) {
				return
			}
		}
		epoch := w.epoch
		w.after(w.upTo(20*time.Second), func() { // a start may find no line, and a cashier who cancels
			if epoch == w.epoch {
				w.connect()
			}
		})
	})
}

func (w *world) connect() {
	w.up = true
	w.note("link up", "", "")
	w.flush()
	epoch := w.epoch
	if w.faulty(0.8) {
		w.after(w.upTo(40*time.Second), func() {
			if epoch != w.epoch {
				return
			}
			w.up = false
			w.note("link down", "", "")
			w.unask()
			w.after(w.upTo(60*time.Second), func() {
				if epoch == w.epoch {
					w.connect()
				}
			})
		})
	}
}

// cashier makes a sale, scans, and now and then stops it.
func (w *world) cashier(key string) {
	if w.open == nil {
		w.after(5*time.Second, func() { w.cashier(key) })
		return
	}
	if w.rng.Float64() < 0.2 {
		w.takeCash(key)
		return
	}
	s := sale.New(key, key, "", money.Fen(100), w.at())
	w.journal[key], w.open[key] = s, s
	w.order = append(w.order, key)
	w.stored[key] = w.rng.Float64() < 0.4
	if w.rng.Float64() < 0.3 {
		w.after(w.upTo(5*time.Second), func() { w.wantCode(key) })
	} else {
		w.after(w.upTo(5*time.Second), func() { w.scan(key) })
	}
	if w.rng.Float64() < 0.3 {
		w.after(w.upTo(90*time.Second), func() { w.cancel(key) })
	}
}

func (w *world) scan(key string) {
	s, ok := w.open[key]
	if !ok || s.State != localapi.StateWaiting {
		if stored := w.journal[key]; stored.State == localapi.StateWaiting {
			w.after(5*time.Second, func() { w.scan(key) })
		}
		return
	}
	if w.stored[key] && !w.up {
		w.deferSale(key)
		return
	}
	w.codes[key] = true
	if w.bugs.sendBeforeJournal && w.up {
		w.leaves(key, w.now+simRules.CodeLife)
	}
	if !w.apply(key, sale.News{Event: sale.Scan}) {
		w.after(5*time.Second, func() { w.scan(key) }) // the customer is still there
	}
}

func (w *world) cancel(key string) {
	if s, ok := w.open[key]; ok && !s.State.Final() {
		w.note("cancel", key, "")
		delete(w.instead, key)
		w.apply(key, sale.News{Event: sale.Cancel})
	}
}
