package alipay

import (
	"strings"

	"cloudcashier/hub/internal/channel"
)

// The reasons, in words for the cashier.
var (
	balanceLow = channel.Decline{Code: channel.BalanceLow,
		Message: "Not enough money in the customer's wallet. Ask for another card or another way to pay."}
	codeExpired = channel.Decline{Code: channel.CodeExpired,
		Message: "The payment code has expired. Ask the customer for a fresh code and scan again."}
	codeUsed = channel.Decline{Code: channel.CodeUsed,
		Message: "This code is used up, too old or no Alipay payment code. Ask for a fresh code and scan again."}
	limit = channel.Decline{Code: channel.LimitExceeded,
		Message: "This is above the customer's limit at Alipay. Ask for another card or another way to pay."}
	risk = channel.Decline{Code: channel.RiskRefused,
		Message: "Alipay's security check refused this payment. Take another way to pay."}
	cardRefused = channel.Decline{Code: channel.RefusedOther,
		Message: "The customer's card cannot be used here. Ask for another card or another way to pay."}
	account = channel.Decline{Code: channel.RefusedOther,
		Message: "The customer's Alipay account cannot pay now. Ask the customer to look at the phone, or take another way to pay."}
	self = channel.Decline{Code: channel.RefusedOther,
		Message: "The payer and the shop are the same Alipay account. Take another way to pay."}
	notFinished = channel.Decline{Code: channel.RefusedOther,
		Message: "The payment was not completed. Ask for a fresh code and scan again."}
	misconfigured = channel.Decline{Code: channel.Misconfigured,
		Message: "Alipay cannot be used on this till now. Take another way to pay and call the operator."}
)

// payDeclines are the refusals of trade.pay that end the attempt, without their "ACQ."
// (section 3.3). Not here, and so Unknown until a query tells: TRADE_HAS_SUCCESS, TRADE_HAS_CLOSE,
// TRADE_BUYER_NOT_MATCH, CONTEXT_INCONSISTENT, TRADE_STATUS_ERROR and TRADE_SETTLE_ERROR speak of
// a trade that was there before; SYSTEM_ERROR does not know; a code nobody wrote down proves
// nothing.
var payDeclines = map[string]channel.Decline{
	"PAYMENT_AUTH_CODE_INVALID": codeUsed,
	// time_expire had passed before the request arrived: the customer's code is as old.
	"NOW_TIME_AFTER_EXPIRE_TIME_ERROR": codeExpired,

	"BUYER_BALANCE_NOT_ENOUGH":          balanceLow,
	"BUYER_BANKCARD_BALANCE_NOT_ENOUGH": balanceLow,

	"BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR":   limit,
	"BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": limit,
	"BEYOND_PAY_RESTRICTION":                 limit,
	"BEYOND_PER_RECEIPT_RESTRICTION":         limit,
	"BEYOND_PER_RECEIPT_SINGLE_RESTRICTION":  limit,
	"BEYOND_PER_RECEIPT_DAY_RESTRICTION":     limit,
	"ERROR_BUYER_CERTIFY_LEVEL_LIMIT":        limit,
	"BUYER_LIMIT_EXCEEDED":                   limit,
	"REQUEST_AMOUNT_EXCEED":                  limit,

	"PAYMENT_REQUEST_HAS_RISK": risk,

	"BUYER_BANKCARD_INVALID":           cardRefused,
	"BUYER_BANKCARD_DECLINED":          cardRefused,
	"NO_PAYMENT_INSTRUMENTS_AVAILABLE": cardRefused,
	"ERROR_BALANCE_PAYMENT_DISABLE":    cardRefused,

	"BUYER_ENABLE_STATUS_FORBID":   account,
	"BUYER_NOT_EXIST":              account,
	"NOT_CERTIFIED_USER":           account,
	"MOBILE_PAYMENT_SWITCH_OFF":    account,
	"USER_FACE_PAYMENT_SWITCH_OFF": account,

	"BUYER_SELLER_EQUAL":       self,
	"PULL_MOBILE_CASHIER_FAIL": notFinished,
	"PAYMENT_FAIL":             notFinished,

	"INVALID_PARAMETER":          misconfigured,
	"ACCESS_FORBIDDEN":           misconfigured,
	"EXIST_FORBIDDEN_WORD":       misconfigured,
	"PARTNER_ERROR":              misconfigured,
	"TOTAL_FEE_EXCEED":           misconfigured,
	"SELLER_BEEN_BLOCKED":        misconfigured,
	"INVALID_STORE_ID":           misconfigured,
	"RISK_MERCHANT_IP_NOT_EXIST": misconfigured,
}

// merchantSide recognises the families of codes that the official list keeps adding to; all of
// them say that this merchant may not collect.
func merchantSide(word string) bool {
	for _, family := range []string{"MERCHANT_", "SECONDARY_MERCHANT_", "SUB_MERCHANT_", "AGREEMENT_"} {
		if strings.HasPrefix(word, family) {
			return true
		}
	}
	return false
}
