package pay

// RefundStatus is the state of a refund at the hub. Package payment holds its law.
type RefundStatus string

// The states of a refund, in order of life.
const (
	RefundCreated   RefundStatus = "created"   // written down, nothing sent to a wallet
	RefundPending   RefundStatus = "pending"   // the wallet has taken it and is not done
	RefundUnknown   RefundStatus = "unknown"   // sent, and the answer is lost or not to be trusted
	RefundSucceeded RefundStatus = "succeeded" // proven: the money went back
	RefundFailed    RefundStatus = "failed"    // proven: no money went back under this number, and none can
)

// RefundStatuses lists every state of a refund, in order of life.
var RefundStatuses = []RefundStatus{RefundCreated, RefundPending, RefundUnknown, RefundSucceeded, RefundFailed}

// RefundOutcome is what people are told about a refund: three words, all of them true.
type RefundOutcome string

// The outcomes of a refund.
const (
	Refunded      RefundOutcome = "refunded"     // the wallet proved that the money went back
	NotRefunded   RefundOutcome = "not_refunded" // proven: nothing went back under this number
	RefundInDoubt RefundOutcome = "unknown"      // neither is proven yet: do not refund again under another number
)

// Outcome derives the word people are told.
func (s RefundStatus) Outcome() RefundOutcome {
	switch s {
	case RefundSucceeded:
		return Refunded
	case RefundFailed:
		return NotRefunded
	default:
		return RefundInDoubt
	}
}

// Final reports whether the money question is settled.
func (s RefundStatus) Final() bool { return s.Outcome() != RefundInDoubt }
