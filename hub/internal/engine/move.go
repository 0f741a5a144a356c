package engine

import (
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// trip is a payment whose pay call may still go elsewhere. Like the code that it needs it lives in memory only: after a restart nothing
// is sent again.
type trip struct {
	question routing.Question
	until    time.Time // the code's life: it is shown to no wallet afterwards
	seat     *seat     // of the call under way; nil for one that is repeated
	tried    []string
}

func questionOf(a Ask, paymentID string, wallet pay.Wallet, at time.Time) routing.Question {
	return routing.Question{Payment: paymentID, Merchant: a.Merchant, Store: a.Store, Wallet: wallet, Amount: a.Amount, At: at}
}

func (e *Engine) setOut(paymentID string, t *trip) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trips[paymentID] = t
}

func (e *Engine) tripOf(paymentID string) *trip {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.trips[paymentID]
}

// arrive forgets the trip: its pay call is not made again.
func (e *Engine) arrive(paymentID string) {
	e.mu.Lock()
	t := e.trips[paymentID]
	delete(e.trips, paymentID)
	e.mu.Unlock()
	if t != nil && t.seat != nil { // a step panicked
		t.seat.leave(routing.Neither, 0, e.Now())
	}
}

// learnt gives the place of a pay call back, and what its answer says of the channel to the channel's health.
func (e *Engine) learnt(w *way, p payment.Payment, a channel.Answer, asked time.Time) {
	now := e.Now()
	if t := e.tripOf(p.ID); t != nil && t.seat != nil {
		t.seat.leave(e.said(a), now.Sub(asked), now)
		t.seat = nil
	} else if w != nil {
		w.note(routing.Ticket{}, e.said(a), now.Sub(asked), now)
	}
}

// move leaves the payment's attempt for one on another channel, when the answer to its pay call proves that it did not charge, is worth it,
// the code still lives, and another channel has a place this moment. What was left and what comes next are stored together before the
// next call leaves. moved: the payment with the attempt whose call is to be made.
func (e *Engine) move(p payment.Payment, task payment.Task, event payment.Event) (next payment.Payment, moved bool, err error) {
	t := e.tripOf(p.ID)
	if t == nil || !payment.Leavable(p, task, event) || !e.Now().Before(t.until) {
		return payment.Payment{}, false, nil
	}
	return e.moveOn(t, p, task, event)
}

func (e *Engine) moveOn(t *trip, p payment.Payment, task payment.Task, event payment.Event) (next payment.Payment, moved bool, err error) {
	question := t.question
	question.At = e.Now()
	tried := append(t.tried, p.Attempt.Channel)
	s, _ := e.seatNow(question, tried)
	if s == nil {
		return p, false, nil // nobody else takes it: it stays where it is
	}
	now := e.Now()
	err = e.Store.Update(func(tx *store.Tx) error {
		moved = false
		current, err := tx.Payment(p.ID)
		if err != nil || current.Attempt.ID != p.Attempt.ID || !payment.Leavable(current, task, event) {
			return err // cancelled meanwhile
		}
		moved = true
		next, err = e.leaveFor(tx, current, event, s, now)
		return err
	})
	if err != nil || !moved {
		s.leave(routing.Neither, 0, e.Now())
		return p, false, err
	}
	t.seat, t.tried = s, tried
	return next, true, nil
}

// movedBody is a change of channel as the event log keeps it.
type movedBody struct {
	From       string `json:"from"`
	FromNumber string `json:"from_out_trade_no"`
	Proof      string `json:"proof"` // "busy", or the decline's code
	Wallet     string `json:"wallet_code,omitempty"`
	To         string `json:"to"`
	ToNumber   string `json:"to_out_trade_no"`
}

func (e *Engine) leaveFor(tx *store.Tx, p payment.Payment, event payment.Event, s *seat, now time.Time) (payment.Payment, error) {
	proof := string(event.Kind)
	if event.Kind == payment.Refuse {
		proof = event.Decline.Code
	}
	fresh := payment.Attempt{ID: e.IDs.New(id.Attempt), Channel: s.way.Name, OutTradeNo: e.IDs.OutTradeNo(), Status: pay.StatusCreated, Stamp: e.clock.outside(now),
		Route: s.route(&routing.Left{Channel: p.Attempt.Channel, Proof: proof, Wallet: event.Decline.Wallet})}
	left, after, err := payment.Leave(p, event, fresh, now)
	if err != nil {
		return p, err
	}
	if err := tx.LeavePayment(left, &after); err != nil {
		return p, err
	}
	if err := tx.Append(store.Event{Entity: p.ID, Kind: "payment.move", Cause: "wallet", At: now, Body: movedBody{From: p.Attempt.Channel, FromNumber: p.Attempt.OutTradeNo,
		Proof: proof, Wallet: event.Decline.Wallet, To: fresh.Channel, ToNumber: fresh.OutTradeNo}}); err != nil {
		return p, err
	}
	tx.AfterCommit(func() {
		e.Log.Info("payment moved", logs.Payment, p.ID, logs.Order, p.OrderNo, logs.Channel, fresh.Channel, "from", p.Attempt.Channel, "proof", proof,
			"out_trade_no", fresh.OutTradeNo)
	})
	if err := tx.PutWork(store.Work{Entity: p.ID, Task: payment.TaskSubmit, Due: now, Begun: true}); err != nil {
		return p, err
	}
	return after, e.schedule(tx, left, e.rules(left))
}

// ChannelState is a channel as operators see it.
type ChannelState struct {
	Name, Merchant, Number string
	Wallet                 pay.Wallet
	Health                 routing.Health
	Figures                routing.Figures
	Refuses                bool // its breaker lets no new payment through just now
	Drained, Maintenance   bool
	InForce                bool // false: it left the configuration, and is still asked about what it began
	Paying, Waiting        int  // pay calls under way; payments that wait for their turn
	Asking, Queued         int  // queries, reversals and refunds under way; and waiting
}

// ChannelStates tells how the channels stand.
func (e *Engine) ChannelStates() (list []ChannelState) {
	all, now := e.roads.Load(), e.Now()
	inForce := map[string]bool{}
	one := func(w *way) {
		h := w.pulse.now()
		s := ChannelState{Name: w.Name, Merchant: w.Merchant, Number: w.Number, Wallet: w.Wallet, Health: h, Figures: h.Figures(w.limits, now), Refuses: h.Refuses(w.limits, now),
			Drained: w.Drained, InForce: inForce[w.Name], Paying: len(w.places.slots), Waiting: int(w.places.waiting.Load())}
		for _, c := range w.Closed {
			s.Maintenance = s.Maintenance || c.Covers(now)
		}
		s.Asking, s.Queued = w.lane.load()
		list = append(list, s)
	}
	for _, c := range all.table.Channels {
		inForce[c.Name] = true
		one(all.ways[c.Name])
	}
	for name, w := range all.ways {
		if !inForce[name] {
			one(w)
		}
	}
	return list
}

// Explain says which channels would take a payment now, and why. Conflict, Invalid and Unavailable as for a payment.
func (e *Engine) Explain(q routing.Question) (routing.Decision, error) {
	d := e.roads.Load().decide(q, nil)
	if len(d.Ready) == 0 {
		return d, closed(q, d)
	}
	return d, nil
}
