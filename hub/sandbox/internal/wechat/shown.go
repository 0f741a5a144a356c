package wechat

import (
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Section 2.5: an order whose code the customer scans, and the end of it while it is unpaid. Of the trade
// types only NATIVE is pretended.
var (
	unifiedRules = []rule{
		{"device_info", false, 32, nil},
		{"body", true, 128, nil},
		{"detail", false, 6000, isJSON},
		{"attach", false, 127, nil},
		{"out_trade_no", true, 32, isNumber},
		{"fee_type", false, 16, only(string(money.CNY))},
		{"total_fee", true, 11, isFee},
		{"spbill_create_ip", true, 64, isIP},
		{"time_start", false, 14, isTime},
		{"time_expire", false, 14, isTime},
		{"goods_tag", false, 32, nil},
		{"notify_url", true, 256, nil},
		{"trade_type", true, 16, only("NATIVE")},
		{"product_id", true, 32, nil},
		{"limit_pay", false, 32, only("no_credit")},
		{"receipt", false, 8, only("Y")},
		{"profit_sharing", false, 1, only("Y", "N")},
		{"scene_info", false, 256, isJSON},
	}
	closeRules = []rule{{"out_trade_no", true, 32, isNumber}}
)

// nativeLife is how long a code lives whose order names no expiry. leastNative is the shortest that the
// wallet takes, as its own text says for everything but payment codes.
const (
	nativeLife  = 2 * time.Hour
	leastNative = 5 * time.Minute
)

// UnifiedOrder is POST /pay/unifiedorder.
func (d *Door) UnifiedOrder(r door.Request) (door.Reply, error) {
	c, reply := d.admit(r, unifiedRules)
	if c == nil {
		return reply, nil
	}
	get := c.fields.get
	o := order.Order{
		Wallet: pay.WeChat, Mch: c.mch(), Number: get("out_trade_no"), Digest: digest(c.fields),
		Amount: fee(get("total_fee")), Expires: r.Now.Add(nativeLife), Terminal: get("device_info"), Attach: get("attach"),
		Notify: get("notify_url"), NotifySign: string(signType(get("sign_type"))),
	}
	if t, given := parseTime(get("time_expire")); given {
		o.Expires = t
		if start, given := parseTime(get("time_start")); given && t.Sub(start) < leastNative {
			return c.fail("PARAM_ERROR", expireTooSoon), nil
		}
	}
	s, err := d.Book.Offer(r.Now, o)
	if err != nil {
		return door.Reply{}, err
	}
	return c.offered(s), nil
}

// offerRefusals are the wallet's words for a code it does not give.
var offerRefusals = map[order.Verdict][2]string{
	order.PaidBefore:    {"ORDERPAID", "该订单已支付"},
	order.OrderClosed:   {"ORDERCLOSED", "该订单已关闭"},
	order.OrderReversed: {"ORDERCLOSED", "该订单已关闭"},
	order.NumberUsed:    {"OUT_TRADE_NO_USED", "商户订单号重复"},
	order.Expired:       {"PARAM_ERROR", expireTooSoon},
}

func (c *call) offered(s order.Step) door.Reply {
	if no, refused := offerRefusals[s.Verdict]; refused {
		return c.fail(no[0], no[1])
	}
	return c.reply(s, string(s.Verdict), field{"result_code", "SUCCESS"}, field{"trade_type", "NATIVE"},
		field{"prepay_id", fmt.Sprintf("wx%034d", s.Order.ID)}, field{"code_url", s.Order.Text()})
}

// CloseOrder is POST /pay/closeorder.
func (d *Door) CloseOrder(r door.Request) (door.Reply, error) {
	c, reply := d.admit(r, closeRules)
	if c == nil {
		return reply, nil
	}
	ref, _ := c.ref()
	s, err := d.Book.CloseOrder(r.Now, ref)
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Absent:
		return c.fail("ORDERNOTEXIST", "订单不存在"), nil
	case order.PaidBefore:
		return c.fail("ORDERPAID", "该订单已支付"), nil
	case order.OrderClosed:
		return c.fail("ORDERCLOSED", "该订单已关闭"), nil
	case order.WrongWay:
		return c.fail("INVALID_REQUEST", "付款码支付的订单请调用撤销接口"), nil
	case order.TryAgain:
		return c.fail("SYSTEMERROR", "系统超时"), nil
	}
	return c.reply(order.Step{}, string(s.Verdict), field{"result_code", "SUCCESS"}, field{"result_msg", "OK"}), nil
}
