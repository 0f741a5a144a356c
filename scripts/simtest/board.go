package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// sometimes are rare states that a run must reach: what was never reached was never tested.
var sometimes = []string{
	"a charge arrived twice", "call found begun after a restart", "cancelled and given back", "cash sold without a link",
	"charge booked after its reversal", "charge delivered over a later line", "clock set by a day", "closed as never charged", "code lapsed unsent",
	"customer took 40 s and paid", "disk full during a charge", "exception answer_differs", "exception handed to a person", "exception late_success",
	"expired code refused by the wallet", "fenced before it arrived", "given up and reversed", "hub died at a write",
	"hub died between charge and commit, recovered paid", "late success given back", "lease taken over", "no space at a hub", "no space at a till",
	"one key twice in flight", "refund asked for twice under its number", "refund in flight at a kill, made once", "refund made after a lost answer",
	"refund made though a copy of it was late", "refund of a payment cut by a kill", "refund queued offline, then made", "refund race refused",
	"refund refused by the wallet", "refund refused for too much", "refund sent again under its number", "refund with the wallet for a while",
	"power cut forgot a file's making or end", "power cut kept an unsynced write", "power cut left garbage",
	"power cut lost an unsynced write", "refused behind the fence", "reversal refused as too early", "reversal told to try again",
	"settled in a later shift", "shift closed in doubt", "sale refused on a nearly full disk", "sold again after not paid", "stale hub fenced", "sync failed at a hub", "sync failed at a till",
	"sync failed at a hub, and the row was there", "sync failed, and the row was there", "till died at a write",
	"till offline beyond its codes' life, then drained", "wallet busy", "write failed at a hub", "write failed at a till",
}

// board is what the schedules came to.
type board struct {
	mu                 sync.Mutex
	began              time.Time
	schedules          int
	payments           int
	seen               map[string]int
	traces             map[uint64]uint64
	bad                []result
	repeated, wavering int
	unequal            []int
}

func newBoard() *board {
	return &board{began: time.Now(), seen: map[string]int{}, traces: map[uint64]uint64{}}
}

func (b *board) take(r result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.schedules++
	b.payments += r.Payments
	for what, n := range r.Seen {
		b.seen[what] += n
	}
	b.traces[r.Seed] = r.Trace
	if r.Wrong != "" {
		b.bad = append(b.bad, r)
	}
}

func (b *board) trace(seed uint64) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.traces[seed]
}

// sample chooses seeds to be played twice, spread over all.
func (b *board) sample() (seeds []int) {
	for seed := range b.traces {
		seeds = append(seeds, int(seed))
	}
	slices.Sort(seeds)
	n := repeats(len(seeds))
	some := make([]int, n)
	for k := range some {
		some[k] = seeds[k*len(seeds)/n]
	}
	return some
}

// watch tells how far it is, now and then.
func (b *board) watch(done chan struct{}, of int) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			b.mu.Lock()
			took := time.Since(b.began)
			fmt.Fprintf(os.Stderr, "simtest: %d of %d schedules, %d wrong, %.0f/s\n", b.schedules, of, len(b.bad), float64(b.schedules)/took.Seconds())
			b.mu.Unlock()
		}
	}
}

// tell prints the table; true when nothing was wrong and nothing missing.
func (b *board) tell(to io.Writer, partial bool) bool {
	took := time.Since(b.began)
	t := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "schedules\t%d\twrong %d\n", b.schedules, len(b.bad))
	fmt.Fprintf(t, "sales and payments\t%d\n", b.payments)
	fmt.Fprintf(t, "seconds\t%.0f\t%.1f schedules a second\n", took.Seconds(), float64(b.schedules)/took.Seconds())
	fmt.Fprintf(t, "played twice\t%d\t%d differed at first, %d always\n", b.repeated, b.wavering, len(b.unequal))
	missing := 0
	for _, what := range sometimes {
		note := ""
		if b.seen[what] == 0 {
			missing++
			note = "NEVER REACHED"
		}
		fmt.Fprintf(t, "  %s\t%d\t%s\n", what, b.seen[what], note)
	}
	var others []string
	for what := range b.seen {
		if !slices.Contains(sometimes, what) {
			others = append(others, what)
		}
	}
	slices.Sort(others)
	for _, what := range others {
		fmt.Fprintf(t, "  %s\t%d\t(not asked for)\n", what, b.seen[what])
	}
	_ = t.Flush() // a broken standard output is nobody's to report to
	if len(b.unequal) > 0 {
		fmt.Fprintf(to, "never played the same again: %v\n", b.unequal)
	}
	return len(b.bad) == 0 && len(b.unequal) == 0 && (missing == 0 || partial)
}
