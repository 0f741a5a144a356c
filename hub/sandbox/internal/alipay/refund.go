package alipay

import (
	"bytes"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
)

// Section 3.4: a refund, and the question about one.
var (
	refundRules = []rule{
		{"out_trade_no", false, 64, isNumber},
		{"trade_no", false, 64, nil},
		{"refund_amount", true, 12, isAmount},
		{"out_request_no", false, 64, isNumber},
		{"refund_reason", false, 256, nil},
		{"operator_id", false, 30, nil},
		{"store_id", false, 32, nil},
		{"terminal_id", false, 32, nil},
		{"query_options", false, 0, nil},
	}
	refundQueryRules = []rule{
		{"out_trade_no", false, 64, isNumber},
		{"trade_no", false, 64, nil},
		{"out_request_no", true, 64, isNumber},
		{"query_options", false, 0, nil},
	}
)

// named reads which trade a request is about; bad is the field that does not fit.
func (c *call) named(table []rule) (ref book.Ref, bad string) {
	ref = book.Ref{Wallet: wallet, Mch: c.merchant.Alipay.AppID, Number: c.content.text("out_trade_no"), WalletRef: c.content.text("trade_no")}
	if bad = c.content.check(table); bad == "" && ref.Number == "" && ref.WalletRef == "" {
		bad = "out_trade_no"
	}
	return ref, bad
}

// refundRefusals are the gateway's words for what it does not take (section 3.4).
var refundRefusals = map[order.Verdict][2]string{
	order.Absent:      {"ACQ.TRADE_NOT_EXIST", "交易不存在"},
	order.Pending:     {"ACQ.TRADE_STATUS_ERROR", "交易状态不合法"},
	order.NotPaid:     {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	order.AllBack:     {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	order.TooMuch:     {"ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效"},
	order.TooMany:     {"ACQ.TRADE_NOT_ALLOW_REFUND", "当前交易不允许退款"},
	order.TooSoon:     {"ACQ.TRADE_NOT_ALLOW_REFUND", "当前交易不允许退款"},
	order.TooLate:     {"ACQ.TRADE_HAS_FINISHED", "交易已完结"},
	order.OtherAmount: {"ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致"},
	order.PoorSeller:  {"ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足"},
}

// refund is alipay.trade.refund. refund_fee is what the whole trade has given back by now, and
// fund_change alone tells whether this request moved money.
func (c *call) refund() (door.Reply, error) {
	ref, bad := c.named(refundRules)
	if bad != "" {
		return c.invalid(bad)
	}
	amount, err := money.ParseYuan(c.content.text("refund_amount"))
	if err != nil {
		return c.invalid("refund_amount")
	}
	asked, total := order.Given{Number: c.content.text("out_request_no"), Amount: amount}, money.Amount{}
	if asked.Number == "" { // only all of it may go back without a number
		asked.Number, total = ref.Number, amount
		if asked.Number == "" {
			asked.Number = ref.WalletRef
		}
	}
	s, err := c.door.Book.Refund(c.now, ref, asked, total)
	if err != nil {
		return door.Reply{}, err
	}
	if s.Verdict == order.OtherAmount && !total.IsZero() {
		return c.business(order.Step{}, "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额与订单金额不一致")
	}
	if no, refused := refundRefusals[s.Verdict]; refused {
		return c.business(order.Step{}, no[0], no[1])
	}
	n := node{Code: "10000", Msg: "Success", BuyerLogonID: "159****5620", FundChange: "N", OutTradeNo: s.Order.Number, TradeNo: s.Order.Ref(),
		RefundFee: s.Order.Refunded.Yuan(), SendBackFee: "0.00", GmtRefundPay: s.Refund.EndedAt.In(china).Format(time.DateTime)}
	if s.Verdict == order.Taken {
		n.FundChange, n.SendBackFee = "Y", s.Refund.Amount.Yuan()
	}
	return c.reply(order.Step{}, n, string(s.Verdict))
}

// refundQuery is alipay.trade.fastpay.refund.query. A refund that was never taken is answered with
// success and without a refund_status.
func (c *call) refundQuery() (door.Reply, error) {
	ref, bad := c.named(refundQueryRules)
	if bad != "" {
		return c.invalid(bad)
	}
	o, list, err := c.door.Book.Refunds(c.now, ref, book.RefundRef{Number: c.content.text("out_request_no")})
	if err != nil {
		return door.Reply{}, err
	}
	if o.ID == 0 || o.State == order.Ghost || o.State == order.Burnt {
		return c.business(order.Step{}, "ACQ.TRADE_NOT_EXIST", "交易不存在")
	}
	n := node{Code: "10000", Msg: "Success"}
	if len(list) == 1 {
		n.OutRequestNo, n.OutTradeNo, n.TradeNo = list[0].Number, o.Number, o.Ref()
		n.RefundAmount, n.TotalAmount, n.RefundStatus = list[0].Amount.Yuan(), o.Amount.Yuan(), "REFUND_SUCCESS"
		if bytes.Contains(c.content["query_options"], []byte(`"gmt_refund_pay"`)) {
			n.GmtRefundPay = list[0].EndedAt.In(china).Format(time.DateTime)
		}
	}
	return c.reply(order.Step{}, n, n.RefundStatus)
}
