package alipay

import (
	"context"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

var _ channel.Refunder = (*Channel)(nil)

var (
	tradeRefund      = method{"alipay.trade.refund", "alipay_trade_refund_response"}
	tradeRefundQuery = method{"alipay.trade.fastpay.refund.query", "alipay_trade_fastpay_refund_query_response"}
)

// refundRules are section 6.2: the window is the contract's, typically twelve months; afterwards the
// trade is finished and Alipay says so.
var refundRules = channel.RefundRules{
	CallTimeout: 10 * time.Second,
	Every:       3 * time.Second,
	Window:      365 * 24 * time.Hour,
}

// RefundRules gives Alipay's pace and windows for refunds.
func (c *Channel) RefundRules() channel.RefundRules { return refundRules }

// Refund asks for money back.
func (c *Channel) Refund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	j := make([]byte, 0, 512)
	j = appendMember(j, "out_trade_no", r.Order.OutTradeNo)
	j = appendMember(j, "refund_amount", r.Amount.Yuan())
	j = appendMember(j, "out_request_no", r.OutRefundNo)
	j = appendMember(j, "refund_reason", clean(r.Reason, 256))
	got, err := c.back(ctx, tradeRefund, append(j, '}'), r)
	if err != nil {
		return refundUnknown(err)
	}
	return refundFinding(got, r)
}

// QueryRefund asks how a refund stands.
func (c *Channel) QueryRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	j := make([]byte, 0, 256)
	j = appendMember(j, "out_trade_no", r.Order.OutTradeNo)
	j = appendMember(j, "out_request_no", r.OutRefundNo)
	got, err := c.back(ctx, tradeRefundQuery, append(j, `,"query_options":["gmt_refund_pay"]}`...), r)
	if err != nil {
		return refundUnknown(err)
	}
	return refundQueryFinding(got, r)
}

// back calls a method about a refund, when the refund may leave at all.
func (c *Channel) back(ctx context.Context, m method, content []byte, r channel.Refund) (answer, error) {
	err := r.Amount.Charge()
	switch {
	case err != nil:
		return answer{}, err
	case r.Amount.Currency() != money.CNY || r.Order.Amount.Currency() != money.CNY || r.Amount.Fen() > r.Order.Amount.Fen():
		return answer{}, fault.New(fault.Invalid, "alipay.refund_amount", "a refund of %s of an order of %s was not sent", r.Amount, r.Order.Amount)
	case !carry.OrderNumber(r.OutRefundNo) || !carry.OrderNumber(r.Order.OutTradeNo):
		return answer{}, errOrderNumber
	}
	form, err := c.form(m, content)
	if err != nil {
		return answer{}, err
	}
	return c.call(ctx, m, form, r.Order.OutTradeNo)
}

func refundUnknown(err error) channel.RefundAnswer {
	return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: err}
}

// The reasons of a refused refund, in words for the cashier.
var (
	sellerPoor = channel.Decline{Code: channel.MerchantBalanceLow,
		Message: "The shop's own account at Alipay does not hold enough to refund this. Tell the operator to fill it up, then refund anew."}
	refundTooLate = channel.Decline{Code: channel.RefundTooLate,
		Message: "Alipay takes no refund of so old a payment. Give the money back in another way."}
	buyerGone = channel.Decline{Code: channel.CustomerAccount,
		Message: "The customer's Alipay account cannot take the money. Give it back in another way."}
	refundRefused = channel.Decline{Code: channel.RefusedOther,
		Message: "Alipay refused this refund. Give the money back in another way, or call the operator."}
	refundMisconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "Alipay cannot refund from here now. Call the operator, or give the money back in another way."}
)

// refundDeclines are the refusals that end a refund, without their "ACQ." (section 3.4). Not here, and
// so unknown until a query tells: SYSTEM_ERROR does not know; TRADE_HAS_CLOSE, TRADE_STATUS_ERROR,
// REASON_TRADE_STATUS_INVALID and TRADE_NOT_EXIST speak of a trade that may be closed because this very
// refund was its last; DISCORDANT_REPEAT_REQUEST speaks of a refund that was there before.
var refundDeclines = map[string]channel.Decline{
	"SELLER_BALANCE_NOT_ENOUGH": sellerPoor,
	"TRADE_HAS_FINISHED":        refundTooLate,

	"BUYER_ERROR":                            buyerGone,
	"BUYER_NOT_EXIST":                        buyerGone,
	"BUYER_ENABLE_STATUS_FORBID":             buyerGone,
	"REFUND_ACCOUNT_NOT_EXIST":               buyerGone,
	"REASON_TRADE_REFUND_FEE_ERR":            refundRefused,
	"REASON_TRADE_BEEN_FREEZEN":              refundRefused,
	"TRADE_NOT_ALLOW_REFUND":                 refundRefused,
	"NOT_ALLOW_PARTIAL_REFUND":               refundRefused,
	"ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND":  refundRefused,
	"REFUND_AMT_NOT_EQUAL_TOTAL":             refundMisconfigured,
	"REFUND_FEE_ERROR":                       refundMisconfigured,
	"INVALID_PARAMETER":                      refundMisconfigured,
	"CURRENCY_NOT_SUPPORT":                   refundMisconfigured,
	"ALLOC_AMOUNT_VALIDATE_ERROR":            refundMisconfigured,
	"REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST": refundMisconfigured,
	"REFUNDALLOC_UNAUTH_LIMIT":               refundMisconfigured,
	"CUSTOMER_VALIDATE_ERROR":                refundMisconfigured,
	"USER_NOT_MATCH_ERR":                     refundMisconfigured,
}

// refundFinding judges the answer of trade.refund. Code 10000 alone does not say that this request
// moved money: fund_change does. refund_fee is the sum of all of the trade's refunds by now.
func refundFinding(got answer, r channel.Refund) channel.RefundAnswer {
	if busy(got) {
		return channel.RefundAnswer{Finding: channel.RefundBusy, Err: doubt("busy", "Alipay limits our rate (%s): slow down", got.said())}
	}
	switch got.code {
	case "10000":
		return refundMoved(got, r)
	case "20001", "40001", "40002", "40006":
		// As for a payment: the gate's own refusals, signed.
		if !strings.HasPrefix(got.subCode, "isp.") && got.word() != "SYSTEM_ERROR" {
			return refusedAs(got, refundMisconfigured)
		}
	case "40004":
		d, known := refundDeclines[got.word()]
		switch {
		case known:
			return refusedAs(got, d)
		case got.word() == "DISCORDANT_REPEAT_REQUEST":
			return refundUnknown(doubt("amount", "DISCORDANT_REPEAT_REQUEST: Alipay knows this number with another amount: look at the merchant platform"))
		}
	}
	return refundUnknown(doubt("refused", "code %s leaves the refund open: query", got.said()))
}

func refusedAs(got answer, d channel.Decline) channel.RefundAnswer {
	d.Wallet = carry.Printable(got.subCode)
	a := channel.RefundAnswer{Finding: channel.RefundRefused, Decline: d}
	if d.Code == channel.Misconfigured {
		a.Err = doubt("misconfigured", "code %s: check the merchant's rights and our request", got.said())
	}
	return a
}

func refundMoved(got answer, r channel.Refund) channel.RefundAnswer {
	if err := agreeTrade(got, r); err != nil {
		return refundUnknown(err)
	}
	sum, err := money.ParseYuan(got.refundFee)
	switch {
	case err != nil || sum.Fen() < r.Amount.Fen() || sum.Fen() > r.Order.Amount.Fen():
		return refundUnknown(doubt("amount", "refund_fee, the sum of the trade's refunds, does not hold this one: look at the wallet's platform"))
	case got.fundChange != "Y":
		return refundUnknown(doubt("fund_change", "fund_change is %q: this request moved nothing, query", carry.Printable(got.fundChange)))
	}
	return channel.RefundAnswer{Finding: channel.Refunded, RefundedAt: refundTime(got)}
}

// agreeTrade checks that a signed answer speaks of our trade.
func agreeTrade(got answer, r channel.Refund) error {
	switch {
	case got.outTradeNo != r.Order.OutTradeNo:
		return doubt("foreign", "the answer names no order or another one")
	case r.Order.WalletRef != "" && got.tradeNo != r.Order.WalletRef:
		return doubt("reference", "the answer is for another trade_no")
	}
	return nil
}

// refundQueryFinding reads refund_status: without one the refund was not taken, or failed, or is not
// seen yet, and the same request may be sent again.
func refundQueryFinding(got answer, r channel.Refund) channel.RefundAnswer {
	switch {
	case got.code == "40004" && got.word() == "TRADE_NOT_EXIST":
		return channel.RefundAnswer{Finding: channel.RefundAbsent}
	case got.code != "10000":
		return refundUnknown(doubt("refused", "code %s: ask again", got.said()))
	case got.refundStatus == "":
		return channel.RefundAnswer{Finding: channel.RefundAbsent}
	case got.refundStatus != "REFUND_SUCCESS":
		return refundUnknown(doubt("state", "refund_status is %q", carry.Printable(got.refundStatus)))
	case got.outRequestNo != r.OutRefundNo:
		return refundUnknown(doubt("foreign", "the answer names no refund or another one"))
	}
	if err := agreeTrade(got, r); err != nil {
		return refundUnknown(err)
	}
	back, err := money.ParseYuan(got.refundAmount)
	total, bad := money.ParseYuan(got.totalAmount)
	if err != nil || bad != nil || back != r.Amount || total != r.Order.Amount {
		return refundUnknown(doubt("amount", "the answer is for another amount: look at the wallet's platform"))
	}
	return channel.RefundAnswer{Finding: channel.Refunded, RefundedAt: refundTime(got)}
}

// refundTime is the zero time when Alipay does not tell.
func refundTime(got answer) time.Time {
	at, err := time.ParseInLocation(timeLayout, got.gmtRefundPay, beijing)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
