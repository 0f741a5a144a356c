package wechat

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
)

const contentType = "text/xml; charset=utf-8"

// expireTooSoon is the wallet's own text, seen in the field under PARAM_ERROR.
const expireTooSoon = "time_expire时间过短，刷卡至少1分钟，其他5分钟"

// gate refuses a request that is tied to no merchant's key, and so without a signature.
func gate(code, text string) door.Reply {
	body := appendXML(nil, []field{{"return_code", "FAIL"}, {"return_msg", text}, {"err_code", code}})
	return door.Reply{Status: http.StatusOK, ContentType: contentType, Body: body, Verdict: code}
}

// reply signs an answer and gives it the way it must travel.
func (c *call) reply(s order.Step, verdict string, fs ...field) door.Reply {
	fs = append(append(fs, c.about()...), field{"return_code", "SUCCESS"}, field{"return_msg", "OK"}, field{"nonce_str", c.door.Nonce()})
	slices.SortFunc(fs, func(a, b field) int { return strings.Compare(a.name, b.name) })
	sign := signature(c.kind, c.merchant.WeChat.APIKey, fs)
	if s.Delivery == order.Forged {
		sign = forge(sign)
	}
	r := door.Reply{Status: http.StatusOK, ContentType: contentType, Body: appendXML(make([]byte, 0, 1536), append(fs, field{"sign", sign})),
		Order: c.fields.get("out_trade_no"), Verdict: verdict}
	switch s.Delivery {
	case order.Late:
		r.After = order.SlowAnswer
	case order.Garbled:
		r.Body = door.Garble(r.Body)
	}
	return r
}

// fail is a refusal by the business: signed, and perhaps no refusal at all (USERPAYING).
func (c *call) fail(code, text string) door.Reply { return c.refuse(order.Step{}, code, text) }

func (c *call) refuse(s order.Step, code, text string, more ...field) door.Reply {
	return c.reply(s, code, append(more, field{"result_code", "FAIL"}, field{"err_code", code}, field{"err_code_des", text})...)
}

// refusals of a pay request (section 2.4), the texts as seen in the field where they were.
var refusals = map[order.Verdict][2]string{
	order.Pending:         {"USERPAYING", "需要用户输入支付密码"},
	order.BalanceLow:      {"NOTENOUGH", "余额不足"},
	order.CustomerRefused: {"TRADE_ERROR", "用户取消支付"},
	order.CodeExpired:     {"AUTHCODEEXPIRE", "101 付款码已过期，请退出重试"},
	order.CodeUsed:        {"AUTH_CODE_INVALID", "101 每个二维码仅限使用一次，请刷新再试"},
	order.NumberUsed:      {"OUT_TRADE_NO_USED", "商户订单号重复"},
	order.OrderClosed:     {"ORDERCLOSED", "订单已关闭"},
	order.OrderReversed:   {"ORDERREVERSED", "订单已撤销"},
	order.Expired:         {"PARAM_ERROR", expireTooSoon},
	order.SystemError:     {"SYSTEMERROR", "系统超时"},
	order.Limited:         {"FREQUENCY_LIMITED", "频率限制"},
}

// paid answers micropay.
func (c *call) paid(s order.Step) door.Reply {
	switch {
	case s.Verdict == order.Down:
		return down(s)
	case s.Delivery == order.Cut:
		return door.Reply{Cut: true, Order: s.Order.Number, Verdict: string(s.Verdict)}
	case s.Verdict == order.Charged:
		return c.reply(s, string(s.Verdict), append(c.money(s.Order), field{"result_code", "SUCCESS"})...)
	}
	r := refusals[s.Verdict]
	return c.refuse(s, r[0], r[1])
}

// money is what a charged order's answers say.
func (c *call) money(o order.Order) []field {
	amount := strconv.FormatInt(o.Amount.Fen(), 10)
	fs := make([]field, 0, 24)
	fs = append(fs, field{"openid", fmt.Sprintf("oUpF8uMuAJO_M2pxb1%010d", o.ID)}, field{"is_subscribe", "N"},
		field{"trade_type", tradeType(o)}, field{"bank_type", "OTHERS"}, field{"fee_type", string(o.Amount.Currency())},
		field{"total_fee", amount}, field{"cash_fee_type", string(o.Amount.Currency())}, field{"cash_fee", amount},
		field{"transaction_id", o.Ref()}, field{"out_trade_no", o.Number}, field{"attach", o.Attach},
		field{"time_end", o.PaidAt.In(beijing).Format(timeLayout)})
	return device(fs, o)
}

func tradeType(o order.Order) string {
	if o.Shown {
		return "NATIVE"
	}
	return "MICROPAY"
}

func device(fs []field, o order.Order) []field {
	if o.Terminal != "" {
		fs = append(fs, field{"device_info", o.Terminal})
	}
	return fs
}

// states as orderquery names them.
var states = map[order.State][2]string{
	order.Offered: {"NOTPAY", "订单未支付"},
	order.Waiting: {"USERPAYING", "需要用户输入支付密码"},
	order.Paid:    {"SUCCESS", "支付成功"},
	order.Refused: {"PAYERROR", "支付失败，请撤销订单后重新下单"},
	order.Closed:  {"CLOSED", "订单已关闭"},
	order.Undone:  {"REVOKED", "订单已撤销"},
}

// state answers orderquery.
func (c *call) state(s order.Step) door.Reply {
	switch s.Verdict {
	case order.Down:
		return down(s)
	case order.Absent:
		return c.refuse(s, "ORDERNOTEXIST", "订单不存在")
	}
	o := s.Order
	var fs []field
	if o.PaidAt.IsZero() {
		fs = device([]field{{"out_trade_no", o.Number}, {"total_fee", strconv.FormatInt(o.Amount.Fen(), 10)}, {"attach", o.Attach}}, o)
	} else {
		fs = c.money(o)
	}
	word := states[o.State]
	if o.State == order.Paid && o.Parts > 0 {
		word = [2]string{"REFUND", "订单发生过退款，退款详情请查询退款单"}
	}
	return c.reply(s, word[0], append(fs, field{"result_code", "SUCCESS"}, field{"trade_state", word[0]}, field{"trade_state_desc", word[1]})...)
}

// reversed answers reverse.
func (c *call) reversed(s order.Step) door.Reply {
	switch s.Verdict {
	case order.Down:
		return down(s)
	case order.Absent:
		return c.refuse(s, "ORDERNOTEXIST", "订单不存在", field{"recall", "N"})
	case order.TooLate:
		return c.refuse(s, "REVERSE_EXPIRE", "订单无法撤销: 超过7天", field{"recall", "N"})
	case order.WrongWay:
		return c.refuse(s, "INVALID_REQUEST", "该订单不是付款码支付，请调用关闭订单接口", field{"recall", "N"})
	case order.InPassword:
		return c.refuse(s, "USERPAYING", "正在支付中不能发起撤销", field{"recall", "Y"})
	case order.Undoable:
		return c.refuse(s, "TRADE_ERROR", "订单已退款，不能撤销", field{"recall", "N"})
	case order.TryAgain:
		return c.reply(s, string(s.Verdict), field{"result_code", "SUCCESS"}, field{"recall", "Y"})
	}
	return c.reply(s, string(s.Verdict), field{"result_code", "SUCCESS"}, field{"recall", "N"})
}

func down(s order.Step) door.Reply {
	r := door.Down()
	r.Order, r.Verdict = s.Order.Number, string(s.Verdict)
	return r
}
