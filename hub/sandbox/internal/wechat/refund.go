package wechat

import (
	"fmt"
	"strconv"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Section 2.6: a refund, and the question about refunds.
var (
	refundRules = []rule{
		{"transaction_id", false, 32, isDigits},
		{"out_trade_no", false, 32, isNumber},
		{"out_refund_no", true, 64, isNumber},
		{"total_fee", true, 11, isFee},
		{"refund_fee", true, 11, isFee},
		{"refund_fee_type", false, 8, only(string(money.CNY))},
		{"refund_desc", false, 80, nil},
		{"refund_account", false, 30, only("REFUND_SOURCE_UNSETTLED_FUNDS", "REFUND_SOURCE_RECHARGE_FUNDS")},
		{"notify_url", false, 256, nil},
	}
	refundQueryRules = []rule{
		{"transaction_id", false, 32, isDigits},
		{"out_trade_no", false, 32, isNumber},
		{"out_refund_no", false, 64, isNumber},
		{"refund_id", false, 32, isDigits},
		{"offset", false, 3, isDigits},
	}
)

// refundPage is how many refunds one answer tells.
const refundPage = 10

// Refund is POST /secapi/pay/refund. Success says that the wallet took it, no more.
func (d *Door) Refund(r door.Request) (door.Reply, error) {
	c, reply := d.certified(r, refundRules)
	if c == nil {
		return reply, nil
	}
	ref, ok := c.ref()
	if !ok {
		return c.fail("LACK_PARAMS", "缺少参数 out_trade_no"), nil
	}
	asked := order.Given{Number: c.fields.get("out_refund_no"), Amount: fee(c.fields.get("refund_fee")), Notify: c.fields.get("notify_url")}
	s, err := d.Book.Refund(r.Now, ref, asked, fee(c.fields.get("total_fee")))
	if err != nil {
		return door.Reply{}, err
	}
	return c.refunded(s), nil
}

// refundRefusals are the wallet's words (section 2.6) for what it does not take.
var refundRefusals = map[order.Verdict][2]string{
	order.Absent:      {"INVALID_TRANSACTIONID", "无效transaction_id: 订单不存在"},
	order.Pending:     {"ORDER_NOT_READY", "订单处理中，暂时无法退款，请稍后再试"},
	order.NotPaid:     {"ERROR", "订单未支付或已撤销"},
	order.AllBack:     {"ERROR", "订单已全额退款"},
	order.TooMuch:     {"ERROR", "累计退款金额大于支付金额"},
	order.TooMany:     {"ERROR", "退款次数超限"},
	order.TooSoon:     {"INVALID_REQ_TOO_MUCH", "无效请求过多，请等待1分钟后重试"},
	order.TooLate:     {"TRADE_OVERDUE", "订单已经超过退款期限"},
	order.OtherAmount: {"REFUND_FEE_MISMATCH", "订单金额或退款金额与之前请求不一致，请核实后再试"},
	order.PoorSeller:  {"NOTENOUGH", "基本账户余额不足，请充值后重新发起"},
}

func (c *call) refunded(s order.RefundStep) door.Reply {
	if no, refused := refundRefusals[s.Verdict]; refused {
		return c.fail(no[0], no[1])
	}
	total, back := strconv.FormatInt(s.Order.Amount.Fen(), 10), strconv.FormatInt(s.Refund.Amount.Fen(), 10)
	return c.reply(order.Step{}, string(s.Verdict), field{"result_code", "SUCCESS"},
		field{"transaction_id", s.Order.Ref()}, field{"out_trade_no", s.Order.Number},
		field{"out_refund_no", s.Refund.Number}, field{"refund_id", s.Refund.Ref(pay.WeChat)}, field{"refund_channel", ""},
		field{"refund_fee", back}, field{"coupon_refund_fee", "0"}, field{"coupon_refund_count", "0"},
		field{"total_fee", total}, field{"fee_type", string(money.CNY)}, field{"cash_fee", total}, field{"cash_refund_fee", back})
}

// refundWords are the states as refundquery names them.
var refundWords = map[order.RefundState]string{order.Processing: "PROCESSING", order.Returned: "SUCCESS", order.Shut: "REFUNDCLOSE"}

// RefundQuery is POST /pay/refundquery: refund_id wins over out_refund_no, that over the order's numbers.
func (d *Door) RefundQuery(r door.Request) (door.Reply, error) {
	c, reply := d.admit(r, refundQueryRules)
	if c == nil {
		return reply, nil
	}
	get := c.fields.get
	one := book.RefundRef{Number: get("out_refund_no"), WalletRef: get("refund_id")}
	of, named := c.ref()
	if !named && one == (book.RefundRef{}) {
		return c.fail("LACK_PARAMS", "缺少参数 out_refund_no"), nil
	}
	if one != (book.RefundRef{}) { // the order's numbers are not read beside a refund's
		of.Number, of.WalletRef = "", ""
	}
	o, list, err := d.Book.Refunds(r.Now, of, one)
	if err != nil {
		return door.Reply{}, err
	}
	if len(list) == 0 {
		return c.fail("REFUNDNOTEXIST", "退款订单查询失败: 退款不存在"), nil
	}
	offset, _ := strconv.Atoi(get("offset")) // checked to be digits; absent is 0
	page := list[min(offset, len(list)):]
	page = page[:min(refundPage, len(page))]
	total := strconv.FormatInt(o.Amount.Fen(), 10)
	fs := []field{{"result_code", "SUCCESS"}, {"transaction_id", o.Ref()}, {"out_trade_no", o.Number}, {"total_fee", total},
		{"fee_type", string(money.CNY)}, {"cash_fee", total}, {"total_refund_count", strconv.Itoa(len(list))}, {"refund_count", strconv.Itoa(len(page))}}
	for i := range page {
		fs = append(fs, numbered(i, &page[i])...)
	}
	return c.reply(order.Step{}, refundWords[list[0].State], fs...), nil
}

// numbered are the fields of one refund among several. refund_recv_accout is the wallet's own spelling.
func numbered(i int, g *order.Given) []field {
	fs := []field{{"out_refund_no", g.Number}, {"refund_id", g.Ref(pay.WeChat)}, {"refund_channel", "ORIGINAL"},
		{"refund_fee", strconv.FormatInt(g.Amount.Fen(), 10)}, {"refund_status", refundWords[g.State]},
		{"refund_account", "REFUND_SOURCE_UNSETTLED_FUNDS"}, {"refund_recv_accout", "支付用户零钱"}}
	if g.State == order.Returned {
		fs = append(fs, field{"refund_success_time", g.EndedAt.In(beijing).Format(time.DateTime)})
	}
	for j := range fs {
		fs[j].name = fmt.Sprintf("%s_%d", fs[j].name, i)
	}
	return fs
}

// certified admits a request to /secapi. The real wallet's front server refuses a connection without
// the merchant's certificate before anything is read, so this comes first here too.
func (d *Door) certified(r door.Request, table []rule) (*call, door.Reply) {
	name, ok := d.client(r)
	if !ok {
		return nil, gate("CERT_ERROR", "CERT_ERROR 证书校验错误")
	}
	c, reply := d.admit(r, table)
	if c != nil && name != c.merchant.WeChat.MchID {
		return nil, gate("CERT_ERROR", "CERT_ERROR 证书与商户号不匹配")
	}
	return c, reply
}
