package payment_test

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// What a notice is worth: every status, every claim, every cell.
const heeds = `
.          approved     declined     reversed     pending      busy         absent
created    contradicts  contradicts  contradicts  contradicts  contradicts  contradicts
pending    ask          ask          ask          ask          contradicts  contradicts
unknown    ask          ask          ask          ask          contradicts  contradicts
succeeded  settled      contradicts  contradicts  settled      contradicts  contradicts
declined   ask          settled      settled      settled      contradicts  contradicts
reversing  ask          ask          ask          ask          contradicts  contradicts
reversed   ask          settled      settled      ask          contradicts  contradicts
closed     ask          settled      settled      ask          contradicts  contradicts
`

const refundHeeds = `
.          refunded     refund_refused  refund_taken  refund_absent
created    contradicts  contradicts     contradicts   contradicts
pending    ask          ask             ask           contradicts
unknown    ask          ask             ask           contradicts
succeeded  settled      contradicts     settled       contradicts
failed     contradicts  settled         settled       contradicts
`

func cells(t *testing.T, table string, rows int, check func(status, claim, want string)) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(table), "\n")
	claims := strings.Fields(lines[0])[1:]
	if len(lines)-1 != rows {
		t.Fatalf("the table has %d rows, the law %d", len(lines)-1, rows)
	}
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		for i, claim := range claims {
			check(f[0], claim, f[i+1])
		}
	}
}

var (
	heardAt = time.Unix(1_700_000_100, 0)
	before  = heardAt.Add(-time.Minute)
)

func TestEveryNotice(t *testing.T) {
	cells(t, heeds, len(pay.Statuses), func(status, claim, want string) {
		p := payment.Payment{Status: pay.Status(status), Amount: money.Fen(100), Attempt: payment.Attempt{Status: pay.Status(status), Sent: before, Called: before}}
		got, heed := payment.Hear(p, channel.Finding(claim), heardAt)
		if string(heed) != want {
			t.Errorf("%s hears %s: %s, want %s", status, claim, heed, want)
		}
		if (heed == payment.HeedAsk) != !got.Attempt.Look.IsZero() {
			t.Errorf("%s hears %s: %s, and looks at %v", status, claim, heed, got.Attempt.Look)
		}
		if got.Attempt.Look = (time.Time{}); got != p {
			t.Errorf("%s hears %s: it changed more than the look: %+v", status, claim, got)
		}
	})
	cells(t, refundHeeds, len(pay.RefundStatuses), func(status, claim, want string) {
		r := payment.Refund{Status: pay.RefundStatus(status), Sent: before, Called: before}
		got, heed := payment.HearRefund(r, channel.RefundFinding(claim), heardAt)
		if string(heed) != want {
			t.Errorf("a refund that is %s hears %s: %s, want %s", status, claim, heed, want)
		}
		if got.Look = (time.Time{}); got != r {
			t.Errorf("a refund that is %s hears %s: it changed more than the look: %+v", status, claim, got)
		}
	})
}

func TestOwnRefundsCloseATrade(t *testing.T) {
	p := payment.Payment{Status: pay.StatusSucceeded, Amount: money.Fen(100), Refunded: money.Fen(60), Refunding: money.Fen(40),
		Attempt: payment.Attempt{Status: pay.StatusSucceeded}}
	if _, heed := payment.Hear(p, channel.Reversed, heardAt); heed != payment.HeedSettled {
		t.Errorf("a trade that our refunds closed: %s", heed)
	}
	p.Refunding = money.Fen(39)
	if _, heed := payment.Hear(p, channel.Reversed, heardAt); heed != payment.HeedContradicts {
		t.Errorf("a trade that somebody else closed: %s", heed)
	}
}

// A look that a notice wants comes before the schedule's own, and no sooner than a pause after the last call.
func TestLooksAreBroughtForward(t *testing.T) {
	rules := channel.Rules{FirstQuery: 20 * time.Second, QueryEvery: 20 * time.Second, GiveUp: time.Hour, ReverseEvery: 5 * time.Second, Travel: 75 * time.Second}
	for _, status := range []pay.Status{pay.StatusPending, pay.StatusUnknown, pay.StatusReversing, pay.StatusReversed, pay.StatusClosed, pay.StatusDeclined} {
		pause := time.Second
		if status.Final() {
			pause = 30 * time.Second
		}
		for _, ago := range []time.Duration{0, 500 * time.Millisecond, 45 * time.Second} {
			called := heardAt.Add(-ago)
			p := payment.Payment{Status: status, Attempt: payment.Attempt{Status: status, Sent: called, Called: called, Settled: called.Add(time.Hour), Tries: 1}}
			p, _ = payment.Hear(p, channel.Approved, heardAt)
			want := heardAt
			if next := called.Add(pause); next.After(want) {
				want = next
			}
			_, own := payment.Plan(payment.Payment{Status: p.Status, Attempt: without(p.Attempt)}, rules)
			if task, due := payment.Plan(p, rules); !due.Equal(want) && !due.Equal(own) || due.After(want) || due.Equal(want) && !due.Equal(own) && task != payment.TaskAsk {
				t.Errorf("%s, called %s ago: %s at %s, want a look at %s", status, ago, task, due.Sub(heardAt), want.Sub(heardAt))
			}
			again, heed := payment.Hear(p, channel.Approved, heardAt.Add(100*time.Millisecond))
			if heed != payment.HeedAsk || again.Attempt.Look != p.Attempt.Look {
				t.Errorf("%s: the notice's double moved the look from %s to %s", status, p.Attempt.Look, again.Attempt.Look)
			}
		}
	}
}

func without(a payment.Attempt) payment.Attempt {
	a.Look = time.Time{}
	return a
}

// Only an answer to a call that was made after the notice ends its look; a lost one leaves what is at rest to be asked about.
func TestALookWantsAnAnswer(t *testing.T) {
	rules := channel.Rules{ReverseEvery: 5 * time.Second}
	p := payment.Payment{Status: pay.StatusDeclined, Attempt: payment.Attempt{Status: pay.StatusDeclined, Sent: before, Called: before, Settled: before}}
	if task, _ := payment.Plan(p, rules); task != payment.TaskNone {
		t.Fatal("a declined payment is not at rest")
	}
	p, _ = payment.Hear(p, channel.Approved, heardAt)
	late, _, err := payment.Apply(p, payment.Event{Kind: payment.Refuse}, heardAt) // of a call from before
	if err != nil || late.Attempt.Look.IsZero() {
		t.Errorf("an answer from before the notice ended its look: %v", err)
	}
	at := heardAt
	for range 5 {
		task, due := payment.Plan(p, rules)
		if task != payment.TaskAsk || due.Before(at) || due.After(at.Add(time.Minute)) {
			t.Fatalf("the next look is %q at %s", task, due.Sub(heardAt))
		}
		at = due
		if p, _, err = payment.Apply(payment.Called(p, at), payment.Event{Kind: payment.Lose}, at); err != nil {
			t.Fatal(err)
		}
	}
	_, due := payment.Plan(p, rules)
	p, _, err = payment.Apply(payment.Called(p, due), payment.Event{Kind: payment.Refuse}, due)
	if task, _ := payment.Plan(p, rules); err != nil || task != payment.TaskNone || !p.Attempt.Look.IsZero() {
		t.Errorf("after the answer: %q, look %s, %v", task, p.Attempt.Look, err)
	}
}
