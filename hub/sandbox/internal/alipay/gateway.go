// Package alipay is the pretended Alipay gateway, version 2 (handbook: wallets, section 3):
// alipay.trade.pay with a bar code, precreate, query, cancel, close, refund and the query of a refund, in RSA2.
//
// It refuses what the gateway refuses, and is strict where the handbook leaves the wallet's
// tolerance open: a parameter in both query and form, a field of biz_content it does not know, a
// timestamp more than ten minutes off China time, certificates or encryption that the application
// did not agree upon, tokens that nobody gave it. REST v3 (rest.go) is the same methods in other words.
//
// Newcomers get one thing wrong: even a refused signature is answered inside the method's node and
// signed, so that a client that verifies answers can read why. Only a request without a readable
// method gets error_response, and only one without a known app_id goes unsigned.
package alipay

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/order"
)

// Door answers merchants.
type Door struct {
	Merchants *merchant.Directory
	Book      *book.Book
	Secret    string                // seals the addresses of bills
	Nonce     func() string         // 32 letters and digits, for the answers of REST v3
	BillFault func() door.BillFault // what is wrong with the bills made now
}

// call is one request, on its way to being understood.
type call struct {
	door     *Door
	app      *merchant.Merchant // who asks, and signs; nil until app_id was known
	merchant *merchant.Merchant // for whom: itself, or one that authorised it
	sealed   bool               // the content is encrypted, and so is the answer's
	node     string             // of the answer
	rest     bool               // asked through REST v3, and answered so
	params   map[string]string
	content  content
	now      time.Time
	base     string // where the gateway was asked: https://host
}

// refusal is a failure with the gateway's codes.
type refusal struct{ code, msg, subCode, subMsg string }

// Bounds of a request; a real one has about 12 parameters.
const (
	maxParams = 64
	maxMethod = 128
)

// timestampWindow is how far a request's timestamp may be off. UNVERIFIED: the real gateway's window
// is not published.
const timestampWindow = 10 * time.Minute

// Gateway is POST /gateway.do.
func (d *Door) Gateway(r door.Request) (door.Reply, error) {
	if r.Method != http.MethodPost {
		return door.Reply{Status: http.StatusMethodNotAllowed, ContentType: "text/plain; charset=utf-8", Body: []byte("use POST\n")}, nil
	}
	c := &call{door: d, node: "error_response", now: r.Now, base: r.Base}
	params, ok := merge(r.Query, string(r.Body))
	if !ok {
		return c.fail(refusal{"40002", "Invalid Arguments", "isv.invalid-parameter", "无效的参数"})
	}
	c.params = params
	method := params["method"]
	if method == "" {
		return c.fail(refusal{"40001", "Missing Required Arguments", "isv.missing-method", "缺少方法名参数"})
	}
	if len(method) > maxMethod || !isNumber(strings.ReplaceAll(method, ".", "_")) {
		return c.fail(refusal{"40002", "Invalid Arguments", "isv.invalid-method", "不存在的方法名"})
	}
	c.node = strings.ReplaceAll(method, ".", "_") + "_response"
	if no := c.admit(); no != nil {
		return c.fail(*no)
	}
	return c.carryOut(method)
}

// carryOut runs a method whose request is admitted.
func (c *call) carryOut(method string) (door.Reply, error) {
	switch method {
	case "alipay.trade.pay":
		return c.pay()
	case "alipay.trade.query":
		return c.about(queryRules, c.door.Book.Query, c.state)
	case "alipay.trade.cancel":
		return c.about(cancelRules, c.door.Book.Reverse, c.cancelled)
	case "alipay.trade.precreate":
		return c.precreate()
	case "alipay.trade.close":
		return c.about(closeRules, c.door.Book.CloseOrder, c.closed)
	case "alipay.trade.refund":
		return c.refund()
	case "alipay.trade.fastpay.refund.query":
		return c.refundQuery()
	case "alipay.open.app.alipaycert.download":
		return c.certificate()
	case "alipay.data.dataservice.bill.downloadurl.query":
		return c.billAddress()
	}
	return c.fail(refusal{"40002", "Invalid Arguments", "isv.invalid-method", "不存在的方法名"})
}

// merge joins the parameters of query and form, each name once.
func merge(query, form string) (map[string]string, bool) {
	out := map[string]string{}
	for _, part := range [...]string{query, form} {
		values, err := url.ParseQuery(part)
		if err != nil {
			return nil, false
		}
		for name, v := range values {
			if _, twice := out[name]; twice || len(v) != 1 || len(out) == maxParams {
				return nil, false
			}
			out[name] = v[0]
		}
	}
	return out, true
}

// admit checks the common parameters and the signature, then reads biz_content.
func (c *call) admit() *refusal {
	get := func(name string) string { return c.params[name] }
	missing := func(sub, text string) *refusal {
		return &refusal{"40001", "Missing Required Arguments", sub, text}
	}
	invalid := func(sub, text string) *refusal { return &refusal{"40002", "Invalid Arguments", sub, text} }
	if get("app_id") == "" {
		return missing("isv.missing-app-id", "缺少appId参数")
	}
	if c.app = c.door.Merchants.AlipayApp(get("app_id")); c.app == nil {
		return invalid("isv.invalid-app-id", "无效的AppID参数")
	}
	c.merchant = c.app
	stamp, stampOK := parseTime(get("timestamp"))
	switch {
	case get("sign_type") == "":
		return missing("isv.missing-signature-type", "缺少签名类型参数")
	case get("sign_type") != "RSA2":
		return invalid("isv.invalid-signature-type", "无效的签名类型")
	case get("sign") == "":
		return missing("isv.missing-signature", "缺少签名参数")
	case !strings.EqualFold(get("charset"), "utf-8"):
		return invalid("isv.invalid-charset", "字符集错误: 使用utf-8")
	case c.app.Alipay.App == nil:
		return missing("isv.missing-signature-key", "缺少签名配置: 未上传公钥")
	case !verify(c.app.Alipay.App, signedText(c.params), get("sign")):
		return invalid("isv.invalid-signature", "无效签名")
	case get("version") == "":
		return missing("isv.missing-version", "缺少版本参数")
	case get("version") != "1.0":
		return invalid("isv.invalid-parameter", "无效的参数: version")
	case get("timestamp") == "":
		return missing("isv.missing-timestamp", "缺少时间戳参数")
	case !stampOK || c.now.Sub(stamp).Abs() > timestampWindow:
		return invalid("isv.invalid-timestamp", "非法的时间戳参数: 使用中国时间")
	case get("format") != "" && !strings.EqualFold(get("format"), "json"):
		return invalid("isv.invalid-format", "无效的数据格式")
	}
	if no := c.mode(); no != nil {
		return no
	}
	var ok bool
	// The node's name must not stand anywhere else in the answer: clients look for it by text.
	if c.content, ok = parseContent(get("biz_content")); !ok || strings.Contains(get("biz_content"), c.node) {
		return invalid("isv.invalid-parameter", "无效的参数: biz_content")
	}
	return nil
}

// about is a request about an order that was asked for before.
func (c *call) about(table []rule, ask func(time.Time, book.Ref) (order.Step, error), answer func(order.Step) (door.Reply, error)) (door.Reply, error) {
	ref := book.Ref{Wallet: wallet, Mch: c.merchant.Alipay.AppID, Number: c.content.text("out_trade_no"), WalletRef: c.content.text("trade_no")}
	bad := c.content.check(table)
	if bad == "" && ref.Number == "" && ref.WalletRef == "" {
		bad = "out_trade_no"
	}
	if bad != "" {
		return c.invalid(bad)
	}
	s, err := ask(c.now, ref)
	if err != nil {
		return door.Reply{}, err
	}
	return answer(s)
}
