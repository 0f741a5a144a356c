package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

var _ channel.Noticer = (*Channel)(nil)

// Notice reads what WeChat Pay posts (section 2.6): that an order was paid, signed like an answer, or how a refund ended, in
// req_info. That is encrypted with our key and not signed: nobody without the key writes one, but ECB lets
// its blocks be put in another order, one more reason to believe none of it before WeChat was asked.
func (c *Channel) Notice(p channel.Posted) (channel.Notice, error) {
	got, err := parse(string(p.Body))
	if err != nil {
		return channel.Notice{}, fault.Wrap(err, fault.Denied, "wechat.notice_garbled", "the notice is garbled")
	}
	switch {
	case got.get("return_code") != "SUCCESS":
		return channel.Notice{}, unheard("state", "return_code is %q", carry.Printable(got.get("return_code")))
	case got.get("req_info") != "":
		return c.refundNotice(got)
	}
	return c.payNotice(got)
}

// Reply is what silences WeChat Pay, or has it come again.
func (*Channel) Reply(took bool) channel.Reply {
	code, text := "FAIL", "NOT TAKEN"
	if took {
		code, text = "SUCCESS", "OK"
	}
	return channel.Reply{Status: http.StatusOK, ContentType: "text/xml; charset=utf-8",
		Body: []byte("<xml><return_code><![CDATA[" + code + "]]></return_code><return_msg><![CDATA[" + text + "]]></return_msg></xml>")}
}

func unheard(code, format string, args ...any) error {
	return fault.New(fault.Denied, "wechat.notice_"+code, format, args...)
}

// addressed checks that a notice is for our merchant and application, and the sub merchant we stand for.
func (c *Channel) addressed(got fields) error {
	if !c.ours(got) {
		return unheard("foreign", "the notice is for another merchant or application")
	}
	return nil
}

// payNotice is about an order: only that it was paid is told.
func (c *Channel) payNotice(got fields) (channel.Notice, error) {
	switch sign, kind := got.get("sign"), got.get("sign_type"); {
	case sign == "" || !c.sign.matches(got, sign):
		return channel.Notice{}, unheard("signature", "the notice's signature is wrong: check the APIv2 key and the sign type")
	case kind != "" && kind != c.sign.kind:
		return channel.Notice{}, unheard("signature", "the notice names another kind of signature")
	}
	if err := c.addressed(got); err != nil {
		return channel.Notice{}, err
	}
	if state := got.get("trade_state"); got.get("result_code") != "SUCCESS" || state != "" && state != "SUCCESS" {
		return channel.Notice{}, unheard("state", "result_code is %q, trade_state %q", carry.Printable(got.get("result_code")), carry.Printable(state))
	}
	n := channel.Notice{OutTradeNo: got.get("out_trade_no"), WalletRef: got.get("transaction_id"), Finding: channel.Approved}
	var ok bool
	if n.Amount, ok = sumOf(got.get("total_fee")); !ok {
		return channel.Notice{}, unheard("amount", "total_fee is no amount")
	}
	if v := got.get("fee_type"); v != "" && v != string(money.CNY) {
		return channel.Notice{}, unheard("currency", "the notice is in another currency")
	}
	at, err := time.ParseInLocation(timeLayout, got.get("time_end"), beijing)
	if err != nil || !carry.OrderNumber(n.OutTradeNo) || !reference(n.WalletRef) {
		return channel.Notice{}, unheard("form", "out_trade_no, transaction_id or time_end is missing or has another shape")
	}
	n.At = at.UTC()
	return n, nil
}

// refundNotice is about a refund: that it is done, closed, or needs a person.
func (c *Channel) refundNotice(outer fields) (channel.Notice, error) {
	if err := c.addressed(outer); err != nil {
		return channel.Notice{}, err
	}
	if sign := outer.get("sign"); sign != "" && !c.sign.matches(outer, sign) { // none is promised; a wrong one is a forger's
		return channel.Notice{}, unheard("signature", "the notice's signature is wrong")
	}
	text, err := openNotice(c.noticeKey, outer.get("req_info"))
	if err != nil {
		return channel.Notice{}, err
	}
	got, err := parseRoot(text, "root")
	if err != nil {
		return channel.Notice{}, fault.Wrap(err, fault.Denied, "wechat.notice_garbled", "what the notice encrypts is garbled")
	}
	n := channel.Notice{OutTradeNo: got.get("out_trade_no"), OutRefundNo: got.get("out_refund_no"), WalletRef: got.get("refund_id"), OrderRef: got.get("transaction_id")}
	var back, whole bool
	n.Amount, back = sumOf(got.get("refund_fee"))
	n.OrderAmount, whole = sumOf(got.get("total_fee"))
	if !back || !whole || n.Amount.Fen() > n.OrderAmount.Fen() {
		return channel.Notice{}, unheard("amount", "refund_fee or total_fee is no amount")
	}
	for _, name := range [...]string{"fee_type", "refund_fee_type"} {
		if v := got.get(name); v != "" && v != string(money.CNY) {
			return channel.Notice{}, unheard("currency", "the notice is in another currency")
		}
	}
	if !carry.OrderNumber(n.OutTradeNo) || !carry.OrderNumber(n.OutRefundNo) || !reference(n.WalletRef) || !reference(n.OrderRef) {
		return channel.Notice{}, unheard("form", "a number of the order or the refund is missing or has another shape")
	}
	switch state := got.get("refund_status"); state {
	case "SUCCESS":
		n.Refund = channel.Refunded
		at, err := time.ParseInLocation(time.DateTime, got.get("success_time"), beijing)
		if err != nil {
			return channel.Notice{}, unheard("form", "success_time is missing or has another shape")
		}
		n.At = at.UTC()
	case "REFUNDCLOSE":
		n.Refund = channel.RefundRefused
	case "CHANGE": // the customer's card takes nothing: a person must finish it
		n.Refund = channel.RefundTaken
	default:
		return channel.Notice{}, unheard("state", "refund_status is %q", carry.Printable(state))
	}
	return n, nil
}

// newNoticeKey is AES-256 under the 32 letters of the APIv2 key's MD5 in lower-case hex.
func newNoticeKey(apiKey string) cipher.Block {
	sum := md5.Sum([]byte(apiKey))
	block, _ := aes.NewCipher([]byte(hex.EncodeToString(sum[:]))) // it fails for other lengths than this alone
	return block
}

// openNotice decrypts req_info: base64 of AES in ECB mode, padded as PKCS #7 says.
func openNotice(key cipher.Block, text string) (string, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) == 0 || len(raw)%aes.BlockSize != 0 {
		return "", unheard("garbled", "req_info is no base64 of whole blocks")
	}
	for at := 0; at < len(raw); at += aes.BlockSize {
		key.Decrypt(raw[at:], raw[at:])
	}
	pad := int(raw[len(raw)-1])
	if pad < 1 || pad > aes.BlockSize {
		return "", unheard("key", "req_info does not open: check the APIv2 key")
	}
	for _, b := range raw[len(raw)-pad:] {
		if int(b) != pad {
			return "", unheard("key", "req_info does not open: check the APIv2 key")
		}
	}
	return string(raw[:len(raw)-pad]), nil
}

// sumOf reads a notice's amount in fen, written in one way only.
func sumOf(s string) (money.Amount, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	sum := money.Fen(n)
	return sum, err == nil && strconv.FormatInt(n, 10) == s && sum.Charge() == nil
}

// reference reports a number of WeChat Pay's own.
func reference(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}
