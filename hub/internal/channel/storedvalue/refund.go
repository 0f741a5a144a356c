package storedvalue

import (
	"context"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
)

// Refund implements channel.Refunder.
func (c *Channel) Refund(ctx context.Context, r channel.Refund) (a channel.RefundAnswer) {
	if err := ctx.Err(); err != nil {
		return refundDoubt(err)
	}
	now := c.Now()
	err := c.Store.Update(func(tx *store.Tx) (err error) {
		a, err = refund(tx, r, now)
		return err
	})
	if err != nil {
		return refundDoubt(err)
	}
	return a
}

func refund(tx *store.Tx, r channel.Refund, now time.Time) (channel.RefundAnswer, error) {
	if a, ok, err := given(tx, r); err != nil || ok {
		return a, err
	}
	refuse := func(code channel.DeclineCode, message string) (channel.RefundAnswer, error) {
		return channel.RefundAnswer{Finding: channel.RefundRefused, Decline: channel.Decline{Code: code, Message: message}}, nil
	}
	o, ok, err := tx.StoredOrder(r.Order.OutTradeNo)
	if err != nil {
		return channel.RefundAnswer{}, err
	}
	refunded, err := tx.StoredRefunded(r.Order.OutTradeNo)
	switch {
	case err != nil:
		return channel.RefundAnswer{}, err
	case !ok || o.Status != store.StoredPaid || o.Amount != r.Order.Amount:
		return refuse(channel.RefusedOther, "No such payment can be refunded.")
	case now.After(o.At.Add(refundWindow)):
		return refuse(channel.RefusedOther, "The payment is too old to be refunded.")
	case r.Amount.Charge() != nil || r.Amount.Fen() > o.Amount.Fen()-refunded.Fen():
		return refuse(channel.LimitExceeded, "More than was paid cannot be refunded.")
	}
	return channel.RefundAnswer{Finding: channel.Refunded, WalletRef: r.OutRefundNo, RefundedAt: now.UTC()},
		book(tx, o.Account, "refund", r.OutRefundNo, o.OutTradeNo, r.Amount, now)
}

// given finds a refund that was made; ok is false when there is none.
func given(tx *store.Tx, r channel.Refund) (a channel.RefundAnswer, ok bool, err error) {
	e, ok, err := tx.StoredEntry("refund", r.OutRefundNo)
	if err != nil || !ok {
		return a, false, err
	}
	if e.OutTradeNo != r.Order.OutTradeNo || e.Amount != r.Amount {
		return refundDoubt(fault.New(fault.Internal, "storedvalue.refunded", "refund %s was %s of %s", r.OutRefundNo, e.Amount, e.OutTradeNo)), true, nil
	}
	return channel.RefundAnswer{Finding: channel.Refunded, WalletRef: r.OutRefundNo, RefundedAt: e.At}, true, nil
}

// QueryRefund implements channel.Refunder.
func (c *Channel) QueryRefund(ctx context.Context, r channel.Refund) (a channel.RefundAnswer) {
	if err := ctx.Err(); err != nil {
		return refundDoubt(err)
	}
	err := c.Store.View(func(tx *store.Tx) error {
		found, ok, err := given(tx, r)
		if a = found; !ok {
			a = channel.RefundAnswer{Finding: channel.RefundAbsent}
		}
		return err
	})
	if err != nil {
		return refundDoubt(err)
	}
	return a
}

func refundDoubt(err error) channel.RefundAnswer {
	return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: err}
}
