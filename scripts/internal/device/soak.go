package device

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"cloudcashier/scripts/internal/load"
	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// What a long day may cost: what is not flat would end a till that nobody restarts.
const (
	growMemory = 1 << 20 // bytes of its own memory, between the second quarter of the day and the last
	growFiles  = 2       // open files, and threads
	mostLog    = 8 << 20 // bytes of the journal's log at any moment
	uneven     = 0.25    // of the journal's growth a sale, between the halves
	lanes      = 8       // sales at once; a till has one cashier, so that a day passes in minutes
	points     = 40
)

// Soak is a day of sales as fast as they go: paid, declined and in doubt by wallet, in cash, and given back.
type Soak struct {
	Sales    int
	Progress func(done int, s Sample)
}

// Soaked is how the till stood along the day.
type Soaked struct {
	sales    int
	at       []int // sales
	samples  []Sample
	journals []int64
	logs     []int64
}

// Run has one till sell.
func (k Soak) Run(ctx context.Context, r *rig.Rig) (s Soaked, err error) {
	lab, err := r.StartLab(ctx, r.Dir+"/hub")
	if err != nil {
		return s, err
	}
	b, err := newBoard(ctx, r, lab)
	if err != nil {
		return s, err
	}
	defer b.close()
	if _, err := b.start(ctx); err != nil {
		return s, err
	}
	s.sales = k.Sales
	for from := 0; from < k.Sales; {
		upto := min(from+max(k.Sales/points, 1), k.Sales)
		if err := stretch(ctx, b, lab, from, upto); err != nil {
			return s, err
		}
		if err := b.settle(ctx); err != nil {
			return s, err
		}
		sample, err := b.look()
		if err != nil {
			return s, err
		}
		journal, log := b.dataSize()
		s.at, s.samples = append(s.at, upto), append(s.samples, sample)
		s.journals, s.logs = append(s.journals, journal), append(s.logs, log)
		k.Progress(upto, sample)
		from = upto
	}
	return s, nil
}

// stretch makes the sales of a part of the day.
func stretch(ctx context.Context, b *board, lab *rig.Lab, from, upto int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	next.Store(int64(from))
	var work sync.WaitGroup
	for range lanes {
		work.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= upto {
					return
				}
				if err := sell(ctx, b, lab, i); err != nil {
					cancel(fmt.Errorf("sale %d: %w", i, err))
					return
				}
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

// sell makes one sale of the day's mixture. Each has an amount of its own, so that a doubt holds back no other.
func sell(ctx context.Context, b *board, lab *rig.Lab, i int) error {
	n := localapi.NewSale{Amount: int64(1000 + i)}
	fate, back := "00", false
	switch {
	case i%200 == 7:
		fate = "60" // charged, and the answer lost
	case i%10 == 3:
		fate = "50"
	case i%10 >= 7:
		n.Tender, fate = localapi.TenderCash, ""
	}
	back = i%20 == 5 || i%20 == 8
	if fate != "" {
		wallets := []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay}
		code, err := lab.Code(ctx, wallets[i%3], fate)
		if err != nil {
			return err
		}
		n.Code = code
	}
	sale, err := b.Client.NewSale(ctx, n)
	if err != nil {
		return err
	}
	sale, err = b.AwaitSale(ctx, sale.ID, "the sale has ended", func(s localapi.Sale) bool { return s.State.Final() })
	if err != nil || !back || sale.Outcome != pay.Paid {
		return err
	}
	_, err = b.Client.NewRefund(ctx, sale.ID, localapi.NewRefund{Amount: sale.Amount / 2})
	return err
}

// median of a part of the day, from and to in quarters.
func (s Soaked) median(from, to int, of func(Sample) int64) int64 {
	n := len(s.samples)
	part := []int64{}
	for _, x := range s.samples[n*from/4 : n*to/4] {
		part = append(part, of(x))
	}
	if len(part) == 0 {
		return 0
	}
	slices.Sort(part)
	return part[len(part)/2]
}

// growth is the journal's, in bytes a sale, between two points of the day.
func (s Soaked) growth(from, to int) float64 {
	return float64(s.journals[to]-s.journals[from]) / float64(s.at[to]-s.at[from])
}

// Table holds the last quarter of the day against the second.
func (s Soaked) Table() []load.Row {
	if len(s.samples) < 8 {
		return []load.Row{{What: "sales", Figure: fmt.Sprint(s.sales), Limit: "too few to tell", Missed: true}}
	}
	flat := func(what string, of func(Sample) int64, show func(int64) string, grow int64) load.Row {
		before, after := s.median(1, 2, of), s.median(3, 4, of)
		return load.Row{What: what, Figure: show(before) + " -> " + show(after), Limit: "<= + " + show(grow), Missed: after > before+grow}
	}
	plain := func(n int64) string { return fmt.Sprint(n) }
	last := len(s.samples) - 1
	one, two := s.growth(last/4, last/2), s.growth(last*3/4, last)
	first, end := s.samples[0], s.samples[last]
	return []load.Row{
		{What: "sales", Figure: fmt.Sprint(s.sales)},
		flat("memory of its own, second quarter and last", func(x Sample) int64 { return x.Anonymous }, mib, growMemory),
		flat("open files", func(x Sample) int64 { return int64(x.Files) }, plain, growFiles),
		flat("threads", func(x Sample) int64 { return int64(x.Threads) }, plain, growFiles),
		{What: "the journal's log at most", Figure: mib(slices.Max(s.logs)), Limit: "<= " + mib(mostLog), Missed: slices.Max(s.logs) > mostLog},
		{What: "the journal grows by", Figure: fmt.Sprintf("%.0f -> %.0f bytes a sale", one, two), Limit: fmt.Sprintf("even within %.0f %%", uneven*100),
			Missed: two > one*(1+uneven)},
		{What: "a day of 10,000 sales adds", Figure: mib(int64(two * 10_000))},
		{What: "written to the disk a sale", Figure: fmt.Sprintf("%.1f KiB", float64(end.Written-first.Written)/1024/float64(s.at[last]-s.at[0]))},
		{What: "files outside of the till's folder", Figure: fmt.Sprint(len(end.Outside)), Limit: "none", Missed: len(end.Outside) > 0},
	}
}
