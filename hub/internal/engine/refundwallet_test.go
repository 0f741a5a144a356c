package engine_test

import (
	"context"
	"time"

	"cloudcashier/hub/internal/channel"
)

// back is the wallet's own record of one refund. Its reason chooses what happens. As at UnionPay, the
// moment of the first sending is part of the name, of the refund and of its order.
type back struct {
	order, fate string
	fen         int64
	sent        int64 // in seconds
	since       time.Time
	given       bool
	tries       int
}

func (w *wallet) RefundRules() channel.RefundRules {
	return channel.RefundRules{CallTimeout: 10 * time.Second, Every: 5 * time.Second, Apart: w.apart, Window: 365 * 24 * time.Hour, Parts: 50}
}

func (w *wallet) Refund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	a := w.refundNow(r)
	select {
	case <-time.After(w.linger):
		return a
	case <-ctx.Done():
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: ctx.Err()}
	}
}

func (w *wallet) refundNow(r channel.Refund) channel.RefundAnswer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sendings++
	b := w.backs[r.OutRefundNo]
	if b == nil {
		b = &back{order: r.Order.OutTradeNo, fate: r.Reason, fen: r.Amount.Fen(), sent: r.SentAt.Unix(), since: time.Now()}
		w.backs[r.OutRefundNo] = b
	}
	b.tries++
	switch {
	case b.sent != r.SentAt.Unix(), w.orders[r.Order.OutTradeNo] != nil && w.orders[r.Order.OutTradeNo].sent != r.Order.SentAt.Unix():
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: errLost}
	case b.fen != r.Amount.Fen(), r.Order.Amount.Fen() < w.standing(r.Order.OutTradeNo):
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: errLost}
	case b.fate == "low":
		return channel.RefundAnswer{Finding: channel.RefundRefused, Decline: channel.Decline{Code: channel.MerchantBalanceLow, Message: "m", Wallet: "NOTENOUGH"}}
	case b.fate == "busy" && b.tries == 1:
		delete(w.backs, r.OutRefundNo)
		w.backs[r.OutRefundNo] = &back{order: b.order, fen: b.fen, fate: "busied", sent: b.sent, since: b.since, tries: 1}
		return channel.RefundAnswer{Finding: channel.RefundBusy, Err: errLost}
	case b.fate == "never" && b.tries == 1: // it does not arrive
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: errLost}
	case b.fate == "stale" && time.Since(r.SentAt) > 5*time.Minute:
		return channel.RefundAnswer{Finding: channel.RefundRefused, Decline: channel.Decline{Code: channel.RefusedOther, Message: "m", Wallet: "34"}}
	case b.fate == "silent", b.fate == "stale":
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: errLost}
	case b.fate == "panic" && b.tries == 1:
		panic("connector bug")
	case b.fate == "taken", b.fate == "shut":
		return channel.RefundAnswer{Finding: channel.RefundTaken, WalletRef: "B1"}
	}
	b.given = true
	if b.fate == "lost" {
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: errLost}
	}
	return channel.RefundAnswer{Finding: channel.Refunded, WalletRef: "B1", RefundedAt: time.Now()}
}

func (w *wallet) QueryRefund(_ context.Context, r channel.Refund) channel.RefundAnswer {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.backs[r.OutRefundNo]
	if b != nil && b.sent != r.SentAt.Unix() {
		b = nil
	}
	late := b != nil && time.Since(b.since) >= 20*time.Second
	switch {
	case b == nil:
		return channel.RefundAnswer{Finding: channel.RefundAbsent}
	case b.fate == "silent":
		return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: errLost}
	case b.fate == "taken" && late:
		b.given = true
	case b.fate == "shut" && late:
		return channel.RefundAnswer{Finding: channel.RefundRefused, Decline: channel.Decline{Code: channel.RefusedOther, Message: "m", Wallet: "REFUNDCLOSE"}}
	case b.fate == "taken", b.fate == "shut":
		return channel.RefundAnswer{Finding: channel.RefundTaken, WalletRef: "B1"}
	}
	if !b.given {
		return channel.RefundAnswer{Finding: channel.RefundAbsent}
	}
	return channel.RefundAnswer{Finding: channel.Refunded, WalletRef: "B1", RefundedAt: time.Now()}
}

// standing is what the refunds of an order sum up to, in fen: those given and those it may yet give.
func (w *wallet) standing(order string) (sum int64) {
	for _, b := range w.backs {
		if b.order == order && b.fate != "low" && b.fate != "shut" {
			sum += b.fen
		}
	}
	return sum
}

// gaveBack is what the wallet gave back of an order, in fen, and how often a refund was sent to it.
func (w *wallet) gaveBack(order string) (sum int64, sendings int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.backs {
		if b.order == order && b.given {
			sum += b.fen
		}
	}
	return sum, w.sendings
}
