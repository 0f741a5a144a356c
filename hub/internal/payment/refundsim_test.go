package payment_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// The refund simulator: one goroutine, one seed, one paid order of 100 fen and four refunds that
// together ask for more, between a merchant who repeats, a hub that crashes, a network that loses
// and delays, and a wallet that has a truth of its own.

// refundPlanted are the bugs the simulator must be able to see.
type refundPlanted struct {
	timeoutFails, absentFails, newNumber, sendBeforeJournal, flightsIgnored, strayIgnored bool
}

var refundAsks = map[string]int64{"A": 40, "B": 40, "C": 30, "D": 20}

type refundWorld struct {
	world
	bugs   refundPlanted
	books  map[string]*payment.Refund // by key: the hub's disk
	tasks  map[string]payment.Task    // begun calls
	tell   map[string]pay.RefundOutcome
	owner  map[string]string // of a number: the key
	purse  map[string]*purse // by number: the wallet's truth
	low    time.Duration     // until then the merchant's account is empty
	minted int
}

// purse is the wallet's own record of one refund.
type purse struct {
	amount  int64
	settles time.Duration
	closes  bool
	hidden  time.Duration
	given   int64
}

func (w *refundWorld) merchant(key string) {
	if _, told := w.tell[key]; told {
		return
	}
	if !w.faulty(w.loss) {
		w.intake(key)
	}
	if r := w.books[key]; r != nil && r.Final() && !w.faulty(w.loss) {
		w.tell[key] = r.Outcome()
		w.trace("%s told %s", key, r.Outcome())
		w.judge(key)
	}
	w.after(2*time.Second+w.upTo(3*time.Second), func() { w.merchant(key) })
}

// judge holds what was told against the wallet's truth.
func (w *refundWorld) judge(key string) {
	given := w.given(key)
	want := map[pay.RefundOutcome]int64{pay.Refunded: refundAsks[key]}[w.tell[key]]
	if w.wrong == nil && given != want {
		w.wrong = fmt.Errorf("%s was told %s while the wallet gave back %d", key, w.tell[key], given)
	}
}

func (w *refundWorld) given(key string) (sum int64) {
	for no, p := range w.purse {
		if w.settlePurse(p); w.owner[no] == key {
			sum += p.given
		}
	}
	return sum
}

func (w *refundWorld) settlePurse(p *purse) {
	if p.given == 0 && !p.closes && w.now >= p.settles {
		p.given = p.amount
	}
}

func (w *refundWorld) intake(key string) {
	if w.books[key] != nil {
		return
	}
	w.minted++
	r := payment.Refund{ID: key, Payment: "p", Source: payment.FromAPI, Amount: money.Fen(refundAsks[key]), OutRefundNo: "N" + strconv.Itoa(w.minted)}
	p := payment.Payment{Source: payment.FromAPI, Amount: money.Fen(100), Status: pay.StatusSucceeded, PaidAt: base(0),
		Attempt: payment.Attempt{Status: pay.StatusSucceeded}}
	var done, flying int64
	for _, o := range w.books {
		switch {
		case o.Status == pay.RefundSucceeded:
			done += o.Amount.Fen()
		case !o.Final():
			flying += o.Amount.Fen()
		}
	}
	if p.Refunded = money.Fen(done); !w.bugs.flightsIgnored {
		p.Refunding = money.Fen(flying)
	}
	r = payment.AdmitRefund(r, p, payment.Standing{}, refundRules, true, base(w.now))
	if w.bugs.sendBeforeJournal && r.Status == pay.RefundCreated {
		w.call(r, payment.TaskRefund)
		if w.faulty(0.3) {
			w.crash()
			return
		}
	}
	w.books[key] = &r
	w.trace("%s taken in as %s %s", key, r.OutRefundNo, r.Status)
	if sum := done + flying + r.Amount.Fen(); r.Status == pay.RefundCreated && sum > 100 && w.wrong == nil {
		w.wrong = fmt.Errorf("refunds of %d fen stand against a payment of 100", sum)
	}
}

func (w *refundWorld) step() {
	for _, key := range []string{"A", "B", "C", "D"} {
		r := w.books[key]
		if r == nil || w.tasks[key] != payment.TaskNone {
			continue
		}
		if task, due := payment.PlanRefund(*r, refundRules); task != payment.TaskNone && !due.After(base(w.now)) {
			marked, err := payment.CallRefund(*r, task, base(w.now), base(w.now))
			if err != nil {
				w.wrong = err
				return
			}
			*r, w.tasks[key] = marked, task
			w.call(marked, task)
		}
	}
	if w.faulty(w.world.crash) {
		w.crash()
	}
	epoch := w.epoch
	w.after(time.Second, func() {
		if epoch == w.epoch {
			w.step()
		}
	})
}

// crash forgets everything but the disk. A call found begun is unknown.
func (w *refundWorld) crash() {
	w.epoch++
	w.trace("crash")
	epoch := w.epoch
	w.after(w.upTo(5*time.Second)+1, func() {
		if epoch != w.epoch {
			return // it died again before it was up
		}
		for _, key := range []string{"A", "B", "C", "D"} {
			if w.tasks[key] != payment.TaskNone {
				w.tasks[key] = payment.TaskNone
				w.apply(key, payment.RefundEvent{Kind: payment.RefundLose})
			}
		}
		w.step()
	})
}

func (w *refundWorld) apply(key string, e payment.RefundEvent) {
	if w.bugs.timeoutFails && e.Kind == payment.RefundLose || w.bugs.absentFails && e.Kind == payment.RefundAbsent {
		e.Kind, e.Decline.Code = payment.RefundRefuse, "bug"
	}
	r := w.books[key]
	after, err := payment.ApplyRefund(*r, e, base(w.now))
	w.trace("%s %s: %s -> %s %v", key, e.Kind, r.Status, after.Status, err)
	open, ended := payment.NoticeRefund(*r, after, e, err != nil, base(w.now))
	for _, x := range open {
		if x.Kind == payment.RefusedEvent && w.wrong == nil {
			w.wrong = fmt.Errorf("%s: this wallet never contradicts itself, and %s takes no %s", key, r.Status, e.Kind)
		}
		w.doubts[payment.ExceptionKind(key)+x.Kind] = true
	}
	for _, k := range ended {
		delete(w.doubts, payment.ExceptionKind(key)+k)
	}
	if *r = after; w.bugs.strayIgnored {
		r.Stray = time.Time{}
	}
}

func (w *refundWorld) call(r payment.Refund, task payment.Task) {
	epoch, asked, answered := w.epoch, w.now, false
	no := r.OutRefundNo
	if w.bugs.newNumber && task == payment.TaskRefund {
		w.minted++
		no = "N" + strconv.Itoa(w.minted)
	}
	w.owner[no] = r.ID
	answer := func(a channel.RefundAnswer) {
		if answered || epoch != w.epoch || w.books[r.ID] == nil {
			return
		}
		answered = true
		w.tasks[r.ID] = payment.TaskNone
		w.apply(r.ID, payment.LearnRefund(*w.books[r.ID], task, a, base(asked)))
	}
	arrive := func() {
		a := w.refund(no, task, r.Amount.Fen())
		w.trace("wallet %s %s: %s", task, no, a.Finding)
		if !w.faulty(w.loss) {
			w.after(w.upTo(time.Second), func() { answer(a) })
		}
	}
	if !w.faulty(w.loss) { // at most one copy: TLS lets nobody double a request, and we repeat them ourselves
		delay := w.upTo(time.Second)
		if w.faulty(0.2) {
			delay = w.upTo(simDelay)
		}
		w.after(delay, arrive)
	}
	w.after(refundRules.CallTimeout, func() { answer(channel.RefundAnswer{Finding: channel.RefundUnknown}) })
}

// refund is the wallet: it knows a refund by its number alone.
func (w *refundWorld) refund(no string, task payment.Task, amount int64) channel.RefundAnswer {
	p := w.purse[no]
	if p != nil {
		w.settlePurse(p)
	}
	if task == payment.TaskRefund && p == nil {
		var sum int64
		for _, o := range w.purse {
			if !o.closes {
				sum += o.amount
			}
		}
		switch {
		case w.faulty(0.1):
			return channel.RefundAnswer{Finding: channel.RefundBusy}
		case w.now < w.low || sum+amount > 100:
			return channel.RefundAnswer{Finding: channel.RefundRefused, Decline: channel.Decline{Code: channel.MerchantBalanceLow}}
		}
		p = &purse{amount: amount, settles: w.now}
		switch w.rng.IntN(6) {
		case 0:
			p.settles += w.upTo(3 * time.Minute)
		case 1:
			p.settles, p.closes = w.now+w.upTo(time.Minute), true
		}
		if w.faulty(0.2) {
			p.hidden = w.now + w.upTo(simLag)
		}
		w.purse[no] = p
		w.settlePurse(p)
		if w.rng.IntN(2) == 0 {
			return channel.RefundAnswer{Finding: channel.RefundTaken}
		}
	}
	switch {
	case p == nil || task == payment.TaskAskRefund && w.now < p.hidden:
		return channel.RefundAnswer{Finding: channel.RefundAbsent}
	case w.faulty(0.05):
		return channel.RefundAnswer{Finding: channel.RefundUnknown}
	case p.given > 0:
		return channel.RefundAnswer{Finding: channel.Refunded, RefundedAt: base(w.now)}
	case p.closes && w.now >= p.settles:
		return channel.RefundAnswer{Finding: channel.RefundRefused, Decline: channel.Decline{Code: channel.RefusedOther}}
	}
	return channel.RefundAnswer{Finding: channel.RefundTaken}
}

func (w *refundWorld) verdict() error {
	var sum int64
	for key := range refundAsks {
		sum += w.given(key)
		switch r := w.books[key]; {
		case r == nil:
			return fmt.Errorf("%s was never taken in", key)
		case !r.Final():
			return fmt.Errorf("%s is still %s long after healing", key, r.Status)
		case w.tell[key] != r.Outcome():
			return fmt.Errorf("%s was told %q, the books say %s", key, w.tell[key], r.Outcome())
		}
		w.judge(key)
	}
	if sum > 100 && w.wrong == nil {
		return fmt.Errorf("the wallet gave back %d of 100", sum)
	}
	if len(w.doubts) > 0 && w.wrong == nil {
		return fmt.Errorf("at rest with open doubts %v", w.doubts)
	}
	return w.wrong
}

func simulateRefunds(seed uint64, bugs refundPlanted, story func(string)) (*refundWorld, error) {
	w := &refundWorld{bugs: bugs, books: map[string]*payment.Refund{}, tasks: map[string]payment.Task{},
		tell: map[string]pay.RefundOutcome{}, owner: map[string]string{}, purse: map[string]*purse{}}
	w.rng, w.doubts = rand.New(rand.NewPCG(seed, 1)), map[payment.ExceptionKind]bool{}
	w.trace = func(format string, args ...any) {
		if story != nil {
			story(fmt.Sprintf("%8.3fs  "+format, append([]any{w.now.Seconds()}, args...)...))
		}
	}
	w.loss, w.world.crash = w.rng.Float64()*0.5, w.rng.Float64()*0.05
	if w.rng.IntN(2) == 0 {
		w.low = w.upTo(90 * time.Second)
	}
	for _, key := range []string{"A", "B", "C", "D"} {
		w.after(w.upTo(time.Minute), func() { w.merchant(key) })
	}
	w.after(0, w.step)
	for w.queue.Len() > 0 && w.wrong == nil {
		e := heap.Pop(&w.queue).(event)
		if e.at > 2*simEnd || e.at > simHeal+simDelay && len(w.tell) == len(refundAsks) {
			break
		}
		w.now = e.at
		e.do()
	}
	if w.wrong != nil {
		return w, w.wrong
	}
	return w, w.verdict()
}

func TestRefundSimulation(t *testing.T) {
	seen := map[string]int{}
	for seed := range seeds(t) / 4 {
		w, err := simulateRefunds(seed, refundPlanted{}, nil)
		if err != nil {
			simulateRefunds(seed, refundPlanted{}, func(line string) { t.Log(line) })
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, r := range w.books {
			seen[string(r.Status)+" "+r.Decline.Code]++
			if !r.Stray.IsZero() && r.Status == pay.RefundSucceeded {
				seen["lost and done"]++
			}
		}
	}
	for _, what := range []string{"succeeded ", "failed merchant_balance_low", "failed refused", "failed refund.too_much", "lost and done"} {
		if t.Logf("%6d x %s", seen[what], what); seen[what] == 0 && seeds(t) >= 1000 {
			t.Errorf("never reached: %s", what)
		}
	}
}

func TestRefundSimulationSeesPlantedBugs(t *testing.T) {
	for name, bugs := range map[string]refundPlanted{
		"a timeout taken as failed":        {timeoutFails: true},
		"no such refund taken as failed":   {absentFails: true},
		"sent again under another number":  {newNumber: true},
		"sent before it was written down":  {sendBeforeJournal: true},
		"refunds under way not counted":    {flightsIgnored: true},
		"a refusal beside a copy believed": {strayIgnored: true},
	} {
		caught := -1
		for seed := range uint64(2_000) {
			if _, err := simulateRefunds(seed, bugs, nil); err != nil {
				caught = int(seed)
				break
			}
		}
		if caught < 0 {
			t.Errorf("%s: not seen in 2000 seeds", name)
		} else {
			t.Logf("%s: seen by seed %d", name, caught)
		}
	}
}
