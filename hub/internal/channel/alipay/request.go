package alipay

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// beijing is the zone of every time in the protocol; China has had no summer time since 1991.
var beijing = time.FixedZone("CST", 8*60*60)

const timeLayout = time.DateTime // timestamp, time_expire, gmt_payment, send_pay_date

var errOrderNumber = fault.New(fault.Invalid, "alipay.order_number",
	"an attempt's number must be 8 to 32 letters and digits: nothing was sent")

// refuse turns away an order that must not leave: false, and a decline, because what was never
// sent was never charged.
func refuse(o channel.Order) (channel.Answer, bool) {
	if o.Code.IsZero() {
		return declined("", codeUsed), false
	}
	if w, known := o.Code.Wallet(); known && w != pay.Alipay {
		// Another wallet's code is another wallet's money: it is not shown to this one.
		return declined("", codeUsed), false
	}
	return sendable(o)
}

// sendable is [refuse] for what does not depend on a payment code.
func sendable(o channel.Order) (channel.Answer, bool) {
	err := o.Amount.Charge()
	switch {
	case err != nil:
	case o.Amount.Currency() != money.CNY:
		err = fault.New(fault.Invalid, "alipay.currency", "Alipay takes CNY only, not %s", o.Amount.Currency())
	case !carry.OrderNumber(o.OutTradeNo):
		err = errOrderNumber
	default:
		return channel.Answer{}, true
	}
	a := declined("", misconfigured)
	a.Err = err
	return a, false
}

// payContent writes the biz_content of trade.pay.
func (c *Channel) payContent(o channel.Order) []byte {
	code := o.Code.Reveal()
	scene := "bar_code"
	if strings.HasPrefix(code, "fp") {
		scene = "security_code" // a face token instead of a bar code
	}
	j := make([]byte, 0, 512)
	j = appendMember(j, "out_trade_no", o.OutTradeNo)
	j = appendMember(j, "scene", scene)
	j = appendMember(j, "auth_code", code)
	return c.appendOrder(j, o)
}

// appendOrder writes what a payment by code and one by a code that is shown have in common, and ends the object.
func (c *Channel) appendOrder(j []byte, o channel.Order) []byte {
	j = appendMember(j, "product_code", "FACE_TO_FACE_PAYMENT")
	j = appendMember(j, "subject", subject(o))
	j = appendMember(j, "total_amount", o.Amount.Yuan())
	j = appendMember(j, "seller_id", c.sellerID)
	j = appendMember(j, "store_id", clean(o.Store, 32))
	j = appendMember(j, "terminal_id", clean(o.Terminal, 32))
	j = c.partner.appendSub(j)
	if !o.Expires.IsZero() {
		j = appendMember(j, "time_expire", o.Expires.In(beijing).Format(timeLayout))
	}
	return append(j, '}')
}

// orderContent writes the biz_content of a query and of a cancel, which ask for the same. Both name
// the trade by our own number: trade_no would win over it, and it is ours we are sure of.
func orderContent(outTradeNo string) []byte {
	return append(appendMember(make([]byte, 0, 64), "out_trade_no", outTradeNo), '}')
}

// appendMember writes one member of a flat JSON object; an empty value is not sent.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	if len(dst) == 0 {
		dst = append(dst, '{')
	} else {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	for i := 0; i < len(value); i++ {
		if b := value[i]; b == '"' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, value[i]) // control characters are cleaned away before
	}
	return append(dst, '"')
}

// subject is what the customer reads. Alipay wants one, of at most 256 characters (here bytes, to
// be sure), without "/", "=" and "&".
func subject(o channel.Order) string {
	if s := clean(subjectText.Replace(o.Subject), 256); s != "" {
		return s
	}
	return o.OutTradeNo
}

var subjectText = strings.NewReplacer("/", " ", "=", " ", "&", " ")

// clean keeps printable UTF-8, at most limit bytes, no rune cut.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	for len(s) > limit {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}

// form signs a request and writes it as a form. All parameters travel in the body, none in the
// address, where front ends log them. They stand in the order of their names, as they are signed.
func (c *Channel) form(m method, content []byte) ([]byte, error) {
	var rootSN, appSN, sealed string
	if c.certs != nil {
		rootSN, appSN = c.certs.rootSN, c.certs.appSN
	}
	if c.content != nil {
		content, sealed = c.content.seal(content), "AES"
	}
	params := [...]struct{ name, value string }{
		{"alipay_root_cert_sn", rootSN},
		{"app_auth_token", c.partner.AppAuthToken},
		{"app_cert_sn", appSN},
		{"app_id", c.appID},
		{"biz_content", string(content)},
		{"charset", "utf-8"},
		{"encrypt_type", sealed},
		{"method", m.name},
		{"notify_url", c.notifyOf(m)},
		{"sign_type", "RSA2"},
		{"timestamp", c.now().In(beijing).Format(timeLayout)},
		{"version", "1.0"},
	}
	text := make([]byte, 0, 768)
	body := make([]byte, 0, 2048) // a trade.pay is about 1.2 KiB with its signature
	for _, p := range params {
		if p.value == "" {
			continue
		}
		if len(text) > 0 {
			text = append(text, '&')
		}
		text = append(text, p.name...)
		text = append(text, '=')
		text = append(text, p.value...)
		body = append(body, p.name...)
		body = append(body, '=')
		body = appendQuery(body, p.value)
		body = append(body, '&')
	}
	sign, err := signature(c.key, text)
	switch {
	case err == nil:
	case fault.KindOf(err) == fault.Unavailable: // the signer's own word: it is busy, or its token does not answer
		return nil, fault.Wrap(carry.Scrub(err), fault.Unavailable, "alipay.busy", "the request could not be signed in time and was not sent")
	default:
		return nil, fault.Wrap(carry.Scrub(err), fault.Unavailable, "alipay.sign",
			"the request could not be signed and was not sent: check the application's key")
	}
	body = append(body, "sign="...)
	return appendQuery(body, sign), nil
}

// signature is RSA2: SHA-256 with RSA, PKCS#1 v1.5, in base64.
func signature(key crypto.Signer, text []byte) (string, error) {
	digest := sha256.Sum256(text)
	sig, err := key.Sign(nil, digest[:], crypto.SHA256) // this padding takes no randomness
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// appendQuery encodes a form value.
func appendQuery(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		switch b := s[i]; {
		case carry.LetterOrDigit(b) || b == '-' || b == '.' || b == '_' || b == '~':
			dst = append(dst, b)
		case b == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hex[b>>4], hex[b&15])
		}
	}
	return dst
}
