package alipay

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
)

// REST v3 (handbook: wallets, section 3.6): the gateway's methods under paths, signed in heads, errors as statuses.
// UNVERIFIED, chosen here: 202 for a payment that waits for its customer, signed errors, the statuses of refusals.
const (
	restPrefix = "/alipay" // stands for the host; what follows is the path that was signed
	restScheme = "ALIPAY-SHA256withRSA "
)

// restMethods are the paths, and whether they may be asked with GET, too.
var restMethods = map[string]bool{
	"/v3/alipay/trade/pay": false, "/v3/alipay/trade/precreate": false, "/v3/alipay/trade/query": true,
	"/v3/alipay/trade/cancel": false, "/v3/alipay/trade/close": false, "/v3/alipay/trade/refund": false,
	"/v3/alipay/trade/fastpay/refund/query": false, "/v3/alipay/open/app/alipaycert/download": true,
	"/v3/alipay/data/dataservice/bill/downloadurl/query": true,
}

// Rest is everything under /alipay/v3/.
func (d *Door) Rest(r door.Request) (door.Reply, error) {
	c := &call{door: d, rest: true, now: r.Now, base: r.Base}
	path := strings.TrimPrefix(r.Path, restPrefix)
	get, known := restMethods[path]
	if !known || r.Method != http.MethodPost && !(get && r.Method == http.MethodGet) {
		return c.fail(refusal{code: "40002", subCode: "isv.invalid-method", subMsg: "不存在的方法名"})
	}
	if no := c.admitRest(r); no != nil {
		return c.fail(*no)
	}
	return c.carryOut(strings.ReplaceAll(strings.TrimPrefix(path, "/v3/"), "/", "."))
}

// admitRest checks the heads and the signature, then reads the content.
func (c *call) admitRest(r door.Request) *refusal {
	missing := func(sub, text string) *refusal { return &refusal{code: "40001", subCode: sub, subMsg: text} }
	invalid := func(sub, text string) *refusal { return &refusal{code: "40002", subCode: sub, subMsg: text} }
	signed, sign, found := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), restScheme), ",sign=")
	said, ok := authorisation(signed)
	if c.app = c.door.Merchants.AlipayApp(said["app_id"]); c.app == nil {
		return invalid("isv.invalid-app-id", "无效的AppID参数")
	}
	c.merchant = c.app
	stamp, err := strconv.ParseInt(said["timestamp"], 10, 64)
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), restScheme):
		return missing("isv.missing-signature-type", "缺少签名类型参数")
	case !found:
		return missing("isv.missing-signature", "缺少签名参数")
	case !ok || said["nonce"] == "":
		return invalid("isv.invalid-parameter", "无效的参数: Authorization")
	case c.app.Alipay.App == nil:
		return missing("isv.missing-signature-key", "缺少签名配置: 未上传公钥")
	case !verify(c.app.Alipay.App, restText(signed, strings.TrimPrefix(r.URI, restPrefix), r), sign) &&
		!verify(c.app.Alipay.App, restText(signed, r.URI, r), sign): // Node's SDK signs the prefix, too, when it makes the query
		return invalid("isv.invalid-signature", "无效签名")
	case err != nil || c.now.Sub(time.UnixMilli(stamp)).Abs() > timestampWindow:
		return invalid("isv.invalid-timestamp", "非法的时间戳参数")
	}
	content := string(r.Body)
	if r.Method == http.MethodGet {
		var good bool
		if content, good = asContent(r.Query); !good || len(r.Body) > 0 {
			return invalid("isv.invalid-parameter", "无效的参数")
		}
	}
	c.params = map[string]string{
		"app_cert_sn": said["app_cert_sn"], "alipay_root_cert_sn": r.Header.Get("alipay-root-cert-sn"),
		"encrypt_type": r.Header.Get("alipay-encrypt-type"), "app_auth_token": r.Header.Get("alipay-app-auth-token"),
		"biz_content": content,
	}
	if no := c.mode(); no != nil {
		return no
	}
	if c.content, ok = parseContent(c.params["biz_content"]); !ok {
		return invalid("isv.invalid-parameter", "无效的参数")
	}
	c.params["notify_url"] = c.content.text("notify_url")
	delete(c.content, "notify_url")
	return nil
}

// authorisation reads what stands before the signature, each name once and none that the protocol lacks.
func authorisation(text string) (map[string]string, bool) {
	said := map[string]string{}
	for _, part := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		_, twice := said[name]
		switch name {
		case "app_id", "app_cert_sn", "nonce", "timestamp", "expired_seconds":
		default:
			ok = false
		}
		if !ok || twice || value == "" {
			return said, false
		}
		said[name] = value
	}
	return said, true
}

// restText is what a request's signature is over; target is what the merchant asked for at the wallet's host.
func restText(signed, target string, r door.Request) []byte {
	text := signed + "\n" + r.Method + "\n" + target + "\n" + string(r.Body) + "\n"
	if token := r.Header.Get("alipay-app-auth-token"); token != "" {
		text += token + "\n"
	}
	return []byte(text)
}

// asContent makes a content of a query, each name once.
func asContent(query string) (string, bool) {
	values, err := url.ParseQuery(query)
	if err != nil || len(values) > maxParams {
		return "", false
	}
	flat := map[string]string{}
	for name, v := range values {
		if len(v) != 1 {
			return "", false
		}
		flat[name] = v[0]
	}
	text, err := json.Marshal(flat)
	return string(text), err == nil
}

// restError is what a refusal says.
type restError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// restSeal writes an answer and signs it in its heads.
func (c *call) restSeal(r *door.Reply, n node, forged bool) error {
	status, value := restWord(n)
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	how := c.signing(forged)
	r.Status, r.ContentType, r.Body = status, "application/json;charset=utf-8", bytes.TrimSuffix(plain.Bytes(), []byte("\n"))
	if how.content != nil {
		text, err := encrypt(how.content, r.Body)
		if err != nil {
			return fmt.Errorf("encrypt answer: %w", err)
		}
		r.ContentType, r.Body = "text/plain;charset=utf-8", []byte(text)
	}
	nonce := c.door.Nonce()
	r.Header = http.Header{"alipay-trace-id": {c.door.Nonce()}}
	if how.key == nil {
		return nil
	}
	stamp := strconv.FormatInt(c.now.UnixMilli(), 10)
	sign, err := restSign(how, stamp, nonce, r.Body)
	if err != nil {
		return err
	}
	r.Header["alipay-timestamp"], r.Header["alipay-nonce"], r.Header["alipay-signature"] = []string{stamp}, []string{nonce}, []string{sign}
	if how.certSN != "" {
		r.Header["alipay-sn"] = []string{how.certSN}
	}
	if how.content != nil {
		r.Header["alipay-encrypt-type"] = []string{"AES"}
	}
	return nil
}

// restSign signs an answer's body as it travels.
func restSign(how signing, stamp, nonce string, body []byte) (string, error) {
	sum := sha256.Sum256([]byte(stamp + "\n" + nonce + "\n" + string(body) + "\n"))
	raw, err := how.key.Sign(sum)
	if err != nil {
		return "", fmt.Errorf("sign answer: %w", err)
	}
	if how.forged {
		raw[0] ^= 1
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

// restWord says the gateway's answer in REST's words: a status, and the answer without code and msg or an error. The common
// codes lose their prefix: isv.invalid-signature is invalid-signature.
func restWord(n node) (int, any) {
	status := http.StatusBadRequest
	switch {
	case n.Code == "10000" || n.Code == "10003":
		status = http.StatusOK
		if n.Code == "10003" {
			status = http.StatusAccepted
		}
		n.Code, n.Msg = "", ""
		return status, n
	case n.Code == "40005":
		status = http.StatusTooManyRequests
	case n.Code == "20001":
		status = http.StatusUnauthorized
	case n.SubCode == "ACQ.SYSTEM_ERROR":
		status = http.StatusInternalServerError
	}
	code := strings.TrimPrefix(strings.TrimPrefix(n.SubCode, "isv."), "aop.")
	return status, restError{Code: code, Message: n.SubMsg}
}
