package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/shared/pay"
)

// TestTheTillIsToldEveryEnd: a till that sent its charge once and asks no more hears how it ended.
func TestTheTillIsToldEveryEnd(t *testing.T) {
	for fate, want := range map[string]pay.Status{"00": pay.StatusSucceeded, "50": pay.StatusDeclined, "54": pay.StatusDeclined,
		"55": pay.StatusReversed, "60": pay.StatusSucceeded, "61": pay.StatusClosed, "90": pay.StatusSucceeded} {
		t.Run(fate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.stop()
				if err := (engine.Desk{Engine: h.engine}).Pay(t.Context(), till, fromTill("s1", "1300000000000000"+fate)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				results, _ := h.told()
				if last := results[len(results)-1]; last.Key != "s1" || last.Status != want || last.Outcome != want.Outcome() {
					t.Errorf("last told %+v, want %s", last, want)
				}
			})
		})
	}
}

// deaf takes every charge and answers none before the caller's patience ends, so that the next step
// is due in the very moment in which the call's end is stored.
type deaf struct{ *wallet }

func (d deaf) Pay(ctx context.Context, o channel.Order) channel.Answer {
	d.wallet.Pay(ctx, o)
	<-ctx.Done()
	return channel.Answer{Finding: channel.Unknown, Err: ctx.Err()}
}

// TestNoStepIsLost: a step that comes due while the call before it is ending is taken all the same.
func TestNoStepIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWallet()
		h := newHouseOver(t, w, deaf{w})
		defer h.stop()
		var all []string
		for i := range 200 {
			all = append(all, h.collect(ask(fmt.Sprint("A", i), fmt.Sprintf("13%014d00", i))).ID)
		}
		time.Sleep(2 * time.Minute)
		for _, id := range all {
			if p := h.await(id, time.Second); p.Status != pay.StatusSucceeded {
				t.Fatalf("%s is %s: nobody asked about it", id, p.Status)
			}
		}
	})
}
