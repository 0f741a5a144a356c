// Package unionpay is the pretended UnionPay full-channel gateway 5.1.0 (handbook: wallets, section
// 4) for payment codes: consumption 01/06, reversal 99/01, refund 04/00 and undo 31/00 at
// backTransReq.do, query 00/00 and 00/02 at queryTrans.do, all signed by signMethod 01.
//
// It refuses what the gateway refuses, and is strict where the handbook leaves its tolerance open:
// a field it does not know, an empty one, one sent twice, a txnTime more than five minutes off
// China's clock, letters in termId. GBK, hashes with a shared key (11, 12), acquirers and platforms
// are refused, not ignored.
//
// Newcomers get one thing wrong: an answer's values are not URL-encoded, though a request's are,
// and 00 to a consumption says accepted. How it ended stands in a query's origRespCode.
package unionpay

import (
	"net/http"
	"net/url"
	"regexp"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/shared/pay"
)

// Signer is the name in the certificate that signs answers: as in UnionPay's test environment.
const Signer = "041@Z12@00040000:SIGN@00000001"

const wallet = pay.UnionPay

var china = time.FixedZone("CST", 8*60*60)

const timeLayout = "20060102150405"

// Door answers merchants.
type Door struct {
	Merchants *merchant.Directory
	Book      *book.Book
	Keys      *keys.Chain
	BillFault func() door.BillFault // what is wrong with the files made now
}

// call is one request, on its way to being understood.
type call struct {
	door     *Door
	merchant *merchant.Merchant
	params   map[string]string
	now      time.Time
}

// Bounds of a request: more fields than it can have, and the longest that one may be.
const (
	maxParams = 64
	maxValue  = 1024
)

// timeWindow is how far txnTime may be off. UNVERIFIED: "must be the current time" is all that is said.
const timeWindow = 5 * time.Minute

// BackTrans is POST backTransReq.do.
func (d *Door) BackTrans(r door.Request) (door.Reply, error) {
	return d.serve(r, map[string]service{
		"01 06": {payRules, (*call).pay},
		"99 01": {reverseRules, (*call).reverse},
		"04 00": {refundRules, func(c *call) (door.Reply, error) { return c.giveBack(false) }},
		"31 00": {refundRules, func(c *call) (door.Reply, error) { return c.giveBack(true) }},
	})
}

// QueryTrans is POST queryTrans.do.
func (d *Door) QueryTrans(r door.Request) (door.Reply, error) {
	return d.serve(r, map[string]service{"00 00": {queryRules, (*call).query}, "00 02": {numberRules, (*call).query}})
}

// service is what one type of transaction takes and does.
type service struct {
	fields map[string]rule
	do     func(*call) (door.Reply, error)
}

func (d *Door) serve(r door.Request, services map[string]service) (door.Reply, error) {
	if r.Method != http.MethodPost {
		return door.Reply{Status: http.StatusMethodNotAllowed, ContentType: "text/plain; charset=utf-8", Body: []byte("use POST\n")}, nil
	}
	c := &call{door: d, now: r.Now}
	params, ok := parse(string(r.Body))
	if !ok || r.Query != "" {
		return c.refuse("10", "报文格式错误[6100010]")
	}
	c.params = params
	if code, text := c.admit(); code != "" {
		return c.refuse(code, text)
	}
	s, known := services[params["txnType"]+" "+params["txnSubType"]]
	if !known {
		return c.refuse("30", "交易类型不支持[6100030]")
	}
	if bad := check(params, s.fields); bad != "" {
		return c.refuse("10", "报文格式错误:"+bad+"[6100030]")
	}
	return s.do(c)
}

// parse reads a form: each name once, no value empty.
func parse(body string) (map[string]string, bool) {
	values, err := url.ParseQuery(body)
	if err != nil || len(values) > maxParams {
		return nil, false
	}
	out := map[string]string{}
	for name, v := range values {
		if len(v) != 1 || v[0] == "" {
			return nil, false
		}
		out[name] = v[0]
	}
	return out, true
}

// admit checks who asks: the merchant, the certificate and the signature over every field.
func (c *call) admit() (code, text string) {
	get := func(name string) string { return c.params[name] }
	c.merchant = c.door.Merchants.UnionPayMer(get("merId"))
	switch {
	case get("version") != "5.1.0" || get("encoding") != "UTF-8":
		return "10", "报文格式错误:version[6100030]"
	case get("signMethod") != "01":
		return "11", "签名方法不支持[9100001]"
	case c.merchant == nil:
		return "31", "商户状态不正确[5101001]"
	case get("certId") != c.merchant.UnionPay.CertID:
		return "11", "证书ID不正确[9100003]"
	case !verify(c.merchant.UnionPay.Public, c.params):
		return "11", "验证签名失败[9100004]"
	}
	return "", ""
}

// rule is one field's shape and whether it must be there.
type rule struct {
	shape *regexp.Regexp
	must  bool
}

func shape(s string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + s + `)$`) }

func must(s string) rule { return rule{shape(s), true} }
func may(s string) rule  { return rule{shape(s), false} }

// common are the fields that every request has; admit has looked at what they say.
var common = map[string]rule{
	"version": must(`.*`), "encoding": must(`.*`), "signMethod": must(`.*`), "certId": must(`.*`), "signature": must(`.*`), "merId": must(`[0-9]{15}`),
	"txnType": must(`[0-9]{2}`), "txnSubType": must(`[0-9]{2}`), "bizType": must(`000000`), "accessType": must(`0`),
}

const (
	number = `[0-9A-Za-z]{8,40}`
	moment = `20[0-9]{12}`
	fen    = `[1-9][0-9]{0,11}`
	text   = `[^\x00-\x1f\x7f]+`
)

// named are the fields that name an order.
var named = map[string]rule{"orderId": must(number), "txnTime": must(moment)}

var (
	channelled = map[string]rule{"channelType": must(`07|08`), "reqReserved": may(`[^&={}\[\]"'\x00-\x1f\x7f]+`), "reserved": may(text),
		"subMerId": may(`[0-9A-Za-z]{5,15}`), "subMerName": may(text), "subMerAbbr": may(text), "accInsCode": may(text), "termId": may(`[0-9]{8}`)}
	noticed = map[string]rule{"backUrl": must(`https?://[!-~]{1,248}`)}

	payRules = join(common, named, channelled, noticed, map[string]rule{"txnAmt": must(fen), "currencyCode": must(`156`), "qrNo": must(`[0-9]{1,20}`),
		"termInfo": may(text), "accType": may(`01`), "riskRateInfo": may(text), "accSplitData": may(text)})
	reverseRules = join(common, named, channelled)
	refundRules  = join(common, named, channelled, noticed, map[string]rule{"txnAmt": must(fen), "currencyCode": may(`156`),
		"origQryId": may(`[0-9]{20,21}`), "origOrderId": may(number), "origTxnTime": may(moment), "accSplitData": may(text)})
	queryRules  = join(common, named, map[string]rule{"channelType": may(`07|08`), "reserved": may(text), "accInsCode": may(text)})
	numberRules = join(common, map[string]rule{"queryId": must(`[0-9]{20,21}`), "orderId": may(number), "txnTime": may(moment), "channelType": may(`07|08`)})
)

func join(tables ...map[string]rule) map[string]rule {
	out := map[string]rule{}
	for _, t := range tables {
		for name, r := range t {
			out[name] = r
		}
	}
	return out
}

// check names the first field, by the alphabet, that does not fit.
func check(params map[string]string, rules map[string]rule) (bad string) {
	note := func(name string) {
		if bad == "" || name < bad {
			bad = name
		}
	}
	for name, value := range params {
		if r, known := rules[name]; !known || len(value) > maxValue || !r.shape.MatchString(value) {
			note(name)
		}
	}
	for name, r := range rules {
		if _, there := params[name]; r.must && !there {
			note(name)
		}
	}
	return bad
}

// timely reports that txnTime is the current time, near enough.
func (c *call) timely() bool {
	at, err := time.ParseInLocation(timeLayout, c.params["txnTime"], china)
	return err == nil && c.now.Sub(at).Abs() <= timeWindow
}
