// Package wechat is the pretended WeChat Pay, API v2, payment-code family (handbook: wallets,
// section 2): micropay, orderquery, secapi/pay/reverse, secapi/pay/refund and refundquery in signed XML.
//
// It refuses whatever the wallet refuses, and where the handbook leaves the wallet's tolerance
// open it is strict: an unknown parameter, a lower-case signature, a second element of one name.
// A request it cannot tie to a merchant's key gets return_code=FAIL without a signature; all other
// answers are signed the way the request was. API v3 is package wechatv3, over the same book.
//
// Newcomers get one thing wrong: return_code=FAIL here carries an err_code beside return_msg, so
// that a tester sees the reason; the real wallet often sends the text only.
package wechat

import (
	"crypto/hmac"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Door answers merchants.
type Door struct {
	Merchants *merchant.Directory
	Book      *book.Book
	Clients   *x509.CertPool // who issues merchants' client certificates
	Nonce     func() string
	BillFault func() door.BillFault // what is wrong with the bills made now
}

// call is a request whose signature was verified.
type call struct {
	door     *Door
	merchant *merchant.Merchant
	sub      *merchant.Merchant // whom a service provider stands for; nil for itself
	kind     signType
	fields   fields
}

// Micropay is POST /pay/micropay.
func (d *Door) Micropay(r door.Request) (door.Reply, error) {
	c, reply := d.admit(r, micropayRules)
	if c == nil {
		return reply, nil
	}
	get := c.fields.get
	code, err := pay.ParseCode(get("auth_code"))
	if err != nil || !isCode(get("auth_code")) {
		return c.fail("AUTH_CODE_INVALID", "请扫描微信支付授权码(以10/11/12/13/14/15为前缀的18位数字)"), nil
	}
	o := order.Order{
		Wallet: pay.WeChat, Mch: c.mch(), Number: get("out_trade_no"), Digest: digest(c.fields),
		Amount: fee(get("total_fee")), Expires: r.Now.Add(order.Life(pay.WeChat)),
		Terminal: get("device_info"), Attach: get("attach"),
	}
	if t, given := parseTime(get("time_expire")); given {
		o.Expires = t
		if start, given := parseTime(get("time_start")); given && t.Sub(start) <= time.Minute {
			return c.fail("PARAM_ERROR", expireTooSoon), nil
		}
	}
	s, err := d.Book.Pay(r.Now, o, code)
	if err != nil {
		return door.Reply{}, err
	}
	return c.paid(s), nil
}

// OrderQuery is POST /pay/orderquery.
func (d *Door) OrderQuery(r door.Request) (door.Reply, error) {
	c, reply := d.admit(r, refRules)
	if c == nil {
		return reply, nil
	}
	ref, ok := c.ref()
	if !ok {
		return c.fail("LACK_PARAMS", "缺少参数 out_trade_no"), nil
	}
	s, err := d.Book.Query(r.Now, ref)
	if err != nil {
		return door.Reply{}, err
	}
	return c.state(s), nil
}

// Reverse is POST /secapi/pay/reverse.
func (d *Door) Reverse(r door.Request) (door.Reply, error) {
	c, reply := d.certified(r, refRules)
	if c == nil {
		return reply, nil
	}
	ref, ok := c.ref()
	if !ok {
		return c.fail("LACK_PARAMS", "缺少参数 out_trade_no"), nil
	}
	s, err := d.Book.Reverse(r.Now, ref)
	if err != nil {
		return door.Reply{}, err
	}
	return c.reversed(s), nil
}

// client verifies the connection's certificate and gives the merchant number in it.
func (d *Door) client(r door.Request) (name string, ok bool) {
	if len(r.Certificates) == 0 {
		return "", false
	}
	leaf := r.Certificates[0]
	_, err := leaf.Verify(x509.VerifyOptions{Roots: d.Clients, CurrentTime: r.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return leaf.Subject.CommonName, err == nil
}

// admit reads a request and proves whose it is; a nil call means the reply is the end of it.
func (d *Door) admit(r door.Request, table []rule) (*call, door.Reply) {
	switch {
	case r.Method != http.MethodPost:
		return nil, gate("REQUIRE_POST_METHOD", "请使用post方法")
	case len(r.Body) == 0:
		return nil, gate("POST_DATA_EMPTY", "post数据为空")
	}
	f, err := parseXML(string(r.Body))
	switch {
	case errors.Is(err, errEncoding):
		return nil, gate("NOT_UTF8", "编码格式错误: 请使用UTF-8编码")
	case err != nil:
		return nil, gate("XML_FORMAT_ERROR", "XML格式错误")
	}
	for i := range envelope {
		if envelope[i].must && f.get(envelope[i].name) == "" {
			return nil, gate("LACK_PARAMS", "缺少参数 "+envelope[i].name)
		}
	}
	m := d.Merchants.WeChatMch(f.get("mch_id"))
	if m == nil {
		return nil, gate("MCHID_NOT_EXIST", "商户号mch_id不存在")
	}
	kind := signType(f.get("sign_type"))
	if kind == "" {
		kind = signMD5
	}
	if !isSignType(string(kind)) {
		return nil, gate("SIGNERROR", "签名类型错误: sign_type")
	}
	if !hmac.Equal([]byte(signature(kind, m.WeChat.APIKey, f)), []byte(f.get("sign"))) {
		return nil, gate("SIGNERROR", "签名错误")
	}
	c := &call{door: d, merchant: m, kind: kind, fields: f}
	if app := f.get("appid"); app != m.WeChat.AppID {
		if d.Merchants.WeChatApp(app) == nil {
			return nil, c.fail("APPID_NOT_EXIST", "appid不存在")
		}
		return nil, c.fail("APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
	}
	if code, text := c.stands(); code != "" {
		return nil, c.fail(code, text)
	}
	switch code, text := check(f, table); code {
	case "":
		return c, door.Reply{}
	case "LACK_PARAMS": // section 2.2: a missing parameter is a failure of the protocol
		return nil, gate(code, text)
	default:
		return nil, c.fail(code, text)
	}
}

// ref names the order; transaction_id wins.
func (c *call) ref() (book.Ref, bool) {
	ref := book.Ref{Wallet: pay.WeChat, Mch: c.mch(),
		Number: c.fields.get("out_trade_no"), WalletRef: c.fields.get("transaction_id")}
	return ref, ref.Number != "" || ref.WalletRef != ""
}

// fee reads a total_fee that was checked.
func fee(s string) money.Amount {
	var n int64
	for i := 0; i < len(s); i++ {
		n = n*10 + int64(s[i]-'0')
	}
	return money.Fen(n)
}
