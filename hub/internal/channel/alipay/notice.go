package alipay

import (
	"crypto/rsa"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

var _ channel.Noticer = (*Channel)(nil)

// notifyOf is where Alipay posts what becomes of the trade that a method makes. Its refunds are told there, too.
func (c *Channel) notifyOf(m method) string {
	if m != tradePay && m != tradePrecreate {
		return ""
	}
	return c.notifyURL
}

// Notice reads what Alipay posts (section 3.5): how a trade stands, or that money of it went back. The signature is over all
// that was posted but sign and sign_type.
func (c *Channel) Notice(p channel.Posted) (channel.Notice, error) {
	got, err := carry.Form(p.Body)
	if err != nil {
		return channel.Notice{}, fault.Wrap(err, fault.Denied, "alipay.notice_garbled", "the notice is garbled")
	}
	if got["sign_type"] != "RSA2" {
		return channel.Notice{}, unheard("signature", "sign_type is %q: RSA2 is configured", carry.Printable(got["sign_type"]))
	}
	if err := c.genuineNotice(got); err != nil {
		return channel.Notice{}, fault.Wrap(err, fault.Denied, "alipay.notice_signature", "the notice's signature is wrong: check Alipay's public key")
	}
	switch {
	case got["app_id"] != c.appID, c.partner.AppAuthToken == "" && got["auth_app_id"] != "" && got["auth_app_id"] != c.appID, got["seller_id"] != c.sellerID:
		return channel.Notice{}, unheard("foreign", "the notice is for another application or seller")
	case got["notify_type"] != "trade_status_sync":
		return channel.Notice{}, unheard("kind", "notify_type is %q", carry.Printable(got["notify_type"]))
	case got["notify_id"] == "" || len(got["notify_id"]) > 128 || !chinaTime(got["notify_time"]):
		return channel.Notice{}, unheard("form", "notify_id or notify_time is missing or has another shape")
	case got["trans_currency"] != "" && got["trans_currency"] != string(money.CNY):
		return channel.Notice{}, unheard("currency", "the notice is in another currency")
	}
	return read(got)
}

// genuineNotice checks a notice's signature. In certificate mode it must be one of Alipay's certificates that are known here:
// for a stranger's post nobody is asked, and the next answer brings a new one.
func (c *Channel) genuineNotice(got map[string]string) error {
	text, sign := noticeText(got), []byte(got["sign"])
	keys := append([]*rsa.PublicKey{c.wallet}, c.former...)
	if c.certs != nil {
		keys = c.certs.all()
	}
	err := errors.New("no key is known")
	for i := 0; err != nil && i < len(keys); i++ {
		err = verify(keys[i], text, sign)
	}
	return err
}

// Reply is what silences Alipay: these seven bytes alone.
func (*Channel) Reply(took bool) channel.Reply {
	text := "fail"
	if took {
		text = "success"
	}
	return channel.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte(text)}
}

func unheard(code, format string, args ...any) error {
	return fault.New(fault.Denied, "alipay.notice_"+code, format, args...)
}

// noticeText is what Alipay signs of a notice.
func noticeText(got map[string]string) []byte {
	text := make([]byte, 0, 2048)
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if name == "sign" || name == "sign_type" {
			continue
		}
		if len(text) > 0 {
			text = append(text, '&')
		}
		text = append(text, name...)
		text = append(text, '=')
		text = append(text, got[name]...)
	}
	return text
}

// read makes out what a genuine notice claims. One with a refund's number is about that refund: Alipay
// tells the sum of all the trade's refunds in refund_fee, and may tell this one's in send_back_fee.
func read(got map[string]string) (channel.Notice, error) {
	n := channel.Notice{OutTradeNo: got["out_trade_no"], WalletRef: got["trade_no"]}
	whole, ok := sumOf(got["total_amount"])
	switch {
	case !ok:
		return channel.Notice{}, unheard("amount", "total_amount is no amount")
	case !carry.OrderNumber(n.OutTradeNo) || !reference(n.WalletRef):
		return channel.Notice{}, unheard("form", "out_trade_no or trade_no is missing or has another shape")
	}
	when := ""
	switch status := got["trade_status"]; status {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		n.Finding, when = channel.Approved, "gmt_payment"
	case "TRADE_CLOSED":
		n.Finding, when = channel.Reversed, "gmt_close"
	case "WAIT_BUYER_PAY":
		n.Finding, when = channel.Pending, "gmt_create"
	default:
		return channel.Notice{}, unheard("state", "trade_status is %q", carry.Printable(status))
	}
	n.Amount = whole
	if number := got["out_biz_no"]; number != "" {
		if n.Finding == channel.Pending || !carry.OrderNumber(number) {
			return channel.Notice{}, unheard("form", "out_biz_no has another shape, or no trade that could be refunded")
		}
		n.OutRefundNo, n.OrderRef, n.OrderAmount = number, n.WalletRef, whole
		n.Finding, n.Refund, n.WalletRef, n.Amount, when = "", channel.Refunded, "", money.Amount{}, "gmt_refund" // Alipay's refunds have no number of its own
		if n.BackAmount, ok = sumOf(got["refund_fee"]); !ok || n.BackAmount.Fen() > whole.Fen() {
			return channel.Notice{}, unheard("amount", "refund_fee is no amount, or more than the trade's")
		}
		if text := got["send_back_fee"]; text != "" {
			if n.Amount, ok = sumOf(text); !ok || n.Amount.Fen() > n.BackAmount.Fen() {
				return channel.Notice{}, unheard("amount", "send_back_fee is no amount, or more than refund_fee")
			}
		}
	}
	if text := got[when]; text != "" {
		if !chinaTime(text) {
			return channel.Notice{}, unheard("form", "%s has another shape", when)
		}
		at, _ := time.ParseInLocation(timeLayout, text, beijing) // fractions are taken, too
		n.At = at.UTC()
	}
	return n, nil
}

// sumOf reads a notice's amount in yuan with its two decimals, written in one way only.
func sumOf(s string) (money.Amount, bool) {
	sum, err := money.ParseYuan(s)
	return sum, err == nil && sum.Charge() == nil && sum.Yuan() == s
}

// chinaTime reports a time in Alipay's words; a refund's may carry milliseconds.
func chinaTime(s string) bool {
	_, err := time.ParseInLocation(timeLayout, s, beijing)
	return err == nil && len(s) <= len(timeLayout)+len(".000")
}

// reference reports a number of Alipay's own.
func reference(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
