package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// scripted is a pretended wallet whose answers to pay calls are somebody else's.
type scripted struct {
	*wallet
	pay func(context.Context, channel.Order) channel.Answer
}

func (s scripted) Pay(ctx context.Context, o channel.Order) channel.Answer { return s.pay(ctx, o) }

func answers(a channel.Answer) func(context.Context, channel.Order) channel.Answer {
	return func(context.Context, channel.Order) channel.Answer { return a }
}

func refuses(code channel.DeclineCode) channel.Answer {
	return channel.Answer{Finding: channel.Declined, Decline: channel.Decline{Code: code, Wallet: "ITS_OWN"}}
}

// twoRoads is a house with two channels to one wallet; the first one's pay calls are scripted, the second one is sound.
type twoRoads struct {
	*house
	first, second *wallet
}

func newTwoRoads(t *testing.T, pay1 func(context.Context, channel.Order) channel.Answer, edit ...func(*engine.Way)) *twoRoads {
	r := &twoRoads{first: newWallet(), second: newWallet()}
	ways := []engine.Way{{Name: "first", Number: "100", Wallet: pay.WeChat, Channel: scripted{r.first, pay1}}, {Name: "second", Number: "200", Wallet: pay.WeChat, Channel: r.second}}
	for _, e := range edit {
		for i := range ways {
			e(&ways[i])
		}
	}
	r.house = newHouseOn(t, &house{wallet: r.second, ways: ways})
	return r
}

// routes reads why each attempt of a payment had its channel.
func (r *twoRoads) routes(paymentID string) (list []routing.Record, attempts []store.Routed) {
	r.t.Helper()
	_, attempts, err := store.Routes(filepath.Join(r.dir, "hub.db"), paymentID)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, a := range attempts {
		var one routing.Record
		if err := json.Unmarshal([]byte(a.Route), &one); err != nil || one.Channel != a.Channel || one.Why == "" {
			r.t.Errorf("%+v: %v", a, err)
		}
		list = append(list, one)
	}
	return list, attempts
}

// TestAnotherChannelIsAskedOnlyOnProof is the rule of the house: moved when the first channel proves that it did not charge and its reason is
// marked, never otherwise.
func TestAnotherChannelIsAskedOnlyOnProof(t *testing.T) {
	slow := func(o time.Duration, a channel.Answer) func(context.Context, channel.Order) channel.Answer {
		return func(ctx context.Context, _ channel.Order) channel.Answer { time.Sleep(o); return a }
	}
	for name, c := range map[string]struct {
		first func(context.Context, channel.Order) channel.Answer
		age   time.Duration
		want  pay.Status
		moved bool
	}{
		"dead": {answers(channel.Answer{Finding: channel.Unknown, Err: errLost}), 0, pay.StatusClosed, false},
		"hangs": {func(ctx context.Context, _ channel.Order) channel.Answer {
			<-ctx.Done()
			return channel.Answer{Finding: channel.Unknown, Err: ctx.Err()}
		}, 0, pay.StatusClosed, false},
		"panics":                {func(context.Context, channel.Order) channel.Answer { panic("bug") }, 0, pay.StatusClosed, false},
		"no such order":         {answers(channel.Answer{Finding: channel.Absent}), 0, pay.StatusClosed, false},
		"not done":              {answers(channel.Answer{Finding: channel.Pending}), 0, pay.StatusClosed, false},
		"said it was reversed":  {answers(channel.Answer{Finding: channel.Reversed}), 0, pay.StatusReversed, false},
		"balance":               {answers(refuses(channel.BalanceLow)), 0, pay.StatusDeclined, false},
		"risk":                  {answers(refuses(channel.RiskRefused)), 0, pay.StatusDeclined, false},
		"unmarked":              {answers(refuses(channel.RefusedOther)), 0, pay.StatusDeclined, false},
		"misconfigured":         {answers(refuses(channel.Misconfigured)), 0, pay.StatusSucceeded, true},
		"busy":                  {answers(channel.Answer{Finding: channel.Busy}), 0, pay.StatusSucceeded, true},
		"proof within the life": {slow(4*time.Second, refuses(channel.Misconfigured)), 40 * time.Second, pay.StatusSucceeded, true},
		"proof after the life":  {slow(6*time.Second, refuses(channel.Misconfigured)), 40 * time.Second, pay.StatusDeclined, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTwoRoads(t, c.first)
				defer h.stop()
				m := fromTill("k1", "130000000000000000")
				m.CodeAgeMS = c.age.Milliseconds()
				if err := (engine.Desk{Engine: h.engine}).Pay(t.Context(), till, m); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				results, _ := h.told()
				last := results[len(results)-1]
				p := h.await(last.PaymentID, time.Second)
				if p.Status != c.want || last.Status != c.want {
					t.Errorf("%s, the till was told %s; want %s", p.Status, last.Status, c.want)
				}
				if n := h.second.payCalls(); (n == 1) != c.moved || n > 1 || h.first.net() != 0 || h.second.net() != map[bool]int{true: 1}[c.moved] {
					t.Errorf("the second channel had %d pay calls and took %d, the first took %d", n, h.second.net(), h.first.net())
				}
				h.proofOf(p, c.moved)
				for _, r := range results[:len(results)-1] {
					if r.Outcome != pay.Unknown {
						t.Errorf("the till was told %s in between", r.Status)
					}
				}
			})
		})
	}
}

// proofOf looks at what was stored about where the payment went.
func (r *twoRoads) proofOf(p payment.Payment, moved bool) {
	r.t.Helper()
	records, attempts := r.routes(p.ID)
	if !moved {
		if len(records) != 1 || records[0].Channel != "first" || records[0].Left != nil || len(records[0].Next) != 1 {
			r.t.Errorf("%+v", records)
		}
		return
	}
	if len(records) != 2 || attempts[0].Channel != "first" || attempts[0].Left.IsZero() || attempts[0].OutTradeNo == attempts[1].OutTradeNo ||
		records[1].Left == nil || records[1].Left.Channel != "first" || records[1].Left.Proof == "" {
		r.t.Errorf("%+v of %+v", records, attempts)
	}
	var told int
	err := r.store.View(func(tx *store.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM event WHERE entity = ? AND kind = 'payment.move'", p.ID).Scan(&told)
	})
	if err != nil || told != 1 {
		r.t.Errorf("%d events tell of it, %v", told, err)
	}
	if code := []byte("130000000000000000"); bytes.Contains(r.logs.Bytes(), code) {
		r.t.Error("the code is in the log")
	}
}

// TestNotMovedBehindACancel: what was stopped while the first channel worked is not charged on the second.
func TestNotMovedBehindACancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTwoRoads(t, func(context.Context, channel.Order) channel.Answer {
			time.Sleep(3 * time.Second)
			return refuses(channel.Misconfigured)
		})
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000000"))
		time.Sleep(time.Second)
		if _, err := h.engine.Cancel(t.Context(), merchant, p.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if p = h.await(p.ID, time.Second); p.Outcome() != pay.NotPaid || h.second.payCalls() != 0 {
			t.Errorf("%s, and the second channel had %d pay calls", p.Status, h.second.payCalls())
		}
	})
}

// TestTheNextAttemptIsWrittenBeforeItLeaves: a hub that dies between the two has it as unknown, and never sends it again.
func TestTheNextAttemptIsWrittenBeforeItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTwoRoads(t, answers(refuses(channel.Misconfigured)))
		seen := ""
		second := scripted{h.second, func(_ context.Context, o channel.Order) channel.Answer {
			_ = h.store.View(func(tx *store.Tx) error {
				return tx.QueryRow("SELECT w.task || ' ' || w.begun || ' ' || a.status FROM work w JOIN attempt a ON a.payment = w.entity WHERE a.out_trade_no = ?", o.OutTradeNo).Scan(&seen)
			})
			crashed := memoryDir(t)
			if err := copyDatabase(h.dir, crashed); err != nil {
				t.Error(err)
			}
			h.dir = crashed
			return channel.Answer{Finding: channel.Unknown, Err: errLost}
		}}
		h.ways[1].Channel = second
		h.engine.Reroute(h.gatedWays(h.gate), routing.Table{})
		p := h.collect(ask("A1", "130000000000000000"))
		synctest.Wait()
		if seen != "submit 1 pending" {
			t.Errorf("when the call left the books said %q", seen)
		}
		h.abandon()
		h.ways[1].Channel = h.second
		h.start()
		defer h.stop()
		time.Sleep(5 * time.Minute)
		if p = h.await(p.ID, time.Second); p.Status != pay.StatusClosed || h.second.payCalls() != 0 || p.Attempt.Channel != "second" {
			t.Errorf("%s on %s after the restart, %d pay calls", p.Status, p.Attempt.Channel, h.second.payCalls())
		}
	})
}

// TestMoneyThatShowsUpWhereNobodyAsksAnyMore: a channel that proved it took nothing, and took it, gives it back; the payment stays paid.
func TestMoneyThatShowsUpWhereNobodyAsksAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h *twoRoads
		h = newTwoRoads(t, func(ctx context.Context, o channel.Order) channel.Answer {
			h.first.Pay(ctx, o) // it is booked all the same
			return channel.Answer{Finding: channel.Busy}
		})
		defer func() { h.stop() }()
		p := h.await(h.collect(ask("A1", "130000000000000000")).ID, 10*time.Second)
		if p.Status != pay.StatusSucceeded || p.Attempt.Channel != "second" || h.first.net() != 1 {
			t.Fatalf("%s on %s", p.Status, p.Attempt.Channel)
		}
		h.stop() // the look must survive a restart
		h.start()
		time.Sleep(10 * time.Minute)
		if p = h.await(p.ID, time.Second); p.Status != pay.StatusSucceeded || h.first.net() != 0 || h.second.net() != 1 {
			t.Errorf("%s, the first channel took %d, the second %d", p.Status, h.first.net(), h.second.net())
		}
		list, _, err := store.Exceptions(filepath.Join(h.dir, "hub.db"), true)
		if err != nil || len(list) != 1 || list[0].Kind != payment.LateSuccess || list[0].Resolved.IsZero() {
			t.Errorf("people were told %+v, %v", list, err)
		}
	})
}

// TestABreakerKeepsNewPaymentsAwayAndNothingElse, and tries a few when its time is over.
func TestABreakerKeepsNewPaymentsAwayAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sick, calls := true, 0
		var h *twoRoads
		h = newTwoRoads(t, func(ctx context.Context, o channel.Order) channel.Answer {
			mu.Lock()
			defer mu.Unlock()
			if calls++; sick {
				h.first.Pay(ctx, o)
				return channel.Answer{Finding: channel.Unknown, Err: errLost}
			}
			return h.first.Pay(ctx, o)
		}, func(w *engine.Way) { w.Breaker = routing.Limits{Failures: 3, OpenFor: 20 * time.Second, Proofs: 2} })
		defer h.stop()
		n := 0
		next := func() payment.Payment {
			n++
			p := h.collect(ask(fmt.Sprint("A", n), fmt.Sprintf("13%014d00", n)))
			synctest.Wait()
			return p
		}
		var doubtful []payment.Payment
		for range 3 {
			doubtful = append(doubtful, next())
		}
		asked := h.first.callsMade()
		p := next()
		records, _ := h.routes(p.ID)
		if p.Attempt.Channel != "second" || len(records[0].Passed) != 1 || records[0].Passed[0] != (routing.Pick{Channel: "first", Why: routing.BreakerOpen}) {
			t.Errorf("with the first breaker open: %s, %+v", p.Attempt.Channel, records)
		}
		time.Sleep(10 * time.Second) // within which the three are asked about
		for _, d := range doubtful {
			if d = h.await(d.ID, time.Second); d.Status != pay.StatusSucceeded {
				t.Errorf("a payment from before is %s", d.Status)
			}
		}
		if h.first.callsMade() == asked {
			t.Error("no query went through the open breaker")
		}
		if late, err := h.engine.Refresh(t.Context(), merchant, doubtful[0].ID); err != nil || late.Status != pay.StatusSucceeded {
			t.Errorf("%s, %v", late.Status, err)
		}
		mu.Lock()
		was := calls
		sick = false
		mu.Unlock()
		time.Sleep(10 * time.Second)
		for want := range 3 { // two probes close it
			if p := next(); p.Attempt.Channel != "first" || calls != was+want+1 {
				t.Errorf("payment %d after the breaker's time went to %s", want, p.Attempt.Channel)
			}
		}
		if s := h.engine.ChannelStates()[0]; s.Health.Breaker() != routing.Closed {
			t.Errorf("it is %s", s.Health.Breaker())
		}
	})
}

// TestWithoutAnyChannelNothingIsStored: the cashier hears at once why, and that nothing was charged.
func TestWithoutAnyChannelNothingIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTwoRoads(t, answers(channel.Answer{Finding: channel.Unknown}))
		defer h.stop()
		night := []routing.Window{{To: 24 * time.Hour}}
		for what, c := range map[string]struct {
			edit func(*engine.Way)
			rule routing.Rule
			code string
			kind fault.Kind
		}{
			"drained":     {edit: func(w *engine.Way) { w.Drained = true }, code: "payment.channel_out", kind: fault.Unavailable},
			"maintenance": {edit: func(w *engine.Way) { w.Closed = night }, code: "payment.channel_out", kind: fault.Unavailable},
			"no rule":     {edit: func(*engine.Way) {}, rule: routing.Rule{Name: "r", Avoid: []string{"first", "second"}}, code: "payment.no_channel", kind: fault.Invalid},
		} {
			ways := slices.Clone(h.ways)
			for i := range ways {
				c.edit(&ways[i])
			}
			h.engine.Reroute(ways, routing.Table{Rules: []routing.Rule{c.rule}})
			_, err := h.engine.Collect(t.Context(), ask("N-"+what, "130000000000000000"))
			if fault.CodeOf(err) != c.code || fault.KindOf(err) != c.kind || !strings.Contains(fault.MessageOf(err), "nothing was charged") {
				t.Errorf("%s: %v", what, err)
			}
		}
		if list, err := h.engine.Recent(10); err != nil || len(list) != 0 {
			t.Errorf("%d payments are stored, %v", len(list), err)
		}
	})
}

// TestAChannelThatLeavesIsStillAskedAbout, in the hub that ran when it left.
func TestAChannelThatLeavesIsStillAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h *twoRoads
		h = newTwoRoads(t, func(ctx context.Context, o channel.Order) channel.Answer {
			h.first.Pay(ctx, o)
			return channel.Answer{Finding: channel.Unknown, Err: errLost}
		})
		defer h.stop()
		p := h.collect(ask("A1", "130000000000000000"))
		synctest.Wait()
		h.engine.Reroute(h.gatedWays(h.gate)[1:], routing.Table{Version: 2})
		if p = h.await(p.ID, 30*time.Second); p.Status != pay.StatusSucceeded {
			t.Errorf("it is %s", p.Status)
		}
		next := h.collect(ask("A2", "130000000000000100"))
		if records, _ := h.routes(next.ID); next.Attempt.Channel != "second" || records[0].Version != 2 {
			t.Errorf("the next one went to %s: %+v", next.Attempt.Channel, records)
		}
	})
}

// TestDeclinesNeverOpenABreaker, nor a signer of ours that is busy.
func TestDeclinesNeverOpenABreaker(t *testing.T) {
	for name, a := range map[string]channel.Answer{"declined": refuses(channel.BalanceLow), "busy": {Finding: channel.Busy}, "pending": {Finding: channel.Pending}} {
		synctest.Test(t, func(t *testing.T) {
			h := newTwoRoads(t, answers(a), func(w *engine.Way) { w.Breaker = routing.Limits{Failures: 1, Percent: 1} })
			h.engine.Reroute(h.gatedWays(h.gate)[:1], routing.Table{})
			defer h.stop()
			for i := range 20 {
				h.collect(ask(fmt.Sprint("A", i), fmt.Sprintf("13%014d00", i)))
				synctest.Wait()
			}
			if s := h.engine.ChannelStates()[0]; s.Health.Breaker() != routing.Closed || s.Paying != 0 {
				t.Errorf("%s: %s with %d calls under way", name, s.Health.Breaker(), s.Paying)
			}
		})
	}
}
