package alipay

import (
	"slices"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
)

// Section 3.4: a code that the customer scans, and the end of an unpaid trade.
var (
	precreateRules = slices.Concat(
		slices.DeleteFunc(slices.Clone(payRules), func(r rule) bool {
			return r.name == "scene" || r.name == "auth_code" || r.name == "product_code"
		}),
		[]rule{
			{"product_code", false, 64, only("FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE")},
			{"qr_code_timeout_express", false, 6, isTimeout},
		})
	closeRules = append(slices.Clone(cancelRules), rule{"operator_id", false, 28, nil})
)

// codeLife is how long a code lives whose order names no expiry.
const codeLife = 2 * time.Hour

// precreate is alipay.trade.precreate. There is no trade until somebody scans the code.
func (c *call) precreate() (door.Reply, error) {
	get := c.content.text
	if bad := c.content.check(precreateRules); bad != "" {
		return c.invalid(bad)
	}
	if id := get("seller_id"); id != "" && id != c.merchant.Alipay.SellerID {
		return c.invalid("seller_id")
	}
	amount, err := money.ParseYuan(get("total_amount"))
	if err != nil {
		return c.invalid("total_amount")
	}
	o := order.Order{
		Wallet: wallet, Mch: c.merchant.Alipay.AppID, Number: get("out_trade_no"), Digest: c.content.digest(), Amount: amount,
		Expires: c.now.Add(codeLife), Terminal: get("terminal_id"), Store: get("store_id"), Attach: get("passback_params"),
		Notify: c.params["notify_url"],
	}
	for _, name := range [...]string{"qr_code_timeout_express", "timeout_express"} {
		if t, given := parseTimeout(get(name), c.now); given {
			o.Expires = t
		}
	}
	if t, given := parseTime(get("time_expire")); given { // it wins
		o.Expires = t
	}
	s, err := c.door.Book.Offer(c.now, o)
	if err != nil {
		return door.Reply{}, err
	}
	if no, refused := offerRefusals[s.Verdict]; refused {
		return c.business(s, no[0], no[1])
	}
	return c.reply(s, node{Code: "10000", Msg: "Success", OutTradeNo: s.Order.Number, QRCode: s.Order.Text()}, string(s.Verdict))
}

// offerRefusals are the gateway's words for a code it does not give.
var offerRefusals = map[order.Verdict][2]string{
	order.PaidBefore:    {"ACQ.TRADE_HAS_SUCCESS", "交易已被支付"},
	order.OrderClosed:   {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	order.OrderReversed: {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	order.NumberUsed:    {"ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"},
	order.Expired:       {"ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间已超过允许支付的时间"},
}

// closed is alipay.trade.close, which takes only a trade that waits for the buyer.
func (c *call) closed(s order.Step) (door.Reply, error) {
	switch s.Verdict {
	case order.Absent:
		return c.business(s, "ACQ.TRADE_NOT_EXIST", "交易不存在")
	case order.PaidBefore, order.OrderClosed:
		return c.business(s, "ACQ.REASON_TRADE_STATUS_INVALID", "交易状态不合法")
	case order.TryAgain:
		return c.business(s, "ACQ.SYSTEM_ERROR", "系统繁忙")
	}
	return c.reply(s, node{Code: "10000", Msg: "Success", OutTradeNo: s.Order.Number, TradeNo: s.Order.Ref()}, string(s.Verdict))
}
