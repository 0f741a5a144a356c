package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// Refunds under simulated time: the production engine, law and store behind a line that loses and
// delays, merchants who repeat, and a hub that is killed again and again. Then all is healed, every
// refund must have come to rest, and the wallet must have given exactly what people were told.

func (l *line) Refund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	return l.carryBack(ctx, r.OutRefundNo, func() channel.RefundAnswer { return l.wallet.Refund(context.Background(), r) })
}

func (l *line) QueryRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	return l.carryBack(ctx, r.OutRefundNo, func() channel.RefundAnswer { return l.wallet.QueryRefund(context.Background(), r) })
}

func (l *line) carryBack(ctx context.Context, no string, call func() channel.RefundAnswer) channel.RefundAnswer {
	var got channel.RefundAnswer
	a := l.carry(ctx, no, func() channel.Answer { got = call(); return channel.Answer{} })
	if a.Finding == channel.Unknown { // nothing came: what the call may yet bring is not ours to read
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: a.Err}
	}
	return got
}

const refundKeys = 12

var refundFates = []string{"", "", "lost", "never", "taken", "shut", "low", "busy"}

type refundSim struct {
	*house
	line  *line
	rng   *rand.Rand
	sold  []payment.Payment
	told  map[string]payment.Refund // final answers, by key
	fates [refundKeys]string
	parts [refundKeys]int64
	kills int
}

// ask is a merchant who asks for one refund until the answer is final.
func (s *refundSim) ask(i int) error {
	key := fmt.Sprint("R", i)
	r, err := s.engine.Refund(context.Background(), askBack(s.sold[i%len(s.sold)], key, s.parts[i], s.fates[i]))
	if k := fault.KindOf(err); err != nil {
		if k == fault.Unavailable || k == fault.InDoubt {
			return nil
		}
		return err
	}
	before, had := s.told[key]
	switch {
	case had && (before.Outcome() != r.Outcome() || before.ID != r.ID):
		return fmt.Errorf("%s was told %s, then %s", key, before.Outcome(), r.Outcome())
	case r.Final():
		s.told[key] = r
		return s.true(r)
	}
	return nil
}

// true holds a final word against the wallet at the moment it is said.
func (s *refundSim) true(r payment.Refund) error {
	s.house.wallet.mu.Lock()
	defer s.house.wallet.mu.Unlock()
	b := s.house.wallet.backs[r.OutRefundNo]
	given := b != nil && b.given && b.fen == r.Amount.Fen()
	if given != (r.Outcome() == pay.Refunded) {
		return fmt.Errorf("%s was told %s (%s); the wallet has %+v", r.RefundNo, r.Status, r.Decline.Code, b)
	}
	return nil
}

func (s *refundSim) kill() {
	crashed := memoryDir(s.t)
	if err := copyDatabase(s.dir, crashed); err != nil {
		s.t.Fatal(err)
	}
	s.kills++
	s.abandon()
	s.dir = crashed
	s.start()
	synctest.Wait()
}

func (s *refundSim) verdict() error {
	numbers := map[string]bool{}
	for i := range refundKeys {
		r, ok := s.told[fmt.Sprint("R", i)]
		if !ok {
			return fmt.Errorf("R%d (%s) was never told an end", i, s.fates[i])
		}
		if err := s.true(r); err != nil {
			return err
		}
		numbers[r.OutRefundNo] = true
	}
	for no, b := range s.house.wallet.backs {
		if !numbers[no] {
			return fmt.Errorf("the wallet has %+v under %s, which nobody asked for", b, no)
		}
	}
	for _, p := range s.sold {
		given, _ := s.house.wallet.gaveBack(p.Attempt.OutTradeNo)
		if got := s.payment(p.ID); got.Refunded.Fen() != given || given > 100 || !got.Refunding.IsZero() || got.Status != pay.StatusSucceeded {
			return fmt.Errorf("%s is %s: %d back and %d under way, the wallet gave back %d", p.OrderNo, got.Status, got.Refunded.Fen(), got.Refunding.Fen(), given)
		}
	}
	return s.store.View(func(tx *store.Tx) error {
		if n, err := tx.OpenExceptions(); err != nil || n > 0 {
			return fmt.Errorf("%d exceptions are open, %w", n, err)
		}
		work, err := tx.AllWork()
		if err == nil && len(work) > 0 {
			err = fmt.Errorf("work is left: %+v", work)
		}
		return err
	})
}

func simulateBacks(t *testing.T, seed uint64) (s *refundSim, wrong error) {
	s = &refundSim{rng: rand.New(rand.NewPCG(seed, 2)), told: map[string]payment.Refund{}}
	s.line = &line{wallet: newWallet(), seed: seed, calls: map[string]uint64{}, loss: s.rng.Float64() * 0.4}
	s.house = newHouseOver(t, s.line.wallet, s.line)
	defer func() { s.stop() }()
	for i := range 3 {
		s.sold = append(s.sold, s.house.sold(fmt.Sprint("A", i), fmt.Sprintf("13%014d00", 100+i)))
	}
	for i := range refundKeys {
		s.fates[i], s.parts[i] = refundFates[s.rng.IntN(len(refundFates))], 10+s.rng.Int64N(50)
	}
	began, killing := time.Now(), s.rng.Float64()*0.06
	s.line.end = began.Add(faulty)
	for time.Since(began) < healed {
		time.Sleep(time.Duration(s.rng.Int64N(int64(2*time.Second))) + 7*time.Microsecond)
		if time.Since(began) < faulty && s.rng.Float64() < killing {
			s.kill()
		}
		if err := s.ask(s.rng.IntN(refundKeys)); err != nil {
			return s, err
		}
	}
	time.Sleep(time.Hour) // whatever the pace of asking has come to
	for i := range refundKeys {
		if err := s.ask(i); err != nil {
			return s, err
		}
	}
	return s, s.verdict()
}

func TestSimulationOfRefunds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	seen := map[string]int{}
	n := schedules(t)
	for seed := range (n + 3) / 4 { // fewer than of payments: each is longer
		synctest.Test(t, func(t *testing.T) {
			s, err := simulateBacks(t, seed)
			if err != nil {
				t.Errorf("seed %d: %v\n%s", seed, err, strings.Join(s.fates[:], " "))
				return
			}
			seen["killed"] += s.kills
			for _, r := range s.told {
				seen[string(r.Status)+" "+r.Decline.Code]++
				if !r.Stray.IsZero() && r.Outcome() == pay.Refunded {
					seen["lost and made"]++
				}
			}
		})
		if t.Failed() {
			return
		}
	}
	for _, what := range []string{"killed", "succeeded ", "failed refused", "failed merchant_balance_low", "failed refund.too_much", "lost and made"} {
		if t.Logf("%6d x %s", seen[what], what); seen[what] == 0 && n >= defaultRun {
			t.Errorf("never reached: %s", what)
		}
	}
}
