// Package printjob is the law of one slip of paper: from the wish for a receipt to the proof that it
// lies in the tray.
//
// It refuses a second unmarked copy. As soon as one byte of a slip may have left, only the printer's
// word ends it well; without that word it is in doubt, and what is printed again after a doubt says on
// its face that it is a reprint. Newcomers get one thing wrong: a slip that ran out of paper is not in
// doubt. The printer keeps the rest and finishes it after the refill; doubt begins where we can no
// longer hear it say so.
package printjob

import (
	"time"

	"cloudcashier/shared/fault"
)

// State is where a slip stands.
type State string

// The states of a slip, in order of life.
const (
	Queued   State = "queued"   // no byte of it has left
	Printing State = "printing" // bytes of it leave or have left, and the printer can still tell its end
	Doubt    State = "doubt"    // bytes of it have left, and nobody heard its end: printed again, marked
	Done     State = "done"     // the printer said that it printed all of it
	Failed   State = "failed"   // tried too often: a person decides
	Dropped  State = "dropped"  // nobody waits for it any more
)

// Open reports whether something is still to be done.
func (s State) Open() bool { return s == Queued || s == Printing || s == Doubt }

// Cause is why a slip is printed.
type Cause string

// The causes.
const (
	Paid    Cause = "paid"    // the sale was paid and the till prints by itself
	Request Cause = "request" // a person asked for it
	X       Cause = "x"       // a shift's report while it is open; each is another one
	Z       Cause = "z"       // the report of a closed shift
)

// Event is what happens to a slip.
type Event string

// The events.
const (
	Begin   Event = "begin"   // the printer is ready: the next byte is the slip's
	Unsent  Event = "unsent"  // after Begin: the line took no byte of it, that is certain
	Proven  Event = "proven"  // the printer said that it is through with it
	Lost    Event = "lost"    // the line is gone, or the printer is ready and silent about the end
	Restart Event = "restart" // the agent has started: whatever was under way, nobody listened
	Drop    Event = "drop"    // nobody waits for it any more
)

// Events lists all of them.
var Events = []Event{Begin, Unsent, Proven, Lost, Restart, Drop}

// States lists all of them.
var States = []State{Queued, Printing, Doubt, Done, Failed, Dropped}

const (
	// MaxAttempts bounds the paper that a broken printer can waste on one slip.
	MaxAttempts = 3
	// Fresh is how long a slip that the till prints by itself is of use: the customer has left since
	// (handbook: terminal, 3.4, P9).
	Fresh = 10 * time.Minute
)

// Job is one slip of paper.
type Job struct {
	ID       int64  // 0 before it is stored
	Sale     string // "" for a shift's
	Shift    int64  // 0 for a sale's
	Cause    Cause
	Copy     int // of the sale's slips for this cause, from 1
	State    State
	Attempts int  // how often it was begun
	Marked   bool // it says that it is a reprint
	Created  time.Time
	Finished time.Time
}

// New makes a slip. What was printed before, whole or in part, is marked.
func New(sale string, cause Cause, copy int, before bool, at time.Time) Job {
	return Job{Sale: sale, Cause: cause, Copy: copy, State: Queued, Marked: before, Created: at}
}

// OfShift makes the slip of a shift's report. What was printed before, whole or in part, is marked.
func OfShift(number int64, cause Cause, before bool, at time.Time) Job {
	return Job{Shift: number, Cause: cause, Copy: 1, State: Queued, Marked: before, Created: at}
}

// table has the next state for each state and event that may meet. Where it is silent the event is
// refused: it means that the caller has lost track.
var table = map[State]map[Event]State{
	Queued:   {Begin: Printing, Lost: Queued, Restart: Queued, Drop: Dropped},
	Printing: {Unsent: Queued, Proven: Done, Lost: Doubt, Restart: Doubt},
	Doubt:    {Begin: Printing, Proven: Done, Lost: Doubt, Restart: Doubt, Drop: Dropped},
	Done:     {Proven: Done, Lost: Done, Restart: Done},
	Failed:   {Proven: Done, Lost: Failed, Restart: Failed},
	Dropped:  {Proven: Done, Lost: Dropped, Restart: Dropped},
}

// Step gives the slip after an event, or a Conflict when the two cannot meet.
func (j Job) Step(e Event, at time.Time) (Job, error) {
	to, ok := table[j.State][e]
	if !ok {
		return j, fault.New(fault.Conflict, "print.step", "a slip that is %s knows no %q: this is a mistake in the program", string(j.State), string(e))
	}
	switch {
	case e == Begin:
		j.Attempts++
		j.Marked = j.Marked || j.State == Doubt
	case e == Unsent && j.Attempts > 1:
		j.Attempts--
		to = Doubt // an earlier attempt is as doubtful as it was
	case e == Unsent:
		j.Attempts--
	case to == Doubt && j.State == Printing && j.Attempts >= MaxAttempts:
		to = Failed
	}
	if to.Open() {
		j.Finished = time.Time{}
	} else if j.State != to {
		j.Finished = at
	}
	j.State = to
	return j, nil
}

// Stale reports that nobody waits for a slip any more: the till meant to print it by itself, and has
// not begun, or not come to an end, for so long that the customer has left.
func (j Job) Stale(at time.Time) bool {
	return j.Cause == Paid && (j.State == Queued || j.State == Doubt) && at.Sub(j.Created) > Fresh
}
