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

// The whole law: every status, every event, every cell. "-" is refused and needs a person.
const table = `
.          submit   approve    refuse    wait       show       busy     absent     gone      lose       undo      give_up    cancel
created    pending  -          -         -          -          -        -          -         -          -         closed     closed
pending    -        succeeded  declined  pending    pending    created  unknown    closed    unknown    reversed  reversing  reversing
unknown    -        succeeded  declined  pending    pending    -        unknown    closed    unknown    reversed  reversing  reversing
succeeded  -        succeeded  -         -          -          -        -          -         succeeded  -         -          -
declined   -        reversing  declined  -          -          -        declined   declined  declined   declined  -          -
reversing  -        reversing  reversing reversing  reversing  reversing reversing closed    reversing  reversed  reversing  reversing
reversed   -        reversing  reversed  reversing  reversing  -        reversed   reversed  reversed   reversed  -          reversed
closed     -        reversing  closed    reversing  reversing  -        closed     closed    closed     closed    -          closed
`

func TestEveryCell(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(table), "\n")
	events := strings.Fields(rows[0])[1:]
	if len(rows)-1 != len(pay.Statuses) || len(events) != len(payment.Events) {
		t.Fatalf("the table is %d by %d, the law %d by %d", len(rows)-1, len(events), len(pay.Statuses), len(payment.Events))
	}
	for i, row := range rows[1:] {
		cells := strings.Fields(row)
		from := pay.Status(cells[0])
		if from != pay.Statuses[i] || len(cells) != len(events)+1 {
			t.Fatalf("row %d is %q", i, row)
		}
		for j, e := range events {
			if payment.EventKind(e) != payment.Events[j] {
				t.Fatalf("column %d is %s, want %s", j, e, payment.Events[j])
			}
			got, err := payment.Next(from, payment.EventKind(e))
			if want := cells[j+1]; want == "-" {
				if fault.KindOf(err) != fault.Conflict || got != from {
					t.Errorf("%s + %s = %s, %v; want a refusal", from, e, got, err)
				}
			} else if err != nil || got != pay.Status(want) {
				t.Errorf("%s + %s = %s, %v; want %s", from, e, got, err, want)
			}
		}
	}
}

func TestWhatPeopleWereToldNeverChanges(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	for _, attempt := range pay.Statuses {
		for _, e := range payment.Events {
			p := payment.Payment{Status: attempt, Attempt: payment.Attempt{Status: attempt, Sent: at}}
			if attempt.Final() {
				p.Finished = at
			}
			got, note, err := payment.Apply(p, payment.Event{Kind: e}, at.Add(time.Minute))
			if attempt.Final() && (got.Status != attempt || !got.Finished.Equal(at)) {
				t.Errorf("%s + %s: the payment moved to %s", attempt, e, got.Status)
			}
			if !attempt.Final() && err == nil && got.Status != got.Attempt.Status {
				t.Errorf("%s + %s: payment %s, attempt %s", attempt, e, got.Status, got.Attempt.Status)
			}
			if got.Final() == got.Finished.IsZero() {
				t.Errorf("%s + %s: %s finished at %v", attempt, e, got.Status, got.Finished)
			}
			late := attempt.Final() && e == payment.Approve && attempt != pay.StatusSucceeded
			if late != (note == payment.NoteLateSuccess) {
				t.Errorf("%s + %s: note %q", attempt, e, note)
			}
		}
	}
}

// Only the pay call can be told "come back": were a query's busy answer believed, a charge that may
// have arrived would be sent again.
func TestBusyIsAboutThePayCallAlone(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	for _, task := range []payment.Task{payment.TaskSubmit, payment.TaskAsk, payment.TaskReverse} {
		p := payment.Payment{Attempt: payment.Attempt{Status: pay.StatusPending, Sent: at}}
		got := payment.Learn(p, task, channel.Answer{Finding: channel.Busy}, channel.Rules{}, at)
		if want := map[bool]payment.EventKind{true: payment.Busy, false: payment.Lose}[task == payment.TaskSubmit]; got.Kind != want {
			t.Errorf("a busy wallet after %s means %s, want %s", task, got.Kind, want)
		}
	}
}

// UnionPay is asked at 1, 2, 4, 8, 16 and 32 s, whatever the answers were: a status that changes
// must not begin the pace anew.
func TestDoublingPace(t *testing.T) {
	began := time.Unix(1_700_000_000, 0)
	rules := channel.Rules{FirstQuery: time.Second, QueryEvery: time.Second, QueryDoubles: true, GiveUp: 63 * time.Second}
	p := payment.Payment{Created: began, Status: pay.StatusCreated, Attempt: payment.Attempt{Status: pay.StatusCreated}}
	p, _, err := payment.Apply(payment.Called(p, began), payment.Event{Kind: payment.Submit}, began)
	if err != nil {
		t.Fatal(err)
	}
	var asked []int
	for i, e := range []payment.EventKind{payment.Wait, payment.Absent, payment.Lose, payment.Wait, payment.Absent, payment.Wait} {
		task, due := payment.Plan(p, rules)
		if task != payment.TaskAsk || payment.Overdue(p, rules, due) {
			t.Fatalf("call %d is %s", i, task)
		}
		asked = append(asked, int(due.Sub(began).Seconds()))
		if p, _, err = payment.Apply(payment.Called(p, due), payment.Event{Kind: e}, due); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int{1, 2, 4, 8, 16, 32}; !slices.Equal(asked, want) {
		t.Errorf("asked after %v s, want %v", asked, want)
	}
	if _, due := payment.Plan(p, rules); !due.Equal(began.Add(63*time.Second)) || !payment.Overdue(p, rules, due) {
		t.Errorf("given up %s after the pay call, want 63 s", due.Sub(began))
	}
}

// A till shows "the customer is typing the password" only when the wallet said so.
func TestPasswordIsSaidNotGuessed(t *testing.T) {
	p := payment.Payment{Attempt: payment.Attempt{Status: pay.StatusPending}}
	for _, working := range []bool{false, true} {
		got := payment.Learn(p, payment.TaskSubmit, channel.Answer{Finding: channel.Pending, Working: working}, channel.Rules{}, time.Time{})
		if got.Kind != payment.Wait || got.Password == working {
			t.Errorf("pending, the wallet itself at work %t: %+v", working, got)
		}
	}
}
