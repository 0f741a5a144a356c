package wechatv3

import (
	"context"
	"errors"
	"net/http"
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

// outgoingRefund is a request for money back.
type outgoingRefund struct {
	SubMchID    string      `json:"sub_mchid,omitempty"`
	OutTradeNo  string      `json:"out_trade_no"`
	OutRefundNo string      `json:"out_refund_no"`
	Reason      string      `json:"reason,omitempty"`
	NotifyURL   string      `json:"notify_url,omitempty"`
	Amount      outgoingSum `json:"amount"`
}

// Refund asks for money back. A 200 says that it was taken, whatever status stands in it: only a query tells that it is
// done. INVALID_REQUEST covers a number known with another amount as well as an order that gives nothing more, so it is
// looked up.
func (c *Channel) Refund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	if err := checkRefund(r); err != nil {
		return refundUnknown(err)
	}
	a := c.sendRefund(ctx, r)
	if a.Finding != channel.RefundUnknown || !errors.Is(a.Err, errBusinessRule) {
		return a
	}
	switch known := c.askRefund(ctx, r); known.Finding {
	case channel.RefundAbsent:
		d := refundAgainstRules
		d.Wallet = "INVALID_REQUEST"
		return channel.RefundAnswer{Finding: channel.RefundRefused, Decline: d}
	case channel.RefundUnknown:
		return known
	default: // it is there, as we asked for it: this request was a second copy
		known.Finding, known.RefundedAt, known.Decline = channel.RefundTaken, time.Time{}, channel.Decline{}
		return known
	}
}

func (c *Channel) sendRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	body := encode(outgoingRefund{SubMchID: c.who.sub.MchID, OutTradeNo: r.Order.OutTradeNo, OutRefundNo: r.OutRefundNo,
		Reason: clean(r.Reason, 80), NotifyURL: c.notifyURL,
		Amount: outgoingSum{Total: r.Order.Amount.Fen(), Refund: r.Amount.Fen(), Currency: string(money.CNY)}})
	got, err := c.ask(ctx, http.MethodPost, c.refundsURL(""), body)
	if err != nil {
		return refundFailed(err)
	}
	told, err := c.readRefund(got, r)
	if err != nil {
		return refundUnknown(err)
	}
	return channel.RefundAnswer{Finding: channel.RefundTaken, WalletRef: told.RefundID}
}

// QueryRefund asks how a refund stands, by our own number: it is the one we are sure of.
func (c *Channel) QueryRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	if err := checkRefund(r); err != nil {
		return refundUnknown(err)
	}
	return c.askRefund(ctx, r)
}

func (c *Channel) askRefund(ctx context.Context, r channel.Refund) channel.RefundAnswer {
	got, err := c.ask(ctx, http.MethodGet, c.refundsURL(r.OutRefundNo), nil)
	if err != nil {
		var no *refusal
		switch {
		case !errors.As(err, &no):
			return refundUnknown(err)
		case no.status == http.StatusNotFound && no.code == "RESOURCE_NOT_EXISTS":
			return channel.RefundAnswer{Finding: channel.RefundAbsent}
		}
		return refundUnknown(doubt("refused", "code %q (HTTP %d): ask again", printable(no.code), no.status))
	}
	told, err := c.readRefund(got, r)
	if err != nil {
		return refundUnknown(err)
	}
	a := channel.RefundAnswer{WalletRef: told.RefundID}
	switch told.Status {
	case "SUCCESS":
		a.Finding = channel.Refunded
		a.RefundedAt, _ = moment(told.SuccessTime)
	case "PROCESSING":
		a.Finding = channel.RefundTaken
	case "ABNORMAL": // the customer's card takes nothing: a person must repair it on the platform
		a.Finding = channel.RefundTaken
		a.Err = doubt("abnormal", "status ABNORMAL: the customer's card cannot take the money, finish it on the merchant platform")
	case "CLOSED":
		a.Finding, a.Decline = channel.RefundRefused, refundClosed
		a.Decline.Wallet = told.Status
	default:
		a.Finding, a.Err = channel.RefundUnknown, doubt("state", "the refund's status is %q", printable(told.Status))
	}
	return a
}

// checkRefund turns away what must not leave.
func checkRefund(r channel.Refund) error {
	err := r.Amount.Charge()
	switch {
	case err != nil:
		return err
	case r.Amount.Currency() != money.CNY || r.Order.Amount.Currency() != money.CNY || r.Amount.Fen() > r.Order.Amount.Fen():
		return fault.New(fault.Invalid, "wechatv3.refund_amount", "a refund of %s of an order of %s was not sent", r.Amount, r.Order.Amount)
	case !carry.OrderNumber(r.OutRefundNo) || !carry.OrderNumber(r.Order.OutTradeNo):
		return errOrderNumber
	}
	return nil
}

func refundUnknown(err error) channel.RefundAnswer {
	return channel.RefundAnswer{Finding: channel.RefundUnknown, Err: err}
}

// refundDeclines are the signed refusals that end a refund (section 1.8). Not here: INVALID_REQUEST, which [Channel.Refund]
// looks up, and SYSTEM_ERROR, which does not know. RESOURCE_NOT_EXISTS stays open: the order was paid, so somebody errs.
var refundDeclines = map[string]channel.Decline{
	"NOT_ENOUGH": {Code: channel.MerchantBalanceLow,
		Message: "The shop's own account at WeChat Pay does not hold enough to refund this. Tell the operator to fill it up, then refund anew."},
	"USER_ACCOUNT_ABNORMAL": {Code: channel.CustomerAccount,
		Message: "The customer's WeChat account cannot take the money. Give it back in another way."},
	"PARAM_ERROR":    refundMisconfigured,
	"NO_AUTH":        refundMisconfigured,
	"MCH_NOT_EXISTS": refundMisconfigured,
}

var (
	refundMisconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "WeChat Pay cannot refund from here now. Call the operator, or give the money back in another way."}
	refundClosed = channel.Decline{Code: channel.RefusedOther,
		Message: "WeChat Pay could not give the money back and closed the refund. Refund anew, or in another way."}
	refundAgainstRules = channel.Decline{Code: channel.RefusedOther,
		Message: "WeChat Pay does not give this back: the payment is too old, or less is left of it. Look at the merchant platform, or give it back in another way."}
)

// errBusinessRule marks INVALID_REQUEST.
var errBusinessRule = errors.New("INVALID_REQUEST")

func refundFailed(err error) channel.RefundAnswer {
	var r *refusal
	switch {
	case errors.As(err, &r):
	case fault.KindOf(err) == fault.Unavailable: // not sent
		return channel.RefundAnswer{Finding: channel.RefundBusy, Err: err}
	default:
		return refundUnknown(err)
	}
	d, known := refundDeclines[r.code]
	switch {
	case r.status >= http.StatusInternalServerError:
	case tooFast[r.code]:
		return channel.RefundAnswer{Finding: channel.RefundBusy, Err: doubt("busy", "code %s: the same refund again, later", r.code)}
	case r.code == "INVALID_REQUEST":
		return refundUnknown(fault.Wrap(errBusinessRule, fault.InDoubt, "wechatv3.refused", "INVALID_REQUEST leaves the refund open: query"))
	case known:
		d.Wallet = r.code
		a := channel.RefundAnswer{Finding: channel.RefundRefused, Decline: d}
		if d.Code == channel.Misconfigured {
			a.Err = doubt("misconfigured", "code %s: check the merchant's rights and our request", r.code)
		}
		return a
	}
	return refundUnknown(doubt("refused", "code %q (HTTP %d) leaves the refund open: query", printable(r.code), r.status))
}

// readRefund checks that a signed answer speaks of our order and our refund, with our money.
func (c *Channel) readRefund(body []byte, r channel.Refund) (givenBack, error) {
	var got givenBack
	if err := parse(body, &got); err != nil {
		return got, fault.Wrap(err, fault.InDoubt, "wechatv3.garbled", "the answer is garbled")
	}
	s := got.Amount
	switch {
	case !c.who.ours(got.account, false):
		return got, doubt("foreign", "the answer is for another merchant")
	case got.OutTradeNo != r.Order.OutTradeNo || got.OutRefundNo != r.OutRefundNo:
		return got, doubt("foreign", "the answer names no refund or another one")
	case s == nil || s.Total == nil || s.Refund == nil || *s.Total != r.Order.Amount.Fen() || *s.Refund != r.Amount.Fen():
		return got, doubt("amount", "the answer is for another amount: look at the wallet's platform")
	case s.Currency != "" && s.Currency != string(money.CNY):
		return got, doubt("currency", "the answer is in another currency")
	case got.RefundID == "":
		return got, doubt("reference", "the answer names no refund_id")
	case r.WalletRef != "" && got.RefundID != r.WalletRef,
		r.Order.WalletRef != "" && got.TransactionID != "" && got.TransactionID != r.Order.WalletRef:
		return got, doubt("reference", "the answer is for another refund_id or transaction_id")
	}
	return got, nil
}
