// Package channel is the contract of a wallet: what every connector must be able to do, and
// how it must report what it learnt.
//
// A connector speaks a wallet's own protocol and says what is proven, no more. It keeps no
// state, retries nothing and decides nothing: package payment holds the law and package engine
// calls again. Newcomers get one thing wrong: a connector returns no error. A timeout, a 5xx, a
// bad signature or an answer for another order is a [Finding] too: [Unknown], with the cause
// beside it for the log.
package channel

import (
	"context"
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Channel is our configured way to a wallet: a protocol, a merchant number and keys.
// Implementations are safe for concurrent use and end every call when its context ends.
type Channel interface {
	// Pay asks the wallet to charge the customer whose code was scanned. It is called at most once
	// for an OutTradeNo, or again with the same Order after a Busy finding.
	Pay(context.Context, Order) Answer
	// Query asks how an attempt stands. It changes nothing.
	Query(context.Context, Ref) Answer
	// Reverse asks the wallet to undo an attempt: to close it when unpaid, to give all money back
	// when paid. It may be repeated.
	Reverse(context.Context, Ref) Answer
	// Rules are the wallet's own pace and windows.
	Rules() Rules
}

// Refunder is a channel that can give money of a paid order back later, in part or whole. Its calls
// may be repeated: the wallet tells refunds apart by OutRefundNo, and at UnionPay by SentAt too.
type Refunder interface {
	// Refund asks the wallet to give money back. A repeat with the same Refund never gives it twice.
	Refund(context.Context, Refund) RefundAnswer
	// QueryRefund asks how a refund stands. It changes nothing.
	QueryRefund(context.Context, Refund) RefundAnswer
	// RefundRules are the wallet's own pace and windows.
	RefundRules() RefundRules
}

// Refund is money to be given back of one paid attempt.
type Refund struct {
	OutRefundNo string       // the refund's number, 8 to 32 of [0-9A-Za-z]
	WalletRef   string       // the wallet's own number of the refund, when known
	SentAt      time.Time    // when it was first sent, the same in every repeat and question: UnionPay names a refund by it, too
	Order       Ref          // what was paid: Amount is the whole of it
	Amount      money.Amount // to be given back: above zero, at most the order's
	Reason      string       // shown to the customer; may be empty
}

// RefundFinding is what an answer proves about the money of one refund.
type RefundFinding string

// The findings about refunds.
const (
	Refunded      RefundFinding = "refunded"       // proven: exactly this amount went back under this number
	RefundRefused RefundFinding = "refund_refused" // proven: nothing went back, and under this number nothing will
	RefundTaken   RefundFinding = "refund_taken"   // the wallet has it and is not done
	RefundBusy    RefundFinding = "refund_busy"    // proven: this request was not taken; the same one may be sent later
	RefundAbsent  RefundFinding = "refund_absent"  // the wallet knows no such refund; no proof while our request may travel
	RefundUnknown RefundFinding = "refund_unknown" // nothing is proven
)

// RefundAnswer is what one call about a refund learnt.
type RefundAnswer struct {
	Finding    RefundFinding
	WalletRef  string    // the wallet's number of the refund, when told
	RefundedAt time.Time // when Refunded and told: the wallet's time, UTC
	Decline    Decline   // when RefundRefused
	Err        error     // why nothing better is known; for logs only, holds no secret
}

// RefundRules are a wallet's own pace and windows for refunds (handbook: wallets, section 6).
type RefundRules struct {
	CallTimeout time.Duration // how long one call may take before it is RefundUnknown
	Every       time.Duration // between calls about one refund; grows with tries
	Apart       time.Duration // between two refunds of one order
	Window      time.Duration // from the payment: a later refund is refused
	Parts       int           // how many refunds an order may have; 0: any number
}

// Order is what the customer is charged for.
type Order struct {
	OutTradeNo string       // the attempt's number, 8 to 32 of [0-9A-Za-z]
	SentAt     time.Time    // when this pay call was written down as leaving; its Ref has the same
	Amount     money.Amount // checked: above zero
	Code       pay.Code     // the customer's payment code
	Subject    string       // shown in the customer's wallet
	Store      string       // our store's identifier
	Terminal   string       // our terminal's identifier; may be empty
	Expires    time.Time    // the wallet is told to refuse the order after this moment

	// What only the hub's own stored value needs: a till's claim is bound to its sale.
	Merchant string    // our merchant's identifier
	Key      string    // who asked named the payment so
	OrderNo  string    // the merchant's own number
	Deferred time.Time // when the till took it without a connection; zero: it was connected
}

// Ref names an attempt made before, with what its answer must agree to.
type Ref struct {
	OutTradeNo string
	WalletRef  string // the wallet's own number, when known
	Amount     money.Amount
	SentAt     time.Time // of the pay call, to the second the same for ever: UnionPay knows no order without it
	Shown      bool      // the customer scanned our code ([Presenter]), not we the customer's
}

// Finding is what an answer proves about the money of one attempt.
type Finding string

// The findings.
const (
	Approved Finding = "approved" // proven: the customer was charged exactly the order's amount
	Declined Finding = "declined" // proven: not charged, and this number cannot be charged any more
	Pending  Finding = "pending"  // the wallet has the order and is not done: password, bank, risk check
	Busy     Finding = "busy"     // proven: the wallet refused to take this request; send it again later
	Absent   Finding = "absent"   // the wallet knows no such order; no proof while our request may travel
	Reversed Finding = "reversed" // proven: closed unpaid, or all money given back
	Unknown  Finding = "unknown"  // nothing is proven
)

// Answer is what one call learnt.
type Answer struct {
	Finding   Finding
	WalletRef string    // the wallet's number of the order, when told
	Working   bool      // when Pending: the wallet itself is at work; nothing says that the customer was asked
	QR        string    // when a Presenter answers Pending: the text to show
	PaidAt    time.Time // when Approved: the wallet's success time, UTC
	Decline   Decline   // when Declined
	Err       error     // why nothing better is known; for logs only, holds no secret
}

// Decline is the reason of a refusal, in our words and the wallet's.
type Decline struct {
	Code    DeclineCode
	Message string // what the cashier may read; from our own texts, not the wallet's free text
	Wallet  string // the wallet's own code, for support: "NOTENOUGH"
}

// DeclineCode is a stable reason, the same for every wallet.
type DeclineCode string

// The reasons of a decline.
const (
	BalanceLow      DeclineCode = "balance_low"      // not enough money: another card or wallet
	CodeExpired     DeclineCode = "code_expired"     // the code is older than its minute: scan a fresh one
	CodeUsed        DeclineCode = "code_used"        // the code was used already or is not valid: scan a fresh one
	CustomerRefused DeclineCode = "customer_refused" // the customer cancelled or failed the password
	LimitExceeded   DeclineCode = "limit_exceeded"   // the customer's own daily or single limit
	RiskRefused     DeclineCode = "risk_refused"     // the wallet's risk control said no
	Misconfigured   DeclineCode = "misconfigured"    // our merchant, key or request is at fault: call the operator
	RefusedOther    DeclineCode = "refused"          // the wallet said no and gave another reason

	// Of refunds.
	MerchantBalanceLow DeclineCode = "merchant_balance_low" // the merchant's own account cannot pay it: fill it up, refund anew
	RefundTooLate      DeclineCode = "refund_too_late"      // the wallet takes no refund of so old a payment
	CustomerAccount    DeclineCode = "customer_account"     // the customer's account cannot take money: give it back in another way
)

// Rules are a wallet's own pace and windows (handbook: wallets, section 6).
type Rules struct {
	CallTimeout      time.Duration // how long one call may take before it is Unknown
	FirstQuery       time.Duration // after a pay call without a final answer
	QueryEvery       time.Duration
	QueryDoubles     bool          // each pause is as long as the order was old, at least QueryEvery: 1, 2, 4, 8 s
	GiveUp           time.Duration // from the pay call until we reverse
	ReverseNotBefore time.Duration // from the pay call: the wallet refuses an earlier reversal
	ReverseEvery     time.Duration // between tries of a reversal
	UndoWindow       time.Duration // from the pay call: a later reversal is refused for good
	UndoDayEnds      time.Duration // hour of China's day that ends the window even before; zero: none does
	Travel           time.Duration // from the pay call: afterwards the request cannot arrive any more,
	// because the code has lived its minute and, where the wallet takes one, the order's own expiry is over
}

// china is the zone of every wallet's day; it has had no summer time since 1991.
var china = time.FixedZone("CST", 8*60*60)

// UndoUntil is when the wallet stops taking reversals of a pay call that left at sent.
func (r Rules) UndoUntil(sent time.Time) time.Time {
	ends := sent.Add(r.UndoWindow)
	if r.UndoDayEnds == 0 {
		return ends
	}
	y, m, d := sent.In(china).Date()
	cut := time.Date(y, m, d, 0, 0, 0, 0, china).Add(r.UndoDayEnds)
	if !cut.After(sent) {
		cut = cut.Add(24 * time.Hour)
	}
	if cut.Before(ends) {
		return cut
	}
	return ends
}
