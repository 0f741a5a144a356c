package payment_test

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// The whole law of refunds: every status, every event, every cell. "-" is refused and needs a person.
const refundTable = `
.          send     done       refuse   take     busy     absent   lose       turn_away
created    unknown  -          -        -        -        -        -          failed
pending    -        succeeded  failed   pending  -        unknown  pending    -
unknown    unknown  succeeded  failed   pending  unknown  unknown  unknown    -
succeeded  -        succeeded  -        -        -        -        succeeded  -
failed     -        -          failed   -        -        failed   failed     -
`

func TestEveryCellOfRefunds(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(refundTable), "\n")
	events := strings.Fields(rows[0])[1:]
	if len(rows)-1 != len(pay.RefundStatuses) || len(events) != len(payment.RefundEvents) {
		t.Fatalf("the table is %d by %d, the law %d by %d", len(rows)-1, len(events), len(pay.RefundStatuses), len(payment.RefundEvents))
	}
	for i, row := range rows[1:] {
		cells := strings.Fields(row)
		from := pay.RefundStatus(cells[0])
		if from != pay.RefundStatuses[i] || len(cells) != len(events)+1 {
			t.Fatalf("row %d is %q", i, row)
		}
		for j, name := range events {
			kind := payment.RefundEventKind(name)
			if kind != payment.RefundEvents[j] {
				t.Fatalf("column %d is %s, want %s", j, name, payment.RefundEvents[j])
			}
			before := refundIn(from)
			got, err := payment.ApplyRefund(before, payment.RefundEvent{Kind: kind}, began.Add(time.Hour))
			if want := cells[j+1]; want == "-" {
				if fault.KindOf(err) != fault.Conflict || got != before {
					t.Errorf("%s + %s = %s, %v; want a refusal", from, name, got.Status, err)
				}
			} else if err != nil || got.Status != pay.RefundStatus(want) {
				t.Errorf("%s + %s = %s, %v; want %s", from, name, got.Status, err, want)
			}
			if got.Final() == got.Finished.IsZero() || (got.Status == pay.RefundSucceeded) == got.RefundedAt.IsZero() {
				t.Errorf("%s + %s: %s finished %v, refunded %v", from, name, got.Status, got.Finished, got.RefundedAt)
			}
			if from.Final() && (got.Finished != before.Finished || got.RefundedAt != before.RefundedAt) {
				t.Errorf("%s + %s: what people were told changed: %+v", from, name, got)
			}
		}
	}
}

// refundIn is a refund of 100 fen in a status.
func refundIn(s pay.RefundStatus) payment.Refund {
	r := payment.Refund{ID: "r", Payment: "p", Source: payment.FromAPI, Amount: money.Fen(100), OutRefundNo: "R0000001", Status: s, Created: began,
		NotBefore: began, Since: began}
	if s != pay.RefundCreated {
		r.Stamp, r.Sent, r.Called = began, began, began.Add(time.Second)
	}
	if s.Final() {
		r.Finished = began
	}
	if s == pay.RefundSucceeded {
		r.RefundedAt = began
	}
	return r
}

var refundRules = channel.RefundRules{CallTimeout: 10 * time.Second, Every: 5 * time.Second, Apart: time.Minute, Window: 365 * 24 * time.Hour, Parts: 50}

func TestAdmission(t *testing.T) {
	paid := payment.Payment{ID: "p", Source: payment.FromTill, Terminal: "t", Amount: money.Fen(100), Status: pay.StatusSucceeded,
		PaidAt: began, Created: began, Attempt: payment.Attempt{Status: pay.StatusSucceeded}}
	type asked struct {
		p       payment.Payment
		s       payment.Standing
		r       payment.Refund
		offered bool
		rules   channel.RefundRules
		after   time.Duration
	}
	for name, c := range map[string]struct {
		change func(*asked)
		reason string        // empty: it is made
		from   time.Duration // after it was asked for
	}{
		"all of it":               {func(a *asked) {}, "", 0},
		"more than all":           {func(a *asked) { a.r.Amount = money.Fen(101) }, payment.RefundTooMuch, 0},
		"all that is left":        {func(a *asked) { a.p.Refunded, a.p.Refunding, a.r.Amount = money.Fen(30), money.Fen(30), money.Fen(40) }, "", 0},
		"more than was left":      {func(a *asked) { a.p.Refunded, a.r.Amount = money.Fen(30), money.Fen(71) }, payment.RefundTooMuch, 0},
		"more than is not asked":  {func(a *asked) { a.p.Refunding, a.r.Amount = money.Fen(30), money.Fen(71) }, payment.RefundTooMuch, 0},
		"not paid yet":            {func(a *asked) { a.p.Status = pay.StatusUnknown }, payment.RefundNotPaid, 0},
		"never paid":              {func(a *asked) { a.p.Status = pay.StatusDeclined }, payment.RefundNotPaid, 0},
		"being undone":            {func(a *asked) { a.p.Attempt.Status = pay.StatusReversing }, payment.RefundNotPaid, 0},
		"undone":                  {func(a *asked) { a.p.Attempt.Status = pay.StatusReversed }, payment.RefundNotPaid, 0},
		"the window's last":       {func(a *asked) { a.after = refundRules.Window - 1 }, "", 0},
		"the window is over":      {func(a *asked) { a.after = refundRules.Window }, payment.RefundWindowOver, 0},
		"the last part":           {func(a *asked) { a.s.Count = 49 }, "", 0},
		"a part too many":         {func(a *asked) { a.s.Count = 50 }, payment.RefundTooManyParts, 0},
		"any number of parts":     {func(a *asked) { a.s.Count, a.rules.Parts = 50, 0 }, "", 0},
		"soon after another":      {func(a *asked) { a.s.Last = began.Add(-time.Second) }, "", 59 * time.Second},
		"long after another":      {func(a *asked) { a.s.Last = began.Add(-time.Hour) }, "", 0},
		"behind a waiting one":    {func(a *asked) { a.s.Last = began.Add(time.Minute) }, "", 2 * time.Minute},
		"no refunds here":         {func(a *asked) { a.offered = false }, payment.RefundNotOffered, 0},
		"from its till":           {func(a *asked) { a.r.Source, a.r.Terminal = payment.FromTill, "t" }, "", 0},
		"from another till":       {func(a *asked) { a.r.Source, a.r.Terminal = payment.FromTill, "u" }, payment.RefundOtherTerminal, 0},
		"from a till, for an API": {func(a *asked) { a.r.Source, a.p.Source, a.r.Terminal = payment.FromTill, payment.FromAPI, "t" }, payment.RefundOtherTerminal, 0},
	} {
		a := asked{p: paid, r: payment.Refund{Source: payment.FromAPI, Amount: money.Fen(100)}, offered: true, rules: refundRules}
		c.change(&a)
		at := began.Add(a.after)
		got := payment.AdmitRefund(a.r, a.p, a.s, a.rules, a.offered, at)
		if got.Decline.Code != c.reason || (got.Status == pay.RefundFailed) != (c.reason != "") || (got.Decline.Message != "") != (c.reason != "") {
			t.Errorf("%s: %s %+v, want %q", name, got.Status, got.Decline, c.reason)
		}
		if task, due := payment.PlanRefund(got, a.rules); c.reason == "" && (task != payment.TaskRefund || !due.Equal(at.Add(c.from))) ||
			c.reason != "" && task != payment.TaskNone {
			t.Errorf("%s: then %q at %v", name, task, due.Sub(at))
		}
	}
}

// A refused sending ends a refund only when no earlier copy can still arrive and be taken.
func TestARefusalBesideAStrayCopyIsNoProof(t *testing.T) {
	refused := channel.RefundAnswer{Finding: channel.RefundRefused, Decline: channel.Decline{Code: channel.MerchantBalanceLow, Message: "m", Wallet: "NOTENOUGH"}}
	for name, c := range map[string]struct {
		lost  bool
		task  payment.Task
		after time.Duration // of the lost sending
		want  payment.RefundEventKind
	}{
		"the only sending":                  {false, payment.TaskRefund, time.Second, payment.RefundRefuse},
		"the second, soon":                  {true, payment.TaskRefund, time.Minute, payment.RefundAbsent},
		"the second, when the first is out": {true, payment.TaskRefund, 2 * time.Minute, payment.RefundRefuse},
		"the wallet closed this number":     {true, payment.TaskAskRefund, time.Second, payment.RefundRefuse},
	} {
		r, err := payment.CallRefund(refundIn(pay.RefundCreated), payment.TaskRefund, began, began)
		if c.lost {
			r, _ = payment.ApplyRefund(r, payment.RefundEvent{Kind: payment.RefundLose}, began.Add(10*time.Second))
		}
		e := payment.LearnRefund(r, c.task, refused, began.Add(c.after))
		if err != nil || e.Kind != c.want || (e.Decline.Code != "") != (c.want == payment.RefundRefuse) {
			t.Errorf("%s: %+v, %v; want %s", name, e, err, c.want)
		}
	}
}

// What each finding means, after a sending and after a question.
func TestEveryRefundFinding(t *testing.T) {
	for _, c := range []struct {
		finding    channel.RefundFinding
		sent, told payment.RefundEventKind
	}{
		{channel.Refunded, payment.RefundDone, payment.RefundDone},
		{channel.RefundRefused, payment.RefundRefuse, payment.RefundRefuse},
		{channel.RefundTaken, payment.RefundTake, payment.RefundTake},
		{channel.RefundBusy, payment.RefundBusy, payment.RefundLose},
		{channel.RefundAbsent, payment.RefundLose, payment.RefundAbsent},
		{channel.RefundUnknown, payment.RefundLose, payment.RefundLose},
		{"", payment.RefundLose, payment.RefundLose},
	} {
		r := refundIn(pay.RefundUnknown)
		for task, want := range map[payment.Task]payment.RefundEventKind{payment.TaskRefund: c.sent, payment.TaskAskRefund: c.told} {
			if e := payment.LearnRefund(r, task, channel.RefundAnswer{Finding: c.finding}, began); e.Kind != want {
				t.Errorf("%s after %s means %s, want %s", c.finding, task, e.Kind, want)
			}
		}
	}
}

// In doubt the same refund is asked about and sent again by turns, ever more slowly, for ever.
func TestADoubtfulRefundIsNeverLeftAlone(t *testing.T) {
	r, err := payment.CallRefund(refundIn(pay.RefundCreated), payment.TaskRefund, began, began)
	if err != nil {
		t.Fatal(err)
	}
	var story []string
	for range 40 {
		if r, err = payment.ApplyRefund(r, payment.RefundEvent{Kind: payment.RefundLose}, r.Called.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		task, due := payment.PlanRefund(r, refundRules)
		if pause := due.Sub(r.Called); pause < 5*time.Second || pause > 10*time.Minute {
			t.Fatalf("%q after %v", task, pause)
		}
		story = append(story, string(task))
		if r, err = payment.CallRefund(r, task, due, due); err != nil {
			t.Fatal(err)
		}
	}
	if !r.Stamp.Equal(began) || !r.Sent.After(began.Add(time.Hour)) {
		t.Errorf("first sent at %v, last at %v: the first sending is part of its name", r.Stamp, r.Sent)
	}
	if text := strings.Join(story[:4], " "); text != "ask_refund refund ask_refund refund" || r.OutRefundNo != "R0000001" {
		t.Errorf("%s under %s", text, r.OutRefundNo)
	}
}

func TestExceptionsOfRefunds(t *testing.T) {
	for name, c := range map[string]struct {
		status pay.RefundStatus
		event  payment.RefundEvent
		after  time.Duration
		want   string
	}{
		"a doubt's first minutes":        {pay.RefundUnknown, payment.RefundEvent{Kind: payment.RefundLose}, 9 * time.Minute, "."},
		"ten minutes of doubt":           {pay.RefundUnknown, payment.RefundEvent{Kind: payment.RefundLose}, 10 * time.Minute, "+W"},
		"proof at last":                  {pay.RefundUnknown, payment.RefundEvent{Kind: payment.RefundDone}, time.Hour, "-W"},
		"refused at last":                {pay.RefundPending, payment.RefundEvent{Kind: payment.RefundRefuse}, time.Hour, "-W"},
		"days with the wallet":           {pay.RefundPending, payment.RefundEvent{Kind: payment.RefundTake}, 4 * 24 * time.Hour, "."},
		"a week with the wallet":         {pay.RefundPending, payment.RefundEvent{Kind: payment.RefundTake}, 7 * 24 * time.Hour, "+W"},
		"done, then refused":             {pay.RefundSucceeded, payment.RefundEvent{Kind: payment.RefundRefuse}, time.Hour, "+R"},
		"failed, then done":              {pay.RefundFailed, payment.RefundEvent{Kind: payment.RefundDone}, time.Hour, "+R"},
		"other money":                    {pay.RefundUnknown, payment.RefundEvent{Kind: payment.RefundLose, Differs: "w.amount"}, time.Second, "+D"},
		"looked at after it had ended":   {pay.RefundSucceeded, payment.RefundEvent{Kind: payment.RefundDone}, time.Hour, "."},
		"the wallet calls for a person":  {pay.RefundPending, payment.RefundEvent{Kind: payment.RefundTake, Differs: "w.abnormal"}, time.Second, "+D"},
		"a refund turned away by us":     {pay.RefundCreated, payment.RefundEvent{Kind: payment.RefundTurnAway}, 0, "-W"},
		"not sent yet, however long ago": {pay.RefundCreated, payment.RefundEvent{Kind: payment.RefundSend}, time.Hour, "."},
	} {
		before := refundIn(c.status)
		after, err := payment.ApplyRefund(before, c.event, began.Add(c.after))
		open, ended := payment.NoticeRefund(before, after, c.event, err != nil, began.Add(c.after))
		got := ""
		for _, x := range open {
			got += "+" + letters[x.Kind]
			if x.Refund != "r" || x.Payment != "p" || x.Owner != payment.OwnerOperations || !x.Deadline.After(x.Opened) {
				t.Errorf("%s: %+v", name, x)
			}
		}
		for _, k := range ended {
			got += "-" + letters[k]
		}
		if got == "" {
			got = "."
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for code, want := range map[string]string{"wechat.amount": "wechat.amount", "wechat.abnormal": "wechat.abnormal", "wechat.signature": ""} {
		a := channel.RefundAnswer{Finding: channel.RefundUnknown, Err: fault.New(fault.InDoubt, code, "x")}
		if e := payment.LearnRefund(refundIn(pay.RefundUnknown), payment.TaskAskRefund, a, began); e.Differs != want {
			t.Errorf("%q differs as %q", code, e.Differs)
		}
	}
}

func TestEveryDecisionAboutARefund(t *testing.T) {
	for _, c := range []struct {
		status   pay.RefundStatus
		kind     payment.ExceptionKind
		decision payment.Decision
		code     string // of the refusal
	}{
		{pay.RefundUnknown, payment.SlowRefund, payment.Settled, "exception.going_on"},
		{pay.RefundPending, payment.SlowRefund, payment.Settled, "exception.going_on"},
		{pay.RefundUnknown, payment.AnswerDiffers, payment.Settled, ""},
		{pay.RefundSucceeded, payment.RefusedEvent, payment.Settled, ""},
		{pay.RefundUnknown, payment.SlowRefund, payment.Retry, ""},
		{pay.RefundPending, payment.SlowRefund, payment.Retry, ""},
		{pay.RefundCreated, payment.SlowRefund, payment.Retry, "exception.no_retry"},
		{pay.RefundSucceeded, payment.RefusedEvent, payment.Retry, "exception.no_retry"},
		{pay.RefundFailed, payment.RefusedEvent, payment.Retry, "exception.no_retry"},
		{pay.RefundUnknown, payment.SlowRefund, payment.WrittenOff, "exception.no_write_off"},
		{pay.RefundUnknown, payment.SlowRefund, "forget", "exception.decision"},
	} {
		r := refundIn(c.status)
		r.Tries = 40
		got, err := payment.DecideRefund(r, c.kind, c.decision)
		if c.code != "" {
			if fault.CodeOf(err) != c.code || got != r {
				t.Errorf("%s %s %q: %v, want %s", c.status, c.kind, c.decision, err, c.code)
			}
			continue
		}
		_, due := payment.PlanRefund(got, refundRules)
		if err != nil || got.Status != r.Status || c.decision == payment.Retry && due.After(r.Called.Add(refundRules.Every)) {
			t.Errorf("%s %s %q: %v, %s, next at %v", c.status, c.kind, c.decision, err, got.Status, due)
		}
	}
}

// Our own refunds change what the wallet says of the payment; that is no contradiction, and other
// people's refunds still are.
func TestAPaymentKnowsItsRefunds(t *testing.T) {
	paid := inState(pay.StatusSucceeded, pay.StatusSucceeded)
	paid.Amount = money.Fen(100)
	closed := channel.Answer{Finding: channel.Reversed}
	part := channel.Answer{Finding: channel.Unknown, Err: fault.New(fault.InDoubt, "wechat.refunded", "x")}
	for name, c := range map[string]struct {
		refunded, refunding int64
		answer              channel.Answer
		want                payment.EventKind
		differs             string
	}{
		"closed, nothing refunded":   {0, 0, closed, payment.Undo, ""},
		"closed, a part refunded":    {40, 0, closed, payment.Undo, ""},
		"closed, all refunded":       {100, 0, closed, payment.Lose, ""},
		"closed, all asked back":     {60, 40, closed, payment.Lose, ""},
		"refunded, not by us":        {0, 0, part, payment.Lose, "wechat.refunded"},
		"refunded, a part by us":     {1, 0, part, payment.Lose, ""},
		"refunded, we asked to have": {0, 1, part, payment.Lose, ""},
	} {
		p := paid
		p.Refunded, p.Refunding = money.Fen(c.refunded), money.Fen(c.refunding)
		if e := payment.Learn(p, payment.TaskAsk, c.answer, simRules, began); e.Kind != c.want || e.Differs != c.differs {
			t.Errorf("%s: %s %q, want %s %q", name, e.Kind, e.Differs, c.want, c.differs)
		}
	}
}
