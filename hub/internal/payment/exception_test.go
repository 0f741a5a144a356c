package payment_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

var began = time.Unix(1_700_000_000, 0).UTC()

// inState is a payment that people were told about (or not) with its attempt in a status.
func inState(told, attempt pay.Status) payment.Payment {
	p := payment.Payment{ID: "p", Status: told, Attempt: payment.Attempt{Status: attempt, Sent: began}}
	if attempt == pay.StatusCreated {
		p.Attempt.Sent = time.Time{}
	}
	if attempt == pay.StatusReversing {
		p.Attempt.Undoing = began.Add(time.Minute)
	}
	if attempt.Final() {
		p.Attempt.Settled = began.Add(time.Minute)
	}
	return p
}

// What each event opens (+) and ends (-) for a payment that people were told is closed, or paid
// where the attempt succeeded, and for one that is still open. L late success, R refused event,
// S slow reversal and U undo ending (ended together), X looks that nobody answered.
const notices = `
.          submit approve refuse wait  show  busy  absent gone  lose  undo  give_up cancel
created    .      +R      +R     +R    +R    +R    +R     +R    +R    +R    .       .
pending    +R     .       .      .     .     .     .      .     .     -L    .       .
unknown    +R     .       .      .     .     +R    .      .     .     -L    .       .
succeeded  +R     .       +R     +R    +R    +R    +R     +R    .     +R    +R      +R
declined   +R     +L      .      +R    +R    +R    .      .     .     -L    +R      +R
reversing  +R     +L      .      .     .     .     .      -SU   .     -LSU  .       .
reversed   +R     +L-X    -X     -X    -X    +R    .      .     .     -LX   +R      .
closed     +R     +L-X    -X     -X    -X    +R    .      -X    .     -LX   +R      .
`

var letters = map[payment.ExceptionKind]string{payment.LateSuccess: "L", payment.RefusedEvent: "R", payment.SlowReversal: "S",
	payment.DeferredRefused: "B", payment.UndoEnding: "U", payment.Unlooked: "X", payment.AnswerDiffers: "D", payment.SlowRefund: "W"}

func noticed(before payment.Payment, e payment.Event, at time.Time) string {
	after, _, err := payment.Apply(before, e, at)
	open, ended := payment.Notice(before, after, e, err != nil, simRules, at)
	text := ""
	for i, x := range open {
		if i == 0 {
			text += "+"
		}
		text += letters[x.Kind]
	}
	for i, k := range ended {
		if i == 0 {
			text += "-"
		}
		text += letters[k]
	}
	if text == "" {
		return "."
	}
	return text
}

func TestEveryCellOfExceptions(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(notices), "\n")
	events := strings.Fields(rows[0])[1:]
	if len(rows)-1 != len(pay.Statuses) || len(events) != len(payment.Events) {
		t.Fatalf("the table is %d by %d", len(rows)-1, len(events))
	}
	for i, row := range rows[1:] {
		cells := strings.Fields(row)
		attempt := pay.Status(cells[0])
		if attempt != pay.Statuses[i] || len(cells) != len(events)+1 {
			t.Fatalf("row %d is %q", i, row)
		}
		told := pay.StatusClosed
		if !attempt.Final() && attempt != pay.StatusReversing || attempt == pay.StatusSucceeded {
			told = attempt
		}
		for j, e := range events {
			if got := noticed(inState(told, attempt), payment.Event{Kind: payment.EventKind(e)}, began.Add(2*time.Minute)); got != cells[j+1] {
				t.Errorf("%s + %s: %s, want %s", attempt, e, got, cells[j+1])
			}
		}
	}
}

func TestExceptionsOfTime(t *testing.T) {
	reversing := inState(pay.StatusReversing, pay.StatusReversing)
	stalled := inState(pay.StatusReversed, pay.StatusReversed)
	stalled.Attempt.Tries = 40
	writtenOff := reversing
	writtenOff.Attempt.WrittenOff = began
	for name, c := range map[string]struct {
		p     payment.Payment
		event payment.Event
		after time.Duration // of the pay call
		want  string
	}{
		"a reversal's first minutes":        {reversing, payment.Event{Kind: payment.Lose}, 10 * time.Minute, "."},
		"ten minutes of reversing":          {reversing, payment.Event{Kind: payment.Lose}, 11 * time.Minute, "+S"},
		"the window is nearly over":         {reversing, payment.Event{Kind: payment.Lose}, simRules.UndoWindow - 2*time.Hour, "+SU"},
		"written off":                       {writtenOff, payment.Event{Kind: payment.Lose}, simRules.UndoWindow, "."},
		"proof in the nick of time":         {reversing, payment.Event{Kind: payment.Undo}, simRules.UndoWindow - time.Hour, "-LSU"},
		"money before people were told":     {reversing, payment.Event{Kind: payment.Approve}, 2 * time.Minute, "."},
		"the last look was lost":            {stalled, payment.Event{Kind: payment.Lose}, time.Hour, "+X"},
		"the last look was answered":        {stalled, payment.Event{Kind: payment.Undo}, time.Hour, "-LX"},
		"other money":                       {inState(pay.StatusUnknown, pay.StatusUnknown), payment.Event{Kind: payment.Lose, Differs: "w.amount"}, time.Minute, "+D"},
		"other money against what is known": {inState(pay.StatusSucceeded, pay.StatusSucceeded), payment.Event{Kind: payment.Wait, Differs: "w.amount"}, time.Minute, "+DR"},
	} {
		if got := noticed(c.p, c.event, began.Add(c.after)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for code, want := range map[string]string{"wechat.amount": "wechat.amount", "alipay.refunded": "alipay.refunded", "wechat.signature": "", "": ""} {
		a := channel.Answer{Finding: channel.Unknown}
		if code != "" {
			a.Err = fault.New(fault.InDoubt, code, "x")
		}
		if e := payment.Learn(reversing, payment.TaskAsk, a, simRules, began); e.Differs != want {
			t.Errorf("%q differs as %q", code, e.Differs)
		}
	}
}

func TestEveryDecision(t *testing.T) {
	const over, before = true, false
	for _, c := range []struct {
		attempt  pay.Status
		kind     payment.ExceptionKind
		decision payment.Decision
		window   bool
		code     string // of the refusal
		task     payment.Task
	}{
		{pay.StatusReversing, payment.LateSuccess, payment.Settled, before, "exception.going_on", ""},
		{pay.StatusReversing, payment.SlowReversal, payment.Settled, over, "exception.going_on", ""},
		{pay.StatusReversing, payment.UndoEnding, payment.Settled, over, "exception.going_on", ""},
		{pay.StatusReversing, payment.AnswerDiffers, payment.Settled, before, "", payment.TaskReverse},
		{pay.StatusClosed, payment.LateSuccess, payment.Settled, before, "", payment.TaskNone},
		{pay.StatusReversed, payment.Unlooked, payment.Settled, before, "", payment.TaskNone},
		{pay.StatusSucceeded, payment.RefusedEvent, payment.Settled, before, "", payment.TaskNone},
		{pay.StatusReversing, payment.SlowReversal, payment.Retry, before, "", payment.TaskReverse},
		{pay.StatusReversed, payment.Unlooked, payment.Retry, before, "", payment.TaskAsk},
		{pay.StatusClosed, payment.Unlooked, payment.Retry, before, "", payment.TaskAsk},
		{pay.StatusCreated, payment.RefusedEvent, payment.Retry, before, "exception.no_retry", ""},
		{pay.StatusPending, payment.RefusedEvent, payment.Retry, before, "exception.no_retry", ""},
		{pay.StatusUnknown, payment.AnswerDiffers, payment.Retry, before, "exception.no_retry", ""},
		{pay.StatusSucceeded, payment.RefusedEvent, payment.Retry, before, "exception.no_retry", ""},
		{pay.StatusDeclined, payment.RefusedEvent, payment.Retry, before, "exception.no_retry", ""},
		{pay.StatusReversing, payment.SlowReversal, payment.WrittenOff, before, "exception.window_open", ""},
		{pay.StatusReversing, payment.SlowReversal, payment.WrittenOff, over, "", payment.TaskNone},
		{pay.StatusReversing, payment.LateSuccess, payment.WrittenOff, over, "", payment.TaskNone},
		{pay.StatusReversed, payment.Unlooked, payment.WrittenOff, over, "exception.not_reversing", ""},
		{pay.StatusUnknown, payment.AnswerDiffers, payment.WrittenOff, over, "exception.not_reversing", ""},
		{pay.StatusReversing, payment.SlowReversal, "forget", before, "exception.decision", ""},
	} {
		p := inState(c.attempt, c.attempt)
		p.Attempt.Tries, p.Attempt.Called = 40, began.Add(time.Hour)
		at := began.Add(simRules.UndoWindow)
		if c.window == before {
			at = at.Add(-time.Second)
		}
		got, err := payment.Decide(p, c.kind, c.decision, simRules, at)
		if c.code != "" {
			if fault.CodeOf(err) != c.code || got != p {
				t.Errorf("%s %s %q: %v, want %s", c.attempt, c.kind, c.decision, err, c.code)
			}
			continue
		}
		if task, due := payment.Plan(got, simRules); err != nil || task != c.task || c.decision == payment.Retry && due.After(at) {
			t.Errorf("%s %s %q: %v, then %q at %v; want %q", c.attempt, c.kind, c.decision, err, task, due, c.task)
		}
		if got.Status != p.Status || got.Attempt.Status != p.Attempt.Status {
			t.Errorf("%s %s %q: moved to %s/%s", c.attempt, c.kind, c.decision, got.Status, got.Attempt.Status)
		}
	}
	orphan := channel.Rules{}
	if _, err := payment.Decide(inState(pay.StatusReversing, pay.StatusReversing), payment.SlowReversal, payment.WrittenOff, orphan, began); fault.CodeOf(err) != "exception.window_unknown" {
		t.Errorf("written off without knowing the window: %v", err)
	}
	if !slices.Contains(payment.ExceptionKinds, payment.Unlooked) || len(payment.ExceptionKinds) != len(letters) {
		t.Error("a kind is not tested")
	}
}

// TestALossIsNoticed: of what was taken offline, every end without money but the till's own stop.
func TestALossIsNoticed(t *testing.T) {
	for _, c := range []struct {
		from  pay.Status
		cause string
		event payment.EventKind
		usual string // opened and ended when it was not taken offline
		want  string
	}{
		{pay.StatusPending, "", payment.Refuse, ".", "+B"}, {pay.StatusPending, "", payment.Approve, ".", "."},
		{pay.StatusUnknown, "", payment.Gone, ".", "+B"}, {pay.StatusUnknown, "", payment.GiveUp, ".", "."},
		{pay.StatusReversing, "gave_up", payment.Undo, "-LSU", "+B-LSU"}, {pay.StatusReversing, "cancelled", payment.Undo, "-LSU", "-LSU"},
		{pay.StatusCreated, "", payment.GiveUp, ".", "+B"}, {pay.StatusCreated, "", payment.Cancel, ".", "."},
		{pay.StatusDeclined, "", payment.Refuse, ".", "."},
	} {
		p, at := inState(c.from, c.from), began.Add(2*time.Minute)
		p.Attempt.Cause = c.cause
		if got := noticed(p, payment.Event{Kind: c.event}, at); got != c.usual {
			t.Errorf("%s (%s) takes %s: %q, want %q", c.from, c.cause, c.event, got, c.usual)
		}
		p.Deferred = began.Add(-time.Hour)
		if got := noticed(p, payment.Event{Kind: c.event}, at); got != c.want {
			t.Errorf("%s (%s), taken offline, takes %s: %q, want %q", c.from, c.cause, c.event, got, c.want)
		}
	}
}

// UnionPay's window is short for an order late in the day: its end is noticed in the last quarter of
// what there was, not for every sale of the last two hours.
func TestTheDaysEndIsNoticed(t *testing.T) {
	rules := simRules
	rules.UndoWindow, rules.UndoDayEnds = 24*time.Hour, 23*time.Hour
	end := time.Date(2026, 1, 1, 15, 0, 0, 0, time.UTC) // 23:00 in China
	for _, c := range []struct {
		sent, at time.Duration // before the end
		want     bool
	}{
		{11 * time.Hour, 121 * time.Minute, false}, {11 * time.Hour, 2 * time.Hour, true},
		{time.Hour, 16 * time.Minute, false}, {time.Hour, 15 * time.Minute, true},
		{time.Minute, 16 * time.Second, false}, {time.Minute, 15 * time.Second, true}, {time.Minute, -time.Second, true},
		{-time.Second, -time.Minute, false}, // the next day's
	} {
		p := inState(pay.StatusReversing, pay.StatusReversing)
		p.Attempt.Sent, p.Attempt.Undoing = end.Add(-c.sent), end.Add(-c.at)
		open, _ := payment.Notice(p, p, payment.Event{Kind: payment.Lose}, false, rules, end.Add(-c.at))
		got := slices.ContainsFunc(open, func(e payment.Exception) bool { return e.Kind == payment.UndoEnding })
		if got != c.want {
			t.Errorf("sent %s, looked at %s before the day's end: noticed %t, want %t", c.sent, c.at, got, c.want)
		}
		for _, e := range open {
			if e.Kind == payment.UndoEnding && !e.Deadline.Equal(end) {
				t.Errorf("the deadline is %s", e.Deadline)
			}
		}
		late, err := payment.Decide(p, payment.UndoEnding, payment.WrittenOff, rules, end.Add(-c.at))
		if over := c.sent > 0 && c.at <= 0; (err == nil) != over || late.Attempt.WrittenOff.IsZero() == over {
			t.Errorf("sent %s, written off %s before the end: %v", c.sent, c.at, err)
		}
	}
}

// A wallet that says of an undone attempt "closed" or "declined" has answered the look: nobody has to be asked.
func TestProofOfNoChargeIsALook(t *testing.T) {
	for _, e := range []payment.EventKind{payment.Undo, payment.Refuse} {
		for _, s := range []pay.Status{pay.StatusReversed, pay.StatusClosed} {
			p := inState(s, s)
			p.Attempt.Tries = 3
			after, _, err := payment.Apply(p, payment.Event{Kind: e}, began)
			if err != nil || after.Attempt.Checks != p.Attempt.Checks+1 || after.Attempt.Tries != 0 {
				t.Errorf("%s + %s: %d looks, %d tries (%v)", s, e, after.Attempt.Checks, after.Attempt.Tries, err)
			}
		}
	}
}
