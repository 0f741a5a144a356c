package load

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

// Hang says how payments come while one channel answers nothing.
type Hang struct {
	Rate int           // payments a second of each wallet
	Span time.Duration // that is measured, without and with the other channel hanging
	Fill time.Duration // before it is measured: until its places and lines are full
}

// Hung is what came of it: payments of the sound channel, ms, sorted.
type Hung struct {
	Calm, Beside []int64
	Differences  []string
}

// Run measures a channel's payments alone, and beside another that takes connections and says nothing for ever. The other wallet's payments
// come all the time, so that both measurements carry the same load.
func (h Hang) Run(ctx context.Context, r *rig.Rig) (out Hung, err error) {
	box, err := r.StartSandbox(ctx, filepath.Join(r.Dir, "wallets"))
	if err != nil {
		return out, err
	}
	lab, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"), "--sandbox", box)
	if err != nil {
		return out, err
	}
	pit, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	if err != nil {
		return out, fmt.Errorf("listen: %w", err)
	}
	defer pit.Close()
	m := &merchantLoad{lab: lab}
	if out.Calm, err = m.both(ctx, h, 0); err != nil {
		return out, err
	}
	if err := hangAlipay(ctx, r, lab, pit.Addr().String()); err != nil {
		return out, err
	}
	if out.Beside, err = m.both(ctx, h, h.Fill); err != nil {
		return out, err
	}
	if m.unpaid > 0 {
		out.Differences = append(out.Differences, fmt.Sprintf("%d payments of the sound channel were not paid", m.unpaid))
	}
	return out, nil
}

// hangAlipay has the lab's Alipay channel dial somebody who never answers.
func hangAlipay(ctx context.Context, r *rig.Rig, lab *rig.Lab, pit string) error {
	out, complaint, err := r.Run(ctx, "cashier-hub", "channel", "list", "--yaml", "--data", lab.Data)
	if err != nil {
		return fmt.Errorf("channel list: %w: %s", err, complaint)
	}
	before, after, found := strings.Cut(string(out), "wallet: alipay\n  url: https://")
	_, rest, _ := strings.Cut(after, "/")
	if !found {
		return fmt.Errorf("the lab has no Alipay channel")
	}
	file := filepath.Join(r.Dir, "hangs.yaml")
	text := before + "wallet: alipay\n  url: https://" + pit + "/" + strings.ReplaceAll(rest, "failures: 100\n", "failures: 1000000\n") // no breaker helps
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write channels: %w", err)
	}
	if _, complaint, err := r.Run(ctx, "cashier-hub", "channel", "apply", "-f", file, "--by", "bench", "--data", lab.Data); err != nil {
		return fmt.Errorf("channel apply: %w: %s", err, complaint)
	}
	return rig.Await(ctx, "the hub has the channels", func() (bool, error) {
		log, err := os.ReadFile(lab.Process.Log)
		return strings.Contains(string(log), "channels are in force"), err
	})
}

// merchantLoad is a merchant's server that asks at a fixed pace, whatever comes back.
type merchantLoad struct {
	lab    *rig.Lab
	mu     sync.Mutex
	n      int
	unpaid int
}

// both asks for payments of both wallets and gives how long WeChat's took, those of the first fill left away.
func (m *merchantLoad) both(ctx context.Context, h Hang, fill time.Duration) (took []int64, err error) {
	rounds := int((fill + h.Span).Seconds()) * h.Rate
	codes := map[pay.Wallet][]string{}
	for range rounds {
		for _, wallet := range []pay.Wallet{pay.WeChat, pay.Alipay} {
			code, err := m.lab.Code(ctx, wallet, "00")
			if err != nil {
				return nil, err
			}
			codes[wallet] = append(codes[wallet], code)
		}
	}
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(h.Rate))
	defer tick.Stop()
	began := time.Now()
	for round := range rounds {
		counts := time.Since(began) >= fill
		for wallet, list := range codes {
			code := list[round]
			m.n++
			order := fmt.Sprint("hang-", m.n)
			wg.Go(func() {
				sent := time.Now()
				p, err := m.lab.Pay(ctx, order, 100, code, 5*time.Second)
				m.mu.Lock()
				defer m.mu.Unlock()
				if wallet != pay.WeChat {
					return
				}
				if err != nil || p.Outcome != pay.Paid {
					m.unpaid++
				}
				if counts {
					took = append(took, time.Since(sent).Milliseconds())
				}
			})
		}
		<-tick.C
	}
	wg.Wait()
	slices.Sort(took)
	return took, nil
}

// Table is the figures with their limits.
func (h Hung) Table() []Row {
	calm, beside := max(1, quantile(h.Calm, 99)), quantile(h.Beside, 99)
	return []Row{
		{What: "payments measured", Figure: fmt.Sprintf("%d and %d", len(h.Calm), len(h.Beside))},
		{What: "p50, alone and beside a channel that hangs", Figure: fmt.Sprintf("%d and %d ms", quantile(h.Calm, 50), quantile(h.Beside, 50))},
		{What: "p99 alone", Figure: fmt.Sprintf("%d ms", calm)},
		{What: "p99 beside a channel that hangs", Figure: fmt.Sprintf("%d ms", beside), Limit: "≤ 1.2 × alone, and a ms", Missed: beside*10 > calm*12+10},
	}
}
