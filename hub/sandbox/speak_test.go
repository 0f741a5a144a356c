package sandbox_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// fields are a WeChat request's or an Alipay biz_content's parameters.
type fields map[string]string

func (f fields) with(name, value string) fields {
	f = maps.Clone(f)
	f[name] = value
	return f
}

func (f fields) without(name string) fields {
	f = maps.Clone(f)
	delete(f, name)
	return f
}

func sortedText(f fields) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if k != "sign" && f[k] != "" {
			parts = append(parts, k+"="+f[k])
		}
	}
	return strings.Join(parts, "&")
}

func (l *lab) wechatSign(f fields) string {
	text := sortedText(f) + "&key=" + l.WeChat.APIKey
	if f["sign_type"] == "HMAC-SHA256" {
		mac := hmac.New(sha256.New, []byte(l.WeChat.APIKey))
		mac.Write([]byte(text))
		return fmt.Sprintf("%X", mac.Sum(nil))
	}
	return fmt.Sprintf("%X", md5.Sum([]byte(text)))
}

func toXML(f fields) []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, k := range slices.Sorted(maps.Keys(f)) {
		b.WriteString("<" + k + ">")
		_ = xml.EscapeText(&b, []byte(f[k]))
		b.WriteString("</" + k + ">")
	}
	b.WriteString("</xml>")
	return b.Bytes()
}

// wechatPay is a complete micropay request without its signature.
func (l *lab) wechatPay(number, code string) fields {
	return fields{"appid": l.WeChat.AppID, "mch_id": l.WeChat.MchID, "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS", "sign_type": "HMAC-SHA256",
		"body": "tea & cake", "out_trade_no": number, "total_fee": "100", "spbill_create_ip": "127.0.0.1", "auth_code": code,
		"device_info": "till 1", "attach": "a]]>b"}
}

func (l *lab) wechatRef(number string) fields {
	return fields{"appid": l.WeChat.AppID, "mch_id": l.WeChat.MchID, "nonce_str": "abc", "out_trade_no": number}
}

// wechat signs and sends a request; see wechatRaw for what it gives.
func (l *lab) wechat(path string, f fields) (fields, string) {
	l.t.Helper()
	return l.wechatRaw(path, toXML(f.with("sign", l.wechatSign(f))), f["sign_type"])
}

// wechatRaw sends a body. It gives the answer's fields once their signature is proven, and one word
// for what came: an err_code, trade_state, recall or result_code, or what is wrong with the answer.
func (l *lab) wechatRaw(path string, body []byte, signType string) (fields, string) {
	l.t.Helper()
	c := l.bare
	if strings.HasPrefix(path, "secapi/") {
		c = l.withCert
	}
	status, answer, cut := l.send(c, "POST", "https://"+l.s.Addr()+"/wechat/"+path, "text/xml", body)
	switch {
	case cut:
		return nil, "cut"
	case status != http.StatusOK:
		return nil, fmt.Sprint(status)
	}
	got, err := fromXML(answer)
	if err != nil {
		return nil, "garbled"
	}
	if got["return_code"] != "SUCCESS" {
		if got["sign"] != "" {
			l.t.Errorf("return_code=FAIL is signed: %s", answer)
		}
		return got, "gate " + got["err_code"]
	}
	got["sign_type"] = signType // decides how the answer must be signed, and is no part of it
	want := l.wechatSign(got.without("sign_type"))
	if signType == "HMAC-SHA256" {
		mac := hmac.New(sha256.New, []byte(l.WeChat.APIKey))
		mac.Write([]byte(sortedText(got.without("sign_type")) + "&key=" + l.WeChat.APIKey))
		want = fmt.Sprintf("%X", mac.Sum(nil))
	}
	if got["sign"] != want {
		return got, "forged"
	}
	for _, k := range []string{"err_code", "trade_state", "recall", "result_code"} {
		if got[k] != "" {
			return got, got[k]
		}
	}
	return got, "?"
}

// fromXML reads an answer with the standard library, which knows nothing of the sandbox's own parser.
func fromXML(b []byte) (fields, error) {
	out := fields{}
	d := xml.NewDecoder(bytes.NewReader(b))
	name := ""
	for depth := 0; ; {
		token, err := d.Token()
		if err == io.EOF && len(out) > 0 {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch x := token.(type) {
		case xml.StartElement:
			if depth++; depth == 2 {
				name = x.Name.Local
				out[name] = ""
			}
		case xml.EndElement:
			depth--
			name = ""
		case xml.CharData:
			if name != "" {
				out[name] += string(x)
			}
		}
	}
}

// alipayPay is a complete biz_content of alipay.trade.pay.
func (l *lab) alipayPay(number, code string) fields {
	return fields{"out_trade_no": number, "scene": "bar_code", "auth_code": code, "subject": "tea <cake>", "total_amount": "1.00", "terminal_id": "till 1"}
}

// alipay signs and sends a request; see alipayRaw for what it gives.
func (l *lab) alipay(method string, biz fields) (fields, string) {
	l.t.Helper()
	return l.alipayRaw(method, l.alipayParams(method, biz))
}

func (l *lab) alipayParams(method string, biz any) fields {
	content, err := json.Marshal(biz)
	if err != nil {
		l.t.Fatal(err)
	}
	f := fields{"app_id": l.Alipay.AppID, "method": method, "charset": "utf-8", "sign_type": "RSA2", "version": "1.0",
		"timestamp":   l.clock.now().In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04:05"),
		"biz_content": string(content)}
	return l.alipaySigned(f)
}

func (l *lab) alipaySigned(f fields) fields {
	sum := sha256.Sum256([]byte(sortedText(f)))
	sign, err := rsa.SignPKCS1v15(nil, l.appKey, crypto.SHA256, sum[:])
	if err != nil {
		l.t.Fatal(err)
	}
	return f.with("sign", base64.StdEncoding.EncodeToString(sign))
}

// alipayRaw sends parameters, the biz_content in the form and the rest in the query. It gives the
// node once its signature over the raw bytes is proven, and one word for what came.
func (l *lab) alipayRaw(method string, f fields) (fields, string) {
	l.t.Helper()
	query, form := url.Values{}, url.Values{}
	for k, v := range f {
		if k == "biz_content" {
			form.Set(k, v)
		} else {
			query.Set(k, v)
		}
	}
	return l.alipayBytes(method, query.Encode(), form.Encode())
}

func (l *lab) alipayBytes(method, query, form string) (fields, string) {
	l.t.Helper()
	status, answer, cut := l.send(l.bare, "POST", "https://"+l.s.Addr()+"/alipay/gateway.do?"+query, "application/x-www-form-urlencoded;charset=utf-8", []byte(form))
	switch {
	case cut:
		return nil, "cut"
	case status != http.StatusOK:
		return nil, fmt.Sprint(status)
	case !json.Valid(answer):
		return nil, "garbled"
	}
	name := strings.ReplaceAll(method, ".", "_") + "_response"
	rest, ok := strings.CutPrefix(string(answer), `{"`+name+`":`)
	if !ok {
		rest, ok = strings.CutPrefix(string(answer), `{"error_response":`)
	}
	node, sign, signed := strings.Cut(rest, `,"sign":"`)
	if !signed {
		node, sign = strings.TrimSuffix(rest, "}"), ""
	}
	var got fields
	var loose map[string]any
	if !ok || json.Unmarshal([]byte(node), &loose) != nil {
		l.t.Fatalf("the answer's layout is wrong: %s", answer)
	}
	got = fields{}
	for k, v := range loose {
		got[k] = fmt.Sprint(v)
	}
	if !signed {
		return got, "unsigned " + got["sub_code"]
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(sign, `"}`))
	sum := sha256.Sum256([]byte(node))
	if err != nil || rsa.VerifyPKCS1v15(l.alipayKey(), crypto.SHA256, sum[:], raw) != nil {
		return got, "forged"
	}
	switch {
	case got["retry_flag"] == "Y":
		return got, "retry"
	case got["retry_flag"] != "":
		return got, got["action"]
	}
	for _, k := range []string{"sub_code", "trade_status", "code"} {
		if got[k] != "" {
			return got, got[k]
		}
	}
	return got, "?"
}

// alipayKey is what the wallet signs with.
func (l *lab) alipayKey() *rsa.PublicKey {
	l.t.Helper()
	block, _ := pem.Decode([]byte(l.Alipay.PublicKey))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		l.t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}
