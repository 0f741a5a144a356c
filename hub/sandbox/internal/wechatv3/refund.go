package wechatv3

import (
	"net/http"
	"net/url"
	"regexp"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

// askedBack is a request for money back (section 1.8).
type askedBack struct {
	SubMchID      string `json:"sub_mchid"`
	TransactionID string `json:"transaction_id"`
	OutTradeNo    string `json:"out_trade_no"`
	OutRefundNo   string `json:"out_refund_no"`
	Reason        string `json:"reason"`
	NotifyURL     string `json:"notify_url"`
	FundsAccount  string `json:"funds_account"`
	Amount        *struct {
		Refund   int64  `json:"refund"`
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
		From     []struct {
			Account string `json:"account"`
			Amount  int64  `json:"amount"`
		} `json:"from"`
	} `json:"amount"`
	GoodsDetail []struct {
		MerchantGoodsID  string `json:"merchant_goods_id"`
		WechatpayGoodsID string `json:"wechatpay_goods_id"`
		GoodsName        string `json:"goods_name"`
		UnitPrice        int64  `json:"unit_price"`
		RefundAmount     int64  `json:"refund_amount"`
		RefundQuantity   int64  `json:"refund_quantity"`
	} `json:"goods_detail"`
}

var refundShape = regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{1,64}$`)

// ofPartner lets sub_mchid say that the signer is a partner.
func (c *call) ofPartner(sub string) (door.Reply, bool) {
	if sub == "" {
		return door.Reply{}, false
	}
	c.partner = true
	return c.badParties(parties{SpMchID: c.merchant.WeChat.MchID, SubMchID: sub}, false)
}

func (c *call) refund() (door.Reply, error) {
	var a askedBack
	if err := strictjson.Decode(c.Body, &a); err != nil {
		return c.bad("", "请求体不是合法的JSON")
	}
	c.seen = a.OutTradeNo
	if reply, bad := c.ofPartner(a.SubMchID); bad {
		return reply, nil
	}
	to, err := url.Parse(a.NotifyURL)
	switch {
	case a.TransactionID == "" && a.OutTradeNo == "":
		return c.bad("/out_trade_no", "transaction_id、out_trade_no二选一")
	case !refundShape.MatchString(a.OutRefundNo):
		return c.bad("/out_refund_no", "out_refund_no")
	case tooLong(a.Reason, 80):
		return c.bad("/reason", "reason")
	case a.NotifyURL != "" && (err != nil || to.Host == "" || to.RawQuery != "" || len(a.NotifyURL) > 256):
		return c.bad("/notify_url", "notify_url")
	case a.FundsAccount != "" && a.FundsAccount != "AVAILABLE" && a.FundsAccount != "UNSETTLED":
		return c.bad("/funds_account", "funds_account")
	case a.Amount == nil || a.Amount.Refund < 1 || a.Amount.Total < 1 || a.Amount.Refund > a.Amount.Total || a.Amount.Total > money.Max:
		return c.bad("/amount/refund", "amount")
	case a.Amount.Currency != string(money.CNY):
		return c.bad("/amount/currency", "amount.currency")
	}
	r := book.Ref{Wallet: pay.WeChat, Mch: c.mch, Number: a.OutTradeNo, WalletRef: a.TransactionID}
	s, err := c.door.book.Refund(c.Now, r, order.Given{Number: a.OutRefundNo, Amount: money.Fen(a.Amount.Refund), Notify: a.NotifyURL, NotifySign: c.wish()}, money.Fen(a.Amount.Total))
	if err != nil {
		return door.Reply{}, err
	}
	if no, refused := refundRefusals[s.Verdict]; refused {
		return c.refuse(no.status, no.code, no.text, ""), nil
	}
	return c.ok(refundState(s.Order, &s.Refund)), nil
}

// refundRefusals are the wallet's words for what it does not take; INVALID_REQUEST is its word for every rule of the
// business, and the rest are the official table's.
var refundRefusals = map[order.Verdict]struct {
	status     int
	code, text string
}{
	order.Absent:      {http.StatusNotFound, "RESOURCE_NOT_EXISTS", "订单不存在"},
	order.Pending:     {http.StatusNotFound, "RESOURCE_NOT_EXISTS", "订单未支付"},
	order.NotPaid:     {http.StatusBadRequest, "INVALID_REQUEST", "订单未支付或已撤销"},
	order.AllBack:     {http.StatusBadRequest, "INVALID_REQUEST", "订单已全额退款"},
	order.TooMuch:     {http.StatusBadRequest, "INVALID_REQUEST", "申请退款金额超过订单可退金额"},
	order.TooMany:     {http.StatusBadRequest, "INVALID_REQUEST", "退款次数超限"},
	order.TooSoon:     {http.StatusTooManyRequests, "FREQUENCY_LIMITED", "同一订单退款请等待1分钟后重试"},
	order.TooLate:     {http.StatusBadRequest, "INVALID_REQUEST", "订单已经超过可退款期限"},
	order.OtherAmount: {http.StatusBadRequest, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试"},
	order.PoorSeller:  {http.StatusForbidden, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"},
}

// refundWords are the states as v3 names them.
var refundWords = map[order.RefundState]string{order.Processing: "PROCESSING", order.Returned: "SUCCESS", order.Shut: "CLOSED"}

func refundState(o order.Order, g *order.Given) map[string]any {
	total, back := o.Amount.Fen(), g.Amount.Fen()
	out := map[string]any{"refund_id": g.Ref(pay.WeChat), "out_refund_no": g.Number, "transaction_id": o.Ref(), "out_trade_no": o.Number,
		"channel": "ORIGINAL", "user_received_account": "支付用户零钱", "create_time": g.Created.In(beijing).Format(time.RFC3339),
		"status": refundWords[g.State], "funds_account": "AVAILABLE", "promotion_detail": []any{},
		"amount": map[string]any{"total": total, "refund": back, "from": []any{}, "payer_total": total, "payer_refund": back,
			"settlement_refund": back, "settlement_total": total, "discount_refund": 0, "currency": "CNY"}}
	if g.State == order.Returned {
		out["success_time"] = g.EndedAt.In(beijing).Format(time.RFC3339)
	}
	return out
}

func (c *call) queryRefund() (door.Reply, error) {
	p, ok := c.queryParties()
	if !ok || p.MchID+p.SpMchID != "" {
		return c.bad("", "查询参数")
	}
	if reply, bad := c.ofPartner(p.SubMchID); bad {
		return reply, nil
	}
	o, list, err := c.door.book.Refunds(c.Now, book.Ref{Wallet: pay.WeChat, Mch: c.mch}, book.RefundRef{Number: c.args[0]})
	if err != nil {
		return door.Reply{}, err
	}
	if len(list) == 0 {
		return c.refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "退款单不存在", ""), nil
	}
	return c.ok(refundState(o, &list[0])), nil
}
