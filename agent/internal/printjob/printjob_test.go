package printjob_test

import (
	"testing"
	"time"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/shared/fault"
)

var t0 = time.Date(2026, 11, 25, 4, 0, 0, 0, time.UTC)

const refused printjob.State = ""

// TestEveryCell: each state meets each event.
func TestEveryCell(t *testing.T) {
	const queued, printing, doubt, done, failed, dropped = printjob.Queued, printjob.Printing, printjob.Doubt, printjob.Done, printjob.Failed, printjob.Dropped
	// columns: begin, unsent, proven, lost, restart, drop
	want := map[printjob.State][6]printjob.State{
		queued:   {printing, refused, refused, queued, queued, dropped},
		printing: {refused, queued, done, doubt, doubt, refused},
		doubt:    {printing, refused, done, doubt, doubt, dropped},
		done:     {refused, refused, done, done, done, refused},
		failed:   {refused, refused, done, failed, failed, refused},
		dropped:  {refused, refused, done, dropped, dropped, refused},
	}
	for _, from := range printjob.States {
		for i, e := range printjob.Events {
			job := printjob.Job{State: from, Attempts: 1}
			if from == queued {
				job.Attempts = 0
			}
			if !from.Open() {
				job.Finished = t0
			}
			got, err := job.Step(e, t0.Add(time.Minute))
			to := want[from][i]
			if to == refused {
				if fault.KindOf(err) != fault.Conflict || got != job {
					t.Errorf("%s × %s: %+v, %v; want a refusal that changes nothing", from, e, got, err)
				}
				continue
			}
			if err != nil || got.State != to {
				t.Errorf("%s × %s: %s, %v; want %s", from, e, got.State, err, to)
			}
			if got.Finished.IsZero() != to.Open() {
				t.Errorf("%s × %s: %s with end %v", from, e, to, got.Finished)
			}
			if from == to && got != job {
				t.Errorf("%s × %s changed %+v to %+v", from, e, job, got)
			}
		}
	}
}

// TestOnlyTheFirstTryIsUnmarked: whatever happens, a slip of which a byte may have left is marked from then on.
func TestOnlyTheFirstTryIsUnmarked(t *testing.T) {
	step := func(j printjob.Job, events ...printjob.Event) printjob.Job {
		t.Helper()
		for _, e := range events {
			var err error
			if j, err = j.Step(e, t0); err != nil {
				t.Fatal(err)
			}
		}
		return j
	}
	const begin, unsent, lost, restart = printjob.Begin, printjob.Unsent, printjob.Lost, printjob.Restart
	for _, c := range []struct {
		name     string
		events   []printjob.Event
		state    printjob.State
		marked   bool
		attempts int
	}{
		{"first", []printjob.Event{begin}, printjob.Printing, false, 1},
		{"nothing left", []printjob.Event{begin, unsent, begin}, printjob.Printing, false, 1},
		{"nothing left, often", []printjob.Event{begin, unsent, begin, unsent, begin, unsent, begin, unsent}, printjob.Queued, false, 0},
		{"lost", []printjob.Event{begin, lost, begin}, printjob.Printing, true, 2},
		{"killed", []printjob.Event{begin, restart, begin}, printjob.Printing, true, 2},
		{"killed before", []printjob.Event{restart, begin}, printjob.Printing, false, 1},
		{"the reprint did not leave", []printjob.Event{begin, lost, begin, unsent}, printjob.Doubt, true, 1},
		{"three times", []printjob.Event{begin, lost, begin, lost, begin, lost}, printjob.Failed, true, 3},
		{"three starts", []printjob.Event{begin, restart, begin, restart, begin, restart}, printjob.Failed, true, 3},
		{"late proof", []printjob.Event{begin, lost, printjob.Proven}, printjob.Done, false, 1},
	} {
		got := step(printjob.New("sale_1", printjob.Paid, 1, false, t0), c.events...)
		if got.State != c.state || got.Marked != c.marked || got.Attempts != c.attempts {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if asked := printjob.New("sale_1", printjob.Request, 1, true, t0); !step(asked, begin).Marked {
		t.Error("a reprint on request is not marked")
	}
}

func TestStale(t *testing.T) {
	late := t0.Add(printjob.Fresh + time.Second)
	for _, c := range []struct {
		job  printjob.Job
		at   time.Time
		want bool
	}{
		{printjob.Job{Cause: printjob.Paid, State: printjob.Queued, Created: t0}, late, true},
		{printjob.Job{Cause: printjob.Paid, State: printjob.Doubt, Created: t0}, late, true},
		{printjob.Job{Cause: printjob.Paid, State: printjob.Queued, Created: t0}, t0.Add(printjob.Fresh), false},
		{printjob.Job{Cause: printjob.Paid, State: printjob.Printing, Created: t0}, late, false}, // it comes out of the printer
		{printjob.Job{Cause: printjob.Request, State: printjob.Queued, Created: t0}, late, false},
		{printjob.Job{Cause: printjob.Paid, State: printjob.Done, Created: t0}, late, false},
	} {
		if got := c.job.Stale(c.at); got != c.want {
			t.Errorf("%+v: %v", c.job, got)
		}
	}
}
