package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/id"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// RefundAsk is what a door asks the engine to give back.
type RefundAsk struct {
	Merchant, Store, Terminal string
	Source                    payment.Source
	Key                       string // idempotency key: a till's refund, or a merchant's refund number
	BodyHash                  string // of what was asked under Key
	RefundNo                  string
	Amount                    money.Amount
	Reason                    string // shown to the customer; may be empty
	Payment                   string // its identifier; empty when Sale is given
	Sale                      string // a till's key of the sale
}

func isRefund(entity string) bool { return strings.HasPrefix(entity, id.Refund+"_") }

// Refund takes a refund in; the wallet is asked in the background. The same Key with the same
// BodyHash gives the refund that is there already; with another one, Conflict. What the law turns
// away is stored too, and comes back as failed. Other errors store nothing: Invalid, NotFound when
// there is no such payment, InDoubt when storage failed.
func (e *Engine) Refund(_ context.Context, a RefundAsk) (r payment.Refund, err error) {
	r, _, err = e.refund(a)
	return r, err
}

// refund is Refund; fresh tells a refund taken in now from one that was there.
func (e *Engine) refund(a RefundAsk) (r payment.Refund, fresh bool, err error) {
	if err := a.Amount.Charge(); err != nil {
		return r, false, err
	}
	now := e.Now()
	err = e.Store.Update(func(tx *store.Tx) error {
		r, err = tx.RefundByKey(a.Merchant, a.Source, payment.Refund{Source: a.Source, Terminal: a.Terminal}.Scope(), a.Key)
		if fault.KindOf(err) != fault.NotFound {
			if err == nil && r.BodyHash != a.BodyHash {
				err = fault.New(fault.Conflict, "refund.conflict",
					"%s was asked for before with other content: use a new number, or repeat the first request unchanged", a.Key)
			}
			return err
		}
		p, err := e.refunded(tx, a)
		if err != nil {
			return err
		}
		fresh = true
		r, err = e.takeRefund(tx, a, p, now)
		return err
	})
	return r, fresh && err == nil, err
}

// refunded finds the payment that is to be refunded.
func (e *Engine) refunded(tx *store.Tx, a RefundAsk) (p payment.Payment, err error) {
	if a.Payment == "" {
		return tx.TillPayment(a.Merchant, a.Terminal, a.Sale)
	}
	if p, err = tx.Payment(a.Payment); err == nil && p.Merchant != a.Merchant {
		err = fault.New(fault.NotFound, "payment.unknown", "there is no payment %q", a.Payment)
	}
	return p, err
}

// takeRefund stores a refund as the law decides about it, in the transaction that read what is left
// of the payment.
func (e *Engine) takeRefund(tx *store.Tx, a RefundAsk, p payment.Payment, now time.Time) (r payment.Refund, err error) {
	standing, err := tx.Standing(p.ID)
	if err != nil {
		return r, err
	}
	rules, offered := e.refundRules(p)
	r = payment.AdmitRefund(payment.Refund{ID: e.IDs.New(id.Refund), Payment: p.ID, Merchant: a.Merchant, Store: a.Store, Terminal: a.Terminal,
		Source: a.Source, Key: a.Key, BodyHash: a.BodyHash, RefundNo: a.RefundNo, OutRefundNo: e.IDs.OutTradeNo(), Amount: a.Amount,
		Reason: a.Reason}, p, standing, rules, offered, now)
	if err := tx.InsertRefund(r); err != nil {
		return r, err
	}
	kind := "refund.create"
	if r.Final() {
		kind = "refund." + string(payment.RefundTurnAway)
	}
	if err := tx.Append(store.Event{Entity: r.ID, Kind: kind, Cause: string(a.Source), At: now, Body: refundChangeOf(r, kind)}); err != nil {
		return r, err
	}
	tx.AfterCommit(func() {
		e.Log.Info("refund taken in", "refund", r.ID, logs.Payment, p.ID, logs.Order, p.OrderNo, logs.Merchant, r.Merchant, logs.Terminal, r.Terminal,
			logs.Channel, p.Attempt.Channel, "amount", r.Amount.Fen(), "out_refund_no", r.OutRefundNo, logs.Status, r.Status, "why", r.Decline.Code)
	})
	if err := e.tellRefund(tx, r, now); err != nil {
		return r, err
	}
	return r, e.scheduleRefund(tx, r, rules)
}

// stepRefund does the next thing for a refund, if it is due.
func (e *Engine) stepRefund(refundID string) {
	r, p, task, err := e.beginRefund(refundID)
	if err != nil {
		e.storageTrouble(refundID, err)
		return
	}
	if task != payment.TaskNone {
		e.performRefund(r, p, task)
	}
}

// beginRefund decides what is due and marks it begun. TaskNone: nothing is due.
func (e *Engine) beginRefund(refundID string) (r payment.Refund, p payment.Payment, task payment.Task, err error) {
	now := e.Now()
	wall := e.clock.outside(now)
	err = e.Store.Update(func(tx *store.Tx) error {
		if r, err = tx.Refund(refundID); err != nil {
			return err
		}
		if p, err = tx.Payment(r.Payment); err != nil {
			return err
		}
		rules, _ := e.refundRules(p)
		var due time.Time
		task, due = payment.PlanRefund(r, rules)
		if task == payment.TaskNone || due.After(now) {
			task = payment.TaskNone
			return e.scheduleRefund(tx, r, rules)
		}
		before := r.Status
		if r, err = payment.CallRefund(r, task, now, wall); err != nil {
			return err
		}
		if err := tx.SaveRefund(r); err != nil {
			return err
		}
		if task == payment.TaskRefund { // each sending is told by the log
			kind := "refund." + string(payment.RefundSend)
			if err := tx.Append(store.Event{Entity: r.ID, Kind: kind, Cause: "engine", At: now, Body: refundChangeOf(r, kind)}); err != nil {
				return err
			}
		}
		if r.Status != before {
			if err := e.tellRefund(tx, r, now); err != nil {
				return err
			}
		}
		return tx.PutWork(store.Work{Entity: r.ID, Task: task, Due: due, Begun: true})
	})
	return r, p, task, err
}

// performRefund makes one call and stores what it taught.
func (e *Engine) performRefund(r payment.Refund, p payment.Payment, task payment.Task) {
	asked := e.Now()
	answer := e.callRefund(e.way(p.Attempt.Channel), r, p, task)
	log := e.Log.With("refund", r.ID, logs.Payment, p.ID, logs.Order, p.OrderNo, logs.Channel, p.Attempt.Channel, "task", task,
		"finding", answer.Finding, "took_ms", e.Now().Sub(asked).Milliseconds())
	if answer.Err != nil {
		log.Warn("wallet answer proves nothing", logs.Err, answer.Err)
	} else {
		log.Info("wallet answered")
	}
	now := e.Now()
	err := e.Store.Update(func(tx *store.Tx) error {
		current, err := tx.Refund(r.ID)
		if err == nil {
			_, err = e.applyRefund(tx, current, "wallet", payment.LearnRefund(e.vouchedRefund(current), task, answer, asked), now)
		}
		return err
	})
	if err != nil {
		e.storageTrouble(r.ID, err)
	}
}

func (e *Engine) callRefund(way *way, r payment.Refund, p payment.Payment, task payment.Task) (a channel.RefundAnswer) {
	defer func() {
		if v := recover(); v != nil {
			a = channel.RefundAnswer{Finding: channel.RefundUnknown, Err: fmt.Errorf("connector panicked: %v\n%s", v, debug.Stack())}
		}
	}()
	if way == nil || way.back == nil {
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: fmt.Errorf("channel %q is not configured any more: put it back", p.Attempt.Channel)}
	}
	if err := e.mayCall(); err != nil {
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: err}
	}
	ctx, cancel := context.WithTimeout(e.life, way.backing.CallTimeout)
	defer cancel()
	asked := channel.Refund{OutRefundNo: r.OutRefundNo, WalletRef: r.WalletRef, SentAt: r.Stamp, Amount: r.Amount, Reason: r.Reason,
		Order: channel.Ref{OutTradeNo: p.Attempt.OutTradeNo, WalletRef: p.Attempt.WalletRef, Amount: p.Amount, SentAt: p.Attempt.Stamp, Shown: p.Attempt.Shown}}
	if task == payment.TaskRefund {
		return way.back.Refund(ctx, asked)
	}
	return way.back.QueryRefund(ctx, asked)
}

// refundRules are those of the payment's channel; offered: it can refund.
func (e *Engine) refundRules(p payment.Payment) (rules channel.RefundRules, offered bool) {
	if w := e.way(p.Attempt.Channel); w != nil && w.back != nil {
		return w.backing, true
	}
	return channel.RefundRules{Every: 30 * time.Second}, false // one whose channel left the configuration is kept and asked about
}

// change of a refund, as the event log keeps it.
type refundChange struct {
	Payment     string            `json:"payment"`
	Status      pay.RefundStatus  `json:"status"`
	Outcome     pay.RefundOutcome `json:"outcome"`
	Event       string            `json:"event"`
	Amount      int64             `json:"amount"`
	OutRefundNo string            `json:"out_refund_no"`
	WalletRef   string            `json:"wallet_ref,omitempty"`
	Decline     string            `json:"decline,omitempty"`
}

func refundChangeOf(r payment.Refund, event string) refundChange {
	return refundChange{Payment: r.Payment, Status: r.Status, Outcome: r.Outcome(), Event: strings.TrimPrefix(event, "refund."), Amount: r.Amount.Fen(),
		OutRefundNo: r.OutRefundNo, WalletRef: r.WalletRef, Decline: r.Decline.Code}
}
