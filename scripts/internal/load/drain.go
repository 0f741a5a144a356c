package load

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

const (
	cashiers = 8                     // that take cash at a time while the line is cut
	pace     = 20 * time.Millisecond // between the end of a customer's payment and the next one's at the till that drains
)

// Drain says how much a till was offline for, and who sells beside it when it is back.
type Drain struct {
	Records int // cash sales taken while the line was cut
	Others  int // other tills, selling to wallets all the time
	Rate    int // sales a second of those, all together
	Calm    time.Duration
}

// Drained is what came of it.
type Drained struct {
	Rows               int           // of the till's journal that the hub had no copy of
	Took               time.Duration // from the till's link being up to the last of them being there
	OwnCalm, OwnBusy   []int64       // payments of the till that drains, without and with it, ms, sorted
	RestCalm, RestBusy []int64       // of the other tills
	Sync               []int64       // µs of a write and a sync on the same disk, sorted
	Differences        []string
}

// Run takes cash without a line, mends it, and sells to wallets all the while.
func (d Drain) Run(ctx context.Context, r *rig.Rig) (out Drained, err error) {
	if out.Sync, err = syncs(r.Dir, 200); err != nil {
		return out, err
	}
	box, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		return out, err
	}
	lab, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"), "--sandbox", box)
	if err != nil {
		return out, err
	}
	till, wire, err := BehindWire(ctx, r, lab, "till")
	if err != nil {
		return out, err
	}
	defer wire.Close()
	f, err := StartFleet(ctx, r, lab, "others", d.Others, "--rate", strconv.Itoa(d.Rate))
	if err != nil {
		return out, err
	}
	if _, err = f.Await(ctx, "the other tills are connected", func(r Report) bool { return r.Event == "connected" }); err != nil {
		return out, err
	}
	one := &cashier{till: till, lab: lab}
	calm := span{from: time.Now()}
	within, end := context.WithTimeout(ctx, d.Calm)
	out.OwnCalm, err = one.sell(within)
	end()
	if err != nil {
		return out, err
	}
	calm.to = time.Now()
	wire.Cut()
	if err := d.takeCash(ctx, till); err != nil {
		return out, err
	}
	busy, err := d.drain(ctx, &out, till, wire, one)
	if err != nil {
		return out, err
	}
	sold, last, err := f.Stop(ctx)
	if err != nil {
		return out, err
	}
	if len(sold) != last.Made {
		out.Differences = append(out.Differences, fmt.Sprintf("%d sales were made and %d have an end", last.Made, len(sold)))
	}
	out.RestCalm, out.RestBusy = took(sold, calm.holds), took(sold, busy.holds)
	return out, d.judge(ctx, r, &out, lab, till, sold)
}

// BehindWire opens a till whose line to the hub can be cut.
func BehindWire(ctx context.Context, r *rig.Rig, lab *rig.Lab, name string) (*rig.Till, *rig.Wire, error) {
	till, err := r.Activate(ctx, lab, name)
	if err != nil {
		return nil, nil, err
	}
	wire, err := rig.NewWire(lab.MQTTAddress())
	if err != nil {
		return nil, nil, err
	}
	if err := till.Through(wire.Address()); err != nil {
		wire.Close()
		return nil, nil, err
	}
	if err := till.Open(ctx); err != nil {
		wire.Close()
		return nil, nil, err
	}
	return till, wire, nil
}

// span is a stretch of time.
type span struct{ from, to time.Time }

// holds tells a sale that was wholly within it.
func (s span) holds(x Sold) bool {
	return quick(x) && x.ScannedAt.After(s.from) && x.finished().Before(s.to)
}

// takeCash has cashiers take cash until there are enough sales.
func (d Drain) takeCash(ctx context.Context, till *rig.Till) error {
	if err := till.AwaitStatus(ctx, "the link is down", func(s localapi.Status) bool { return s.Link == "down" }); err != nil {
		return err
	}
	failed := make(chan error, cashiers)
	var all sync.WaitGroup
	for c := range cashiers {
		all.Go(func() {
			for i := c; i < d.Records; i += cashiers {
				s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: 100, OrderNo: fmt.Sprintf("C-%d", i), Tender: localapi.TenderCash})
				if err == nil && s.Outcome != pay.Paid {
					err = fmt.Errorf("a cash sale is %s", s.State)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

// drain mends the line and sells at the same till until the hub has everything.
func (d Drain) drain(ctx context.Context, out *Drained, till *rig.Till, wire *rig.Wire, one *cashier) (busy span, err error) {
	within, end := context.WithCancel(ctx)
	defer end()
	var selling sync.WaitGroup
	var failure error
	wire.Heal()
	if err := till.AwaitStatus(ctx, "the link is up", func(s localapi.Status) bool {
		out.Rows = s.Unsynced
		return s.Link == "up"
	}); err != nil {
		return busy, err
	}
	busy.from = time.Now()
	selling.Go(func() { out.OwnBusy, failure = one.sell(within) })
	// The till's own new rows keep coming; what counts is when all those of the time without a line are there.
	err = till.AwaitStatus(ctx, "the hub has a copy of everything", func(s localapi.Status) bool { return s.Unsynced < 50 })
	busy.to = time.Now()
	out.Took = busy.to.Sub(busy.from)
	end()
	selling.Wait()
	if err == nil {
		err = failure
	}
	return busy, err
}

// judge holds the hub's copy against the journal, and the three books against each other.
func (d Drain) judge(ctx context.Context, r *rig.Rig, out *Drained, lab *rig.Lab, till *rig.Till, sold []Sold) error {
	if _, err := till.Client.Sync(ctx); err != nil {
		return err
	}
	if err := till.AwaitStatus(ctx, "all rows are copied", func(s localapi.Status) bool { return s.Unsynced == 0 }); err != nil {
		return err
	}
	copied, _, err := r.Run(ctx, "cashier-hub", "export", "records", "--data", lab.Data)
	if err != nil {
		return err
	}
	journalText, _, err := r.Run(ctx, "cashier-agent", "journal", "export", "--data", till.Data)
	if err != nil {
		return err
	}
	have, want := 0, strings.Count(string(journalText), `"type":"event"`)
	for line := range strings.Lines(string(copied)) {
		var row struct {
			Seq int `json:"seq"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return err
		}
		if have++; row.Seq != have {
			out.Differences = append(out.Differences, fmt.Sprintf("row %d at the hub has number %d", have, row.Seq))
			break
		}
	}
	if have != want || want < d.Records {
		out.Differences = append(out.Differences, fmt.Sprintf("the hub has %d rows of %d", have, want))
	}
	own, err := till.Journal(ctx)
	if err != nil {
		return err
	}
	own = slices.DeleteFunc(own, func(s rig.Sold) bool { return strings.HasPrefix(s.OrderNo, "C-") }) // cash is no wallet's
	_, differences, err := audit(ctx, lab, append(journal(sold), own...), 30*time.Second)
	out.Differences = append(out.Differences, differences...)
	return err
}

// cashier sells to one customer after the other at a till and takes the time.
type cashier struct {
	till *rig.Till
	lab  *rig.Lab
}

// sell sells until ctx ends; a sale that is under way then is waited for.
func (c *cashier) sell(ctx context.Context) (ms []int64, err error) {
	ends := make(chan localapi.Sale, 256)
	watching, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer stop()
	var stream sync.WaitGroup
	defer stream.Wait()
	defer stop()
	stream.Go(func() {
		_ = c.till.Client.Events(watching, func(e localapi.Event) { // its end shows as a sale that never ends
			if e.Sale != nil && e.Sale.FinishedAt != nil {
				ends <- *e.Sale
			}
		})
	})
	for ctx.Err() == nil {
		code, err := c.lab.Code(watching, pay.WeChat, "00")
		if err != nil {
			return nil, err
		}
		began := time.Now()
		sale, err := c.till.Client.NewSale(watching, localapi.NewSale{Amount: 100, Code: code})
		if err != nil {
			return nil, err
		}
		for end := sale; end.ID != sale.ID || end.FinishedAt == nil; {
			select {
			case end = <-ends:
			case <-watching.Done():
				return nil, fmt.Errorf("sale %s has no end", sale.ID)
			}
		}
		ms = append(ms, time.Since(began).Milliseconds())
		select {
		case <-ctx.Done():
		case <-time.After(pace):
		}
	}
	slices.Sort(ms)
	return ms, nil
}

// syncs measures the disk that everything is on: 4 KiB written and synced, n times.
func syncs(dir string, n int) (us []int64, err error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4<<10)
	for range n {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		us = append(us, time.Since(began).Microseconds())
	}
	slices.Sort(us)
	return us, nil
}

// PerSecond is the drain's rate in rows.
func (d Drained) PerSecond() int {
	return d.Rows * 1000 / max(1, int(d.Took/time.Millisecond))
}

// Rows are the figures as a table.
func (d Drained) Table() []Row {
	pair := func(ms []int64) string {
		return fmt.Sprintf("%d / %d ms of %d", quantile(ms, 50), quantile(ms, 99), len(ms))
	}
	ratio := func(calm, busy []int64) string {
		of := func(percent int) string {
			tenths := quantile(busy, percent) * 10 / max(1, quantile(calm, percent))
			return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
		}
		return of(50) + " / " + of(99)
	}
	return []Row{
		{"rows of an offline till's journal copied", fmt.Sprintf("%d in %.1f s: %d/s", d.Rows, d.Took.Seconds(), d.PerSecond()), ">= 2,000/s", d.PerSecond() < 2000},
		{"payments of other tills, p50 / p99, without it", pair(d.RestCalm), "", false},
		{"  with it", pair(d.RestBusy), "", false},
		{"  ratio", ratio(d.RestCalm, d.RestBusy), "", false},
		{"payments of the same till, p50 / p99, without it", pair(d.OwnCalm), "", false},
		{"  with it", pair(d.OwnBusy), "", false},
		{"  ratio", ratio(d.OwnCalm, d.OwnBusy), "", false},
		{"a write and a sync on this disk, p50 / p99", fmt.Sprintf("%d / %d us", quantile(d.Sync, 50), quantile(d.Sync, 99)), "", false},
		{"rows lost, doubled, or books that differ", strconv.Itoa(len(d.Differences)), "0", len(d.Differences) > 0},
	}
}
