package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// step does the next thing for a payment or a refund, if it is due and no call is in flight: it marks
// the work begun, calls the wallet with no transaction open, and stores what was learnt.
func (e *Engine) step(entity string) {
	if !e.enter(entity) {
		e.later(entity)
		return
	}
	defer e.leave(entity)
	if isRefund(entity) {
		e.stepRefund(entity)
	} else {
		e.stepPayment(entity)
	}
}

func (e *Engine) stepPayment(paymentID string) {
	p, task, err := e.begin(paymentID)
	if err != nil {
		e.storageTrouble(paymentID, err)
		return
	}
	if task != payment.TaskNone {
		e.perform(p, task, e.code(paymentID))
	}
}

// begin decides what is due and marks it begun. TaskNone: nothing is due.
func (e *Engine) begin(paymentID string) (p payment.Payment, task payment.Task, err error) {
	now := e.Now()
	err = e.Store.Update(func(tx *store.Tx) error {
		if p, err = tx.PaymentOf(paymentID); err != nil {
			return err
		}
		rules := e.rules(p)
		overdue := payment.Overdue(p, rules, now)
		unsendable := p.Attempt.Status == pay.StatusCreated && !p.Attempt.Shown && e.code(p.ID).IsZero() // a restart forgot the code: never sent
		if overdue || unsendable {
			if p, err = e.apply(tx, p, "engine", payment.Event{Kind: payment.GiveUp}, now); err != nil {
				return err
			}
		}
		var due time.Time
		task, due = e.plan(p, rules)
		if task == payment.TaskNone || due.After(now) {
			task = payment.TaskNone
			return e.schedule(tx, p, rules)
		}
		p = payment.Called(p, now)
		if task == payment.TaskSubmit {
			if p, _, err = payment.Apply(p, payment.Event{Kind: payment.Submit}, now); err != nil {
				return err
			}
		}
		if err := tx.SavePayment(&p); err != nil {
			return err
		}
		return tx.PutWork(store.Work{Entity: p.Entity(), Task: task, Due: due, Begun: true})
	})
	return p, task, err
}

// perform makes one call and stores what it taught. A panic on the way is an answer that was lost.
func (e *Engine) perform(p payment.Payment, task payment.Task, code pay.Code) {
	way := e.way(p.Attempt.Channel)
	asked := e.Now()
	answer := e.call(way, p, task, code)
	rules := e.rules(p)
	event := payment.Learn(e.vouched(p), task, answer, rules, asked)
	if task == payment.TaskSubmit {
		e.learnt(way, p, answer, asked)
	}
	if event.Kind == payment.Busy {
		e.keepCode(p.ID, code)
	} else if task == payment.TaskSubmit {
		e.keepCode(p.ID, pay.Code{})
	}
	if answer.Err != nil {
		e.Log.Warn("wallet answer proves nothing", logs.Payment, p.ID, logs.Order, p.OrderNo, logs.Channel, p.Attempt.Channel, "task", task,
			"finding", answer.Finding, "took_ms", e.Now().Sub(asked).Milliseconds(), logs.Err, answer.Err)
	} else if e.Log.Enabled(e.life, slog.LevelDebug) { // what it changes is told at level info
		e.Log.Debug("wallet answered", logs.Payment, p.ID, logs.Order, p.OrderNo, logs.Channel, p.Attempt.Channel, "task", task,
			"finding", answer.Finding, "took_ms", e.Now().Sub(asked).Milliseconds())
	}
	next, moved, err := e.move(p, task, event)
	if moved {
		e.perform(next, payment.TaskSubmit, code)
		return
	}
	var after payment.Payment
	if err == nil {
		after, err = e.taught(p, event)
	}
	if err != nil {
		e.storageTrouble(p.Entity(), err)
	}
	if after.Attempt.Status != pay.StatusCreated && p.Attempt.Left.IsZero() {
		e.keepCode(p.ID, pay.Code{}) // cancelled meanwhile: it is never sent again
		e.arrive(p.ID)
	}
}

func (e *Engine) call(way *way, p payment.Payment, task payment.Task, code pay.Code) (a channel.Answer) {
	defer func() {
		if v := recover(); v != nil {
			a = channel.Answer{Finding: channel.Unknown, Err: fmt.Errorf("connector panicked: %v\n%s", v, debug.Stack())}
		}
	}()
	if way == nil {
		return channel.Answer{Finding: channel.Unknown, Err: fmt.Errorf("channel %q is not configured any more: put it back", p.Attempt.Channel)}
	}
	if err := e.mayCall(); err != nil {
		return channel.Answer{Finding: channel.Unknown, Err: err}
	}
	ctx, cancel := context.WithTimeout(e.life, e.rules(p).CallTimeout)
	defer cancel()
	ref := channel.Ref{OutTradeNo: p.Attempt.OutTradeNo, WalletRef: p.Attempt.WalletRef, Amount: p.Amount, SentAt: p.Attempt.Stamp, Shown: p.Attempt.Shown}
	switch task {
	case payment.TaskSubmit, payment.TaskPresent:
		if p.Attempt.Shown {
			return e.present(ctx, way, p)
		}
		return way.Channel.Pay(ctx, e.orderOf(p, code))
	case payment.TaskReverse:
		return way.Channel.Reverse(ctx, ref)
	default:
		return way.Channel.Query(ctx, ref)
	}
}

func (e *Engine) orderOf(p payment.Payment, code pay.Code) channel.Order {
	expires := e.clock.outside(p.Attempt.Sent.Add(orderLife))
	if p.Attempt.Shown {
		expires = p.Ends() // a repeat that says another time would be another order
	}
	return channel.Order{OutTradeNo: p.Attempt.OutTradeNo, SentAt: p.Attempt.Stamp, Amount: p.Amount, Code: code, Subject: p.Subject,
		Store: p.Store, Terminal: p.Terminal, Expires: expires,
		Merchant: p.Merchant, Key: p.Key, OrderNo: p.OrderNo, Deferred: p.Deferred}
}

// orderLife is how long the wallet may still take the order after we sent it: WeChat wants at least
// a minute, and it must end before Rules.Travel. With the code's own minute it is why "no such
// order" becomes proof then.
const orderLife = 70 * time.Second

// taught applies what a call taught. Mostly the payment is still stored as it was when the call left: that is tried without
// reading it, and the store compares.
func (e *Engine) taught(p payment.Payment, event payment.Event) (after payment.Payment, err error) {
	now := e.Now()
	if _, _, refused := payment.Apply(p, event, now); refused == nil {
		err = e.Store.UpdateAgain(func(tx *store.Tx) error {
			after, err = e.apply(tx, p, "wallet", event, now)
			return err
		})
		if !errors.Is(err, store.ErrStale) {
			return after, err
		}
	}
	return e.change(p.Entity(), "wallet", event)
}

// change applies an event to a payment in a transaction of its own. An event the law refuses is
// recorded as a break and opens an exception; the payment stays as it is.
func (e *Engine) change(paymentID, cause string, event payment.Event) (p payment.Payment, err error) {
	now := e.Now()
	err = e.Store.Update(func(tx *store.Tx) error {
		if p, err = tx.PaymentOf(paymentID); err != nil {
			return err
		}
		p, err = e.apply(tx, p, cause, event, now)
		return err
	})
	return p, err
}

// apply is the one place where a payment changes: the law, the record, the event, the message to
// the terminal and the next work, all in the caller's transaction.
func (e *Engine) apply(tx *store.Tx, p payment.Payment, cause string, event payment.Event, now time.Time) (payment.Payment, error) {
	rules := e.rules(p)
	after, note, err := payment.Apply(p, event, now)
	if fault.KindOf(err) == fault.Conflict {
		e.Log.Error("the wallet contradicts what was proven: look at this payment", logs.Payment, p.ID, logs.Status, p.Attempt.Status, logs.Kind, event.Kind)
		err := tx.Append(store.Event{Entity: p.ID, Kind: "payment.break", Cause: cause, At: now,
			Body: changeOf(p, event, "refused_event")})
		if err != nil {
			return p, err
		}
		if err := e.notice(tx, p, p, event, true, rules, now); err != nil {
			return p, err
		}
		return p, e.schedule(tx, p, rules)
	}
	if err != nil {
		return p, err
	}
	if err := tx.SavePayment(&after); err != nil {
		return p, err
	}
	shows := after.Attempt.QR != p.Attempt.QR
	moved := after.Attempt.Status != p.Attempt.Status || after.Waiting != p.Waiting || shows
	if moved || note != payment.NoteNone {
		if err := tx.Append(store.Event{Entity: p.ID, Kind: "payment." + string(event.Kind), Cause: cause, At: now,
			Body: changeOf(after, event, string(note))}); err != nil {
			return p, err
		}
	}
	if err := e.notice(tx, p, after, event, false, rules, now); err != nil {
		return p, err
	}
	if after.Status != p.Status || after.Waiting != p.Waiting || shows {
		if err := e.tell(tx, after, now); err != nil {
			return p, err
		}
	}
	shown := store.Kept(after) // to those who wait for it, by its attempt in force
	if moved && !after.Attempt.Left.IsZero() {
		if shown, err = tx.Payment(after.ID); err != nil {
			return p, err
		}
	}
	turn, a := e.agenda.turn(), after.Attempt
	tx.AfterCommit(func() {
		if moved {
			e.Log.Info("payment changed", logs.Payment, shown.ID, logs.Order, shown.OrderNo, logs.Status, shown.Status, "attempt", a.Status,
				logs.Kind, event.Kind, "note", note, logs.Merchant, shown.Merchant, logs.Terminal, shown.Terminal, logs.Channel, a.Channel,
				"amount", shown.Amount.Fen(), "out_trade_no", a.OutTradeNo)
			e.paid.tell(shown.ID, shown, turn)
		}
	})
	return after, e.schedule(tx, after, rules)
}

// schedule derives the next work from the payment, stores it, and puts it on the agenda.
func (e *Engine) schedule(tx *store.Tx, p payment.Payment, rules channel.Rules) error {
	task, due := e.plan(p, rules)
	if err := tx.PutWork(store.Work{Entity: p.Entity(), Task: task, Due: due}); err != nil {
		return err
	}
	entity, turn := p.Entity(), e.agenda.turn()
	tx.AfterCommit(func() { e.agenda.put(entity, due, turn) })
	return nil
}

// tell writes the terminal's message about a payment it asked for.
func (e *Engine) tell(tx *store.Tx, p payment.Payment, now time.Time) error {
	if p.Source != payment.FromTill {
		return nil
	}
	if err := tx.PutDown(p.Terminal, wire.KindResult, resultOf(p), now); err != nil {
		return err
	}
	terminal := p.Terminal
	tx.AfterCommit(func() { e.Told(terminal) })
	return nil
}

func (e *Engine) rules(p payment.Payment) channel.Rules {
	if w := e.way(p.Attempt.Channel); w != nil && p.Attempt.Shown && w.shows != nil {
		return w.showing
	} else if w != nil {
		return w.rules
	}
	return orphanRules
}

// orphanRules are for a payment whose channel left the configuration: it is kept and asked about,
// and each try says that the channel is missing.
var orphanRules = channel.Rules{CallTimeout: time.Second, FirstQuery: 10 * time.Second, QueryEvery: 10 * time.Second,
	GiveUp: time.Hour, ReverseEvery: 30 * time.Second, Travel: 24 * time.Hour}

// storageTrouble logs what could not be stored. The store's failure ends the process; the restart
// finds the work begun and asks.
func (e *Engine) storageTrouble(entity string, err error) {
	e.Log.Error("cannot store; it stays as it is and is asked about after a restart", logs.Payment, entity, logs.Err, err)
}

// change of a payment, as the event log keeps it.
type changeBody struct {
	Status    pay.Status  `json:"status"`
	Outcome   pay.Outcome `json:"outcome"`
	Attempt   pay.Status  `json:"attempt"`
	Waiting   bool        `json:"waiting,omitempty"`
	Event     string      `json:"event"`
	Note      string      `json:"note,omitempty"`
	WalletRef string      `json:"wallet_ref,omitempty"`
	Decline   string      `json:"decline,omitempty"`
	Left      string      `json:"left_attempt,omitempty"` // when the change is one of an attempt that was left
}

func changeOf(p payment.Payment, event payment.Event, note string) changeBody {
	left := ""
	if !p.Attempt.Left.IsZero() {
		left = p.Attempt.ID
	}
	return changeBody{Left: left, Status: p.Status, Outcome: p.Outcome(), Attempt: p.Attempt.Status, Waiting: p.Waiting, Event: string(event.Kind),
		Note: note, WalletRef: p.Attempt.WalletRef, Decline: p.Decline.Code}
}
