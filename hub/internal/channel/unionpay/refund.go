package unionpay

import (
	"context"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// refundRules: the window differs by contract (30 days to 11 months, UNVERIFIED); the shortest
// that UnionPay promises for the QR product is taken, and the wallet itself decides.
var refundRules = channel.RefundRules{
	CallTimeout: 20 * time.Second, // a refused refund is asked about in the same call
	Every:       5 * time.Second,
	Window:      30 * 24 * time.Hour,
}

// RefundRules gives UnionPay's pace and windows.
func (c *Channel) RefundRules() channel.RefundRules { return refundRules }

var errRefund = fault.New(fault.Invalid, "unionpay.refund",
	"a refund needs numbers of 8 to 32 letters and digits, the moments both were first sent, and an amount up to the order's: nothing was sent")

// fresh is how long a refund may be sent under its moment: UnionPay wants txnTime to be the current
// time, some minutes UNVERIFIED. Under a later moment the same number would be another refund.
const fresh = 5 * time.Minute

// Refund asks UnionPay to give money back. What it took is no more than RefundTaken: a query of the
// refund's own order tells. A refusal may answer a repeat of a refund that was taken before, so it
// counts only when UnionPay also knows no such refund; so does a moment that is over.
func (c *Channel) Refund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	if err := checkRefund(r); err != nil {
		return refundUnknown(err)
	}
	if c.now().Sub(r.SentAt) > fresh {
		return c.refusedUnlessTaken(ctx, r, refundStale)
	}
	k := c.refundKind(r)
	a := c.giveBack(ctx, r, k)
	if k == kindVoid && a.Finding == channel.RefundRefused {
		// Perhaps the contract has no undo, or the day ended on the way. UnionPay gives back by one of the two, never by both.
		return c.giveBack(ctx, r, kindRefund)
	}
	return a
}

// refundKind is how the money goes back: all of a payment on UnionPay's own day by an undo, when the contract has it, which the
// customer sees at once; else by a refund. The moment of the first sending decides, so that each repeat is the same.
func (c *Channel) refundKind(r channel.Refund) kind {
	if c.void && r.Amount == r.Order.Amount && r.SentAt.Before(rules.UndoUntil(r.Order.SentAt)) {
		return kindVoid
	}
	return kindRefund
}

// giveBack asks for a refund or an undo.
func (c *Channel) giveBack(ctx context.Context, r channel.Refund, k kind) channel.RefundAnswer {
	n := naming(r.OutRefundNo, r.SentAt)
	form, err := c.form(c.refundFields(r, k, n))
	if fault.CodeOf(err) == codeBusy { // not sent, and it may be in a moment
		return channel.RefundAnswer{Finding: channel.RefundBusy, Err: err}
	}
	if err != nil {
		return refundUnknown(err)
	}
	got, err := c.call(ctx, c.back, form, n)
	if err != nil {
		return refundUnknown(err)
	}
	code := got.get("respCode")
	d, refused := refundDeclines[code]
	switch {
	case refused:
		d.Wallet = code
		return c.refusedUnlessTaken(ctx, r, d)
	case !got.names() || !got.is(k):
		return refundUnknown(doubt("foreign", "respCode %q without the refund it speaks of", got.said("respCode")))
	case code == "00" || code == "A6" || code == "05":
		if err := agree(got, channel.Ref{WalletRef: r.WalletRef, Amount: r.Amount}, false); err != nil {
			return refundUnknown(err)
		}
		return channel.RefundAnswer{Finding: channel.RefundTaken, WalletRef: got.get("queryId")}
	case code == "06":
		return channel.RefundAnswer{Finding: channel.RefundBusy, Err: doubt("busy", "respCode 06: UnionPay is busy, slow down")}
	}
	return refundUnknown(doubt("refused", "respCode %q leaves the refund open: query", got.said("respCode")))
}

// refusedUnlessTaken asks. UnionPay gives what it takes a number; a refund that has one was taken,
// whatever a query finds of it now: it stays in doubt, and people hear of it.
func (c *Channel) refusedUnlessTaken(ctx context.Context, r channel.Refund, d channel.Decline) channel.RefundAnswer {
	a := c.QueryRefund(ctx, r)
	switch {
	case a.Finding == channel.RefundAbsent && r.WalletRef != "":
		return refundUnknown(doubt("vanished", "UnionPay took this refund and knows it no more: ask UnionPay for number %s", r.WalletRef))
	case a.Finding == channel.RefundAbsent:
		a.Finding, a.Decline = channel.RefundRefused, d
	}
	return a
}

// QueryRefund asks how a refund stands: it is an order of its own.
func (c *Channel) QueryRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	if err := checkRefund(r); err != nil {
		return refundUnknown(err)
	}
	n := naming(r.OutRefundNo, r.SentAt)
	form, err := c.form(c.orderFields(kindQuery, n))
	if err != nil {
		return refundUnknown(err)
	}
	got, err := c.call(ctx, c.query, form, n)
	if err != nil {
		return refundUnknown(err)
	}
	return refundFinding(got, r)
}

func checkRefund(r channel.Refund) error {
	if !carry.OrderNumber(r.OutRefundNo) || !carry.OrderNumber(r.Order.OutTradeNo) || r.SentAt.IsZero() || r.Order.SentAt.IsZero() ||
		r.Amount.Currency() != money.CNY || r.Amount.Fen() <= 0 || r.Amount.Fen() > r.Order.Amount.Fen() {
		return errRefund
	}
	return nil
}

func (c *Channel) refundFields(r channel.Refund, k kind, n name) fields {
	f := append(c.common(k, n), field{"backUrl", c.backURL}, field{"channelType", c.channelType},
		field{"currencyCode", cny}, field{"txnAmt", fen(r.Amount)})
	if r.Order.WalletRef != "" {
		return append(f, field{"origQryId", r.Order.WalletRef})
	}
	orig := naming(r.Order.OutTradeNo, r.Order.SentAt)
	return append(f, field{"origOrderId", orig.orderID}, field{"origTxnTime", orig.txnTime})
}

// refundFinding reads origRespCode, as of a payment.
func refundFinding(got fields, r channel.Refund) channel.RefundAnswer {
	switch code := got.get("respCode"); {
	case !got.names():
		return refundUnknown(doubt("foreign", "respCode %q without the refund it speaks of", got.said("respCode")))
	case code == "34":
		return channel.RefundAnswer{Finding: channel.RefundAbsent}
	case code != "00":
		return refundUnknown(doubt("refused", "respCode %q: ask again", got.said("respCode")))
	}
	switch t := got.get("txnType"); {
	case t == kindRefund.txnType, t == kindQuery.txnType, t == kindVoid.txnType && r.Amount == r.Order.Amount:
	default:
		return refundUnknown(doubt("foreign", "the answer is about a transaction of type %q", got.said("txnType")))
	}
	state := got.get("origRespCode")
	paid := state == "00" || state == "A6"
	if err := agree(got, channel.Ref{WalletRef: r.WalletRef, Amount: r.Amount}, paid); err != nil {
		return refundUnknown(err)
	}
	if orig := got.get("origQryId"); orig != "" && r.Order.WalletRef != "" && orig != r.Order.WalletRef {
		return refundUnknown(doubt("reference", "the answer is about a refund of another order"))
	}
	a := channel.RefundAnswer{WalletRef: got.get("queryId")}
	switch {
	case paid:
		a.Finding = channel.Refunded
		a.RefundedAt, _ = traceTime(got.get("traceTime"), r.SentAt)
	case state == "03" || state == "04" || state == "05":
		a.Finding = channel.RefundTaken
	case failed(state):
		a.Finding, a.Decline = channel.RefundRefused, channel.Decline{Code: channel.RefusedOther, Wallet: state,
			Message: "UnionPay could not give the money back. Nothing was given: ask the operator, or give it back in another way."}
	default:
		a.Finding, a.Err = channel.RefundUnknown, doubt("state", "origRespCode is %q", got.said("origRespCode"))
	}
	return a
}

func refundUnknown(err error) channel.RefundAnswer {
	return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: err}
}

var (
	refundMisconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "UnionPay takes no refunds from this shop now. Nothing was given back: call the operator."}
	refundStale = channel.Decline{Code: channel.RefusedOther,
		Message: "The refund did not reach UnionPay in time. Nothing was given back: refund again."}
	refundState = channel.Decline{Code: channel.RefusedOther,
		Message: "UnionPay gives nothing back for this payment: it is too old, undone, or all of it was given back. Ask the operator."}
)

// refundDeclines are the refusals of a refund (section 4.7, texts UNVERIFIED).
var refundDeclines = map[string]channel.Decline{
	"01": refundState, "35": refundState, "36": refundState, "37": refundState, "38": refundState,
	"02": refundMisconfigured, "10": refundMisconfigured, "11": refundMisconfigured, "13": refundMisconfigured,
	"30": refundMisconfigured, "31": refundMisconfigured,
}
