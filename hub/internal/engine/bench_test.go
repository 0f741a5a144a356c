package engine_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/pay"
)

// paysAtOnce is a wallet that costs nothing.
type paysAtOnce struct{ *wallet }

func (paysAtOnce) Pay(_ context.Context, o channel.Order) channel.Answer {
	return channel.Answer{Finding: channel.Approved, WalletRef: "4200" + o.OutTradeNo, PaidAt: o.SentAt}
}

// BenchmarkPayment is the engine's and the store's share of one payment with a nonce of the API's: 64 merchants at
// once, on a disk in memory. What counts is the processor time, cpu-us/op; the time by the clock is the machine's.
func BenchmarkPayment(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "cashier-engine-*")
	if err != nil {
		dir = b.TempDir()
	}
	defer os.RemoveAll(dir)
	s, err := store.Open(filepath.Join(dir, "hub.db"), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	e := engine.New(engine.Deps{Store: s, Node: "n1", Ways: []engine.Way{{Name: "w", Wallet: pay.WeChat, Channel: paysAtOnce{newWallet()}}}, CodeKey: []byte("k"),
		Now: time.Now, IDs: id.NewSource(time.Now, rand.Reader), Log: slog.New(slog.DiscardHandler), Told: func(string) {}})
	ctx, cancel := context.WithCancel(context.Background())
	if err := e.Lead(ctx); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	err = s.Update(func(tx *store.Tx) error { return tx.PutMerchant(registry.Merchant{ID: merchant, Created: time.Now()}) })
	if err != nil {
		b.Fatal(err)
	}
	const merchants = 64
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for range merchants {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				a := ask(fmt.Sprintf("O-%012d", n), fmt.Sprintf("13%014d00", n))
				a.Once, a.Wait = &engine.Once{Key: "key", Nonce: fmt.Sprintf("nonce-%012d", n), Expires: time.Now()}, time.Minute
				p, err := e.Collect(ctx, a)
				if err != nil || p.Outcome() != pay.Paid {
					b.Errorf("payment: %v, %v", p.Status, err)
					return
				}
			}
		})
	}
	wg.Wait()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	b.StopTimer()
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/1000/float64(b.N), "cpu-us/op")
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
	if err := s.DB().Close(); err != nil {
		b.Error(err)
	}
}
