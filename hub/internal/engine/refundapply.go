package engine

import (
	"context"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/pay"
)

// applyRefund is the one place where a refund changes: the law, the record, the event, the message
// to the terminal and the next work, all in the caller's transaction.
func (e *Engine) applyRefund(tx *store.Tx, r payment.Refund, cause string, event payment.RefundEvent, now time.Time) (payment.Refund, error) {
	p, err := tx.Payment(r.Payment)
	if err != nil {
		return r, err
	}
	rules, _ := e.refundRules(p)
	after, err := payment.ApplyRefund(r, event, now)
	refused := fault.KindOf(err) == fault.Conflict
	switch {
	case refused:
		e.Log.Error("the wallet contradicts what was proven: look at this refund", "refund", r.ID, logs.Payment, r.Payment, logs.Status, r.Status, logs.Kind, event.Kind)
		if err := tx.Append(store.Event{Entity: r.ID, Kind: "refund.break", Cause: cause, At: now, Body: refundChangeOf(r, string(event.Kind))}); err != nil {
			return r, err
		}
	case err != nil:
		return r, err
	default:
		if err := tx.SaveRefund(after); err != nil {
			return r, err
		}
	}
	if err := e.noticeRefund(tx, r, after, p, event, refused, now); err != nil {
		return r, err
	}
	if after.Status != r.Status {
		if err := tx.Append(store.Event{Entity: r.ID, Kind: "refund." + string(event.Kind), Cause: cause, At: now,
			Body: refundChangeOf(after, string(event.Kind))}); err != nil {
			return r, err
		}
		if err := e.tellRefund(tx, after, now); err != nil {
			return r, err
		}
		turn := e.agenda.turn()
		tx.AfterCommit(func() {
			e.Log.Info("refund changed", "refund", after.ID, logs.Payment, after.Payment, logs.Status, after.Status, logs.Kind, event.Kind)
			e.given.tell(after.ID, after, turn)
		})
	}
	return after, e.scheduleRefund(tx, after, rules)
}

// scheduleRefund derives the next work from the refund, stores it, and puts it on the agenda.
func (e *Engine) scheduleRefund(tx *store.Tx, r payment.Refund, rules channel.RefundRules) error {
	task, due := payment.PlanRefund(r, rules)
	if err := tx.PutWork(store.Work{Entity: r.ID, Task: task, Due: due}); err != nil {
		return err
	}
	turn := e.agenda.turn()
	tx.AfterCommit(func() { e.agenda.put(r.ID, due, turn) })
	return nil
}

// knownRefund is what was known when an exception about a refund was opened.
type knownRefund struct {
	Status      pay.RefundStatus  `json:"status"`
	Outcome     pay.RefundOutcome `json:"outcome"`
	Event       string            `json:"event"`
	Channel     string            `json:"channel"`
	OutTradeNo  string            `json:"out_trade_no"`
	OutRefundNo string            `json:"out_refund_no"`
	WalletRef   string            `json:"wallet_ref,omitempty"`
	Amount      int64             `json:"amount"`
	Tries       int               `json:"tries"`
	SentAt      time.Time         `json:"sent_at"`
}

// noticeRefund opens and ends exceptions as the law says, in the transaction that changed the refund.
func (e *Engine) noticeRefund(tx *store.Tx, before, after payment.Refund, p payment.Payment, event payment.RefundEvent, refused bool, now time.Time) error {
	opened, ended := payment.NoticeRefund(before, after, event, refused, now)
	for _, kind := range ended {
		x := payment.Exception{Payment: after.Payment, Refund: after.ID, Kind: kind}
		if err := e.endException(tx, x, "hub", payment.Settled, provenBy+string(event.Kind), now); err != nil {
			return err
		}
	}
	for _, x := range opened {
		err := e.openException(tx, x, knownRefund{Status: after.Status, Outcome: after.Outcome(), Event: string(event.Kind), Channel: p.Attempt.Channel,
			OutTradeNo: p.Attempt.OutTradeNo, OutRefundNo: after.OutRefundNo, WalletRef: after.WalletRef, Amount: after.Amount.Fen(),
			Tries: after.Tries, SentAt: after.Sent.UTC()})
		if err != nil {
			return err
		}
	}
	return nil
}

// judgeRefund is judge for an exception about a refund.
func (e *Engine) judgeRefund(tx *store.Tx, j Judgement, x payment.Exception, v *Verdict, now time.Time) (word string, err error) {
	r, err := tx.Refund(x.Refund)
	if err != nil {
		return "", err
	}
	after, err := payment.DecideRefund(r, x.Kind, j.Decision)
	if err != nil {
		return "", err
	}
	if word, err = confirm(j, "%s %d", r.Status, r.Since.UnixMilli()); word != "" || err != nil {
		return word, err
	}
	if err := tx.SaveRefund(after); err != nil {
		return "", err
	}
	if err := e.judged(tx, j, x, now); err != nil {
		return "", err
	}
	rules, _ := e.refundRules(v.Payment)
	return "", e.scheduleRefund(tx, after, rules)
}

// ReadRefund reads a merchant's refund (NotFound, also for another merchant's).
func (e *Engine) ReadRefund(_ context.Context, merchant, refundID string) (r payment.Refund, err error) {
	err = e.Store.View(func(tx *store.Tx) error {
		r, err = tx.Refund(refundID)
		return err
	})
	if err == nil && r.Merchant != merchant {
		return payment.Refund{}, fault.New(fault.NotFound, "refund.unknown", "there is no refund %q", refundID)
	}
	return r, err
}

// Refunds lists a payment's refunds, newest first (NotFound for another merchant's payment).
func (e *Engine) Refunds(ctx context.Context, merchant, paymentID string) (list []payment.Refund, err error) {
	if _, err := e.Payment(ctx, merchant, paymentID); err != nil {
		return nil, err
	}
	err = e.Store.View(func(tx *store.Tx) error {
		list, err = tx.RefundsOf(paymentID, 200)
		return err
	})
	return list, err
}

// AwaitRefund waits until the outcome is final or ctx ends, and gives the refund as it then stands.
func (e *Engine) AwaitRefund(ctx context.Context, merchant, refundID string) (payment.Refund, error) {
	w := e.given.join(refundID)
	defer w.quit()
	r, err := e.ReadRefund(ctx, merchant, refundID)
	if err != nil {
		return r, err
	}
	return w.until(ctx, r, payment.Refund.Final), nil
}

// RefreshRefund asks the wallet now, also about a refund that is final, and gives what is known then.
func (e *Engine) RefreshRefund(ctx context.Context, merchant, refundID string) (payment.Refund, error) {
	r, err := e.ReadRefund(ctx, merchant, refundID)
	if err != nil || r.Sent.IsZero() || !e.enter(refundID) {
		return r, err // never sent, or a call is in flight already: its answer is as fresh
	}
	var p payment.Payment
	if p, err = e.Payment(ctx, merchant, r.Payment); err == nil {
		r, err = e.ReadRefund(ctx, merchant, refundID) // as it is now that no other call changes it
	}
	if err != nil {
		e.leave(refundID)
		return r, err
	}
	done := make(chan struct{})
	e.spawn(refundID, func() {
		defer close(done)
		defer e.leave(refundID)
		e.performRefund(r, p, payment.TaskAskRefund)
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
	return e.ReadRefund(ctx, merchant, refundID)
}
