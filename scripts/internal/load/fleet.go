// Package load puts the real programs under load and says what came of it: the figures, each with its limit
// beside it, and every difference between the books.
//
// It refuses to call a run good whose books differ, however quick it was. Newcomers get one thing wrong: the
// times are this machine's. What holds everywhere are the counts, the bounds of a minute, and ratios of two
// figures of one run.
package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// Sold is a finished sale of a fleet.
type Sold struct {
	Terminal  string      `json:"terminal"`
	Key       string      `json:"key"`
	OrderNo   string      `json:"order_no"`
	Amount    int64       `json:"amount"`
	State     string      `json:"state"`
	Outcome   pay.Outcome `json:"outcome"`
	Fate      string      `json:"fate"`
	PaymentID string      `json:"payment_id"`
	ScannedAt time.Time   `json:"scanned_at"`
	TookMS    int64       `json:"took_ms"`
}

func (s Sold) finished() time.Time {
	return s.ScannedAt.Add(time.Duration(s.TookMS) * time.Millisecond)
}

// Report is a fleet at one moment.
type Report struct {
	Event     string         `json:"event"`
	At        time.Time      `json:"at"`
	Connected int            `json:"connected"`
	Open      int            `json:"open"`
	Made      int            `json:"made"`
	Outcomes  map[string]int `json:"outcomes"`
	States    map[string]int `json:"states"`
	Full      int            `json:"handshakes_full"`
	Resumed   int            `json:"handshakes_resumed"`
	Lost      int            `json:"lost"`
	Failed    int            `json:"failed"`
	Contested int            `json:"contested"`
}

// Fleet is a running `firmware-sim fleet`.
type Fleet struct {
	Process *rig.Process
	sales   string
}

// StartFleet mints codes at the lab and starts a fleet of so many tills with further arguments.
func StartFleet(ctx context.Context, r *rig.Rig, lab *rig.Lab, name string, tills int, args ...string) (*Fleet, error) {
	codes, _, err := r.Run(ctx, "cashier-hub", "terminal", "codes", "--data", lab.Data, "--store", lab.Store, "--count", strconv.Itoa(tills), "--by", "load")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(r.Dir, name+".codes")
	if err := os.WriteFile(path, codes, 0o600); err != nil {
		return nil, fmt.Errorf("write the codes: %w", err)
	}
	f := &Fleet{sales: filepath.Join(r.Dir, name+".sales")}
	args = append([]string{"fleet", "--hub", lab.API, "--ca", lab.CA, "--codes", path, "--sales", f.sales, "--every", "200ms"}, args...)
	f.Process, err = r.Start(name, "firmware-sim", args...)
	return f, err
}

// Reports are all that the fleet has said so far.
func (f *Fleet) Reports() (list []Report, err error) {
	text, err := os.ReadFile(f.Process.Log)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		var r Report
		if bytes.HasPrefix(line, []byte("{")) && bytes.HasSuffix(line, []byte("\n")) {
			if err := json.Unmarshal(line, &r); err != nil {
				return nil, fmt.Errorf("the fleet says %q: %w", line, err)
			}
			list = append(list, r)
		}
	}
	return list, nil
}

// Await gives the first report that is as wanted.
func (f *Fleet) Await(ctx context.Context, what string, wanted func(Report) bool) (found Report, err error) {
	err = rig.Await(ctx, what, func() (bool, error) {
		over := false
		select {
		case <-f.Process.Done():
			over = true // what it has said by now is all
		default:
		}
		list, err := f.Reports()
		if err != nil {
			return false, err
		}
		if i := slices.IndexFunc(list, wanted); i >= 0 {
			found = list[i]
			return true, nil
		}
		if over {
			return true, nil // looked at below
		}
		if len(list) == 0 {
			return false, fmt.Errorf("it has said nothing; see %s", f.Process.Log)
		}
		return false, fmt.Errorf("it says %+v", list[len(list)-1])
	})
	if err == nil && found.Event == "" {
		return found, fmt.Errorf("the fleet ended before %s; see %s", what, f.Process.Log)
	}
	return found, err
}

// Stop ends the selling, waits for the open sales, and gives all that was sold and the last report.
func (f *Fleet) Stop(ctx context.Context) (sold []Sold, last Report, err error) {
	if err := f.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, last, err
	}
	if last, err = f.Await(ctx, "the fleet's sales have ended", func(r Report) bool { return r.Event == "end" }); err != nil {
		return nil, last, err
	}
	<-f.Process.Done()
	file, err := os.Open(f.sales)
	if err != nil {
		return nil, last, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var s Sold
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return nil, last, fmt.Errorf("a sale of the fleet, %q: %w", lines.Text(), err)
		}
		sold = append(sold, s)
	}
	return sold, last, lines.Err()
}

// journal turns a fleet's sales into what an audit of the books reads.
func journal(sold []Sold) []rig.Sold {
	list := make([]rig.Sold, len(sold))
	for i, s := range sold {
		list[i] = rig.Sold{Type: "sale", ID: s.Key, OrderNo: s.OrderNo, Amount: s.Amount, State: s.State, Outcome: s.Outcome, PaymentID: s.PaymentID, Till: s.Terminal}
	}
	return list
}

// audit compares the wallets' ledger, the hub's payments and what the tills were told, until they agree or
// patience ends: a late charge may still be on its way back.
func audit(ctx context.Context, lab *rig.Lab, sold []rig.Sold, patience time.Duration) (books rig.Books, differences []string, err error) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	waited := rig.Await(within, "the books agree", func() (bool, error) {
		if books, err = rig.Read(ctx, lab); err != nil {
			return true, nil
		}
		books.Journal = sold
		differences = books.Audit()
		return len(differences) == 0, nil
	})
	if err == nil && waited != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return books, differences, err
}

// took gives the times of the sales that a filter takes, in milliseconds, sorted.
func took(sold []Sold, want func(Sold) bool) (ms []int64) {
	for _, s := range sold {
		if want(s) {
			ms = append(ms, s.TookMS)
		}
	}
	slices.Sort(ms)
	return ms
}

// quantile of a sorted list; 0 of an empty one.
func quantile(sorted []int64, percent int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*percent/100]
}

// quick tells a sale whose wallet answers at once.
func quick(s Sold) bool { return s.Fate < "50" }

// resident is a process's memory in KiB.
func resident(p *rig.Process) (kib int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		}
	}
	return 0, fmt.Errorf("process %d tells no memory", p.PID())
}

// Processor is how long a process has used the processors.
func Processor(p *rig.Process) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %d tells no times", p.PID())
	}
	var ticks int64
	for _, f := range fields[11:13] { // user and system, in hundredths of a second
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
