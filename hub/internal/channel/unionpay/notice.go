package unionpay

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

var _ channel.Noticer = (*Channel)(nil)

// Notice reads what UnionPay posts (section 4.5): that a consumption, a refund or an undo succeeded. The certificate comes in
// the notice and is held against our copy of UnionPay's root, as with an answer; the signature covers every field.
func (c *Channel) Notice(p channel.Posted) (channel.Notice, error) {
	form, err := carry.Form(p.Body)
	if err != nil {
		return channel.Notice{}, fault.Wrap(err, fault.Denied, "unionpay.notice_garbled", "the notice is garbled")
	}
	got := make(fields, 0, len(form))
	for name, value := range form {
		got = append(got, field{name, value})
	}
	slices.SortFunc(got, byName)
	if err := c.trust.verify(got, c.now()); err != nil {
		return channel.Notice{}, fault.Wrap(carry.Scrub(err), fault.Denied, "unionpay.notice_signature", "the notice is not signed by UnionPay: check root, middle and signer")
	}
	switch {
	case got.get("merId") != c.merID, got.get("subMerId") != "", got.get("accessType") != "" && got.get("accessType") != "0":
		return channel.Notice{}, unheard("foreign", "the notice is for another merchant")
	case got.get("version") != "5.1.0", got.get("encoding") != "UTF-8", got.get("bizType") != "000000":
		return channel.Notice{}, unheard("kind", "version, encoding or bizType is not ours")
	case got.get("respCode") != "00" && got.get("respCode") != "A6":
		return channel.Notice{}, unheard("state", "respCode is %q: only what succeeded is told", got.said("respCode"))
	case got.get("currencyCode") != cny, got.get("settleCurrencyCode") != "" && got.get("settleCurrencyCode") != cny:
		return channel.Notice{}, unheard("currency", "the notice is in another currency")
	}
	return read(got)
}

// Reply is what silences UnionPay: the status alone.
func (*Channel) Reply(took bool) channel.Reply {
	if took {
		return channel.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte("ok")}
	}
	return channel.Reply{Status: http.StatusInternalServerError, ContentType: "text/plain; charset=utf-8", Body: []byte("not taken")}
}

func unheard(code, format string, args ...any) error {
	return fault.New(fault.Denied, "unionpay.notice_"+code, format, args...)
}

// read makes out what a genuine notice claims. A refund and an undo are orders of their own, with a number and a
// moment of their own; the order they are of is named by origQryId, when it is.
func read(got fields) (channel.Notice, error) {
	number, ref, orig := got.get("orderId"), got.get("queryId"), got.get("origQryId")
	sent, err := time.ParseInLocation(timeLayout, got.get("txnTime"), beijing)
	if err != nil || !carry.OrderNumber(number) || !reference(ref) || orig != "" && !reference(orig) {
		return channel.Notice{}, unheard("form", "orderId, txnTime, queryId or origQryId is missing or has another shape")
	}
	fen, err := strconv.ParseInt(got.get("txnAmt"), 10, 64)
	sum := money.Fen(fen)
	if err != nil || strconv.FormatInt(fen, 10) != got.get("txnAmt") || sum.Charge() != nil {
		return channel.Notice{}, unheard("amount", "txnAmt is no amount")
	}
	n := channel.Notice{WalletRef: ref, Amount: sum, SentAt: sent.UTC()}
	var ok bool
	if n.At, ok = traceTime(got.get("traceTime"), n.SentAt); !ok {
		return channel.Notice{}, unheard("form", "traceTime is missing or has another shape")
	}
	switch {
	case got.is(kindPay) && orig == "":
		n.OutTradeNo, n.Finding = number, channel.Approved
	case got.is(kindRefund), got.is(kindVoid):
		n.OutRefundNo, n.Refund, n.OrderRef = number, channel.Refunded, orig
	default:
		return channel.Notice{}, unheard("kind", "the notice is about a transaction of type %q", got.said("txnType"))
	}
	return n, nil
}

// reference reports a queryId.
func reference(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= 20 && len(s) <= 21
}
