package payment_test

import (
	"strconv"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// leftAttempt is an attempt of the simulated payment that another took the place of.
type leftAttempt struct {
	p     payment.Payment
	begun payment.Task
}

func (l *leftAttempt) learn(e payment.Event, now time.Duration) {
	l.begun = payment.TaskNone
	if p, _, err := payment.Apply(l.p, e, base(now)); err == nil {
		l.p = p
	}
}

// move asks on the other channel, when the law lets it: the attempt that is left and the next one reach the disk together.
func (w *world) move(task payment.Task, e payment.Event) bool {
	if w.bugs.lostMoves && task == payment.TaskSubmit && e.Kind == payment.Lose {
		e.Kind = payment.Busy
	}
	if !w.two || len(w.left) > 0 || !payment.Leavable(*w.disk, task, e) {
		return false
	}
	w.next++
	no := strconv.Itoa(w.next)
	left, after, err := payment.Leave(*w.disk, e, payment.Attempt{ID: "a" + no, OutTradeNo: "T" + no, Channel: "second", Status: pay.StatusCreated}, base(w.now))
	if err != nil {
		w.wrong = err
		return true
	}
	w.trace("%s: left %s for %s", e.Kind, left.Attempt.OutTradeNo, after.Attempt.OutTradeNo)
	w.moves++
	w.left = append(w.left, &leftAttempt{p: left})
	w.disk, w.begun = &after, payment.TaskSubmit
	w.call(after, payment.TaskSubmit)
	return true
}

// tend does what falls due about attempts that were left.
func (w *world) tend() {
	for _, l := range w.left {
		task, due := payment.Plan(l.p, simRules)
		if l.begun != payment.TaskNone || task == payment.TaskNone || due.After(base(w.now)) {
			continue
		}
		if task == payment.TaskSubmit {
			w.trace("an attempt that was left is sent again")
			continue
		}
		l.p, l.begun = payment.Called(l.p, base(w.now)), task
		w.send(l.p, task, func(a channel.Answer, asked time.Duration) {
			l.learn(payment.Learn(l.p, task, a, simRules, base(asked)), w.now)
		})
	}
}

func pendingOn(no string) payment.Payment {
	at := base(0)
	return payment.Payment{ID: "pay_1", Amount: money.Fen(100), Status: pay.StatusPending, Created: at,
		Attempt: payment.Attempt{ID: "att_" + no, Channel: "first", OutTradeNo: no, Status: pay.StatusPending, Sent: at, Called: at, Tries: 1}}
}

var declines = []channel.DeclineCode{channel.BalanceLow, channel.CodeExpired, channel.CodeUsed, channel.CustomerRefused, channel.LimitExceeded, channel.RiskRefused,
	channel.Misconfigured, channel.RefusedOther, "", "order_paid", "new_tomorrow"}

// TestWhatMayBeAskedElsewhere is every status, every task, every event and every decline: only the answer to a pay call that proves that it
// charged nothing, and of declines only those that speak of us and not of the customer.
func TestWhatMayBeAskedElsewhere(t *testing.T) {
	next := payment.Attempt{ID: "att_2", Channel: "second", OutTradeNo: "N2", Status: pay.StatusCreated}
	for _, status := range pay.Statuses {
		for _, task := range []payment.Task{payment.TaskSubmit, payment.TaskAsk, payment.TaskReverse, payment.TaskNone} {
			for _, kind := range payment.Events {
				for _, code := range declines {
					p := pendingOn("N1")
					p.Status, p.Attempt.Status = status, status
					e := payment.Event{Kind: kind, Decline: payment.Decline{Code: string(code)}}
					want := status == pay.StatusPending && task == payment.TaskSubmit && (kind == payment.Busy || kind == payment.Refuse && code == channel.Misconfigured)
					if got := payment.Leavable(p, task, e); got != want {
						t.Errorf("%s, %s, %s %s: %v", status, task, kind, code, got)
					}
					_, _, err := payment.Leave(p, e, next, base(1))
					if proof := status == pay.StatusPending && (kind == payment.Busy || kind == payment.Refuse); (err == nil) != proof || err != nil && fault.KindOf(err) != fault.Conflict {
						t.Errorf("%s left by %s: %v", status, kind, err)
					}
				}
			}
		}
	}
	p := pendingOn("N1")
	for what, change := range map[string]func(*payment.Payment, *payment.Attempt){
		"the same number":      func(_ *payment.Payment, n *payment.Attempt) { n.OutTradeNo = "N1" },
		"the same attempt":     func(_ *payment.Payment, n *payment.Attempt) { n.ID = "att_N1" },
		"the same channel":     func(_ *payment.Payment, n *payment.Attempt) { n.Channel = "first" },
		"one that was sent":    func(_ *payment.Payment, n *payment.Attempt) { n.Status = pay.StatusPending },
		"a payment that ended": func(p *payment.Payment, _ *payment.Attempt) { p.Status = pay.StatusDeclined },
		"an attempt left":      func(p *payment.Payment, _ *payment.Attempt) { p.Attempt.Left = base(0) },
	} {
		q, n := p, next
		change(&q, &n)
		if _, _, err := payment.Leave(q, payment.Event{Kind: payment.Busy}, n, base(1)); fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.Deferred = base(0)
	if payment.Leavable(p, payment.TaskSubmit, payment.Event{Kind: payment.Busy}) {
		t.Error("a sale taken offline is asked elsewhere")
	}
}

func TestLeaving(t *testing.T) {
	next := payment.Attempt{ID: "att_2", Channel: "second", OutTradeNo: "N2", Status: pay.StatusCreated}
	at := base(3 * time.Second)
	for kind, want := range map[payment.EventKind]pay.Status{payment.Refuse: pay.StatusDeclined, payment.Busy: pay.StatusClosed} {
		left, after, err := payment.Leave(pendingOn("N1"), payment.Event{Kind: kind}, next, at)
		if err != nil || left.Attempt.Status != want || !left.Attempt.Settled.Equal(at) || !left.Attempt.Left.Equal(at) || left.Entity() != "att_N1" {
			t.Errorf("%s leaves %+v, %v", kind, left.Attempt, err)
		}
		if a := after.Attempt; after.Status != pay.StatusPending || after.Final() || a.Status != pay.StatusPending || a.OutTradeNo != "N2" || !a.Sent.Equal(at) ||
			after.Entity() != "pay_1" || after.Decline.Code != "" {
			t.Errorf("%s begins %+v", kind, after)
		}
	}
}

// TestMoneyAtAnAttemptThatWasLeft is given back, whatever became of the payment since, and people hear of it; the payment stays what it is.
func TestMoneyAtAnAttemptThatWasLeft(t *testing.T) {
	next := payment.Attempt{ID: "att_2", Channel: "second", OutTradeNo: "N2", Status: pay.StatusCreated}
	for _, now := range []pay.Status{pay.StatusPending, pay.StatusUnknown, pay.StatusSucceeded, pay.StatusDeclined} {
		left, _, err := payment.Leave(pendingOn("N1"), payment.Event{Kind: payment.Busy}, next, base(0))
		if err != nil {
			t.Fatal(err)
		}
		left.Status = now // of the payment, since
		if task, due := payment.Plan(left, simRules); task != payment.TaskAsk || due.Before(base(0)) {
			t.Errorf("nobody looks: %q", task)
		}
		e := payment.Learn(left, payment.TaskAsk, channel.Answer{Finding: channel.Approved, PaidAt: base(1)}, simRules, base(0))
		after, note, err := payment.Apply(left, e, base(time.Second))
		open, _ := payment.Notice(left, after, e, false, simRules, base(time.Second))
		if err != nil || note != payment.NoteLateSuccess || after.Status != now || !after.PaidAt.IsZero() || after.Attempt.Status != pay.StatusReversing ||
			len(open) != 1 || open[0].Kind != payment.LateSuccess {
			t.Errorf("payment %s: %+v, note %q, exceptions %v, %v", now, after, note, open, err)
		}
		if task, _ := payment.Plan(after, simRules); task != payment.TaskReverse {
			t.Errorf("payment %s: the money stays: %q", now, task)
		}
		back := payment.Learn(after, payment.TaskReverse, channel.Answer{Finding: channel.Reversed}, simRules, base(0))
		if after, _, err = payment.Apply(after, back, base(20*time.Second)); err != nil || after.Attempt.Status != pay.StatusReversed || after.Status != now {
			t.Errorf("payment %s: %+v, %v", now, after, err)
		}
	}
}
