package wechatv3

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

// parties are how a request names who signs and who is paid.
type parties struct {
	AppID    string `json:"appid,omitempty"`
	MchID    string `json:"mchid,omitempty"`
	SpAppID  string `json:"sp_appid,omitempty"`
	SpMchID  string `json:"sp_mchid,omitempty"`
	SubAppID string `json:"sub_appid,omitempty"`
	SubMchID string `json:"sub_mchid,omitempty"`
}

type goods struct {
	MerchantGoodsID string `json:"merchant_goods_id"`
	WxpayGoodsID    string `json:"wxpay_goods_id,omitempty"`
	WechatpayID     string `json:"wechatpay_goods_id,omitempty"`
	GoodsName       string `json:"goods_name,omitempty"`
	Quantity        int64  `json:"quantity"`
	UnitPrice       int64  `json:"unit_price"`
}

// asked is a codepay or a native order (sections 1.5, 1.7).
type asked struct {
	AppID         string `json:"appid"` // not embedded: strictjson looks at the outermost names
	MchID         string `json:"mchid"`
	SpAppID       string `json:"sp_appid"`
	SpMchID       string `json:"sp_mchid"`
	SubAppID      string `json:"sub_appid"`
	SubMchID      string `json:"sub_mchid"`
	Description   string `json:"description"`
	OutTradeNo    string `json:"out_trade_no"`
	TimeExpire    string `json:"time_expire"`
	Attach        string `json:"attach"`
	NotifyURL     string `json:"notify_url"`
	GoodsTag      string `json:"goods_tag"`
	SupportFapiao bool   `json:"support_fapiao"`
	Payer         *struct {
		AuthCode string `json:"auth_code"`
	} `json:"payer"`
	Amount *struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
	SceneInfo *struct {
		DeviceID      string `json:"device_id"`
		DeviceIP      string `json:"device_ip"`
		PayerClientIP string `json:"payer_client_ip"`
		StoreInfo     *struct {
			ID       string `json:"id"`
			OutID    string `json:"out_id"`
			Name     string `json:"name"`
			AreaCode string `json:"area_code"`
			Address  string `json:"address"`
		} `json:"store_info"`
	} `json:"scene_info"`
	Detail *struct {
		CostPrice   int64   `json:"cost_price"`
		InvoiceID   string  `json:"invoice_id"`
		GoodsDetail []goods `json:"goods_detail"`
	} `json:"detail"`
	SettleInfo *struct {
		ProfitSharing bool `json:"profit_sharing"`
	} `json:"settle_info"`
}

// beijing is the zone of every time in the protocol.
var beijing = time.FixedZone("CST", 8*60*60)

var (
	numberShape = regexp.MustCompile(`^[0-9A-Za-z_\-|*]{6,32}$`)
	codeShape   = regexp.MustCompile(`^1[0-5][0-9]{16}$`)
	timeShape   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+08:00$`)
)

// bad is a member that does not fit.
func (c *call) bad(field, why string) (door.Reply, error) {
	return c.refuse(http.StatusBadRequest, "PARAM_ERROR", "参数错误: "+why, field), nil
}

func tooLong(s string, most int) bool { return utf8.RuneCountInString(s) > most }

func isIP(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// admitParties holds who is named against who signs, and finds whose orders are meant.
func (c *call) admitParties(p parties, app bool) (code, text string) {
	if !c.partner {
		switch {
		case p.SpAppID+p.SpMchID+p.SubAppID+p.SubMchID != "":
			return "PARAM_ERROR", "参数错误: 直连商户不支持服务商参数"
		case p.MchID != c.merchant.WeChat.MchID:
			return "PARAM_ERROR", "参数错误: mchid与签名商户号不一致"
		case app && p.AppID != c.merchant.WeChat.AppID:
			return "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配"
		}
		return "", ""
	}
	sub := c.door.merchants.WeChatMch(p.SubMchID)
	switch {
	case p.AppID+p.MchID != "":
		return "PARAM_ERROR", "参数错误: 服务商接口不支持appid、mchid"
	case p.SpMchID != c.merchant.WeChat.MchID:
		return "PARAM_ERROR", "参数错误: sp_mchid与签名商户号不一致"
	case sub == nil || sub == c.merchant:
		return "NO_AUTH", "sub_mchid与sp_mchid未建立关系"
	case app && p.SpAppID != c.merchant.WeChat.AppID, p.SubAppID != "" && p.SubAppID != sub.WeChat.AppID:
		return "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配"
	}
	c.mch = p.SubMchID
	return "", ""
}

var statusOf = map[string]int{"NO_AUTH": http.StatusForbidden}

func (c *call) badParties(p parties, app bool) (door.Reply, bool) {
	code, text := c.admitParties(p, app)
	if code == "" {
		return door.Reply{}, false
	}
	status := statusOf[code]
	if status == 0 {
		status = http.StatusBadRequest
	}
	return c.refuse(status, code, text, ""), true
}

// readOrder takes an order's body and checks what both kinds have; a done reply ends it.
func (c *call) readOrder() (a asked, o order.Order, reply door.Reply, done bool) {
	fail := func(field, why string) (asked, order.Order, door.Reply, bool) {
		reply, _ := c.bad(field, why)
		return a, o, reply, true
	}
	if err := strictjson.Decode(c.Body, &a); err != nil {
		return fail("", "请求体不是合法的JSON")
	}
	c.seen = a.OutTradeNo
	if reply, bad := c.badParties(parties{a.AppID, a.MchID, a.SpAppID, a.SpMchID, a.SubAppID, a.SubMchID}, true); bad {
		return a, o, reply, true
	}
	switch {
	case a.Description == "" || tooLong(a.Description, 127):
		return fail("/description", "description")
	case !numberShape.MatchString(a.OutTradeNo):
		return fail("/out_trade_no", "out_trade_no")
	case tooLong(a.Attach, 128) || tooLong(a.GoodsTag, 32):
		return fail("/attach", "attach, goods_tag")
	case a.Amount == nil || a.Amount.Total < 1 || a.Amount.Total > money.Max:
		return fail("/amount/total", "amount.total")
	case a.Amount.Currency != "" && a.Amount.Currency != string(money.CNY):
		return fail("/amount/currency", "amount.currency")
	case a.Detail != nil && len(a.Detail.GoodsDetail) == 0:
		return fail("/detail/goods_detail", "goods_detail")
	}
	o = order.Order{Wallet: pay.WeChat, Mch: c.mch, Number: a.OutTradeNo, Amount: money.Fen(a.Amount.Total), Attach: a.Attach,
		Expires: c.Now.Add(order.Life(pay.WeChat))}
	if a.SceneInfo != nil {
		if o.Terminal = a.SceneInfo.DeviceID; tooLong(o.Terminal, 32) {
			return fail("/scene_info/device_id", "device_id")
		}
	}
	words, err := json.Marshal(a) // the same words in whatever order
	if err != nil {
		return fail("", "请求体")
	}
	sum := sha256.Sum256(append(words, c.Path...))
	copy(o.Digest[:], sum[:])
	return a, o, door.Reply{}, false
}

// codepay charges a payment code.
func (c *call) codepay() (door.Reply, error) {
	a, o, reply, done := c.readOrder()
	if done {
		return reply, nil
	}
	switch {
	case a.Payer == nil || !codeShape.MatchString(a.Payer.AuthCode):
		return c.refuse(http.StatusBadRequest, "AUTH_CODE_INVALID", "请扫描微信支付授权码(以10/11/12/13/14/15为前缀的18位数字)", "/payer/auth_code"), nil
	case a.SceneInfo == nil || a.SceneInfo.StoreInfo == nil:
		return c.bad("/scene_info/store_info", "scene_info.store_info")
	case a.SceneInfo.PayerClientIP != "" || a.SceneInfo.DeviceIP != "" && !isIP(a.SceneInfo.DeviceIP):
		return c.bad("/scene_info/device_ip", "device_ip")
	case a.TimeExpire != "" || a.NotifyURL != "":
		return c.bad("/time_expire", "付款码支付不支持time_expire、notify_url")
	case tooLong(a.SceneInfo.StoreInfo.ID, 32) || tooLong(a.SceneInfo.StoreInfo.OutID, 32):
		return c.bad("/scene_info/store_info", "store_info")
	}
	code, err := pay.ParseCode(a.Payer.AuthCode)
	if err != nil {
		return c.refuse(http.StatusBadRequest, "AUTH_CODE_INVALID", "付款码无效", "/payer/auth_code"), nil
	}
	s, err := c.door.book.Pay(c.Now, o, code)
	if err != nil {
		return door.Reply{}, err
	}
	return c.paid(s), nil
}

// refusals of a pay request. The v3 names are UNVERIFIED (section 1.5).
var refusals = map[order.Verdict]struct {
	status     int
	code, text string
}{
	order.BalanceLow:      {http.StatusForbidden, "NOT_ENOUGH", "余额不足"},
	order.CustomerRefused: {http.StatusForbidden, "TRADE_ERROR", "用户取消支付"},
	order.CodeExpired:     {http.StatusBadRequest, "AUTH_CODE_EXPIRED", "付款码已过期，请退出重试"},
	order.CodeUsed:        {http.StatusBadRequest, "AUTH_CODE_INVALID", "每个二维码仅限使用一次，请刷新再试"},
	order.NumberUsed:      {http.StatusForbidden, "OUT_TRADE_NO_USED", "商户订单号重复"},
	order.OrderClosed:     {http.StatusBadRequest, "ORDER_CLOSED", "订单已关闭"},
	order.OrderReversed:   {http.StatusBadRequest, "ORDERREVERSED", "订单已撤销"},
	order.Expired:         {http.StatusBadRequest, "PARAM_ERROR", "time_expire时间过短"},
	order.SystemError:     {http.StatusInternalServerError, "SYSTEM_ERROR", "系统错误，请稍后重试"},
	order.Limited:         {http.StatusTooManyRequests, "FREQUENCY_LIMITED", "频率限制"},
}

func (c *call) paid(s order.Step) door.Reply {
	switch {
	case s.Verdict == order.Down:
		return door.Down()
	case s.Delivery == order.Cut:
		return door.Reply{Cut: true, Order: c.seen, Verdict: string(s.Verdict)}
	case s.Verdict == order.Charged || s.Verdict == order.Pending:
		return c.reply(s, http.StatusOK, string(s.Verdict), c.state(s.Order))
	}
	r := refusals[s.Verdict]
	return c.reply(s, r.status, r.code, map[string]any{"code": r.code, "message": r.text})
}

// tradeStates as v3 names them.
var tradeStates = map[order.State][2]string{
	order.Offered: {"NOTPAY", "订单未支付"},
	order.Waiting: {"USERPAYING", "用户支付中，需要输入密码"},
	order.Paid:    {"SUCCESS", "支付成功"},
	order.Refused: {"PAYERROR", "支付失败，请撤销订单后重新下单"},
	order.Closed:  {"CLOSED", "订单已关闭"},
	order.Undone:  {"REVOKED", "订单已撤销"},
}

// state is how an order stands, as answers and notices tell it.
func (c *call) state(o order.Order) map[string]any { return c.door.state(c.merchant.WeChat.MchID, o) }

func (d *Door) state(signs string, o order.Order) map[string]any {
	word := tradeStates[o.State]
	if o.State == order.Paid && o.Parts > 0 {
		word = [2]string{"REFUND", "转入退款"}
	}
	out := d.names(signs, o.Mch)
	for k, v := range map[string]any{"out_trade_no": o.Number, "trade_state": word[0], "trade_state_desc": word[1], "attach": o.Attach,
		"trade_type": map[bool]string{true: "NATIVE", false: "MICROPAY"}[o.Shown], "promotion_detail": []any{}} {
		out[k] = v
	}
	amount := map[string]any{"total": o.Amount.Fen(), "currency": "CNY"}
	if !o.PaidAt.IsZero() {
		openid := fmt.Sprintf("oUpF8uMuAJO_M2pxb1%010d", o.ID)
		amount["payer_total"], amount["payer_currency"] = o.Amount.Fen(), "CNY"
		out["transaction_id"], out["success_time"], out["bank_type"] = o.Ref(), o.PaidAt.In(beijing).Format(time.RFC3339), "OTHERS"
		out["payer"] = map[string]any{map[bool]string{true: "sp_openid", false: "openid"}[signs != o.Mch]: openid}
	}
	out["amount"] = amount
	if o.Terminal != "" {
		out["scene_info"] = map[string]any{"device_id": o.Terminal}
	}
	return out
}

// names are the merchant in an answer, or the partner and its merchant.
func (d *Door) names(signs, mch string) map[string]any {
	m := d.merchants.WeChatMch(signs)
	if signs == mch {
		return map[string]any{"appid": m.WeChat.AppID, "mchid": signs}
	}
	return map[string]any{"sp_appid": m.WeChat.AppID, "sp_mchid": signs, "sub_mchid": mch}
}

// queryParties reads who a question names; every parameter must be one of those.
func (c *call) queryParties() (p parties, ok bool) {
	q, err := url.ParseQuery(c.Query)
	if err != nil {
		return p, false
	}
	places := map[string]*string{"mchid": &p.MchID, "sp_mchid": &p.SpMchID, "sub_mchid": &p.SubMchID}
	for name, values := range q {
		if places[name] == nil || len(values) != 1 {
			return p, false
		}
		*places[name] = values[0]
	}
	return p, true
}

func (c *call) queryOrder() (door.Reply, error) {
	p, ok := c.queryParties()
	if !ok {
		return c.bad("", "查询参数")
	}
	if reply, bad := c.badParties(p, false); bad {
		return reply, nil
	}
	r := book.Ref{Wallet: pay.WeChat, Mch: c.mch, Number: c.args[1]}
	if strings.Contains(c.Path, "/transactions/id/") {
		r.Number, r.WalletRef = "", c.args[1]
	}
	c.seen = r.Number
	s, err := c.door.book.Query(c.Now, r)
	if err != nil {
		return door.Reply{}, err
	}
	switch s.Verdict {
	case order.Down:
		return door.Down(), nil
	case order.Absent:
		return c.refuse(http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在", ""), nil
	}
	return c.ok(c.state(s.Order)), nil
}
