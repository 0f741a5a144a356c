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
	"cloudcashier/shared/wire"
)

// Refund takes a till's refund in. A nil error means that the answer, whatever it is, is stored and
// will reach the till; an error means that nothing may be acknowledged.
func (e Desk) Refund(_ context.Context, t registry.Terminal, m wire.Refund) error {
	if m.Key == "" || len(m.Key) > 64 {
		return fault.New(fault.Invalid, "wire.key", "a refund needs a key of 1 to 64 characters")
	}
	a, err := refundAskOf(t, m)
	if err == nil {
		var r payment.Refund
		var fresh bool
		if r, fresh, err = e.refund(a); err == nil {
			if fresh { // its first message was written with it
				return nil
			}
			return e.toTill(t, wire.KindRefundResult, refundResultOf(r))
		}
	}
	if k := fault.KindOf(err); k == fault.InDoubt || k == fault.Internal {
		return err
	}
	return e.toTill(t, wire.KindRefused, wire.Refused{Key: m.Key, Code: fault.CodeOf(err), Message: fault.MessageOf(err)})
}

// maxReason bounds the reason of a refund, in bytes; wallets show less.
const maxReason = 256

func refundAskOf(t registry.Terminal, m wire.Refund) (RefundAsk, error) {
	amount, err := money.New(m.Amount, money.Currency(m.Currency))
	switch {
	case err != nil:
		return RefundAsk{}, err
	case m.RefundNo == "" || len(m.RefundNo) > 64:
		return RefundAsk{}, fault.New(fault.Invalid, "refund.refund_no", "refund_no has 1 to 64 characters")
	case m.Sale == "" || len(m.Sale) > 64:
		return RefundAsk{}, fault.New(fault.Invalid, "refund.sale", "a refund names the sale whose money goes back")
	case len(m.Reason) > maxReason:
		return RefundAsk{}, fault.New(fault.Invalid, "refund.reason", "a reason has %d bytes at most", maxReason)
	}
	body := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %s %q", m.Sale, m.RefundNo, m.Amount, m.Currency, m.Reason))
	return RefundAsk{Merchant: t.Merchant, Store: t.Store, Terminal: t.ID, Source: payment.FromTill, Key: m.Key,
		BodyHash: hex.EncodeToString(body[:]), RefundNo: m.RefundNo, Amount: amount, Reason: m.Reason, Sale: m.Sale}, nil
}

// tellRefund writes the terminal's message about a refund it asked for.
func (e *Engine) tellRefund(tx *store.Tx, r payment.Refund, now time.Time) error {
	if r.Source != payment.FromTill {
		return nil
	}
	if err := tx.PutDown(r.Terminal, wire.KindRefundResult, refundResultOf(r), now); err != nil {
		return err
	}
	tx.AfterCommit(func() { e.Told(r.Terminal) })
	return nil
}

// refundResultOf is what a till is told of its refund.
func refundResultOf(r payment.Refund) wire.RefundResult {
	w := wire.RefundResult{Key: r.Key, RefundID: r.ID, Status: r.Status, Outcome: r.Outcome(), Reason: r.Decline.Code, Message: r.Decline.Message,
		Amount: r.Amount.Fen(), WalletRef: r.WalletRef}
	if !r.RefundedAt.IsZero() {
		at := r.RefundedAt
		w.RefundedAt = &at
	}
	return w
}
