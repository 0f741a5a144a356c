package alipay

import (
	"strings"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/channel/carry"
	"cloudcashier/shared/money"
)

func unknown(err error) channel.Answer { return channel.Answer{Finding: channel.Unknown, Err: err} }

func declined(wallet string, d channel.Decline) channel.Answer {
	d.Wallet = wallet
	return channel.Answer{Finding: channel.Declined, Decline: d}
}

// word is the refusal's name without its family: "ACQ.", "aop.ACQ.", the misspelt "AQC.",
// "isv." (section 3.2: match the suffix).
func (a *answer) word() string { return a.subCode[strings.LastIndexByte(a.subCode, '.')+1:] }

// said names the answer's codes for a log.
func (a *answer) said() string { return carry.Printable(a.code + " " + a.subCode) }

// payFinding judges the answer of trade.pay by its code (section 3.2).
func payFinding(got answer, r channel.Ref, now func() time.Time) channel.Answer {
	if busy(got) {
		return channel.Answer{Finding: channel.Busy, Err: doubt("busy", "Alipay limits our rate (%s): slow down", got.said())}
	}
	switch got.code {
	case "10000": // of all methods, only here does it mean paid
		return approved(got, r, got.gmtPayment, now)
	case "10003":
		return channel.Answer{Finding: channel.Pending, WalletRef: got.tradeNo}
	case "20001", "40001", "40002", "40006":
		// The gate's own refusals, signed: rights, missing or wrong parameters. No trade was made.
		// "isp." and SYSTEM_ERROR are the provider's troubles, under whatever code.
		if !strings.HasPrefix(got.subCode, "isp.") && got.word() != "SYSTEM_ERROR" {
			return misconfiguredAs(got)
		}
	case "40004":
		d, known := payDeclines[got.word()]
		switch {
		case known && d.Code == channel.Misconfigured || merchantSide(got.word()):
			return misconfiguredAs(got)
		case known:
			return declined(got.subCode, d)
		}
	}
	return unknown(doubt("refused", "code %s leaves the payment open: query", got.said()))
}

func misconfiguredAs(got answer) channel.Answer {
	a := declined(carry.Printable(got.subCode), misconfigured)
	a.Err = doubt("misconfigured", "code %s: check the merchant's rights and our request", got.said())
	return a
}

// busy recognises the gate's rate limits by their name: the code beside it differs by source.
func busy(got answer) bool {
	limited := got.subCode == "isv.app-call-limited" || got.subCode == "isv.method-call-limited"
	return limited && got.code != "10000" && got.code != "10003"
}

// approved holds a success against what was asked for. Whatever disagrees proves nothing.
func approved(got answer, r channel.Ref, when string, now func() time.Time) channel.Answer {
	if err := agree(got, r, true); err != nil {
		return unknown(err)
	}
	a := channel.Answer{Finding: channel.Approved, WalletRef: got.tradeNo}
	paidAt, err := time.ParseInLocation(timeLayout, when, beijing)
	if err != nil {
		// The money is proven; only its minute is not, and ours is close.
		paidAt = now()
		a.Err = doubt("time", "the time of payment is missing or wrong: our own clock stands in")
	}
	a.PaidAt = paidAt.UTC()
	return a
}

// agree checks that a signed answer speaks of our attempt and, where it names them or must, of
// our money and of the wallet's number known before.
func agree(got answer, r channel.Ref, paid bool) error {
	if got.outTradeNo != r.OutTradeNo {
		return doubt("foreign", "the answer names no order or another one")
	}
	if paid || got.totalAmount != "" {
		sum, err := money.ParseYuan(got.totalAmount)
		if err != nil || sum != r.Amount {
			return doubt("amount", "the answer is for another amount: look at the wallet's platform")
		}
	}
	switch {
	case got.currency != "" && got.currency != string(money.CNY):
		return doubt("currency", "the answer is in another currency")
	case paid && got.tradeNo == "":
		return doubt("reference", "the answer names no trade_no")
	case r.WalletRef != "" && got.tradeNo != "" && got.tradeNo != r.WalletRef:
		return doubt("reference", "the answer is for another trade_no")
	}
	return nil
}

// queryFinding reads trade_status: code 10000 only says that the question was understood.
func queryFinding(got answer, r channel.Ref, now func() time.Time) channel.Answer {
	if a, ok := failed(got); !ok {
		return a
	}
	switch got.tradeStatus {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		// TRADE_SUCCESS stays after a partial refund; a full one makes it TRADE_CLOSED.
		return approved(got, r, got.sendPayDate, now)
	}
	if err := agree(got, r, false); err != nil {
		return unknown(err)
	}
	a := channel.Answer{WalletRef: got.tradeNo}
	switch got.tradeStatus {
	case "WAIT_BUYER_PAY":
		a.Finding = channel.Pending
	case "TRADE_CLOSED":
		a.Finding = channel.Reversed // closed unpaid, or all of the money given back
	default:
		a.Finding, a.Err = channel.Unknown, doubt("state", "trade_status is %q", carry.Printable(got.tradeStatus))
	}
	return a
}

// failed sorts out a query or cancel that did not work.
func failed(got answer) (channel.Answer, bool) {
	if got.code == "10000" {
		return channel.Answer{}, true
	}
	if got.code != "40004" {
		return unknown(doubt("refused", "code %s: ask again", got.said())), false
	}
	switch got.word() {
	case "TRADE_NOT_EXIST":
		return channel.Answer{Finding: channel.Absent}, false
	case "TRADE_CANCEL_TIME_OUT":
		return unknown(doubt("too_late", "TRADE_CANCEL_TIME_OUT: more than 24 hours old, only a refund on the merchant platform can undo it")), false
	case "TRADE_HAS_FINISHED":
		return unknown(doubt("too_late", "TRADE_HAS_FINISHED: the trade is settled for good, talk to Alipay")), false
	case "SELLER_BALANCE_NOT_ENOUGH":
		return unknown(doubt("balance", "SELLER_BALANCE_NOT_ENOUGH: the merchant's account cannot pay the money back, fill it up")), false
	}
	return unknown(doubt("refused", "code %s: ask again", got.said())), false
}

// cancelFinding wants the plain word of what was done. With none, nothing existed at that moment:
// Absent, because the request to pay may still be on its way (section 6.2).
func cancelFinding(got answer, r channel.Ref) channel.Answer {
	if a, ok := failed(got); !ok {
		return a
	}
	if err := agree(got, r, false); err != nil {
		return unknown(err)
	}
	a := channel.Answer{WalletRef: got.tradeNo}
	switch {
	case got.retryFlag == "Y":
		a.Finding, a.Err = channel.Unknown, doubt("retry", "retry_flag=Y: not undone yet, cancel again")
	case got.retryFlag != "N":
		a.Finding, a.Err = channel.Unknown, doubt("garbled", "retry_flag is %q", carry.Printable(got.retryFlag))
	case got.action == "close" || got.action == "refund":
		a.Finding = channel.Reversed
	case got.action == "":
		a.Finding = channel.Absent
	default:
		a.Finding, a.Err = channel.Unknown, doubt("garbled", "action is %q", carry.Printable(got.action))
	}
	return a
}
