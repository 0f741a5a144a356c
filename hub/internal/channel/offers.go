package channel

import (
	"context"
	"io"
	"net/http"
	"time"

	"cloudcashier/shared/money"
)

// Presenter is a channel whose wallet's customers can scan a code that we show.
//
// Nothing is bearer money here: whoever scans the text pays this one order. Query and Reverse serve such an
// order like any other; their Ref says Shown, because some wallets undo it in another way.
type Presenter interface {
	// Present asks the wallet for the text of an order's QR code; Order.Code is empty. It may be repeated with the same
	// Order: the wallet gives one order's text again and never makes a second order of it. Pending carries Answer.QR.
	Present(context.Context, Order) Answer
	// PresentRules are the wallet's own pace and windows for orders that are shown.
	PresentRules() Rules
}

// Noticer is a channel whose wallet tells of its own accord what became of an order.
type Noticer interface {
	// Notice verifies what was posted to our door and says what it claims. An error means that it is not the wallet's, not
	// for this merchant and app, or not of a form we know; it is for logs only and holds no secret. What a notice
	// claims is a reason to ask the wallet, never proof.
	Notice(Posted) (Notice, error)
	// Reply is what the wallet wants to read: took, and it is silent; else it comes again by its own ladder.
	Reply(took bool) Reply
}

// Posted is a request that came to the door of the wallets' notices, bounded in size by the door.
type Posted struct {
	Header http.Header
	Body   []byte
	At     time.Time // when it came, UTC
}

// Notice is what a verified notice claims.
type Notice struct {
	OutTradeNo  string
	OutRefundNo string // when it tells of a refund
	WalletRef   string // the wallet's number of the order, or of the refund
	Amount      money.Amount
	Finding     Finding       // of a payment: Approved, Declined, Reversed; Pending when it says less
	Refund      RefundFinding // of a refund
	At          time.Time     // the wallet's time of what it tells, UTC; zero when not told

	// What some wallets tell beside it; zero when not told, and compared when it is.
	SentAt      time.Time    // the moment of our request, to the second: part of the name at UnionPay
	OrderRef    string       // of a refund: the wallet's number of the order it is of
	OrderAmount money.Amount // of a refund: the whole order's
	BackAmount  money.Amount // of a refund, where Alipay tells no more: the sum of the order's refunds by then; Amount may be zero beside it
}

// Reply is the answer to a notice.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

// BillKind is which of a wallet's statement files is meant.
type BillKind string

// The kinds of bills.
const (
	TradeBill BillKind = "trade" // payments and refunds, line by line
	FundsBill BillKind = "funds" // what moved on the merchant's account, with the wallet's fees
)

// Biller is a channel whose wallet gives statement files.
type Biller interface {
	// Bill fetches the bill of the wallet's own day (China's calendar, yesterday at the latest) and writes it into w as the
	// wallet made it, unpacked. Errors: NotFound when there is none for that day, Unavailable when it is not ready yet or
	// the wallet is away, Invalid when it is damaged or not the wallet's; what was written into w is then worth nothing.
	Bill(ctx context.Context, day time.Time, kind BillKind, w io.Writer) error
	// ReadBill reads a bill that Bill wrote, strictly, and hands on its lines in their order. It checks the bill's own sums.
	ReadBill(kind BillKind, r io.Reader, line func(BillLine) error) error
}

// BillLine is one movement in a bill.
type BillLine struct {
	Kind        string       // "payment", "refund", "reversal"; of a funds bill the wallet's own word
	OutTradeNo  string       // our number
	OutRefundNo string       // of a refund
	WalletRef   string       // the wallet's number of the order
	RefundRef   string       // the wallet's number of the refund
	Amount      money.Amount // what moved, above zero
	Out         bool         // of a funds bill: it left the merchant's account
	Fee         money.Amount // what the wallet kept; below zero when it gave a fee back
	At          time.Time    // the wallet's time, UTC
}
