package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/registry"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// Desk is the engine as terminals see it.
type Desk struct{ *Engine }

// Pay takes a till's payment in. A nil error means that the answer, whatever it is, is stored and
// will reach the till; an error means that nothing may be acknowledged.
func (e Desk) Pay(ctx context.Context, t registry.Terminal, m wire.Pay) error {
	if m.Key == "" || len(m.Key) > 64 {
		return fault.New(fault.Invalid, "wire.key", "a payment needs a key of 1 to 64 characters")
	}
	a, err := e.askOf(t, m)
	if err == nil {
		var p payment.Payment
		var fresh bool
		if p, fresh, _, err = e.collect(ctx, a); err == nil {
			if fresh { // its first message was written with it
				return nil
			}
			return e.toTill(t, wire.KindResult, resultOf(p))
		}
	}
	if k := fault.KindOf(err); k == fault.InDoubt || k == fault.Internal {
		return err
	}
	return e.toTill(t, wire.KindRefused, wire.Refused{Key: m.Key, Code: fault.CodeOf(err), Message: fault.MessageOf(err)})
}

func (e *Engine) askOf(t registry.Terminal, m wire.Pay) (Ask, error) {
	amount, err := money.New(m.Amount, money.Currency(m.Currency))
	if err != nil {
		return Ask{}, err
	}
	var code pay.Code
	switch {
	case m.Mode == "" && m.Wallet == "":
		code, err = pay.ParseCode(m.Code)
	case m.Mode != "qr" || m.Code != "" || m.DeferredAt != nil:
		err = fault.New(fault.Invalid, "payment.mode", "the only mode is \"qr\", with a wallet or none and without a code: update the agent")
	}
	if err != nil {
		return Ask{}, err
	}
	if m.OrderNo == "" || len(m.OrderNo) > 64 {
		return Ask{}, fault.New(fault.Invalid, "payment.order_no", "order_no has 1 to 64 characters")
	}
	if m.CodeAgeMS < 0 {
		return Ask{}, fault.New(fault.Invalid, "code.age", "the code's age is negative: update the agent")
	}
	body := sha256.Sum256(fmt.Appendf(nil, "%q %d %s %x %q %q %q", m.OrderNo, m.Amount, m.Currency, e.digest(code), m.Subject, m.Mode, m.Wallet))
	var deferred time.Time
	if m.DeferredAt != nil {
		deferred = *m.DeferredAt
	}
	return Ask{Deferred: deferred, Merchant: t.Merchant, Store: t.Store, Terminal: t.ID, Source: payment.FromTill, Key: m.Key,
		BodyHash: hex.EncodeToString(body[:]), OrderNo: m.OrderNo, Amount: amount, Code: code,
		CodeAge: time.Duration(m.CodeAgeMS) * time.Millisecond, Subject: m.Subject, Shown: m.Mode != "", Wallet: m.Wallet}, nil
}

// Fence settles a doubt of the till's: from now on the key is never charged unless it arrived
// before, and the till is told how it stands.
func (e Desk) Fence(_ context.Context, t registry.Terminal, m wire.Fence) error {
	return e.fence(t, m.Key, false)
}

// Cancel undoes the till's payment under a key, fencing it too.
func (e Desk) Cancel(_ context.Context, t registry.Terminal, m wire.Cancel) error {
	return e.fence(t, m.Key, true)
}

func (e *Engine) fence(t registry.Terminal, key string, cancel bool) error {
	if key == "" || len(key) > 64 {
		return fault.New(fault.Invalid, "wire.key", "a fence needs a key of 1 to 64 characters")
	}
	now := e.Now()
	err := e.Store.Update(func(tx *store.Tx) error {
		p, err := tx.PaymentByKey(t.Merchant, payment.FromTill, t.ID, key)
		if fault.KindOf(err) == fault.NotFound {
			if err := tx.PutFence(t.ID, key, now); err != nil {
				return err
			}
			return tx.PutDown(t.ID, wire.KindResult, wire.Result{Key: key, Status: pay.StatusClosed, Outcome: pay.NotPaid,
				Reason: "fenced", Message: "it never arrived: nothing was charged"}, now)
		}
		if err != nil {
			return err
		}
		if cancel && !p.Final() && p.Attempt.Status != pay.StatusReversing {
			if p, err = e.apply(tx, p, "till", payment.Event{Kind: payment.Cancel}, now); err != nil {
				return err
			}
		}
		return tx.PutDown(t.ID, wire.KindResult, resultOf(p), now)
	})
	if err == nil {
		e.Told(t.ID)
	}
	return err
}

func (e *Engine) toTill(t registry.Terminal, kind wire.Kind, body any) error {
	now := e.Now()
	err := e.Store.Update(func(tx *store.Tx) error { return tx.PutDown(t.ID, kind, body, now) })
	if err == nil {
		e.Told(t.ID)
	}
	return err
}

// resultOf is what a till is told of its payment.
func resultOf(p payment.Payment) wire.Result {
	r := wire.Result{Key: p.Key, PaymentID: p.ID, Status: p.Status, Outcome: p.Outcome(), Waiting: p.Waiting,
		Reason: p.Decline.Code, Message: p.Decline.Message, Amount: p.Amount.Fen(), Wallet: p.Wallet, WalletRef: p.Attempt.WalletRef}
	if !p.PaidAt.IsZero() {
		paid := p.PaidAt
		r.PaidAt = &paid
	}
	if p.Showing() {
		ends := p.Ends()
		r.QR, r.QRUntil = p.Attempt.QR, &ends
	}
	return r
}
