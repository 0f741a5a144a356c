package engine

import (
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/logs"
)

// Hearing is what became of a wallet's notice.
type Hearing string

// What may become of one. The first two are taken: the wallet need not send it again.
const (
	HeardAsked       Hearing = "asked"       // the wallet is asked about it; that it will be is stored
	HeardSettled     Hearing = "settled"     // nothing is left to ask
	HeardStranger    Hearing = "stranger"    // of no order or refund of ours on this channel
	HeardDiffers     Hearing = "differs"     // it names another amount, currency, moment or reference than ours
	HeardContradicts Hearing = "contradicts" // what it claims cannot follow from what is proven
)

// Hearings lists them all.
var Hearings = []Hearing{HeardAsked, HeardSettled, HeardStranger, HeardDiffers, HeardContradicts}

// Took reports that the wallet may be told to be silent.
func (h Hearing) Took() bool { return h == HeardAsked || h == HeardSettled }

// Hear takes in a notice that the channel's connector verified. It is no proof: all it can do is have
// the wallet asked sooner, and only when it names an order or refund of ours on this very channel with our
// money, and claims what may follow from what is proven. Whatever else it is changes nothing at all. An error means
// that storage failed; then nothing was taken.
func (e *Engine) Hear(channelName string, n channel.Notice) (h Hearing, err error) {
	now := e.Now()
	// Most notices change nothing: they are read, without the writer.
	err = e.Store.View(func(tx *store.Tx) error {
		h, err = e.hear(tx, channelName, n, now, false)
		return err
	})
	if err == nil && h == HeardAsked {
		err = e.Store.Update(func(tx *store.Tx) error {
			h, err = e.hear(tx, channelName, n, now, true)
			return err
		})
	}
	if err != nil {
		return "", err
	}
	e.Log.Info("wallet sent a notice", logs.Channel, channelName, "out_trade_no", n.OutTradeNo, "out_refund_no", n.OutRefundNo,
		"finding", string(n.Finding)+string(n.Refund), "heard", h)
	return h, nil
}

// hear weighs a notice against the records, and with write stores that the wallet is to be asked.
func (e *Engine) hear(tx *store.Tx, channelName string, n channel.Notice, now time.Time, write bool) (Hearing, error) {
	if n.OutRefundNo != "" {
		return e.hearRefund(tx, channelName, n, now, write)
	}
	p, err := tx.PaymentByNumber(n.OutTradeNo)
	if err != nil {
		return HeardStranger, stranger(err)
	}
	switch {
	case !e.mine(channelName, p):
		return HeardStranger, nil
	case n.Amount != p.Amount || other(n.WalletRef, p.Attempt.WalletRef) || otherMoment(n.SentAt, p.Attempt.Stamp):
		return HeardDiffers, nil
	}
	heard, heed := payment.Hear(p, n.Finding, now)
	if heed != payment.HeedAsk {
		return heardOf(heed), nil
	}
	if !write || heard.Attempt.Look.UnixMilli() == p.Attempt.Look.UnixMilli() { // it stands already
		return HeardAsked, nil
	}
	if err := tx.SavePayment(&heard); err != nil {
		return "", err
	}
	return HeardAsked, e.bringForward(tx, p.Entity(), func() error { return e.schedule(tx, heard, e.rules(heard)) })
}

func (e *Engine) hearRefund(tx *store.Tx, channelName string, n channel.Notice, now time.Time, write bool) (Hearing, error) {
	r, err := tx.RefundByNumber(n.OutRefundNo)
	if err != nil {
		return HeardStranger, stranger(err)
	}
	p, err := tx.Payment(r.Payment)
	if err != nil {
		return "", err
	}
	a := p.Attempt
	switch {
	case !e.mine(channelName, p) || other(n.OutTradeNo, a.OutTradeNo):
		return HeardStranger, nil
	case !sameBack(n, r, p) || other(n.WalletRef, r.WalletRef) || other(n.OrderRef, a.WalletRef) || otherMoment(n.SentAt, r.Stamp):
		return HeardDiffers, nil
	}
	heard, heed := payment.HearRefund(r, n.Refund, now)
	if heed != payment.HeedAsk {
		return heardOf(heed), nil
	}
	if !write || heard.Look.UnixMilli() == r.Look.UnixMilli() {
		return HeardAsked, nil
	}
	if err := tx.SaveRefund(heard); err != nil {
		return "", err
	}
	rules, _ := e.refundRules(p)
	return HeardAsked, e.bringForward(tx, r.ID, func() error { return e.scheduleRefund(tx, heard, rules) })
}

// bringForward puts the look into the schedule, unless a call is in flight: its work row must go on
// saying "begun" until it has ended, and then the schedule is made anew.
func (e *Engine) bringForward(tx *store.Tx, entity string, schedule func() error) error {
	begun, err := tx.Begun(entity)
	if err != nil || begun {
		return err
	}
	return schedule()
}

// mine reports that a payment goes by this channel, and that the channel serves its merchant.
func (e *Engine) mine(channelName string, p payment.Payment) bool {
	w := e.way(channelName)
	return w != nil && p.Attempt.Channel == channelName && (w.Merchant == "" || w.Merchant == p.Merchant)
}

// sameBack compares the money of a refund. Alipay may tell the sum of all refunds alone.
func sameBack(n channel.Notice, r payment.Refund, p payment.Payment) bool {
	sum := n.BackAmount
	switch {
	case !n.OrderAmount.IsZero() && n.OrderAmount != p.Amount:
		return false
	case n.Amount.IsZero() && sum.IsZero(), !n.Amount.IsZero() && n.Amount != r.Amount:
		return false
	}
	return sum.IsZero() || sum.Currency() == r.Amount.Currency() && sum.Fen() >= r.Amount.Fen() && sum.Fen() <= p.Amount.Fen()
}

// other reports two names that are both known and not the same.
func other(told, known string) bool { return told != "" && known != "" && told != known }

func otherMoment(told, ours time.Time) bool { return !told.IsZero() && told.Unix() != ours.Unix() }

// stranger keeps "no such record" from being an error.
func stranger(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// heardOf names what asks nothing.
func heardOf(h payment.Heed) Hearing {
	if h == payment.HeedSettled {
		return HeardSettled
	}
	return HeardContradicts
}
