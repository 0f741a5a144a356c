package payment_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// The step simulator: one goroutine, one seed, one payment between a merchant who repeats, a hub
// that crashes, a network that loses, doubles and delays, and a wallet that has a truth of its own. In every other seed the
// wallet is reached through two channels: what one number proves not to have charged may be asked for under another.
// Faults happen in the first three minutes; then all is healed and it must come to rest, agreed.

// planted are the bugs the simulator must be able to see.
type planted struct {
	timeoutDeclines, absentDeclines, expiryCloses, sendBeforeJournal, lostMoves, closeProves bool
}

var simRules = channel.Rules{CallTimeout: 10 * time.Second, FirstQuery: 5 * time.Second, QueryEvery: 5 * time.Second,
	GiveUp: 45 * time.Second, ReverseNotBefore: 15 * time.Second, ReverseEvery: 5 * time.Second,
	UndoWindow: 7 * 24 * time.Hour, Travel: 75 * time.Second}

const (
	simHeal  = 3 * time.Minute
	simEnd   = 15 * time.Minute
	simLife  = 60 * time.Second // the wallet refuses an order that arrives later than this after it was made
	simDelay = 70 * time.Second // the slowest request
	simLag   = 12 * time.Second // how long a wallet's queries may not see an order it has
)

type event struct {
	at  time.Duration
	seq int
	do  func()
}
type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any     { old := *q; x := old[len(old)-1]; *q = old[:len(old)-1]; return x }

type world struct {
	rng    *rand.Rand
	bugs   planted
	now    time.Duration
	seq    int
	queue  queue
	trace  func(format string, args ...any)
	epoch  int // the hub's run; what an earlier run waited for never comes
	disk   *payment.Payment
	begun  payment.Task
	two    bool              // channels
	left   []*leftAttempt    // on disk, too
	moves  int               // on any seed
	orders map[string]*order // the wallet's truth
	next   int
	loss   float64 // chance that one leg loses its message, drawn per seed
	crash  float64
	told   payment.Payment // what the merchant was last told, when final
	wrong  error
	doubts map[payment.ExceptionKind]bool // open exceptions

	shown bool // the customer scans our code: who does it when, and whether the wallet has an order before, is drawn
	lazy  bool
	rules channel.Rules
}

// order is the wallet's own record.
type order struct {
	status   channel.Finding // Pending, Approved, Declined, Reversed
	settles  time.Duration   // when Pending: the customer's decision
	fate     channel.Finding // what the decision will be; Pending: never
	hidden   time.Duration   // until then queries will not find it
	recalls  int             // reversals that will be told "again"
	books    time.Duration   // a charge that is booked after the reversal was answered
	scans    time.Duration   // of a shown code: when the customer comes; 0: nobody does
	scanned  bool
	expires  time.Duration
	late     bool // it was booked
	reason   channel.DeclineCode
	charged  int
	returned int
}

func base(d time.Duration) time.Time { return time.Unix(1_700_000_000, 0).Add(d) }

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now + d, w.seq, do})
}

func (w *world) faulty(p float64) bool { return w.now < simHeal && w.rng.Float64() < p }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

// merchant asks with one key until it is told a final outcome.
func (w *world) merchant() {
	if !w.told.Finished.IsZero() {
		return
	}
	if !w.faulty(w.loss) {
		w.intake()
	}
	if p := w.disk; p != nil && p.Final() && !w.faulty(w.loss) {
		w.told = *p
		w.trace("told %s", p.Status)
		w.wrong = w.untrue()
	}
	w.after(2*time.Second+w.upTo(3*time.Second), w.merchant)
}

func (w *world) intake() {
	if w.disk != nil {
		if w.rng.Float64() < 0.02 && !w.disk.Final() {
			w.apply(payment.Event{Kind: payment.Cancel})
		}
		return
	}
	w.next++
	p := payment.Payment{ID: "p", Amount: money.Fen(100), Status: pay.StatusCreated, Created: base(w.now),
		Attempt: payment.Attempt{Status: pay.StatusCreated, OutTradeNo: "T" + strconv.Itoa(w.next)}}
	if w.shown {
		p.Attempt.Shown, p.Attempt.Until = true, base(w.now+w.rules.GiveUp)
	}
	p, _, _ = payment.Apply(payment.Called(p, base(w.now)), payment.Event{Kind: payment.Submit}, base(w.now))
	if w.bugs.sendBeforeJournal { // the call leaves first; a crash in between forgets it
		w.call(p, payment.TaskSubmit)
		if w.faulty(0.3) {
			w.restart()
			return
		}
	}
	w.disk, w.begun = &p, payment.TaskSubmit
	w.trace("intake %s", p.Attempt.OutTradeNo)
	if !w.bugs.sendBeforeJournal {
		w.call(p, payment.TaskSubmit)
	}
}

// step is the engine's loop: at most one call in flight, everything else from the disk.
func (w *world) step() {
	if w.disk != nil && w.begun == payment.TaskNone {
		if payment.Overdue(*w.disk, w.rules, base(w.now)) {
			w.apply(payment.Event{Kind: payment.GiveUp})
		}
		p := w.disk
		if task, due := payment.Plan(*p, w.rules); task != payment.TaskNone && !due.After(base(w.now)) {
			marked := payment.Called(*p, base(w.now))
			if task == payment.TaskSubmit {
				marked, _, _ = payment.Apply(marked, payment.Event{Kind: payment.Submit}, base(w.now))
			}
			w.disk, w.begun = &marked, task
			w.call(marked, task)
		}
	}
	w.tend()
	if w.faulty(w.crash) {
		w.restart()
	}
	epoch := w.epoch
	w.after(time.Second, func() {
		if epoch == w.epoch {
			w.step()
		}
	})
}

// restart forgets everything but the disk. A call found begun is unknown.
func (w *world) restart() {
	w.epoch++
	w.trace("crash")
	w.after(w.upTo(5*time.Second)+1, func() {
		if w.disk != nil && w.begun != payment.TaskNone {
			w.begun = payment.TaskNone
			w.apply(payment.Event{Kind: payment.Lose})
		}
		for _, l := range w.left {
			if l.begun != payment.TaskNone {
				l.learn(payment.Event{Kind: payment.Lose}, w.now)
			}
		}
		w.step()
	})
}

func (w *world) apply(e payment.Event) {
	switch {
	case w.bugs.closeProves && w.shown && e.Kind == payment.Wait && w.disk.Attempt.Status == pay.StatusReversing:
		e.Kind = payment.Undo
	case w.bugs.timeoutDeclines && e.Kind == payment.Lose, w.bugs.absentDeclines && e.Kind == payment.Absent:
		e.Kind = payment.Refuse
	case w.bugs.expiryCloses && e.Kind == payment.GiveUp:
		p := *w.disk
		p.Status, p.Attempt.Status, p.Finished, p.Attempt.Settled = pay.StatusClosed, pay.StatusClosed, base(w.now), base(w.now)
		p.Attempt.Checks = 9
		w.disk = &p
		return
	}
	p, note, err := payment.Apply(*w.disk, e, base(w.now))
	w.trace("%s: %s -> %s/%s %s %v", e.Kind, w.disk.Attempt.Status, p.Status, p.Attempt.Status, note, err)
	open, ended := payment.Notice(*w.disk, p, e, err != nil, w.rules, base(w.now))
	for _, k := range ended {
		delete(w.doubts, k)
	}
	for _, x := range open {
		w.doubts[x.Kind] = true
	}
	if note == payment.NoteLateSuccess && !w.doubts[payment.LateSuccess] {
		w.wrong = fmt.Errorf("money came late and nobody was told")
	}
	w.disk = &p
	if w.wrong == nil && w.told.Final() && p.Status != w.told.Status {
		w.wrong = fmt.Errorf("%s after the merchant was told %s", p.Status, w.told.Status)
	}
}

// call sends one request and hands the answer, if one comes in time, to the hub that sent it.
func (w *world) call(p payment.Payment, task payment.Task) {
	w.send(p, task, func(a channel.Answer, asked time.Duration) {
		if w.disk == nil {
			return
		}
		w.begun = payment.TaskNone
		e := payment.Learn(*w.disk, task, a, w.rules, base(asked))
		if !w.move(task, e) {
			w.apply(e)
		}
	})
}

// send is a call's way there and back; learn is called once, unless the hub crashed meanwhile.
func (w *world) send(p payment.Payment, task payment.Task, learn func(channel.Answer, time.Duration)) {
	epoch, asked, answered := w.epoch, w.now, false
	answer := func(a channel.Answer) {
		if answered || epoch != w.epoch {
			return
		}
		answered = true
		learn(a, asked)
	}
	made := w.now
	refused := w.two && task == payment.TaskSubmit && w.faulty(0.1) // this request, with all its copies
	arrive := func() {
		a := channel.Answer{Finding: channel.Busy}
		switch {
		case refused:
		case w.shown:
			a = w.shower(p, task)
		default:
			a = w.wallet(p.Attempt.OutTradeNo, task, made)
		}
		w.trace("wallet %s %s: %s", task, p.Attempt.OutTradeNo, a.Finding)
		if !w.faulty(w.loss) {
			w.after(w.upTo(time.Second), func() { answer(a) })
		}
	}
	copies := 1
	if w.faulty(w.loss / 3) {
		copies = 2
	}
	for range copies {
		if !w.faulty(w.loss) {
			delay := w.upTo(time.Second)
			if w.faulty(0.2) {
				delay = w.upTo(simDelay)
			}
			w.after(delay, arrive)
		}
	}
	w.after(simRules.CallTimeout, func() { answer(channel.Answer{Finding: channel.Unknown}) })
}

// wallet is the other side: its truth, told as its protocol tells it.
func (w *world) wallet(no string, task payment.Task, made time.Duration) channel.Answer {
	o := w.orders[no]
	if o != nil {
		w.settle(o)
	}
	switch task {
	case payment.TaskSubmit:
		if o == nil {
			if w.now-made > simLife {
				return channel.Answer{Finding: channel.Declined}
			}
			if !w.two && w.faulty(0.1) {
				return channel.Answer{Finding: channel.Busy}
			}
			o = w.newOrder()
			w.orders[no] = o
			w.settle(o)
		}
	case payment.TaskReverse:
		if o == nil {
			return channel.Answer{Finding: channel.Absent}
		}
		if o.recalls > 0 {
			o.recalls--
			return channel.Answer{Finding: channel.Unknown}
		}
		if o.status == channel.Pending && o.fate == channel.Approved && w.faulty(0.3) {
			o.books = w.now + w.upTo(10*time.Second)
		}
		o.returned, o.status = o.charged, channel.Reversed
		return channel.Answer{Finding: channel.Reversed}
	}
	if o == nil || w.now < o.hidden && task == payment.TaskAsk {
		return channel.Answer{Finding: channel.Absent}
	}
	if w.faulty(0.05) {
		return channel.Answer{Finding: channel.Unknown}
	}
	return channel.Answer{Finding: o.status, PaidAt: base(w.now), Decline: channel.Decline{Code: o.reason}}
}

func (w *world) newOrder() *order {
	o := &order{status: channel.Pending, fate: channel.Approved, settles: w.now, reason: channel.BalanceLow}
	if w.two && w.rng.IntN(2) == 0 {
		o.reason = channel.Misconfigured
	}
	switch w.rng.IntN(10) {
	case 0, 1:
		o.fate = channel.Declined
	case 2:
		o.settles += w.upTo(80 * time.Second)
	case 3:
		o.settles, o.fate = o.settles+w.upTo(30*time.Second), channel.Declined
	case 4:
		o.fate = channel.Pending // never answered
	}
	if w.faulty(0.2) {
		o.hidden = w.now + w.upTo(simLag)
	}
	if w.faulty(0.2) {
		o.recalls = 1 + w.rng.IntN(3)
	}
	return o
}

func (w *world) settle(o *order) {
	if w.shown {
		w.settleShown(o)
	}
	if o.status == channel.Pending && w.now >= o.settles && o.fate != channel.Pending && (o.scanned || !w.shown) {
		if o.status = o.fate; o.fate == channel.Approved {
			w.charge(o)
		}
	}
	if o.books > 0 && w.now >= o.books {
		o.books, o.late, o.status = 0, true, channel.Approved
		w.charge(o)
	}
}

// untrue reports a final word that was not true at the moment it was told. That looks would have
// found it out later, and given the money back, is no excuse: the customer has gone.
func (w *world) untrue() error {
	net := 0
	for _, o := range w.orders {
		if w.settle(o); o.late {
			return nil // the wallet itself had said "reversed"
		}
		net += o.charged - o.returned
	}
	if want := map[pay.Outcome]int{pay.Paid: 1}[w.told.Outcome()]; net != want {
		return fmt.Errorf("told %s while the wallet had taken %d", w.told.Status, net)
	}
	return nil
}

// charge books the customer's money. After "not paid" only the wallet's own late booking may do so.
func (w *world) charge(o *order) {
	o.charged++
	if !o.late && w.wrong == nil && w.told.Outcome() == pay.NotPaid {
		w.wrong = fmt.Errorf("charged after the merchant was told %s", w.told.Status)
	}
}

// atRest reports that nothing is left to do for anyone.
func (w *world) atRest() bool {
	if w.disk == nil || w.told.Finished.IsZero() {
		return false
	}
	for _, l := range w.left {
		if task, _ := payment.Plan(l.p, w.rules); task != payment.TaskNone {
			return false
		}
	}
	task, _ := payment.Plan(*w.disk, w.rules)
	return task == payment.TaskNone
}
