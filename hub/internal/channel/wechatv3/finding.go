package wechatv3

import (
	"errors"
	"net/http"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

func unknown(err error) channel.Answer { return channel.Answer{Finding: channel.Unknown, Err: err} }

func declined(wallet string, d channel.Decline) channel.Answer {
	d.Wallet = wallet
	return channel.Answer{Finding: channel.Declined, Decline: d}
}

// The reasons, in words for the cashier.
var (
	balanceLow = channel.Decline{Code: channel.BalanceLow,
		Message: "Not enough money in the customer's wallet. Ask for another card or another way to pay."}
	codeExpired = channel.Decline{Code: channel.CodeExpired,
		Message: "The payment code has expired. Ask the customer for a fresh code and scan again."}
	codeUsed = channel.Decline{Code: channel.CodeUsed,
		Message: "This code is used up or is no WeChat payment code. Ask for a fresh code and scan again."}
	cardRefused = channel.Decline{Code: channel.RefusedOther,
		Message: "The customer's card cannot be used here. Ask for another card or another way to pay."}
	refusedPay = channel.Decline{Code: channel.RefusedOther,
		Message: "WeChat Pay refused this payment. Ask the customer to look at the phone, or take another way to pay."}
	riskRefused = channel.Decline{Code: channel.RiskRefused,
		Message: "WeChat Pay does not allow this payment. Take another way to pay."}
	notFinished = channel.Decline{Code: channel.RefusedOther,
		Message: "The payment was not completed in the customer's wallet. Scan again or take another way to pay."}
	misconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "WeChat Pay cannot be used on this till now. Take another way to pay and call the operator."}
)

// payDeclines are the signed refusals of codepay and native that end the attempt. The error table of codepay could not be
// had (UNVERIFIED): these are v2's words and v3's general ones, in both spellings (sections 1.5, 1.9, 2.4). Not here, and
// so Unknown until a query tells: ORDERPAID, OUT_TRADE_NO_USED, BUYER_MISMATCH and the closed orders speak of an order that
// was there before; INVALID_REQUEST covers a doubled request as well as a wrong one; SYSTEM_ERROR and BANK_ERROR do not
// know; a code nobody wrote down proves nothing.
var payDeclines = map[string]channel.Decline{
	"NOTENOUGH":             balanceLow,
	"NOT_ENOUGH":            balanceLow,
	"AUTHCODEEXPIRE":        codeExpired,
	"AUTH_CODE_EXPIRED":     codeExpired,
	"AUTH_CODE_ERROR":       codeUsed,
	"AUTH_CODE_INVALID":     codeUsed,
	"NOTSUPORTCARD":         cardRefused, // the wallet's own spelling
	"TRADE_ERROR":           refusedPay,
	"USER_ACCOUNT_ABNORMAL": refusedPay,
	"ACCOUNT_ERROR":         refusedPay,
	"RULE_LIMIT":            riskRefused,
	"RULELIMIT":             riskRefused,
	"PARAM_ERROR":           misconfigured,
	"NO_AUTH":               misconfigured,
	"NOAUTH":                misconfigured,
	"APPID_MCHID_NOT_MATCH": misconfigured,
	"MCH_NOT_EXISTS":        misconfigured,
}

// tooFast are the words for too many requests.
var tooFast = map[string]bool{"FREQUENCY_LIMITED": true, "FREQUENCY_LIMIT_EXCEED": true, "RATELIMIT_EXCEED": true, "RATELIMIT_EXCEEDED": true}

// payFailed judges a pay call that was not answered with success.
func payFailed(err error) channel.Answer {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return payRefused(r)
	case errors.Is(err, gateClosed):
		a := declined("SIGN_ERROR", misconfigured)
		a.Err = err
		return a
	case fault.KindOf(err) == fault.Unavailable: // not sent, and it may be in a moment
		return channel.Answer{Finding: channel.Busy, Err: err}
	case fault.KindOf(err) == fault.Invalid: // not sent, so not charged
		a := declined("", misconfigured)
		a.Err = err
		return a
	}
	return unknown(err)
}

func payRefused(r *refusal) channel.Answer {
	d, known := payDeclines[r.code]
	switch {
	case r.status >= http.StatusInternalServerError: // whatever it says
	case r.code == "USERPAYING":
		return channel.Answer{Finding: channel.Pending}
	case tooFast[r.code]:
		return channel.Answer{Finding: channel.Busy, Err: doubt("busy", "WeChat Pay limits our rate: slow down")}
	case known:
		a := declined(r.code, d)
		if d.Code == channel.Misconfigured {
			a.Err = doubt("misconfigured", "code %s: check the merchant's rights and our request", r.code)
		}
		return a
	}
	return unknown(doubt("refused", "code %q (HTTP %d) leaves the payment open: query", printable(r.code), r.status))
}

// failed judges a query, a close or a reversal that was not answered with success.
func failed(err error) channel.Answer {
	var r *refusal
	if !errors.As(err, &r) {
		return unknown(err)
	}
	switch r.code {
	case "ORDER_NOT_EXIST", "ORDER_NOT_EXISTS", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS":
		if r.status == http.StatusNotFound || r.status == http.StatusBadRequest {
			return channel.Answer{Finding: channel.Absent}
		}
	case "USERPAYING":
		return unknown(doubt("in_use", "USERPAYING: the customer is at the password, reverse again in a few seconds"))
	case "REVERSE_EXPIRE":
		return unknown(doubt("too_late", "REVERSE_EXPIRE: more than 7 days old, only a refund can undo it"))
	}
	return unknown(doubt("refused", "code %q (HTTP %d): ask again", printable(r.code), r.status))
}

// payFinding reads the answer to codepay, which is an order as a query shows it.
func (c *Channel) payFinding(body []byte, r channel.Ref) channel.Answer {
	a, state := c.queryFinding(body, r)
	if a.Finding == channel.Reversed {
		return unknown(doubt("state", "trade_state %q answers no new payment: query", printable(state)))
	}
	return a
}

const stateRefund = "REFUND"

// queryFinding reads trade_state, and gives it: 200 only says that the question was understood.
func (c *Channel) queryFinding(body []byte, r channel.Ref) (channel.Answer, string) {
	var got transaction
	if err := parse(body, &got); err != nil {
		return unknown(fault.Wrap(err, fault.InDoubt, "wechatv3.garbled", "the answer is garbled")), ""
	}
	state := got.TradeState
	if state == "SUCCESS" {
		return c.approved(got, r), state
	}
	if err := c.agree(got, r, false); err != nil {
		return unknown(err), ""
	}
	a := channel.Answer{WalletRef: got.TransactionID}
	switch state {
	case "NOTPAY", "USERPAYING":
		a.Finding = channel.Pending
	case "ACCEPT": // taken, the bank is at work
		a.Finding, a.Working = channel.Pending, true
	case "CLOSED", "REVOKED":
		a.Finding = channel.Reversed
	case "PAYERROR":
		a.Finding, a.Decline = channel.Declined, notFinished
		a.Decline.Wallet = state
	case stateRefund:
		// Paid, and refunded since: in part or whole, this answer does not say, so it proves
		// neither "charged in full" nor "all given back".
		a.Finding = channel.Unknown
		a.Err = doubt("refunded", "the order was paid and then refunded, perhaps in part: look at the merchant platform")
	default:
		a.Finding, a.Err = channel.Unknown, doubt("state", "trade_state is %q", printable(state))
	}
	return a, state
}

// approved holds a success against what was asked for. Whatever disagrees proves nothing.
func (c *Channel) approved(got transaction, r channel.Ref) channel.Answer {
	if err := c.agree(got, r, true); err != nil {
		return unknown(err)
	}
	a := channel.Answer{Finding: channel.Approved, WalletRef: got.TransactionID}
	paidAt, ok := moment(got.SuccessTime)
	if !ok {
		// The money is proven; only its minute is not, and ours is close.
		paidAt = c.now().UTC()
		a.Err = doubt("time", "success_time is missing or wrong: our own clock stands in")
	}
	a.PaidAt = paidAt
	return a
}

// agree checks that a signed answer speaks of our merchant and attempt and, where it names them or must, of our money and
// of the wallet's number known before.
func (c *Channel) agree(got transaction, r channel.Ref, paid bool) error {
	ref := got.TransactionID
	switch {
	case !c.who.ours(got.account, true):
		return doubt("foreign", "the answer is for another merchant")
	case got.OutTradeNo != r.OutTradeNo:
		return doubt("foreign", "the answer names no order or another one")
	case paid && (got.Amount == nil || got.Amount.Total == nil), got.Amount != nil && got.Amount.Total != nil && *got.Amount.Total != r.Amount.Fen():
		return doubt("amount", "the answer is for another amount: look at the wallet's platform")
	case got.Amount != nil && got.Amount.Currency != "" && got.Amount.Currency != string(money.CNY):
		return doubt("currency", "the answer is in another currency")
	case paid && ref == "":
		return doubt("reference", "the answer names no transaction_id")
	case r.WalletRef != "" && ref != "" && ref != r.WalletRef:
		return doubt("reference", "the answer is for another transaction_id")
	}
	return nil
}

// reverseFinding: 200 means that nothing is left to do; v3 has no recall flag, and repeating is allowed.
func (c *Channel) reverseFinding(body []byte, r channel.Ref) channel.Answer {
	var got transaction
	if err := parse(body, &got); err != nil {
		return unknown(fault.Wrap(err, fault.InDoubt, "wechatv3.garbled", "the answer is garbled"))
	}
	if !c.who.ours(got.account, true) || got.OutTradeNo != r.OutTradeNo {
		return unknown(doubt("foreign", "the answer is for another order"))
	}
	return channel.Answer{Finding: channel.Reversed}
}
