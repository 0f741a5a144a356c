package wechat

import (
	"context"
	"strconv"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

var _ channel.Refunder = (*Channel)(nil)

// refundRules are sections 1.8 and 6.1: a year, fifty parts, a minute between two of one order.
var refundRules = channel.RefundRules{
	CallTimeout: 10 * time.Second,
	Every:       5 * time.Second,
	Apart:       time.Minute,
	Window:      365 * 24 * time.Hour,
	Parts:       50,
}

// RefundRules gives WeChat Pay's pace and windows for refunds.
func (c *Channel) RefundRules() channel.RefundRules { return refundRules }

// Refund asks for money back. What WeChat answers says at best that it was taken: only a query tells
// that it is done.
func (c *Channel) Refund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	if err := checkRefund(r); err != nil {
		return refundUnknown(err)
	}
	return c.giveBack(ctx, r)
}

func (c *Channel) giveBack(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	fields := [12]field{
		{"appid", c.appID},
		{"mch_id", c.mchID},
		{"nonce_str", c.nonce()},
		{"notify_url", c.notifyURL},
		{"out_refund_no", r.OutRefundNo},
		{"out_trade_no", r.Order.OutTradeNo},
		{"refund_desc", clean(r.Reason, 80)},
		{"refund_fee", strconv.FormatInt(r.Amount.Fen(), 10)},
		{"refund_fee_type", string(money.CNY)},
		{"sign_type", c.sign.kind},
		{"total_fee", strconv.FormatInt(r.Order.Amount.Fen(), 10)},
	}
	got, err := c.call(ctx, c.withCert, c.refund, c.seal(fields[:]), r.Order.OutTradeNo)
	if err != nil {
		return refundUnknown(err)
	}
	return refundFinding(got, r)
}

// QueryRefund asks how a refund stands, by our own number: it is the one we are sure of.
func (c *Channel) QueryRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	if err := checkRefund(r); err != nil {
		return refundUnknown(err)
	}
	return c.given(ctx, r)
}

func (c *Channel) given(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	fields := [6]field{
		{"appid", c.appID},
		{"mch_id", c.mchID},
		{"nonce_str", c.nonce()},
		{"out_refund_no", r.OutRefundNo},
		{"sign_type", c.sign.kind},
	}
	got, err := c.call(ctx, c.open, c.refundQuery, c.seal(fields[:]), r.Order.OutTradeNo)
	if err != nil {
		return refundUnknown(err)
	}
	return refundQueryFinding(got, r)
}

// checkRefund turns away what must not leave.
func checkRefund(r channel.Refund) error {
	err := r.Amount.Charge()
	switch {
	case err != nil:
		return err
	case r.Amount.Currency() != money.CNY || r.Order.Amount.Currency() != money.CNY || r.Amount.Fen() > r.Order.Amount.Fen():
		return fault.New(fault.Invalid, "wechat.refund_amount", "a refund of %s of an order of %s was not sent", r.Amount, r.Order.Amount)
	case !carry.OrderNumber(r.OutRefundNo) || !carry.OrderNumber(r.Order.OutTradeNo):
		return errOrderNumber
	}
	return nil
}

func refundUnknown(err error) channel.RefundAnswer {
	return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: err}
}

// refundDeclines are the signed refusals that end a refund (section 2.6). Not here, and so unknown
// until a query tells: SYSTEMERROR does not know, ERROR says nothing in particular,
// REFUND_FEE_MISMATCH speaks of a refund that was there before, CERT_ERROR is ours to repair.
var refundDeclines = map[string]channel.Decline{
	"NOTENOUGH": {Code: channel.MerchantBalanceLow,
		Message: "The shop's own account at WeChat Pay does not hold enough to refund this. Tell the operator to fill it up, then refund anew."},
	"TRADE_OVERDUE": {Code: channel.RefundTooLate,
		Message: "WeChat Pay takes no refund of so old a payment. Give the money back in another way."},
	"USER_ACCOUNT_ABNORMAL": {Code: channel.CustomerAccount,
		Message: "The customer's WeChat account cannot take the money. Give it back in another way."},
	"INVALID_TRANSACTIONID": refundMisconfigured,
	"PARAM_ERROR":           refundMisconfigured,
	"APPID_NOT_EXIST":       refundMisconfigured,
	"MCHID_NOT_EXIST":       refundMisconfigured,
	"REQUIRE_POST_METHOD":   refundMisconfigured,
	"SIGNERROR":             refundMisconfigured,
	"XML_FORMAT_ERROR":      refundMisconfigured,
}

var (
	refundMisconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "WeChat Pay cannot refund from here now. Call the operator, or give the money back in another way."}
	refundClosed = channel.Decline{Code: channel.RefusedOther,
		Message: "WeChat Pay could not give the money back and closed the refund. Refund anew, or in another way."}
)

// refundFinding judges the answer to a refund by result_code. Success means taken, not done.
func refundFinding(got fields, r channel.Refund) channel.RefundAnswer {
	switch result := got.get("result_code"); result {
	case "SUCCESS":
		if err := agreeRefund(got, r, ""); err != nil {
			return refundUnknown(err)
		}
		return channel.RefundAnswer{Finding: channel.RefundTaken, WalletRef: got.get("refund_id")}
	case "FAIL":
	default:
		return refundUnknown(doubt("garbled", "result_code is %q", carry.Printable(result)))
	}
	switch code := got.get("err_code"); code {
	case "FREQUENCY_LIMITED", "INVALID_REQ_TOO_MUCH", "ORDER_NOT_READY", "BIZERR_NEED_RETRY":
		return channel.RefundAnswer{Finding: channel.RefundBusy, Err: doubt("busy", "err_code %s: the same refund again, later", code)}
	case "REFUND_FEE_MISMATCH":
		return refundUnknown(doubt("amount", "REFUND_FEE_MISMATCH: WeChat Pay knows this number with another amount: look at the merchant platform"))
	default:
		d, known := refundDeclines[code]
		if !known {
			return refundUnknown(doubt("refused", "err_code %q leaves the refund open: query", carry.Printable(code)))
		}
		d.Wallet = code
		a := channel.RefundAnswer{Finding: channel.RefundRefused, Decline: d}
		if d.Code == channel.Misconfigured {
			a.Err = doubt("misconfigured", "err_code %s: check the merchant's rights and our request", code)
		}
		return a
	}
}

// agreeRefund checks that a signed answer speaks of our order and our refund, with our money. The
// fields of one refund among several carry its place behind their names.
func agreeRefund(got fields, r channel.Refund, place string) error {
	ref, id, currency := got.get("transaction_id"), got.get("refund_id"+place), got.get("fee_type")
	switch {
	case got.get("out_trade_no") != r.Order.OutTradeNo || got.get("out_refund_no"+place) != r.OutRefundNo:
		return doubt("foreign", "the answer names no refund or another one")
	case got.get("total_fee") != strconv.FormatInt(r.Order.Amount.Fen(), 10) || got.get("refund_fee"+place) != strconv.FormatInt(r.Amount.Fen(), 10):
		return doubt("amount", "the answer is for another amount: look at the wallet's platform")
	case currency != "" && currency != string(money.CNY):
		return doubt("currency", "the answer is in another currency")
	case id == "":
		return doubt("reference", "the answer names no refund_id")
	case r.WalletRef != "" && id != r.WalletRef, r.Order.WalletRef != "" && ref != "" && ref != r.Order.WalletRef:
		return doubt("reference", "the answer is for another refund_id or transaction_id")
	}
	return nil
}

// maxRefunds bounds the places of a refundquery's answer: ten a page, one when asked by its number.
const maxRefunds = 10

// refundQueryFinding looks for our refund among the numbered ones.
func refundQueryFinding(got fields, r channel.Refund) channel.RefundAnswer {
	switch result := got.get("result_code"); result {
	case "SUCCESS":
	case "FAIL":
		if code := got.get("err_code"); code != "REFUNDNOTEXIST" {
			return refundUnknown(doubt("refused", "err_code %q: ask again", carry.Printable(code)))
		}
		return channel.RefundAnswer{Finding: channel.RefundAbsent}
	default:
		return refundUnknown(doubt("garbled", "result_code is %q", carry.Printable(result)))
	}
	place := ""
	for i := range maxRefunds {
		if p := "_" + strconv.Itoa(i); got.get("out_refund_no"+p) == r.OutRefundNo {
			place = p
			break
		}
	}
	if err := agreeRefund(got, r, place); err != nil {
		return refundUnknown(err)
	}
	a := channel.RefundAnswer{WalletRef: got.get("refund_id" + place)}
	switch state := got.get("refund_status" + place); state {
	case "SUCCESS":
		a.Finding = channel.Refunded
		if at, err := time.ParseInLocation(time.DateTime, got.get("refund_success_time"+place), beijing); err == nil {
			a.RefundedAt = at.UTC()
		}
	case "PROCESSING":
		a.Finding = channel.RefundTaken
	case "CHANGE": // the customer's card takes nothing: a person must repair it on the platform
		a.Finding = channel.RefundTaken
		a.Err = doubt("abnormal", "refund_status CHANGE: the customer's card cannot take the money, finish it on the merchant platform")
	case "REFUNDCLOSE":
		a.Finding, a.Decline = channel.RefundRefused, refundClosed
		a.Decline.Wallet = state
	default:
		a.Finding, a.Err = channel.RefundUnknown, doubt("state", "refund_status is %q", carry.Printable(state))
	}
	return a
}
