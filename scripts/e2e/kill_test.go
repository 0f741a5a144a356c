package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// sell makes a sale under an order number and sees it through: an agent that is down is asked again, and the
// order number keeps the repeats from becoming a second sale.
func sell(ctx context.Context, till *rig.Till, orderNo string, amount int64, code string) (sale localapi.Sale, err error) {
	err = rig.Await(ctx, "the agent takes the sale", func() (bool, error) {
		s, err := till.Client.NewSale(ctx, localapi.NewSale{Amount: amount, OrderNo: orderNo, Code: code, Again: true})
		switch fault.KindOf(err) {
		case fault.Invalid, fault.Conflict, fault.Denied: // it was taken before; this one is not needed
			list, listErr := till.Client.Sales(ctx, 1000)
			for _, old := range list {
				if old.OrderNo == orderNo {
					sale = old
					return true, nil
				}
			}
			return false, errors.Join(err, listErr)
		}
		sale = s
		return err == nil, err
	})
	if err != nil {
		return sale, err
	}
	return till.AwaitSale(ctx, sale.ID, "the sale is settled", rig.Settled)
}

// TestKills sells while agents and the hub are killed at random moments, and compares the books afterwards. The
// wallets run on, as wallets do.
func TestKills(t *testing.T) {
	t.Parallel()
	const seed, rounds, perRound = 20260301, 8, 6
	dice := rand.New(rand.NewPCG(seed, 0))
	ctx, r := start(t, 4*time.Minute)
	sandbox, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		t.Fatal(err)
	}
	l := lab(t, ctx, r, "--sandbox", sandbox)
	tills := openTills(t, ctx, r, l, 3)
	digits := []string{"00", "17", "50", "53", "60", "62", "64", "90"}

	var mu sync.Mutex
	outcomes := map[pay.Outcome]int{}
	var open, hit atomic.Int64 // sales not settled; how many of them a kill met
	var sales sync.WaitGroup
	for round := range rounds {
		for i := range perRound {
			till, fate := tills[dice.IntN(len(tills))], digits[dice.IntN(len(digits))]
			wallet := []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay}[dice.IntN(3)]
			orderNo, amount := fmt.Sprintf("kill-%d-%d", round, i), int64(1000+dice.IntN(9000))
			sales.Go(func() {
				code, err := l.Code(ctx, wallet, fate)
				if err != nil {
					t.Error(err)
					return
				}
				open.Add(1)
				sale, err := sell(ctx, till, orderNo, amount, code)
				open.Add(-1)
				if err != nil {
					t.Errorf("%s %s %s: %v", orderNo, wallet, fate, err)
					return
				}
				mu.Lock()
				outcomes[sale.Outcome]++
				mu.Unlock()
			})
		}
		pause(ctx, time.Duration(dice.IntN(400))*time.Millisecond)
		hit.Add(open.Load())
		var killed sync.WaitGroup
		kind, victim := round%3, tills[dice.IntN(len(tills))]
		if kind != 1 {
			killed.Go(func() {
				victim.Agent.Kill()
				if err := victim.Restart(ctx); err != nil && kind == 0 {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		if kind != 0 {
			l.Process.Kill()
			again, err := r.StartLab(ctx, l.Data, "--sandbox", sandbox)
			if err != nil {
				t.Fatalf("round %d: the hub does not come back: %v", round, err)
			}
			l.Process = again.Process
		}
		killed.Wait()
	}
	sales.Wait()
	t.Logf("seed %d: %d sales, %d kill rounds that met %d open sales, outcomes %v", seed, rounds*perRound, rounds, hit.Load(), outcomes)
	if outcomes[pay.Paid] == 0 || hit.Load() == 0 {
		t.Error("no sale was paid, or no kill met one: nothing was tested")
	}
	agree(t, ctx, l, tills)
	sealed(t, ctx, r, l, tills)
}

// pause lets the programs work for a while before they are hit; nothing is concluded from its length.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
