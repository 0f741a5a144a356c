package wechatv3

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
)

var _ channel.Presenter = (*Channel)(nil)

// presentRules: a customer takes a phone out and scans. The order's own expiry ends it, so that after GiveUp and a minute
// nothing can be paid any more; a paid order is undone by a refund, for which there is a year.
var presentRules = channel.Rules{
	CallTimeout:  10 * time.Second,
	FirstQuery:   3 * time.Second,
	QueryEvery:   3 * time.Second,
	GiveUp:       3 * time.Minute,
	ReverseEvery: 5 * time.Second,
	UndoWindow:   365 * 24 * time.Hour,
	Travel:       4 * time.Minute,
}

// PresentRules gives the pace and windows of orders that are shown.
func (c *Channel) PresentRules() channel.Rules { return presentRules }

// nowhere stands in for an address of notices: the wallet wants one, and a name under .invalid belongs to
// nobody. What a notice would tell, queries find.
const nowhere = "https://notices.invalid/"

// shortest is how far ahead time_expire must lie at least (section 1.7).
const shortest = time.Minute

// Present asks for the text of an order's code. The same order again gives the same or another text of the one order.
func (c *Channel) Present(ctx context.Context, o channel.Order) channel.Answer {
	if a, ok := refuseOrder(o); !ok {
		return a
	}
	if !o.Expires.After(c.now().Add(shortest)) {
		a := declined("", misconfigured)
		a.Err = fault.New(fault.Invalid, "wechatv3.expires", "WeChat Pay takes no order that ends within a minute: nothing was sent")
		return a
	}
	got, err := c.ask(ctx, http.MethodPost, c.transactions("native"), c.nativeRequest(o))
	if err != nil {
		return payFailed(err)
	}
	var told struct {
		CodeURL string `json:"code_url"`
	}
	if err := parse(got, &told); err != nil {
		return unknown(fault.Wrap(err, fault.InDoubt, "wechatv3.garbled", "the answer is garbled"))
	}
	if !strings.HasPrefix(told.CodeURL, "weixin://") || len(told.CodeURL) > 512 {
		return unknown(doubt("garbled", "code_url is no address that WeChat opens"))
	}
	return channel.Answer{Finding: channel.Pending, Working: true, QR: told.CodeURL}
}

// undoSuffix makes the number of the refund that undoes a shown order out of the order's. No refund of a merchant's is
// numbered so, and the same order always gives the same one: however often it is undone, the money goes back once.
const undoSuffix = "R"

// takeBack closes a shown order. One that was paid cannot be closed, nor reversed (that is for payment codes), so all of
// it is refunded.
func (c *Channel) takeBack(ctx context.Context, r channel.Ref) channel.Answer {
	got, err := c.ask(ctx, http.MethodPost, c.transactions("out-trade-no", r.OutTradeNo, "close"), c.who.body(false))
	switch {
	case err == nil && len(got) == 0: // 204, signed: taken, and a query must say CLOSED
		return channel.Answer{Finding: channel.Pending, Working: true}
	case err == nil:
		return unknown(doubt("garbled", "a close is answered with nothing, not with %d bytes", len(got)))
	}
	var no *refusal
	if !errors.As(err, &no) {
		return failed(err)
	}
	switch {
	case no.status >= http.StatusInternalServerError:
	case no.code == "ORDER_CLOSED" || no.code == "ORDERCLOSED":
		return channel.Answer{Finding: channel.Pending, Working: true}
	case no.code == "ORDER_PAID" || no.code == "ORDERPAID":
		return c.refundAll(ctx, r)
	}
	return failed(err)
}

// undo names the refund that gives a shown order back.
func undo(r channel.Ref) channel.Refund {
	return channel.Refund{OutRefundNo: r.OutTradeNo + undoSuffix, Order: r, Amount: r.Amount, Reason: "未完成的订单退回"}
}

// refundAll gives all of a paid order back, once. It asks first: sending again what is under way counts among the refunds
// that WeChat Pay wants a minute apart.
func (c *Channel) refundAll(ctx context.Context, r channel.Ref) channel.Answer {
	back := undo(r)
	a := c.askRefund(ctx, back)
	if a.Finding == channel.RefundAbsent {
		a = c.sendRefund(ctx, back)
	}
	return asReversal(a)
}

// undoneByRefund looks whether an order that was refunded went back as a whole by our undoing it.
func (c *Channel) undoneByRefund(ctx context.Context, r channel.Ref, otherwise channel.Answer) channel.Answer {
	switch a := c.askRefund(ctx, undo(r)); a.Finding {
	case channel.RefundAbsent:
		return otherwise // other refunds
	default:
		return asReversal(a)
	}
}

func asReversal(a channel.RefundAnswer) channel.Answer {
	switch a.Finding {
	case channel.Refunded:
		return channel.Answer{Finding: channel.Reversed}
	case channel.RefundTaken:
		if a.Err == nil {
			a.Err = doubt("undoing", "the customer had paid; all of it is on its way back")
		}
	case channel.RefundRefused:
		a.Err = doubt("undo_refused", "the customer had paid, and WeChat Pay does not give it back (%s): refund it on the merchant platform", printable(a.Decline.Wallet))
	}
	return unknown(a.Err)
}
