package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// longestWait is how long everything may take to be settled once all is healed.
const longestWait = 120 * time.Second

// lateCharge is how long after a reversal a wallet may still book the charge; only then is its end looked at.
const lateCharge = 10 * time.Second

// settle waits until nothing is open, and gives how long that took. What is left open then is counted by the match.
// After a defect there is nothing to wait for: a program may be gone.
func (w *world) settle(ctx context.Context) (took time.Duration, why string) {
	began := time.Now()
	for {
		why = w.open(ctx)
		took = time.Since(began)
		if why == "" || took > longestWait || w.defectCount() > 0 || !rest(ctx, time.Second) {
			return took, why
		}
	}
}

// open says what is not settled yet; empty: nothing.
func (w *world) open(ctx context.Context) string {
	for _, t := range w.tills {
		if why := w.openAt(ctx, t); why != "" {
			return why
		}
	}
	attempts, err := read[attempt](ctx, w.rig, "cashier-hub", "export", "attempts", "--data", w.lab.Data)
	if err != nil {
		return err.Error()
	}
	count := map[pay.Status]int{}
	late := 0
	for _, a := range attempts {
		count[a.Status]++
		if a.Status == pay.StatusReversed && a.SettledAt != nil && time.Since(*a.SettledAt) < lateCharge {
			late++
		}
	}
	for _, s := range []pay.Status{pay.StatusCreated, pay.StatusPending, pay.StatusUnknown, pay.StatusReversing} {
		if count[s] > 0 {
			return fmt.Sprintf("%d attempts are %s", count[s], s)
		}
	}
	refunds, err := w.lab.Refunds(ctx)
	if err != nil {
		return err.Error()
	}
	for _, r := range refunds {
		if r.Outcome == pay.RefundInDoubt {
			return fmt.Sprintf("refund %s is %s", r.ID, r.Status)
		}
	}
	if late > 0 {
		return fmt.Sprintf("%d attempts were undone a moment ago", late)
	}
	return ""
}

// openAt says what is not settled at a till. Sales that still wait for a scan nobody will make are cancelled.
func (w *world) openAt(ctx context.Context, t *till) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	status, err := t.Client.Status(ctx)
	if err != nil {
		return t.name() + ": " + err.Error()
	}
	if status.OpenSales == 0 && status.OpenRefunds == 0 && status.Queue == 0 {
		return ""
	}
	sales, err := t.Client.Sales(ctx, 1000)
	if err != nil {
		return t.name() + ": " + err.Error()
	}
	for _, s := range sales {
		if s.State == localapi.StateWaiting {
			asked := time.Now()
			if s, err = t.Client.Cancel(ctx, s.ID); err == nil {
				w.shown.sale(t, "cancel", 0, asked, s)
			}
		}
	}
	return fmt.Sprintf("%s has %d open sales and %d open refunds (link %s)", t.name(), status.OpenSales, status.OpenRefunds, status.Link)
}

// names are the identifiers by which a sale's story is found.
var names = regexp.MustCompile(`\b(sale|pay|att|ref)_[0-9A-Za-z]+\b|\bT[0-9]{6}\b|\b[0-9A-Z]{20,32}\b`)

// lines are the lines of a text that are not empty.
func lines(text []byte) (out [][]byte) {
	for _, line := range bytes.Split(text, []byte("\n")) {
		if len(bytes.TrimSpace(line)) > 0 {
			out = append(out, line)
		}
	}
	return out
}

// story is everything about a difference: what was shown, and every line of every log, journal and export that
// names what it names, also by its other names.
func (w *world) story(ctx context.Context, e evidence, difference string) string {
	wanted := map[string]bool{}
	for _, n := range names.FindAllString(difference, -1) {
		wanted[n] = true
	}
	for range 2 { // sale to payment to number and order, or the other way
		for _, s := range e.books.Journal {
			joined(wanted, s.ID, s.PaymentID, s.OrderNo)
		}
		for _, p := range e.books.Hub {
			joined(wanted, p.ID, p.OutTradeNo, p.OrderNo)
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", difference)
	for n := range wanted {
		fmt.Fprintf(&out, "\nshown of %s:\n", n)
		for _, s := range e.shown[n] {
			fmt.Fprintf(&out, "  %s\n", s)
		}
	}
	for _, entry := range e.books.Ledger {
		if wanted[entry.OutTradeNo] {
			fmt.Fprintf(&out, "ledger: %s %s %d at %s\n", entry.Kind, entry.OutTradeNo, entry.Amount, entry.At)
		}
	}
	logs, _ := filepath.Glob(filepath.Join(w.rig.LogDir(), "*.log")) // the pattern is good
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			fmt.Fprintf(&out, "%v\n", err)
			continue
		}
		grep(&out, filepath.Base(path), text, wanted)
	}
	if text, _, err := w.rig.Run(ctx, "cashier-hub", "export", "events", "--data", w.lab.Data); err == nil {
		grep(&out, "hub's events", text, wanted)
	}
	for _, t := range w.tills {
		if text, _, err := w.rig.Run(ctx, "cashier-agent", "journal", "export", "--data", t.Data); err == nil {
			grep(&out, t.name()+"'s journal", text, wanted)
		}
	}
	return out.String()
}

// joined adds the names that belong together when one of them is wanted. An order's number alone does not: it may have
// had several sales, but it is worth reading.
func joined(wanted map[string]bool, id string, others ...string) {
	if !wanted[id] && !wanted[others[0]] {
		return
	}
	for _, n := range append(others, id) {
		if n != "" {
			wanted[n] = true
		}
	}
}

func grep(out *strings.Builder, name string, text []byte, wanted map[string]bool) {
	for _, line := range lines(text) {
		for _, n := range names.FindAllString(string(line), -1) {
			if wanted[n] {
				fmt.Fprintf(out, "%s: %s\n", name, line)
				break
			}
		}
	}
}

// digits are runs long enough to be a payment code.
var digits = regexp.MustCompile(`[0-9]{18,}`)

// leaks looks for payment codes in everything the programs wrote.
func (w *world) leaks(codes map[string]bool) (found []string) {
	logs, _ := filepath.Glob(filepath.Join(w.rig.LogDir(), "*.log")) // the pattern is good
	var mu sync.Mutex
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, run := range digits.FindAll(text, -1) {
			if codes[string(run)] {
				mu.Lock()
				found = append(found, "a payment code stands in "+filepath.Base(path))
				mu.Unlock()
				break
			}
		}
	}
	return found
}
