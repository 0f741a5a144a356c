package payment_test

import (
	"slices"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/pay"
)

var showRules = channel.Rules{CallTimeout: 10 * time.Second, FirstQuery: 3 * time.Second, QueryEvery: 3 * time.Second,
	GiveUp: 2 * time.Minute, ReverseEvery: 2 * time.Second, UndoWindow: 24 * time.Hour, Travel: 150 * time.Second}

// onScreen is a payment taken in at began whose code is shown.
func onScreen(t *testing.T) payment.Payment {
	t.Helper()
	p := payment.Payment{Created: began, Status: pay.StatusCreated,
		Attempt: payment.Attempt{Status: pay.StatusCreated, Shown: true, Until: began.Add(showRules.GiveUp), Stamp: began}}
	for _, e := range []payment.Event{{Kind: payment.Submit}, {Kind: payment.Show, QR: "weixin://x"}} {
		var err error
		if p, _, err = payment.Apply(payment.Called(p, began), e, began); err != nil {
			t.Fatal(err)
		}
	}
	if !p.Showing() || p.Attempt.QR != "weixin://x" || !p.Ends().Equal(p.Attempt.Until) {
		t.Fatalf("not on a screen: %+v", p)
	}
	return p
}

// What each answer to each call means for an order whose code is shown: before its end, and when no request can
// arrive any more.
func TestWhatAnswersMeanForAShownOrder(t *testing.T) {
	early, late := began.Add(time.Minute), began.Add(showRules.Travel)
	shown, reversing := onScreen(t), onScreen(t)
	reversing.Status, reversing.Attempt.Status = pay.StatusReversing, pay.StatusReversing
	blank := shown
	blank.Attempt.QR = ""
	text := channel.Answer{Finding: channel.Pending, Working: true, QR: "weixin://x"}
	for _, c := range []struct {
		name  string
		p     payment.Payment
		task  payment.Task
		a     channel.Answer
		asked time.Time
		want  payment.EventKind
	}{
		{"the code", blank, payment.TaskSubmit, text, began, payment.Show},
		{"the code, asked again", blank, payment.TaskPresent, text, early, payment.Show},
		{"no text", blank, payment.TaskSubmit, channel.Answer{Finding: channel.Pending}, began, payment.Lose},
		{"refused", blank, payment.TaskSubmit, channel.Answer{Finding: channel.Declined}, began, payment.Refuse},
		{"a repeat refused", blank, payment.TaskPresent, channel.Answer{Finding: channel.Declined}, early, payment.Lose},
		{"busy", blank, payment.TaskSubmit, channel.Answer{Finding: channel.Busy}, began, payment.Busy},
		{"a repeat busy", blank, payment.TaskPresent, channel.Answer{Finding: channel.Busy}, early, payment.Lose},
		{"a repeat that knows no order", blank, payment.TaskPresent, channel.Answer{Finding: channel.Absent}, late, payment.Lose},
		{"not scanned", shown, payment.TaskAsk, channel.Answer{Finding: channel.Pending, Working: true}, early, payment.Wait},
		{"no trade before a scan", shown, payment.TaskAsk, channel.Answer{Finding: channel.Absent}, early, payment.Wait},
		{"no trade and no code", blank, payment.TaskAsk, channel.Answer{Finding: channel.Absent}, early, payment.Absent},
		{"no trade any more", shown, payment.TaskAsk, channel.Answer{Finding: channel.Absent}, late, payment.Gone},
		{"given up, no trade", reversing, payment.TaskAsk, channel.Answer{Finding: channel.Absent}, early, payment.Absent},
		{"given up, nothing to cancel", reversing, payment.TaskReverse, channel.Answer{Finding: channel.Absent}, early, payment.Absent},
		{"given up, nothing any more", reversing, payment.TaskReverse, channel.Answer{Finding: channel.Absent}, late, payment.Gone},
		{"said to be closed", reversing, payment.TaskReverse, channel.Answer{Finding: channel.Pending, Working: true}, early, payment.Wait},
		{"proven closed", reversing, payment.TaskAsk, channel.Answer{Finding: channel.Reversed}, early, payment.Undo},
		{"paid", shown, payment.TaskAsk, channel.Answer{Finding: channel.Approved}, early, payment.Approve},
	} {
		if got := payment.Learn(c.p, c.task, c.a, showRules, c.asked); got.Kind != c.want || (got.Kind == payment.Show) != (got.QR != "") {
			t.Errorf("%s: %s %q, want %s", c.name, got.Kind, got.QR, c.want)
		}
	}
}

// A code is asked about every three seconds, and once more when it has ended; an answer then ends it at once, and
// without one it is given up half a minute later. Giving up is reversing.
func TestTheLastQuestionIsAskedAfterTheCodeEnded(t *testing.T) {
	for _, lost := range []bool{false, true} {
		p := onScreen(t)
		var asked []time.Duration
		for !payment.Overdue(p, showRules, later(p)) {
			task, due := payment.Plan(p, showRules)
			if task != payment.TaskAsk || len(asked) > 60 {
				t.Fatalf("%s after %d questions", task, len(asked))
			}
			asked = append(asked, due.Sub(began))
			e := payment.Event{Kind: payment.Wait}
			if lost && !due.Before(p.Attempt.Until) {
				e.Kind = payment.Lose
			}
			var err error
			if p, _, err = payment.Apply(payment.Called(p, due), e, due); err != nil {
				t.Fatal(err)
			}
		}
		if asked[0] != 3*time.Second || asked[1] != 6*time.Second || !slices.Contains(asked, 2*time.Minute) {
			t.Errorf("asked at %v", asked)
		}
		_, due := payment.Plan(p, showRules)
		want := map[bool]time.Duration{false: 2 * time.Minute, true: 150 * time.Second}[lost]
		if due.Sub(began) != want || payment.Overdue(p, showRules, p.Attempt.Until.Add(-1)) {
			t.Errorf("the last answer lost %t: given up after %s, want %s", lost, due.Sub(began), want)
		}
		if p, _, _ = payment.Apply(p, payment.Event{Kind: payment.GiveUp}, due); p.Status != pay.StatusReversing || p.Showing() {
			t.Errorf("given up: %s", p.Status)
		}
	}
}

func later(p payment.Payment) time.Time { _, due := payment.Plan(p, showRules); return due }

// The text never changes once somebody may have seen it, and one that comes when the order was cancelled is
// shown to nobody.
func TestTheTextStays(t *testing.T) {
	p := onScreen(t)
	p, _, err := payment.Apply(p, payment.Event{Kind: payment.Show, QR: "weixin://other"}, began)
	if err != nil || p.Attempt.QR != "weixin://x" {
		t.Errorf("the text became %q (%v)", p.Attempt.QR, err)
	}
	p.Attempt.QR = ""
	p, _, _ = payment.Apply(p, payment.Event{Kind: payment.Cancel}, began)
	if p, _, err = payment.Apply(p, payment.Event{Kind: payment.Show, QR: "weixin://x"}, began); err != nil || p.Attempt.QR != "" || p.Showing() {
		t.Errorf("a cancelled order shows %q (%v)", p.Attempt.QR, err)
	}
}

// An order that never got its text is given up after 45 s, asking again until then.
func TestNobodyWaitsAtAnEmptyScreen(t *testing.T) {
	p := onScreen(t)
	p.Attempt.QR, p.Attempt.Status, p.Status = "", pay.StatusUnknown, pay.StatusUnknown
	if task, due := payment.Plan(p, showRules); task != payment.TaskPresent || due.Sub(began) != 3*time.Second {
		t.Errorf("%s after %s", task, due.Sub(began))
	}
	if payment.Overdue(p, showRules, began.Add(45*time.Second-1)) || !payment.Overdue(p, showRules, began.Add(45*time.Second)) {
		t.Error("not given up after 45 s")
	}
}
