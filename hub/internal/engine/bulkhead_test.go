package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// TestOneChannelHangsForEver: at fifty payments a second, with all its places and lines full for minutes, and the other channel's payments,
// queries and reversals take exactly as long as without it.
func TestOneChannelHangsForEver(t *testing.T) {
	measure := func(t *testing.T, hang bool) (all []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			dead := hanging{newWallet()}
			h := newTwoRoads(t, nil, func(w *engine.Way) {
				if w.Name == "first" {
					w.Channel, w.Wallet = dead, pay.Alipay
					w.AtOnce, w.Breaker.Failures = 64, 1_000_000 // no breaker helps
				} else {
					w.Channel = scripted{w.Channel.(*wallet), func(ctx context.Context, o channel.Order) channel.Answer {
						time.Sleep(80 * time.Millisecond)
						return w.Channel.(*wallet).Pay(ctx, o)
					}}
				}
			})
			var wg sync.WaitGroup
			ctx, stop := context.WithCancel(context.Background())
			if hang {
				wg.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						wg.Go(func() { _, _ = h.engine.Collect(ctx, ask(fmt.Sprint("H", n), fmt.Sprintf("28%014d00", n))) })
						time.Sleep(20 * time.Millisecond)
					}
				})
			}
			time.Sleep(25 * time.Second) // by then everything of the first channel is full
			fates := []string{"00", "53", "55", "60", "00", "62", "70", "00"}
			all = make([]time.Duration, len(fates))
			var shop sync.WaitGroup
			for i, fate := range fates {
				shop.Go(func() {
					began := time.Now()
					p, err := h.engine.Collect(ctx, ask(fmt.Sprint("B", i), fmt.Sprintf("13%014d%s", i, fate)))
					if err == nil {
						p, err = h.engine.Await(ctx, merchant, p.ID)
					}
					if err != nil || !p.Final() {
						t.Errorf("%s is %s, %v", fate, p.Status, err)
					}
					all[i] = time.Since(began).Round(time.Millisecond)
				})
				time.Sleep(time.Second)
			}
			shop.Wait()
			if s := h.engine.ChannelStates()[0]; hang && (s.Paying != 64 || s.Asking == 0 || s.Queued == 0) {
				t.Errorf("the first channel did not fill up: %+v", s)
			}
			stop()
			wg.Wait()
			h.stop()
		})
		return all
	}
	calm, beside := measure(t, false), measure(t, true)
	if !slices.Equal(calm, beside) {
		t.Errorf("alone %v, beside a channel that hangs %v", calm, beside)
	}
}

// hanging answers nothing.
type hanging struct{ *wallet }

func (hanging) Pay(ctx context.Context, _ channel.Order) channel.Answer {
	<-ctx.Done()
	return channel.Answer{Finding: channel.Unknown, Err: ctx.Err()}
}
func (hanging) Query(ctx context.Context, _ channel.Ref) channel.Answer {
	<-ctx.Done()
	return channel.Answer{Finding: channel.Unknown, Err: ctx.Err()}
}
func (h hanging) Reverse(ctx context.Context, r channel.Ref) channel.Answer { return h.Query(ctx, r) }

// TestAFullChannelTurnsAwayUntouched: beyond its places a bounded crowd waits, none for longer than two seconds, and nothing of those who are
// turned away is stored or sent. With another channel free they go there.
func TestAFullChannelTurnsAwayUntouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTwoRoads(t, hanging{}.Pay, func(w *engine.Way) { w.AtOnce = 1 })
		h.engine.Reroute(h.gatedWays(h.gate)[:1], routing.Table{})
		defer h.stop()
		h.collect(ask("A0", "130000000000000000"))
		began := time.Now()
		_, err := h.engine.Collect(t.Context(), ask("A1", "130000000000000100"))
		if fault.CodeOf(err) != "payment.busy" || time.Since(began) != 2*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		h.engine.Reroute(h.gatedWays(h.gate), routing.Table{})
		p := h.collect(ask("A1", "130000000000000100"))
		records, _ := h.routes(p.ID)
		if p.Attempt.Channel != "second" || len(records[0].Passed) != 1 || records[0].Passed[0].Why != routing.Full {
			t.Errorf("%s: %+v", p.Attempt.Channel, records)
		}
	})
}
