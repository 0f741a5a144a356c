package hubtest

import (
	"context"
	"fmt"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// The words of a wallet that gives money back. A [Channel] that is one as well is asked to.
type (
	RefundOrder   = channel.Refund
	RefundAnswer  = channel.RefundAnswer
	RefundFinding = channel.RefundFinding
	RefundRules   = channel.RefundRules
)

// What an answer about a refund proves.
const (
	Refunded      = channel.Refunded
	RefundRefused = channel.RefundRefused
	RefundTaken   = channel.RefundTaken
	RefundBusy    = channel.RefundBusy
	RefundAbsent  = channel.RefundAbsent
	RefundUnknown = channel.RefundUnknown

	MerchantBalanceLow = channel.MerchantBalanceLow
	RefusedOther       = channel.RefusedOther
)

// Refund is what the books say about one refund.
type Refund struct {
	ID, Payment, Terminal, Key, OutRefundNo string
	Status                                  pay.RefundStatus
	Outcome                                 pay.RefundOutcome
	Why                                     string // it failed
	Sent                                    bool
	Fen                                     int64
}

func shortRefund(r payment.Refund) Refund {
	return Refund{ID: r.ID, Payment: r.Payment, Terminal: r.Terminal, Key: r.Key, OutRefundNo: r.OutRefundNo, Status: r.Status,
		Outcome: r.Outcome(), Why: r.Decline.Code, Sent: !r.Sent.IsZero(), Fen: r.Amount.Fen()}
}

// Refund asks for money to go back as a merchant's server does.
func (h *Hub) Refund(ctx context.Context, paymentID, refundNo string, fen int64) (Refund, error) {
	r, err := h.engine.Refund(ctx, engine.RefundAsk{Merchant: Merchant, Source: payment.FromAPI, Key: refundNo,
		BodyHash: fmt.Sprint(paymentID, " ", fen), RefundNo: refundNo, Amount: money.Fen(fen), Payment: paymentID})
	return shortRefund(r), err
}

// AwaitRefund waits for a refund's end, or for ctx's.
func (h *Hub) AwaitRefund(ctx context.Context, refundID string) (Refund, error) {
	r, err := h.engine.AwaitRefund(ctx, Merchant, refundID)
	return shortRefund(r), err
}

func (b *Books) readRefunds(tx *store.Tx) error {
	for _, p := range b.Payments {
		list, err := tx.RefundsOf(p.ID, 1000)
		if err != nil {
			return err
		}
		for _, r := range list {
			b.Refunds = append(b.Refunds, shortRefund(r))
		}
	}
	return nil
}
