// Package signrate measures how fast this machine signs and verifies for wallets: each place where an RSA key may live,
// directly and through the vault's pool, beside `openssl speed` in the same run; the hashes of WeChat Pay v2; and
// the talk's two tables.
//
// It refuses to compare what was not measured by turns: each figure is the median of rounds in which everything is
// measured once, so that a neighbour who takes the processors away takes them from all. Newcomers get one thing wrong:
// rates are of this machine at this moment; what holds are the ratios and the processor time of one signature.
package signrate

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// subject is one thing that is measured.
type subject struct {
	name string
	do   func() error
	one  []float64 // operations a second by one caller, of each round
	all  []float64 // by a caller for each core
	cost []float64 // µs of this process's processor time for one, of one caller
}

// turns measures every subject in each of so many rounds, once by one caller and once by one for each core.
func turns(ctx context.Context, subjects []*subject, rounds int, each time.Duration, between func() error) error {
	for range rounds {
		for _, s := range subjects {
			rate, cost, err := hammer(ctx, s.do, 1, each)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			s.one, s.cost = append(s.one, rate), append(s.cost, cost)
			if rate, _, err = hammer(ctx, s.do, runtime.GOMAXPROCS(0), each); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			s.all = append(s.all, rate)
		}
		if err := between(); err != nil {
			return err
		}
	}
	return nil
}

// hammer has callers do a thing again and again for a while.
func hammer(ctx context.Context, do func() error, callers int, each time.Duration) (perSecond, cost float64, err error) {
	var done atomic.Int64
	failed := make(chan error, callers)
	var wg sync.WaitGroup
	used, began := processor(), time.Now()
	for range callers {
		wg.Go(func() {
			n := int64(0)
			defer func() { done.Add(n) }()
			for ctx.Err() == nil && time.Since(began) < each {
				for range 4 { // a hash is not much longer than reading the clock
					if err := do(); err != nil {
						failed <- err
						return
					}
					n++
				}
			}
		})
	}
	wg.Wait()
	took, used := time.Since(began), processor()-used
	close(failed)
	if err := <-failed; err != nil {
		return 0, 0, err
	}
	if done.Load() == 0 {
		return 0, 0, context.Cause(ctx)
	}
	n := float64(done.Load())
	return n / took.Seconds(), float64(used.Microseconds()) / n, nil
}

// processor is how long this process has used the processors, the system's part included.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// ratio is the median of the pairwise ratios of two lists of the same rounds.
func ratio(of, to []float64) float64 {
	var list []float64
	for i := range min(len(of), len(to)) {
		if to[i] > 0 {
			list = append(list, of[i]/to[i])
		}
	}
	return median(list)
}

// count writes a rate with commas.
func count(rate float64) string {
	digits := fmt.Sprintf("%.0f", rate)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), ",")
}
