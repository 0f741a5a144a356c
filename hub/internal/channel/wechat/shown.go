package wechat

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/money"
)

var _ channel.Presenter = (*Channel)(nil)

// presentRules: everything but payment codes must live for five minutes at least (the wallet's own text),
// so six; half a minute later a customer who paid in the last second is seen. An order that was paid is
// undone by a refund, which is taken for a year (section 6.1).
var presentRules = channel.Rules{
	CallTimeout:  10 * time.Second,
	FirstQuery:   3 * time.Second,
	QueryEvery:   3 * time.Second,
	GiveUp:       6 * time.Minute,
	ReverseEvery: 2 * time.Second,
	UndoWindow:   refundRules.Window,
	Travel:       6*time.Minute + 30*time.Second,
}

// PresentRules gives WeChat Pay's pace and windows for codes that are shown.
func (c *Channel) PresentRules() channel.Rules { return presentRules }

// nowhere stands in for an address of notices: the wallet wants one, and a name under .invalid belongs to
// nobody. What a notice would tell, queries find.
const nowhere = "https://notices.invalid/"

// Present asks for the text of a code to show: a NATIVE order.
func (c *Channel) Present(ctx context.Context, o channel.Order) channel.Answer {
	if a, ok := sendable(o); !ok {
		return a
	}
	got, err := c.call(ctx, c.open, c.unified, c.presentRequest(o), o.OutTradeNo)
	if err != nil {
		return payFailed(err)
	}
	return presentFinding(got)
}

// presentRequest writes a unifiedorder body. The fields stand in the order of their names.
func (c *Channel) presentRequest(o channel.Order) []byte {
	fields := [16]field{
		{"appid", c.appID},
		{"body", subject(o)},
		{"device_info", clean(o.Terminal, 32)},
		{"fee_type", string(money.CNY)},
		{"mch_id", c.mchID},
		{"nonce_str", c.nonce()},
		{"notify_url", cmp.Or(c.notifyURL, nowhere)},
		{"out_trade_no", o.OutTradeNo},
		{"product_id", o.OutTradeNo}, // the wallet wants one; a till has no products
		{"scene_info", sceneInfo(o.Store)},
		{"sign_type", c.sign.kind},
		{"spbill_create_ip", c.deviceIP},
		{"time_expire", beijingTime(o.Expires)},
		{"total_fee", strconv.FormatInt(o.Amount.Fen(), 10)},
		{"trade_type", "NATIVE"},
	}
	return c.seal(fields[:])
}

// presentFinding wants a text to show. The documented answer names no order, so only the connection ties
// it to the question. Of the refusals only those end the attempt that are about our request: ORDERPAID,
// ORDERCLOSED and OUT_TRADE_NO_USED speak of an order that was there before.
func presentFinding(got fields) channel.Answer {
	switch result := got.get("result_code"); result {
	case "SUCCESS":
		text := got.get("code_url")
		if !carry.ShownText(text) || got.get("trade_type") != "NATIVE" {
			return unknown(doubt("garbled", "the answer holds no code to show"))
		}
		return channel.Answer{Finding: channel.Pending, Working: true, QR: text}
	case "FAIL":
	default:
		return unknown(doubt("garbled", "result_code is %q", carry.Printable(result)))
	}
	code := got.get("err_code")
	switch d := payDeclines[code]; {
	case code == "FREQUENCY_LIMITED":
		return channel.Answer{Finding: channel.Busy, Err: doubt("busy", "WeChat Pay limits our rate: slow down")}
	case d.Code == channel.Misconfigured:
		a := declined(code, d)
		a.Err = doubt("misconfigured", "err_code %s: check the merchant's rights and our request", code)
		return a
	}
	return unknown(doubt("refused", "err_code %q leaves the order open: ask again", carry.Printable(code)))
}

// withdraw undoes an order that is shown. That it was closed is not believed before a query says so: a
// payment may have been under way.
func (c *Channel) withdraw(ctx context.Context, r channel.Ref) channel.Answer {
	got, err := c.call(ctx, c.open, c.closing, c.orderRequest(r.OutTradeNo), r.OutTradeNo)
	if err != nil {
		return unknown(err)
	}
	switch result := got.get("result_code"); result {
	case "SUCCESS":
		return channel.Answer{Finding: channel.Pending, Working: true}
	case "FAIL":
	default:
		return unknown(doubt("garbled", "result_code is %q", carry.Printable(result)))
	}
	switch code := got.get("err_code"); code {
	case "ORDERCLOSED":
		return channel.Answer{Finding: channel.Pending, Working: true}
	case "ORDERNOTEXIST":
		return channel.Answer{Finding: channel.Absent}
	case "ORDERPAID":
		return c.undo(ctx, r)
	default:
		return unknown(doubt("refused", "err_code %q: close again", carry.Printable(code)))
	}
}

// undo gives all money of an order back that was paid after all. Its refund's number is the order's own
// with a letter behind it, the same in every repeat: the wallet gives back once, however often we ask, and
// the number is longer than any that the hub draws for a merchant's refund.
func (c *Channel) undo(ctx context.Context, r channel.Ref) channel.Answer {
	back := undoing(r)
	switch a := c.giveBack(ctx, back); a.Finding {
	case channel.RefundTaken:
		return c.withdrawn(ctx, r, unknown(doubt("refund", "the refund that undoes the order was taken and is not seen yet: ask again")))
	case channel.RefundRefused:
		return unknown(doubt("refund", "the order is paid and the refund that undoes it was refused (%s): %s", a.Decline.Wallet, a.Decline.Message))
	default:
		return unknown(a.Err)
	}
}

func undoing(r channel.Ref) channel.Refund {
	return channel.Refund{OutRefundNo: r.OutTradeNo + "R", Order: r, Amount: r.Amount, Reason: "the order was not completed"}
}

// withdrawn asks how the refund of [Channel.undo] stands; otherwise is what is known when there is none.
func (c *Channel) withdrawn(ctx context.Context, r channel.Ref, otherwise channel.Answer) channel.Answer {
	switch a := c.given(ctx, undoing(r)); a.Finding {
	case channel.Refunded:
		return channel.Answer{Finding: channel.Reversed}
	case channel.RefundTaken:
		return channel.Answer{Finding: channel.Pending, Working: true, Err: a.Err}
	case channel.RefundAbsent:
		return otherwise
	case channel.RefundRefused:
		return unknown(doubt("refund", "WeChat Pay closed the refund that undoes the order (%s): give the money back on the merchant platform", a.Decline.Wallet))
	default:
		return unknown(a.Err)
	}
}
