package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"cloudcashier/scripts/internal/mqttproxy"
	"cloudcashier/shared/pay"
)

// report is what a run came to.
type report struct {
	evidence
	done        counts
	messages    mqttproxy.Counts
	copies      int // of tills
	alarms      int
	orders      int
	sights      int
	differences []string
	unresolved  int
	slowest     time.Duration
	slowestName string

	whole, phase1, settled time.Duration
	late                   bool
	why                    string // what was still open when patience ended
}

func (r *report) fill(w *world, s *supervisor, l *workload, e evidence) {
	r.evidence, r.done, r.orders = e, s.counted(), int(l.made.Load())
	r.differences, r.unresolved = e.match()
	w.shown.mu.Lock()
	r.sights = w.shown.count
	r.differences = append(r.differences, w.shown.broken...)
	w.shown.mu.Unlock()
	w.mu.Lock()
	r.differences = append(r.differences, w.defects...)
	w.mu.Unlock()
	r.differences = append(r.differences, w.leaks(l.codes)...)
	r.messages, r.copies = w.posts(), len(w.copies())
	var missed []string
	r.alarms, missed = w.noticed(r.messages)
	r.differences = append(r.differences, missed...)
	if r.late && s.counted().kills() < s.kills {
		r.differences = append(r.differences, fmt.Sprintf("only %d of %d kills were done in time", s.counted().kills(), s.kills))
	}
	slices.Sort(r.differences)
	r.differences = slices.Compact(r.differences)
	r.slow()
}

// slow finds the sale or payment that was open longest, faults and all.
func (r *report) slow() {
	note := func(name string, from time.Time, to *time.Time) {
		if to != nil && to.Sub(from) > r.slowest {
			r.slowest, r.slowestName = to.Sub(from), name
		}
	}
	for _, s := range r.sales {
		if s.ScannedAt != nil {
			note(s.ID, *s.ScannedAt, s.FinishedAt)
		}
	}
	for _, p := range r.payments {
		note(p.ID, p.CreatedAt, p.FinishedAt)
	}
}

// print prints the table.
func (r *report) print(out io.Writer) {
	outcomes := map[pay.Outcome]int{}
	for _, p := range r.payments {
		outcomes[p.Status.Outcome()]++
	}
	charges := map[string]int{}
	for _, l := range r.books.Ledger {
		charges[l.Kind]++
	}
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(what, format string, args ...any) {
		fmt.Fprintf(t, "  %s\t%s\n", what, fmt.Sprintf(format, args...))
	}
	row("kills (kill -9)", "%d: %d of agents, %d of the hub, %d of the wallets", r.done.kills(), r.done.agents, r.done.hubs, r.done.sandboxes)
	row("pauses", "%d", r.done.pauses)
	row("cuts, holds, delays", "%d; %d spells of bad answers", r.done.cuts, r.done.rates)
	m := r.messages
	row("messages", "%d up and %d down; %d lost, %d doubled, %d swapped, %d delayed, %d damaged, %d acknowledgements disturbed",
		m.Passed[0], m.Passed[1], m.Lost, m.Doubled, m.Swapped, m.Delayed+m.Late, m.Damaged, m.Acks)
	row("old messages", "%d of the delayed on a later connection; %d up and %d down replayed", m.Across, m.Replayed[0], m.Replayed[1])
	row("copies of tills", "%d; %d alarms", r.copies, r.alarms)
	row("customers", "%d", r.orders)
	row("sales at tills", "%d; %d answers to POST", len(r.sales), len(r.posts))
	row("payments at the hub", "%d: %d paid, %d not paid", len(r.payments), outcomes[pay.Paid], outcomes[pay.NotPaid])
	row("wallets' ledger", "%d charges, %d reversals, %d refunds", charges["charge"], charges["reversal"], charges["refund"])
	row("refunds at the hub", "%d; %d in the tills' journals", len(r.books.Refunds), len(r.returned))
	row("things shown", "%d", r.sights)
	row("differences", "%d", len(r.differences))
	row("unresolved", "%d (%s)", r.unresolved, or(r.why, "nothing open"))
	row("slowest resolution", "%s (%s)", r.slowest.Round(time.Millisecond), r.slowestName)
	row("settled after healing", "%s, of %s", r.settled.Round(time.Second), longestWait)
	row("time", "%s, of which torture %s", r.whole.Round(time.Second), r.phase1.Round(time.Second))
	_ = t.Flush() // a broken standard output is nobody's to report to
	const most = 12
	for _, d := range r.differences[:min(len(r.differences), most)] {
		fmt.Fprintf(out, "  DIFFERENCE %s\n", d)
	}
	if n := len(r.differences) - most; n > 0 {
		fmt.Fprintf(out, "  and %d more\n", n)
	}
}

func or(first, second string) string {
	if first != "" {
		return first
	}
	return second
}
