package alipay

import (
	"fmt"
	"net/http"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

const wallet = pay.Alipay

// node is the signed part of every answer; what is empty is left out.
type node struct {
	Code    string `json:"code,omitempty"` // empty in a success of REST v3
	Msg     string `json:"msg,omitempty"`
	SubCode string `json:"sub_code,omitempty"`
	SubMsg  string `json:"sub_msg,omitempty"`
	Action  string `json:"action,omitempty"`

	AlipayCertContent string `json:"alipay_cert_content,omitempty"`

	BillDownloadURL string `json:"bill_download_url,omitempty"`

	BuyerLogonID   string `json:"buyer_logon_id,omitempty"`
	BuyerPayAmount string `json:"buyer_pay_amount,omitempty"`
	BuyerUserID    string `json:"buyer_user_id,omitempty"`
	FundChange     string `json:"fund_change,omitempty"`
	FundBillList   []bill `json:"fund_bill_list,omitempty"`
	GmtPayment     string `json:"gmt_payment,omitempty"`
	GmtRefundPay   string `json:"gmt_refund_pay,omitempty"`
	InvoiceAmount  string `json:"invoice_amount,omitempty"`
	OutRequestNo   string `json:"out_request_no,omitempty"`
	OutTradeNo     string `json:"out_trade_no,omitempty"`
	PointAmount    string `json:"point_amount,omitempty"`
	QRCode         string `json:"qr_code,omitempty"`
	ReceiptAmount  string `json:"receipt_amount,omitempty"`
	RefundAmount   string `json:"refund_amount,omitempty"`
	RefundFee      string `json:"refund_fee,omitempty"`
	RefundStatus   string `json:"refund_status,omitempty"`
	RetryFlag      string `json:"retry_flag,omitempty"`
	SendBackFee    string `json:"send_back_fee,omitempty"`
	SendPayDate    string `json:"send_pay_date,omitempty"`
	StoreID        string `json:"store_id,omitempty"`
	TerminalID     string `json:"terminal_id,omitempty"`
	TotalAmount    string `json:"total_amount,omitempty"`
	TradeNo        string `json:"trade_no,omitempty"`
	TradeStatus    string `json:"trade_status,omitempty"`
}

type bill struct {
	Amount      string `json:"amount"`
	FundChannel string `json:"fund_channel"`
}

// reply signs an answer and gives it the way it must travel.
func (c *call) reply(s order.Step, n node, verdict string) (door.Reply, error) {
	r := door.Reply{Status: http.StatusOK, ContentType: "text/html;charset=utf-8", Order: n.OutTradeNo, Verdict: verdict}
	var err error
	if c.rest {
		err = c.restSeal(&r, n, s.Delivery == order.Forged)
	} else {
		r.Body, err = c.seal(n, s.Delivery == order.Forged)
	}
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Delivery {
	case order.Late:
		r.After = order.SlowAnswer
	case order.Garbled:
		r.Body = door.Garble(r.Body)
	}
	return r, nil
}

func (c *call) seal(n node, forged bool) ([]byte, error) { return seal(c.signing(forged), c.node, n) }

func (c *call) fail(no refusal) (door.Reply, error) {
	return c.reply(order.Step{}, node{Code: no.code, Msg: no.msg, SubCode: no.subCode, SubMsg: no.subMsg}, no.subCode)
}

// business is a refusal by the trade core, with the zero amounts the wallet sends along.
func (c *call) business(s order.Step, subCode, subMsg string) (door.Reply, error) {
	n := node{Code: "40004", Msg: "Business Failed", SubCode: subCode, SubMsg: subMsg, OutTradeNo: c.content.text("out_trade_no")}
	n.zero()
	return c.reply(s, n, subCode)
}

func (n *node) zero() {
	n.BuyerPayAmount, n.InvoiceAmount, n.PointAmount, n.ReceiptAmount = "0.00", "0.00", "0.00", "0.00"
}

// invalid names the field that does not fit. It echoes nothing of the request.
func (c *call) invalid(name string) (door.Reply, error) {
	n := node{Code: "40004", Msg: "Business Failed", SubCode: "ACQ.INVALID_PARAMETER", SubMsg: "参数无效: " + name}
	return c.reply(order.Step{}, n, n.SubCode)
}

// pay is alipay.trade.pay.
func (c *call) pay() (door.Reply, error) {
	get := c.content.text
	if bad := c.content.check(payRules); bad != "" {
		return c.invalid(bad)
	}
	if id := get("seller_id"); id != "" && id != c.merchant.Alipay.SellerID {
		return c.invalid("seller_id")
	}
	if !c.subMerchant() {
		return c.business(order.Step{}, "ACQ.SECONDARY_MERCHANT_STATUS_ERROR", "二级商户状态异常或无效")
	}
	code, err := pay.ParseCode(get("auth_code"))
	if err != nil || !isCode(get("auth_code")) {
		return c.business(order.Step{}, "ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款")
	}
	amount, err := money.ParseYuan(get("total_amount"))
	if err != nil {
		return c.invalid("total_amount")
	}
	o := order.Order{
		Wallet: wallet, Mch: c.merchant.Alipay.AppID, Number: get("out_trade_no"), Digest: c.content.digest(), Amount: amount,
		Expires: c.now.Add(order.Life(wallet)), Terminal: get("terminal_id"), Store: get("store_id"), Attach: get("passback_params"),
		Notify: c.params["notify_url"],
	}
	if t, given := parseTimeout(get("timeout_express"), c.now); given {
		o.Expires = t
	}
	if t, given := parseTime(get("time_expire")); given { // it wins
		o.Expires = t
	}
	s, err := c.door.Book.Pay(c.now, o, code)
	if err != nil {
		return door.Reply{}, err
	}
	return c.paid(s)
}

// refusals of a pay request (section 3.3).
var refusals = map[order.Verdict][2]string{
	order.BalanceLow:      {"ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足"},
	order.CustomerRefused: {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	order.CodeExpired:     {"ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，付款码已过期，请顾客刷新付款码后重新收款"},
	order.CodeUsed:        {"ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，付款码已被使用，请顾客刷新付款码后重新收款"},
	order.NumberUsed:      {"ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"},
	order.OrderClosed:     {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	order.OrderReversed:   {"ACQ.TRADE_HAS_CLOSE", "交易已经关闭"},
	order.Expired:         {"ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间已超过允许支付的时间"},
	order.SystemError:     {"ACQ.SYSTEM_ERROR", "系统繁忙"},
}

func (c *call) paid(s order.Step) (door.Reply, error) {
	o := s.Order
	switch {
	case s.Verdict == order.Down:
		return down(s), nil
	case s.Delivery == order.Cut:
		return door.Reply{Cut: true, Order: o.Number, Verdict: string(s.Verdict)}, nil
	case s.Verdict == order.Limited:
		return c.fail(refusal{"40005", "Call Limited", "isv.app-call-limited", "应用调用次数超限"})
	case s.Verdict == order.Charged:
		n := about(o)
		n.Code, n.Msg, n.GmtPayment = "10000", "Success", o.PaidAt.In(china).Format(timeLayout)
		return c.reply(s, n, string(s.Verdict))
	case s.Verdict == order.Pending:
		n := about(o)
		n.Code, n.Msg = "10003", "order success pay inprocess"
		return c.reply(s, n, string(s.Verdict))
	}
	r := refusals[s.Verdict]
	return c.business(s, r[0], r[1])
}

// about is what an answer says of an order that exists.
func about(o order.Order) node {
	n := node{
		BuyerLogonID: "159****5620", BuyerUserID: fmt.Sprintf("208811%010d", o.ID),
		OutTradeNo: o.Number, StoreID: o.Store, TerminalID: o.Terminal,
		TotalAmount: o.Amount.Yuan(), TradeNo: o.Ref(),
	}
	n.zero()
	if !o.PaidAt.IsZero() {
		yuan := o.Amount.Yuan()
		n.BuyerPayAmount, n.InvoiceAmount, n.ReceiptAmount = yuan, yuan, yuan
		n.FundBillList = []bill{{yuan, "ALIPAYACCOUNT"}}
	}
	return n
}

// statuses as alipay.trade.query names them.
var statuses = map[order.State]string{
	order.Waiting: "WAIT_BUYER_PAY",
	order.Paid:    "TRADE_SUCCESS",
	order.Refused: "TRADE_CLOSED",
	order.Closed:  "TRADE_CLOSED",
	order.Undone:  "TRADE_CLOSED",
}

// state is alipay.trade.query.
func (c *call) state(s order.Step) (door.Reply, error) {
	switch s.Verdict {
	case order.Down:
		return down(s), nil
	case order.Absent:
		return c.business(s, "ACQ.TRADE_NOT_EXIST", "交易不存在")
	}
	n := about(s.Order)
	n.Code, n.Msg, n.TradeStatus = "10000", "Success", statuses[s.Order.State]
	if s.Order.State == order.Paid && s.Order.Refunded == s.Order.Amount {
		n.TradeStatus = "TRADE_CLOSED" // a part refunded leaves it as it was, all of it closes it
	}
	if !s.Order.PaidAt.IsZero() {
		n.SendPayDate = s.Order.PaidAt.In(china).Format(timeLayout)
	}
	return c.reply(s, n, n.TradeStatus)
}

// cancelled is alipay.trade.cancel. Without an action nothing existed; a repeat tells the first
// action again.
func (c *call) cancelled(s order.Step) (door.Reply, error) {
	n := node{Code: "10000", Msg: "Success", OutTradeNo: s.Order.Number, RetryFlag: "N"}
	switch s.Verdict {
	case order.Down:
		return down(s), nil
	case order.Absent: // by a trade_no nobody has; there is no number to burn
		return c.business(s, "ACQ.TRADE_NOT_EXIST", "交易不存在")
	case order.TooLate:
		return c.business(s, "ACQ.TRADE_CANCEL_TIME_OUT", "超过撤销时间范围")
	case order.Undoable:
		return c.business(s, "ACQ.CANCEL_NOT_ALLOWED", "交易已发生退款，不允许撤销")
	case order.Nothing:
		return c.reply(s, n, string(s.Verdict))
	case order.TryAgain:
		n.TradeNo, n.RetryFlag = s.Order.Ref(), "Y"
		return c.reply(s, n, string(s.Verdict))
	}
	n.TradeNo, n.Action = s.Order.Ref(), "close"
	if s.Order.Returned {
		n.Action = "refund"
	}
	return c.reply(s, n, n.Action)
}

func down(s order.Step) door.Reply {
	r := door.Down()
	r.Order, r.Verdict = s.Order.Number, string(s.Verdict)
	return r
}
