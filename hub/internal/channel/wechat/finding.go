package wechat

import (
	"errors"
	"strconv"
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
	refused = channel.Decline{Code: channel.RefusedOther,
		Message: "WeChat Pay refused this payment. Ask the customer to look at the phone, or take another way to pay."}
	notFinished = channel.Decline{Code: channel.RefusedOther,
		Message: "The payment was not completed in the customer's wallet. Scan again or take another way to pay."}
	misconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "WeChat Pay cannot be used on this till now. Take another way to pay and call the operator."}
)

// payDeclines are the signed refusals of micropay that end the attempt (section 2.4). Not here,
// and so Unknown until a query tells: ORDERPAID, OUT_TRADE_NO_USED, BUYER_MISMATCH, ORDERCLOSED
// and ORDERREVERSED speak of an order that was there before; INVALID_REQUEST covers a doubled
// request as well as a wrong one; SYSTEMERROR and BANKERROR do not know; a code nobody wrote
// down proves nothing.
var payDeclines = map[string]channel.Decline{
	"NOTENOUGH":             balanceLow,
	"AUTHCODEEXPIRE":        codeExpired,
	"AUTH_CODE_ERROR":       codeUsed,
	"AUTH_CODE_INVALID":     codeUsed,
	"NOTSUPORTCARD":         cardRefused, // the wallet's own spelling
	"TRADE_ERROR":           refused,
	"PARAM_ERROR":           misconfigured,
	"NOAUTH":                misconfigured,
	"XML_FORMAT_ERROR":      misconfigured,
	"REQUIRE_POST_METHOD":   misconfigured,
	"SIGNERROR":             misconfigured,
	"LACK_PARAMS":           misconfigured,
	"NOT_UTF8":              misconfigured,
	"POST_DATA_EMPTY":       misconfigured,
	"APPID_NOT_EXIST":       misconfigured,
	"MCHID_NOT_EXIST":       misconfigured,
	"APPID_MCHID_NOT_MATCH": misconfigured,
}

// payFailed judges a pay call without a signed answer. All of it is Unknown but one case:
// return_code=FAIL is the gate's answer to a request it could not take at all, and section 2.2
// lets a clear signature or format fault count as failed. It carries no signature, so it is
// believed only when TLS proves who speaks, and only for texts that say nothing else; whoever can
// forge that holds the wallet's own TLS key. Left Unknown, a wrong key would hold every sale of
// a shop open until somebody repairs it.
func payFailed(err error) channel.Answer {
	var gate *protocolRefusal
	if errors.As(err, &gate) && gate.verified {
		for _, text := range []string{"签名错误", "签名失败", "参数格式校验错误", "缺少参数", "XML格式错误"} {
			if strings.HasPrefix(gate.text, text) {
				a := declined("FAIL", misconfigured)
				a.Err = err
				return a
			}
		}
	}
	return unknown(err)
}

func (c *Channel) payFinding(got fields, r channel.Ref) channel.Answer {
	switch result := got.get("result_code"); result {
	case "SUCCESS":
		return c.approved(got, r)
	case "FAIL":
	default:
		return unknown(doubt("garbled", "result_code is %q", carry.Printable(result)))
	}
	code := got.get("err_code")
	switch code {
	case "USERPAYING":
		return channel.Answer{Finding: channel.Pending, WalletRef: got.get("transaction_id")}
	case "FREQUENCY_LIMITED":
		return channel.Answer{Finding: channel.Busy, Err: doubt("busy", "WeChat Pay limits our rate: slow down")}
	}
	d, known := payDeclines[code]
	if !known {
		return unknown(doubt("refused", "err_code %q leaves the payment open: query", carry.Printable(code)))
	}
	a := declined(code, d)
	if d.Code == channel.Misconfigured {
		a.Err = doubt("misconfigured", "err_code %s: check the merchant's rights and our request", code)
	}
	return a
}

// approved holds a success against what was asked for. Whatever disagrees proves nothing.
func (c *Channel) approved(got fields, r channel.Ref) channel.Answer {
	if err := agree(got, r, true); err != nil {
		return unknown(err)
	}
	a := channel.Answer{Finding: channel.Approved, WalletRef: got.get("transaction_id")}
	paidAt, err := time.ParseInLocation(timeLayout, got.get("time_end"), beijing)
	if err != nil {
		// The money is proven; only its minute is not, and ours is close.
		paidAt = c.now()
		a.Err = doubt("time", "time_end is missing or wrong: our own clock stands in")
	}
	a.PaidAt = paidAt.UTC()
	return a
}

// agree checks that a signed answer speaks of our attempt and, where it names them or must, of
// our money and of the wallet's number known before.
func agree(got fields, r channel.Ref, paid bool) error {
	fee, currency, ref := got.get("total_fee"), got.get("fee_type"), got.get("transaction_id")
	switch {
	case got.get("out_trade_no") != r.OutTradeNo:
		return doubt("foreign", "the answer names no order or another one")
	case (paid || fee != "") && fee != strconv.FormatInt(r.Amount.Fen(), 10):
		return doubt("amount", "the answer is for another amount: look at the wallet's platform")
	case currency != "" && currency != string(money.CNY):
		return doubt("currency", "the answer is in another currency")
	case paid && ref == "":
		return doubt("reference", "the answer names no transaction_id")
	case r.WalletRef != "" && ref != "" && ref != r.WalletRef:
		return doubt("reference", "the answer is for another transaction_id")
	}
	return nil
}

// queryFinding reads trade_state: result_code=SUCCESS only says that the question was understood.
func (c *Channel) queryFinding(got fields, r channel.Ref) channel.Answer {
	if a, ok := failed(got); !ok {
		return a
	}
	state := got.get("trade_state")
	if state == "SUCCESS" {
		return c.approved(got, r)
	}
	if err := agree(got, r, false); err != nil {
		return unknown(err)
	}
	a := channel.Answer{WalletRef: got.get("transaction_id")}
	switch state {
	case "NOTPAY", "USERPAYING", "ACCEPT":
		a.Finding = channel.Pending
		a.Working = r.Shown && state == "NOTPAY" // nobody has scanned it yet
	case "CLOSED", "REVOKED":
		a.Finding = channel.Reversed
	case "PAYERROR":
		a.Finding, a.Decline = channel.Declined, notFinished
		a.Decline.Wallet = state
	case "REFUND":
		// Paid, and refunded since: in part or whole, this answer does not say, so it proves
		// neither "charged in full" nor "all given back".
		a.Finding = channel.Unknown
		a.Err = doubt("refunded", "the order was paid and then refunded, perhaps in part: look at the merchant platform")
	default:
		a.Finding, a.Err = channel.Unknown, doubt("state", "trade_state is %q", carry.Printable(state))
	}
	return a
}

// failed sorts out a query or reversal that did not work.
func failed(got fields) (channel.Answer, bool) {
	switch result := got.get("result_code"); result {
	case "SUCCESS":
		return channel.Answer{}, true
	case "FAIL":
	default:
		return unknown(doubt("garbled", "result_code is %q", carry.Printable(result))), false
	}
	switch code := got.get("err_code"); code {
	case "ORDERNOTEXIST":
		return channel.Answer{Finding: channel.Absent}, false
	case "REVERSE_EXPIRE":
		return unknown(doubt("too_late", "REVERSE_EXPIRE: more than 7 days old, only a refund on the merchant platform can undo it")), false
	case "USERPAYING":
		return unknown(doubt("in_use", "USERPAYING: the customer is at the password, reverse again in a few seconds")), false
	case "CERT_ERROR":
		return unknown(doubt("certificate", "CERT_ERROR: renew the merchant's API certificate, nothing can be reversed without it")), false
	default:
		return unknown(doubt("refused", "err_code %q: ask again", carry.Printable(code))), false
	}
}

// reverseFinding wants the plain word that nothing is left to do: recall=N. The documented answer
// names no order, so only the connection ties it to the question; where it names one, [call]
// compared it.
func reverseFinding(got fields, r channel.Ref) channel.Answer {
	if a, ok := failed(got); !ok {
		return a
	}
	switch recall := got.get("recall"); recall {
	case "N":
	case "Y":
		return unknown(doubt("recall", "recall=Y: not undone yet, reverse again"))
	default:
		return unknown(doubt("garbled", "recall is %q", carry.Printable(recall)))
	}
	if ref := got.get("transaction_id"); r.WalletRef != "" && ref != "" && ref != r.WalletRef {
		return unknown(doubt("reference", "the answer is for another transaction_id"))
	}
	return channel.Answer{Finding: channel.Reversed, WalletRef: got.get("transaction_id")}
}
