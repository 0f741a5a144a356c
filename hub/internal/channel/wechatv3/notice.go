package wechatv3

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

var _ channel.Noticer = (*Channel)(nil)

// notice is the envelope (section 1.10).
type notice struct {
	ID           string  `json:"id"`
	ResourceType string  `json:"resource_type"`
	EventType    string  `json:"event_type"`
	Resource     *sealed `json:"resource"`
}

// Notice verifies what was posted to our door: signature, time and serial first, over the bytes as they came; then it
// decrypts and holds what it says against our merchant, app and currency. A certificate that we do not hold yet is not
// downloaded here, where a stranger could have it done as often as he likes: the notice is refused and comes again in 15 s,
// and the next call of ours looks.
func (c *Channel) Notice(p channel.Posted) (channel.Notice, error) {
	plain, event, err := c.openNotice(p)
	if err != nil {
		return channel.Notice{}, err
	}
	var n channel.Notice
	switch kind, word, _ := strings.Cut(event, "."); kind {
	case "TRANSACTION":
		n, err = c.orderNotice(plain, word)
	case "REFUND":
		n, err = c.refundNotice(plain, word)
	default:
		err = strange("event", "event_type %q is not known", printable(event))
	}
	if err != nil {
		return channel.Notice{}, err // nothing of it is worth anything
	}
	return n, nil
}

// strange is a notice that is not the wallet's or not for us.
func strange(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "wechatv3.notice_"+code, format, args...)
}

// openNotice gives what was encrypted, and the event it is about.
func (c *Channel) openNotice(p channel.Posted) (plain []byte, event string, err error) {
	if kind := p.Header.Get("Wechatpay-Signature-Type"); kind != "" && kind != scheme {
		return nil, "", strange("signature", "the notice is signed in another way: %q", printable(kind))
	}
	s, err := readSeal(p.Header)
	switch {
	case errors.Is(err, errProbe):
		return nil, "", strange("probe", "the notice is WeChat Pay's own probe with a false signature: refused, as it should be")
	case err != nil:
		return nil, "", fault.Wrap(err, fault.Invalid, "wechatv3.notice_signature", "the notice is not signed")
	}
	if err := s.timely(p.At); err != nil {
		return nil, "", fault.Wrap(err, fault.Invalid, "wechatv3.notice_time", "the notice is not of these minutes")
	}
	key := c.trust.find(s.serial, p.At)
	if key == nil {
		c.trust.outdated()
		return nil, "", strange("serial", "the notice is signed with a key that we do not hold")
	}
	if err := s.by(key, p.Body); err != nil {
		return nil, "", fault.Wrap(err, fault.Invalid, "wechatv3.notice_signature", "the notice's signature is wrong")
	}
	var n notice
	if err := parse(p.Body, &n); err != nil {
		return nil, "", fault.Wrap(err, fault.Invalid, "wechatv3.notice_form", "the notice is garbled")
	}
	kind, _, _ := strings.Cut(n.EventType, ".")
	if n.ID == "" || n.ResourceType != "encrypt-resource" || n.Resource == nil || n.Resource.OriginalType != strings.ToLower(kind) {
		return nil, "", strange("form", "the notice lacks what every notice has")
	}
	plain, err = n.Resource.open(c.apiKey)
	return plain, n.EventType, fault.Wrap(err, fault.Invalid, "wechatv3.notice_sealed", "the notice cannot be opened: check the APIv3 key")
}

// orderNotice reads what a notice says of an order. Whoever signs it, it must name us.
func (c *Channel) orderNotice(plain []byte, word string) (n channel.Notice, err error) {
	var got transaction
	if err := parse(plain, &got); err != nil {
		return n, fault.Wrap(err, fault.Invalid, "wechatv3.notice_form", "what the notice holds is garbled")
	}
	named := got.AppID == c.who.appID
	if c.who.partner() {
		named = got.SpAppID == c.who.appID
	}
	n.At, _ = moment(got.SuccessTime)
	switch {
	case !named || !c.who.ours(got.account, true):
		return n, strange("foreign", "the notice is for another merchant or app")
	case !carry.OrderNumber(got.OutTradeNo) || got.TransactionID == "":
		return n, strange("form", "the notice names no order of ours")
	case got.TradeState != word:
		return n, strange("form", "the notice says %q and holds %q", printable(word), printable(got.TradeState))
	}
	if n.Amount, err = noticeSum(got.Amount, false); err != nil {
		return n, err
	}
	n.OutTradeNo, n.WalletRef, n.Finding = got.OutTradeNo, got.TransactionID, channel.Pending
	switch word {
	case "SUCCESS":
		n.Finding = channel.Approved
	case "CLOSED", "REVOKED":
		n.Finding = channel.Reversed
	case "PAYERROR":
		n.Finding = channel.Declined
	}
	return n, nil
}

// refundNotice reads what a notice says of a refund; it names no app.
func (c *Channel) refundNotice(plain []byte, word string) (n channel.Notice, err error) {
	var got givenBack
	if err := parse(plain, &got); err != nil {
		return n, fault.Wrap(err, fault.Invalid, "wechatv3.notice_form", "what the notice holds is garbled")
	}
	n.At, _ = moment(got.SuccessTime)
	switch {
	case !c.who.ours(got.account, true):
		return n, strange("foreign", "the notice is for another merchant")
	case !carry.OrderNumber(got.OutTradeNo) || got.OutRefundNo == "" || got.RefundID == "":
		return n, strange("form", "the notice names no refund of ours")
	case got.RefundStatus != word:
		return n, strange("form", "the notice says %q and holds %q", printable(word), printable(got.RefundStatus))
	}
	if n.Amount, err = noticeSum(got.Amount, true); err != nil {
		return n, err
	}
	n.OutTradeNo, n.OutRefundNo, n.WalletRef, n.Refund = got.OutTradeNo, got.OutRefundNo, got.RefundID, channel.RefundUnknown
	switch word {
	case "SUCCESS":
		n.Refund = channel.Refunded
	case "ABNORMAL":
		n.Refund = channel.RefundTaken
	case "CLOSED":
		n.Refund = channel.RefundRefused
	}
	return n, nil
}

// noticeSum reads the money of an order or of a refund. Whoever asks holds it against what was ordered.
func noticeSum(s *sum, back bool) (money.Amount, error) {
	switch {
	case s == nil || s.Total == nil || back && (s.Refund == nil || *s.Refund > *s.Total):
		return money.Amount{}, strange("amount", "the notice names no amount, or gives back more than there was")
	case s.Currency != "" && s.Currency != string(money.CNY):
		return money.Amount{}, strange("currency", "the notice is in another currency")
	}
	a := money.Fen(*s.Total)
	if back {
		a = money.Fen(*s.Refund)
	}
	return a, fault.Wrap(a.Charge(), fault.Invalid, "wechatv3.notice_amount", "the notice's amount is none")
}

// Reply is what WeChat Pay wants to read. Anything but 200 and it comes again, fifteen times in a day.
func (c *Channel) Reply(took bool) channel.Reply {
	status, word := http.StatusOK, struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{"SUCCESS", "成功"}
	if !took {
		status, word.Code, word.Message = http.StatusInternalServerError, "FAIL", "失败"
	}
	body, err := json.Marshal(word)
	if err != nil {
		status, body = http.StatusInternalServerError, nil // two texts: it does not happen
	}
	return channel.Reply{Status: status, ContentType: "application/json", Body: body}
}
