package wechatv3

import (
	"cmp"
	"encoding/json"
	"net/url"
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

var errOrderNumber = fault.New(fault.Invalid, "wechatv3.order_number",
	"an attempt's number must be 8 to 32 letters and digits: nothing was sent")

// parties are who signs and who is paid: one, or a partner and its merchant.
type parties struct {
	appID, mchID string
	sub          Sub
}

func (p parties) partner() bool { return p.sub.MchID != "" }

// account is how a request names them.
func (p parties) account(withApp bool) account {
	a := account{MchID: p.mchID}
	if p.partner() {
		a = account{SpMchID: p.mchID, SubMchID: p.sub.MchID}
	}
	switch {
	case !withApp:
	case p.partner():
		a.SpAppID, a.SubAppID = p.appID, p.sub.AppID
	default:
		a.AppID = p.appID
	}
	return a
}

// query is how a question names them.
func (p parties) query() string {
	if p.partner() {
		return "sp_mchid=" + p.mchID + "&sub_mchid=" + p.sub.MchID
	}
	return "mchid=" + p.mchID
}

// body is how a request without anything else names them: a reversal's with the app, a close without.
func (p parties) body(withApp bool) []byte { return encode(outgoing(p.account(withApp))) }

// outgoing leaves away what is empty.
type outgoing struct {
	AppID    string `json:"appid,omitempty"`
	MchID    string `json:"mchid,omitempty"`
	SpAppID  string `json:"sp_appid,omitempty"`
	SpMchID  string `json:"sp_mchid,omitempty"`
	SubAppID string `json:"sub_appid,omitempty"`
	SubMchID string `json:"sub_mchid,omitempty"`
}

type outgoingSum struct {
	Total    int64  `json:"total"`
	Refund   int64  `json:"refund,omitempty"`
	Currency string `json:"currency"`
}

type outgoingStore struct {
	ID    string `json:"id,omitempty"`
	OutID string `json:"out_id,omitempty"`
}

type outgoingScene struct {
	PayerClientIP string         `json:"payer_client_ip,omitempty"`
	DeviceID      string         `json:"device_id,omitempty"`
	DeviceIP      string         `json:"device_ip,omitempty"`
	StoreInfo     *outgoingStore `json:"store_info,omitempty"`
}

type outgoingPayer struct {
	AuthCode string `json:"auth_code"`
}

// outgoingOrder is a codepay or a native order.
type outgoingOrder struct {
	outgoing
	Description string         `json:"description"`
	OutTradeNo  string         `json:"out_trade_no"`
	TimeExpire  string         `json:"time_expire,omitempty"`
	NotifyURL   string         `json:"notify_url,omitempty"`
	Payer       *outgoingPayer `json:"payer,omitempty"`
	Amount      outgoingSum    `json:"amount"`
	Scene       outgoingScene  `json:"scene_info"`
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil // structs of text and numbers: it does not happen, and WeChat Pay refuses an empty body
	}
	return text
}

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
	return refuseOrder(o)
}

func refuseOrder(o channel.Order) (channel.Answer, bool) {
	err := o.Amount.Charge()
	switch {
	case err != nil:
	case o.Amount.Currency() != money.CNY:
		err = fault.New(fault.Invalid, "wechatv3.currency", "WeChat Pay takes CNY only, not %s", o.Amount.Currency())
	case !carry.OrderNumber(o.OutTradeNo):
		err = errOrderNumber
	default:
		return channel.Answer{}, true
	}
	a := declined("", misconfigured)
	a.Err = err
	return a, false
}

// payRequest writes a codepay body. It takes no expiry; the code's minute ends it.
func (c *Channel) payRequest(o channel.Order) []byte {
	return encode(outgoingOrder{
		outgoing: outgoing(c.who.account(true)), Description: subject(o), OutTradeNo: o.OutTradeNo,
		Payer:  &outgoingPayer{o.Code.Reveal()},
		Amount: outgoingSum{Total: o.Amount.Fen(), Currency: string(money.CNY)},
		Scene:  outgoingScene{DeviceID: clean(o.Terminal, 32), DeviceIP: c.deviceIP, StoreInfo: &outgoingStore{OutID: clean(o.Store, 32)}},
	})
}

// nativeRequest writes the body of an order whose code we show. store_info wants WeChat Pay's own number of the store,
// which we do not know, so it is left away.
func (c *Channel) nativeRequest(o channel.Order) []byte {
	return encode(outgoingOrder{
		outgoing: outgoing(c.who.account(true)), Description: subject(o), OutTradeNo: o.OutTradeNo,
		TimeExpire: o.Expires.In(beijing).Format(time.RFC3339), NotifyURL: cmp.Or(c.notifyURL, nowhere),
		Amount: outgoingSum{Total: o.Amount.Fen(), Currency: string(money.CNY)},
		Scene:  outgoingScene{PayerClientIP: c.deviceIP, DeviceID: clean(o.Terminal, 32)},
	})
}

// refundsURL is where refunds are; a partner names its merchant in questions.
func (c *Channel) refundsURL(number string) *url.URL {
	to := c.base.JoinPath("v3/refund/domestic/refunds")
	if number != "" {
		to = to.JoinPath(number)
		if c.who.partner() {
			to.RawQuery = "sub_mchid=" + c.who.sub.MchID
		}
	}
	return to
}

// subject is what the customer reads. WeChat refuses an empty one; 127 are counted in bytes, to be sure.
func subject(o channel.Order) string {
	if s := clean(o.Subject, 127); s != "" {
		return s
	}
	return o.OutTradeNo
}

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
