package wechat

import (
	"strconv"
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

const timeLayout = "20060102150405" // time_expire, time_end

var errOrderNumber = fault.New(fault.Invalid, "wechat.order_number",
	"an attempt's number must be 8 to 32 letters and digits: nothing was sent")

// refuse turns away an order that must not leave: false, and a decline, because what was never
// sent was never charged.
func refuse(o channel.Order) (channel.Answer, bool) {
	if o.Code.IsZero() {
		return declined("", codeUsed), false
	}
	if w, known := o.Code.Wallet(); known && w != pay.WeChat {
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
		err = fault.New(fault.Invalid, "wechat.currency", "WeChat Pay takes CNY only, not %s", o.Amount.Currency())
	case !carry.OrderNumber(o.OutTradeNo):
		err = errOrderNumber
	default:
		return channel.Answer{}, true
	}
	a := declined("", misconfigured)
	a.Err = err
	return a, false
}

// payRequest writes a micropay body. The fields stand in the order of their names.
func (c *Channel) payRequest(o channel.Order) []byte {
	fields := [14]field{
		{"appid", c.appID},
		{"auth_code", o.Code.Reveal()},
		{"body", subject(o)},
		{"device_info", clean(o.Terminal, 32)},
		{"fee_type", string(money.CNY)},
		{"mch_id", c.mchID},
		{"nonce_str", c.nonce()},
		{"out_trade_no", o.OutTradeNo},
		{"scene_info", sceneInfo(o.Store)},
		{"sign_type", c.sign.kind},
		{"spbill_create_ip", c.deviceIP},
		{"time_expire", beijingTime(o.Expires)},
		{"total_fee", strconv.FormatInt(o.Amount.Fen(), 10)},
	}
	return c.seal(fields[:])
}

// orderRequest writes the body of orderquery, of reverse and of closeorder, which ask for the same. All name the
// order by our own number: it is the one we are sure of.
func (c *Channel) orderRequest(outTradeNo string) []byte {
	fields := [6]field{
		{"appid", c.appID},
		{"mch_id", c.mchID},
		{"nonce_str", c.nonce()},
		{"out_trade_no", outTradeNo},
		{"sign_type", c.sign.kind},
	}
	return c.seal(fields[:])
}

// seal signs the fields, puts the signature into the free last one and writes XML.
func (c *Channel) seal(fields []field) []byte { return c.sealWith(c.sign, fields) }

func (c *Channel) sealWith(s *signer, fields []field) []byte {
	fields = c.forSub(fields[:len(fields)-1])
	fields = append(fields, field{"sign", s.of(fields)})
	body := make([]byte, 0, 1024) // a micropay body is about 800 bytes
	body = append(body, "<xml>"...)
	for _, f := range fields {
		if f.value == "" {
			continue
		}
		body = append(body, '<')
		body = append(body, f.name...)
		body = append(body, '>')
		body = appendEscaped(body, f.value)
		body = append(body, '<', '/')
		body = append(body, f.name...)
		body = append(body, '>')
	}
	return append(body, "</xml>"...)
}

func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// subject is what the customer reads. WeChat refuses an empty one and counts 128 in bytes.
func subject(o channel.Order) string {
	if s := clean(o.Subject, 128); s != "" {
		return s
	}
	return o.OutTradeNo
}

var jsonText = strings.NewReplacer(`"`, `\"`, `\`, `\\`) // control characters are cleaned away before

// sceneInfo names the store. WeChat takes 256 characters; a store's identifier is far shorter.
func sceneInfo(store string) string {
	if store = clean(store, 32); store == "" {
		return ""
	}
	return `{"store_info":{"id":"` + jsonText.Replace(store) + `"}}`
}

func beijingTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(beijing).Format(timeLayout)
}

// clean keeps what may stand in XML and in a signed text, at most limit bytes, no rune cut.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r == utf8.RuneError || r == 0xfffe || r == 0xffff:
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
