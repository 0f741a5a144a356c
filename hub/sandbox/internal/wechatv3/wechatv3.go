// Package wechatv3 is the pretended WeChat Pay, API v3 (handbook: wallets, section 1): codepay, native, query, close, reverse,
// refunds, the platform's certificates, bills, and encrypted notices, for merchants and for partners.
//
// It refuses whatever the wallet refuses, and where the handbook leaves the wallet's tolerance open it is strict: an unknown
// member, a second Authorization field, a timestamp five minutes off. Every answer to a well-signed request is signed, a
// refusal, too; a request that is not is answered 401 SIGN_ERROR with the text that should have been signed.
//
// Newcomers get one thing wrong: v2 and v3 are two doors of one wallet. An order, a payment code and a refund made at one
// are there at the other.
package wechatv3

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/book"
	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/hub/sandbox/internal/keys"
	"cloudcashier/hub/sandbox/internal/merchant"
)

// Door answers merchants.
type Door struct {
	merchants *merchant.Directory
	book      *book.Book
	platform  *keys.Platform
	nonce     func() string
}

// New makes the door.
func New(merchants *merchant.Directory, orders *book.Book, platform *keys.Platform, nonce func() string) *Door {
	return &Door{merchants: merchants, book: orders, platform: platform, nonce: nonce}
}

// call is a request whose signature was verified.
type call struct {
	door.Request
	door     *Door
	merchant *merchant.Merchant // who signs
	partner  bool
	mch      string // whose orders these are: the signer's, or a partner's merchant
	args     []string
	signer   signer // of the answer
	seen     string // the order, for the log
}

// Prefix is where API v3 lives beside v2.
const Prefix = "/wechat"

type route struct {
	method string
	path   *regexp.Regexp
	serve  func(*call) (door.Reply, error)
}

const number = `([0-9A-Za-z_|*@%-]{1,64})`

func at(method, path string, serve func(*call) (door.Reply, error)) route {
	return route{method, regexp.MustCompile("^" + Prefix + "/v3/" + path + "$"), serve}
}

var routes = []route{
	at("GET", "certificates", (*call).certificates),
	at("POST", "pay/(partner/)?transactions/codepay", (*call).codepay),
	at("POST", "pay/(partner/)?transactions/native", (*call).native),
	at("GET", "pay/(partner/)?transactions/out-trade-no/"+number, (*call).queryOrder),
	at("GET", "pay/(partner/)?transactions/id/([0-9]{1,32})", (*call).queryOrder),
	at("POST", "pay/(partner/)?transactions/out-trade-no/"+number+"/close", (*call).closeOrder),
	at("POST", "pay/(partner/)?transactions/out-trade-no/"+number+"/reverse", (*call).reverseOrder),
	at("POST", "refund/domestic/refunds", (*call).refund),
	at("GET", "refund/domestic/refunds/"+number, (*call).queryRefund),
	at("GET", "bill/(tradebill|fundflowbill)", (*call).bill),
	at("GET", "billdownload/file", (*call).download),
}

// Serve answers one request below /wechat/v3/.
func (d *Door) Serve(r door.Request) (door.Reply, error) {
	c, reply := d.admit(r)
	if c == nil {
		return reply, nil
	}
	for _, x := range routes {
		if m := x.path.FindStringSubmatch(r.Path); m != nil && x.method == r.Method {
			c.args = m[1:]
			c.partner = len(m) > 1 && m[1] == "partner/"
			c.mch = c.merchant.WeChat.MchID
			return x.serve(c)
		}
	}
	return c.refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "请求的资源不存在", ""), nil
}

// credential is the Authorization header's.
type credential struct{ mchid, nonce, timestamp, serial, signature string }

const scheme = "WECHATPAY2-SHA256-RSA2048 "

// readCredential takes five fields in any order, each once, with nothing but commas between them.
func readCredential(h http.Header) (c credential, ok bool) {
	values := h.Values("Authorization")
	if len(values) != 1 || !strings.HasPrefix(values[0], scheme) {
		return c, false
	}
	parts := strings.Split(values[0][len(scheme):], ",")
	places := map[string]*string{"mchid": &c.mchid, "nonce_str": &c.nonce, "timestamp": &c.timestamp, "serial_no": &c.serial, "signature": &c.signature}
	for _, part := range parts {
		name, quoted, _ := strings.Cut(part, "=")
		place := places[name]
		if place == nil || *place != "" || len(quoted) < 3 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return c, false
		}
		*place = quoted[1 : len(quoted)-1]
	}
	return c, len(parts) == len(places)
}

// window is how far a request's own time may be off.
const window = 5 * time.Minute

var nonceShape = regexp.MustCompile(`^[0-9A-Za-z]{1,32}$`)

// admit proves whose request it is; a nil call means the reply is the end of it.
func (d *Door) admit(r door.Request) (*call, door.Reply) {
	cred, ok := readCredential(r.Header)
	if !ok || !nonceShape.MatchString(cred.nonce) {
		return nil, unsigned(r, "Authorization不合法", "")
	}
	text := strings.Join([]string{r.Method, r.URI, cred.timestamp, cred.nonce, string(r.Body), ""}, "\n")
	m := d.merchants.WeChatMch(cred.mchid)
	if m == nil {
		return nil, unsigned(r, "商户号不存在", text)
	}
	serial, err := m.WeChat.Serial()
	public, err2 := m.WeChat.Public()
	if err != nil || err2 != nil || !strings.EqualFold(serial, cred.serial) {
		return nil, unsigned(r, "证书序列号不存在", text)
	}
	sec, err := strconv.ParseInt(cred.timestamp, 10, 64)
	if err != nil || r.Now.Sub(time.Unix(sec, 0)).Abs() >= window {
		return nil, unsigned(r, "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟", text)
	}
	if !verifies(public, text, cred.signature) {
		return nil, unsigned(r, "错误的签名，验签失败", text)
	}
	c := &call{Request: r, door: d, merchant: m, signer: d.byCertificate()}
	switch asked := r.Header.Get("Wechatpay-Serial"); {
	case asked == "" || strings.EqualFold(asked, d.platform.Serial):
	case asked == d.platform.KeyID:
		c.signer = d.byPublicKey()
	default: // UNVERIFIED code
		return nil, c.refuse(http.StatusBadRequest, "PARAM_ERROR", "Wechatpay-Serial不存在", "")
	}
	accept := r.Header.Get("Accept")
	switch {
	case !strings.Contains(accept, "json") && !strings.Contains(accept, "*/*"):
		return nil, c.refuse(http.StatusBadRequest, "PARAM_ERROR", "Http头缺少Accept", "")
	case r.Header.Get("User-Agent") == "":
		return nil, c.refuse(http.StatusBadRequest, "PARAM_ERROR", "Http头缺少User-Agent", "")
	case r.Method == http.MethodPost && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return nil, c.refuse(http.StatusBadRequest, "PARAM_ERROR", "Content-Type必须为application/json", "")
	}
	return c, door.Reply{}
}

func verifies(key *rsa.PublicKey, text, sign string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(sign)
	sum := sha256.Sum256([]byte(text))
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil
}
