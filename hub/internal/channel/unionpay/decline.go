package unionpay

import "cloudcashier/hub/internal/channel"

// The reasons, in words for the cashier.
var (
	balanceLow = channel.Decline{Code: channel.BalanceLow,
		Message: "Not enough money on the customer's card. Ask for another card or another way to pay."}
	codeUsed = channel.Decline{Code: channel.CodeUsed,
		Message: "This code is used up, too old or no UnionPay payment code. Ask for a fresh code and scan again."}
	codeKind = channel.Decline{Code: channel.CodeUsed,
		Message: "This kind of UnionPay code cannot be taken here. Ask for the payment code of digits in the UnionPay app."}
	limit = channel.Decline{Code: channel.LimitExceeded,
		Message: "This is above the limit of the customer's card. Ask for another card or another way to pay."}
	risk = channel.Decline{Code: channel.RiskRefused,
		Message: "UnionPay's security check refused this payment. Take another way to pay."}
	cardRefused = channel.Decline{Code: channel.RefusedOther,
		Message: "The customer's card cannot be used here. Ask for another card or another way to pay."}
	notFinished = channel.Decline{Code: channel.RefusedOther,
		Message: "The payment was not completed. Ask for a fresh code and scan again, or take another way to pay."}
	misconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "UnionPay cannot be used on this till now. Take another way to pay and call the operator."}
)

// payDeclines are the refusals of a consumption that end it (section 4.7; the texts of most are
// UNVERIFIED, that they are refusals is not). Not here, and so Unknown until a query tells: 03 and
// 04 do not know; 12 speaks of an order that was there before; a code nobody wrote down proves
// nothing.
var payDeclines = map[string]channel.Decline{
	"01": notFinished,
	"36": risk, "40": risk, "41": risk,
	"33": limit, "38": limit, "39": limit,
	"42": cardRefused, "43": cardRefused, "44": cardRefused,
	"60": cardRefused, "62": cardRefused, "63": cardRefused, "66": cardRefused, "67": cardRefused, "68": cardRefused, "77": cardRefused,
	"61": codeUsed, // the code stands for a card; UNVERIFIED as the answer to one that is old or used
	"64": balanceLow,
	"65": notFinished, // the password

	"02": misconfigured, "10": misconfigured, "11": misconfigured, "13": misconfigured, "30": misconfigured, "31": misconfigured,
}

// failed reports an origRespCode that ends a payment unpaid: section 4.4 calls every other than
// paid and open a failure. Those that speak of something else than a payment's end are left out.
func failed(state string) bool {
	switch state {
	case "06", "12", "34", "98", "99":
		return false
	}
	return len(state) == 2 && upperOrDigit(state[0]) && upperOrDigit(state[1])
}

func upperOrDigit(b byte) bool { return '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' }

func reasonOf(state string) channel.Decline {
	if d, known := payDeclines[state]; known {
		return d
	}
	return notFinished
}
