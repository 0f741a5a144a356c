// Package storedvalue is the channel to the hub's own stored value: balances in the hub's tables, spent
// by one-time codes that the hub signed.
//
// It answers like a wallet: the same out_trade_no gives the same answer, a number it never saw is absent,
// and an undone one stays undone though its charge came later. Each call is one transaction. It refuses a
// code twice (by its serial), a claim for any other sale than its own, and to let a balance go below
// nothing; all of these are declines. Newcomers get one thing wrong: a till that was offline has handed
// the goods over long ago, so a code counts as shown when the till took it, not when it arrives here.
package storedvalue

import (
	"context"
	"crypto/ed25519"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/storedvalue"
)

// Config is what the channel stands on.
type Config struct {
	Store  *store.Store
	Key    ed25519.PublicKey          // verifies codes: the hub's own
	Secret func(serial string) []byte // the secret of a code, worked out again
	// Collect is how long after a terminal took a code offline it is still collected.
	Collect func(merchant, terminal string) time.Duration
	Now     func() time.Time
}

// Channel implements channel.Channel and channel.Refunder.
type Channel struct{ Config }

var (
	_ channel.Channel  = (*Channel)(nil)
	_ channel.Refunder = (*Channel)(nil)
)

// New makes the channel.
func New(c Config) *Channel { return &Channel{c} }

// refundWindow is how long after the payment money of it can be given back.
const refundWindow = 365 * 24 * time.Hour

// Rules implements channel.Channel. A call is a transaction on this machine: nothing of it is under way
// any more soon after, and a reversal is always taken.
func (c *Channel) Rules() channel.Rules {
	return channel.Rules{CallTimeout: 5 * time.Second, FirstQuery: time.Second, QueryEvery: time.Second, GiveUp: 30 * time.Second,
		ReverseEvery: time.Second, Travel: 10 * time.Second}
}

// RefundRules implements channel.Refunder.
func (c *Channel) RefundRules() channel.RefundRules {
	return channel.RefundRules{CallTimeout: 5 * time.Second, Every: time.Second, Window: refundWindow}
}

// Pay implements channel.Channel.
func (c *Channel) Pay(ctx context.Context, o channel.Order) channel.Answer {
	return c.settle(ctx, func(tx *store.Tx, _ time.Time) (channel.Answer, error) { return c.PayWithin(tx, o) })
}

// PayWithin is Pay in a transaction of the caller's. An error undoes all of it.
func (c *Channel) PayWithin(tx *store.Tx, o channel.Order) (channel.Answer, error) {
	now := c.Now()
	known, ok, err := tx.StoredOrder(o.OutTradeNo)
	if err != nil || ok {
		return answer(known, o.Amount), err
	}
	order := store.StoredOrder{OutTradeNo: o.OutTradeNo, Amount: o.Amount, At: now}
	code, decline := c.judge(o, now)
	if decline == nil {
		if decline, err = charge(tx, code.Terms, o, &order); err != nil {
			return channel.Answer{}, err
		}
	}
	if decline != nil {
		order.Status, order.DeclineCode, order.DeclineMessage = store.StoredDeclined, string(decline.Code), decline.Message
		return answer(order, o.Amount), tx.InsertStoredOrder(order)
	}
	order.Status = store.StoredPaid
	if err := tx.InsertStoredOrder(order); err != nil {
		return channel.Answer{}, err
	}
	return answer(order, o.Amount), book(tx, order.Account, "charge", o.OutTradeNo, o.OutTradeNo, o.Amount.Neg(), now)
}

// judge looks at the code itself: whose it is, for which sale, how old.
func (c *Channel) judge(o channel.Order, now time.Time) (storedvalue.Code, *channel.Decline) {
	code, err := storedvalue.Parse(o.Code, c.Key)
	if err != nil {
		return code, refuse(channel.CodeUsed, "The code is not valid: ask for a fresh one.")
	}
	if !code.Holds(c.Secret(code.Serial), storedvalue.Sale{Terminal: o.Terminal, Key: o.Key, OrderNo: o.OrderNo, Amount: o.Amount}) {
		return code, refuse(channel.CodeUsed, "The code is not valid for this sale: ask for a fresh one.")
	}
	shown := now
	if !o.Deferred.IsZero() {
		shown = o.Deferred
		if shown.After(now.Add(storedvalue.Slack)) || now.After(shown.Add(c.Collect(o.Merchant, o.Terminal)+storedvalue.Slack)) {
			return code, refuse(channel.CodeExpired, "It was taken offline too long ago to be collected.")
		}
	}
	err = code.Allow(o.Merchant, o.Amount, shown, storedvalue.Slack)
	switch fault.CodeOf(err) {
	case "storedvalue.too_much":
		return code, refuse(channel.LimitExceeded, fault.MessageOf(err))
	case "storedvalue.expired", "storedvalue.not_yet":
		return code, refuse(channel.CodeExpired, fault.MessageOf(err))
	}
	if err != nil {
		return code, refuse(channel.RefusedOther, fault.MessageOf(err))
	}
	return code, nil
}

// charge looks at the account, and names the order's when it can pay.
func charge(tx *store.Tx, t storedvalue.Terms, o channel.Order, order *store.StoredOrder) (*channel.Decline, error) {
	spent, err := tx.StoredSpent(t.Serial)
	if err != nil {
		return nil, err
	}
	if spent {
		return refuse(channel.CodeUsed, "The code was used before: ask for a fresh one."), nil
	}
	a, err := tx.StoredAccount(t.Account)
	if fault.KindOf(err) == fault.NotFound || err == nil && (a.Revoked || a.Merchant != o.Merchant) {
		return refuse(channel.RefusedOther, "The customer's account is closed."), nil
	}
	if err != nil {
		return nil, err
	}
	order.Account, order.Serial = a.ID, t.Serial
	if a.Balance.Fen() < o.Amount.Fen() {
		return refuse(channel.BalanceLow, "The balance is too low: ask for another way to pay."), nil
	}
	return nil, nil
}

// refuse makes a decline. The words are our own: no wallet has others.
func refuse(code channel.DeclineCode, message string) *channel.Decline {
	return &channel.Decline{Code: code, Message: message}
}

// Query implements channel.Channel.
func (c *Channel) Query(ctx context.Context, r channel.Ref) (a channel.Answer) {
	if err := ctx.Err(); err != nil {
		return doubt(err)
	}
	err := c.Store.View(func(tx *store.Tx) error {
		o, ok, err := tx.StoredOrder(r.OutTradeNo)
		if a = answer(o, r.Amount); !ok {
			a = channel.Answer{Finding: channel.Absent}
		}
		return err
	})
	if err != nil {
		return doubt(err)
	}
	return a
}

// Reverse implements channel.Channel. A number it never saw is noted as undone, so that its charge
// cannot come after.
func (c *Channel) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	return c.settle(ctx, func(tx *store.Tx, now time.Time) (channel.Answer, error) {
		undone := channel.Answer{Finding: channel.Reversed, WalletRef: r.OutTradeNo}
		o, ok, err := tx.StoredOrder(r.OutTradeNo)
		switch {
		case err != nil:
			return undone, err
		case !ok:
			return undone, tx.InsertStoredOrder(store.StoredOrder{OutTradeNo: r.OutTradeNo, Amount: r.Amount, Status: store.StoredReversed, At: now})
		case o.Amount != r.Amount:
			return answer(o, r.Amount), nil
		case o.Status != store.StoredPaid:
			return undone, nil
		}
		refunded, err := tx.StoredRefunded(r.OutTradeNo)
		if err != nil {
			return undone, err
		}
		if rest := money.Fen(o.Amount.Fen() - refunded.Fen()); !rest.IsZero() {
			if err := book(tx, o.Account, "reversal", r.OutTradeNo, r.OutTradeNo, rest, now); err != nil {
				return undone, err
			}
		}
		return undone, tx.ReverseStoredOrder(r.OutTradeNo)
	})
}

// book moves a balance and notes it in the log, for the account.
func book(tx *store.Tx, account, kind, number, outTradeNo string, amount money.Amount, now time.Time) error {
	if err := tx.InsertStoredEntry(store.StoredEntry{Account: account, Kind: kind, Number: number, OutTradeNo: outTradeNo, Amount: amount, At: now}); err != nil {
		return err
	}
	return tx.Append(store.Event{Entity: account, Kind: "storedvalue." + kind, Cause: "engine", At: now,
		Body: map[string]any{"number": number, "out_trade_no": outTradeNo, "amount": amount.Fen()}})
}

// settle makes one call: one transaction, whose failure proves nothing.
func (c *Channel) settle(ctx context.Context, do func(*store.Tx, time.Time) (channel.Answer, error)) (a channel.Answer) {
	if err := ctx.Err(); err != nil {
		return doubt(err)
	}
	now := c.Now()
	err := c.Store.Update(func(tx *store.Tx) (err error) {
		a, err = do(tx, now)
		return err
	})
	if err != nil {
		return doubt(err)
	}
	return a
}

func doubt(err error) channel.Answer { return channel.Answer{Finding: channel.Unknown, Err: err} }

// answer tells how an attempt stands, provided that it was over this amount.
func answer(o store.StoredOrder, amount money.Amount) channel.Answer {
	if o.Amount != amount {
		return doubt(fault.New(fault.Internal, "storedvalue.amount", "the attempt was over %s, not %s", o.Amount, amount))
	}
	a := channel.Answer{WalletRef: o.OutTradeNo}
	switch o.Status {
	case store.StoredPaid:
		a.Finding, a.PaidAt = channel.Approved, o.At.UTC()
	case store.StoredReversed:
		a.Finding = channel.Reversed
	default:
		a.Finding, a.Decline = channel.Declined, channel.Decline{Code: channel.DeclineCode(o.DeclineCode), Message: o.DeclineMessage}
	}
	return a
}
