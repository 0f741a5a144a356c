package alipay

import (
	"context"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
)

var _ channel.Presenter = (*Channel)(nil)

// presentRules: until somebody scans the code there is no trade to be cancelled, so a code that is given up
// must first grow old (handbook: wallets, trap 12). Two minutes are enough for a customer at the till, and
// bearable for the next one; half a minute later who paid in the last second is seen.
var presentRules = channel.Rules{
	CallTimeout:  10 * time.Second,
	FirstQuery:   3 * time.Second,
	QueryEvery:   3 * time.Second,
	GiveUp:       2 * time.Minute,
	ReverseEvery: 2 * time.Second,
	UndoWindow:   24 * time.Hour,
	Travel:       2*time.Minute + 30*time.Second,
}

// PresentRules gives Alipay's pace and windows for codes that are shown.
func (c *Channel) PresentRules() channel.Rules { return presentRules }

var tradePrecreate = method{"alipay.trade.precreate", "alipay_trade_precreate_response"}

// Present asks for the text of a code to show.
func (c *Channel) Present(ctx context.Context, o channel.Order) channel.Answer {
	if a, ok := sendable(o); !ok {
		return a
	}
	form, err := c.form(tradePrecreate, c.appendOrder(appendMember(make([]byte, 0, 512), "out_trade_no", o.OutTradeNo), o))
	if err != nil {
		return unsent(err)
	}
	got, err := c.call(ctx, tradePrecreate, form, o.OutTradeNo)
	if err != nil {
		return unknown(err)
	}
	return presentFinding(got, o)
}

// presentFinding wants a text to show. Of the refusals only those end the attempt that are about our
// request: TRADE_HAS_SUCCESS, TRADE_HAS_CLOSE and CONTEXT_INCONSISTENT speak of an order that was there before.
func presentFinding(got answer, o channel.Order) channel.Answer {
	if got.code == "10000" {
		switch {
		case got.outTradeNo != o.OutTradeNo:
			return unknown(doubt("foreign", "the answer names no order or another one"))
		case !carry.ShownText(got.qrCode):
			return unknown(doubt("garbled", "the answer holds no code to show"))
		}
		return channel.Answer{Finding: channel.Pending, Working: true, QR: got.qrCode}
	}
	a := payFinding(got, channel.Ref{OutTradeNo: o.OutTradeNo, Amount: o.Amount}, nil)
	if a.Finding == channel.Busy || a.Finding == channel.Declined && a.Decline.Code == channel.Misconfigured {
		return a
	}
	return unknown(doubt("refused", "code %s leaves the order open: ask again", got.said()))
}
