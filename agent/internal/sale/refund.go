package sale

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// Refund is money of a paid sale on its way back to the customer.
//
//	queued -> pending -> succeeded | failed
//	   \----------------^
//
// Unlike a charge it may leave any number of times: the hub tells refunds apart by their key, so a
// repeat never gives twice, and asking how one stands is sending it again. Money from the cashier's
// hand is succeeded at once.
type Refund struct {
	ID        string // the idempotency key at the hub
	Sale      string // the ID of the sale
	RefundNo  string // the shop's own number
	Amount    money.Amount
	Tender    localapi.Tender // the sale's
	Why       string          // what the asker gave as the reason; may be empty
	Kind      localapi.RefundKind
	Operator  string // who was on duty; "" when nobody was
	Approver  string // who stood for it beside them; may be empty
	State     localapi.RefundState
	Asking    wire.Kind // refund while the hub owes an answer; "" when it does not
	Words               // what the cashier reads
	RefundID  string    // the hub's name for it: not empty means the hub has it
	WalletRef string
	Created   time.Time
	Heard     time.Time // the hub's last word about it; memory only
	Finished  time.Time // when the money question was settled; zero before
}

// RefundEvent is something that happens to a refund.
type RefundEvent string

// The events of a refund: the till's own, then the hub's words.
const (
	RefundOverdue  RefundEvent = "overdue"   // [Rules.RefundDue] passed
	RefundRestart  RefundEvent = "restart"   // the till lost its memory
	RefundTaken    RefundEvent = "taken"     // the hub has it, and no wallet has proven its end
	RefundDone     RefundEvent = "succeeded" // proven: the money went back
	RefundUndone   RefundEvent = "failed"    // proven: nothing went back under this number, and nothing will
	RefundNotTaken RefundEvent = "refused"   // the hub cannot read the request, so it does not have it
)

// RefundEvents lists every event of a refund.
var RefundEvents = []RefundEvent{RefundOverdue, RefundRestart, RefundTaken, RefundDone, RefundUndone, RefundNotTaken}

// RefundStates lists every state of a refund, in order of life.
var RefundStates = []localapi.RefundState{localapi.RefundQueued, localapi.RefundPending, localapi.RefundSucceeded, localapi.RefundFailed}

// RefundNews is an event with what it told.
type RefundNews struct {
	Event     RefundEvent
	RefundID  string
	Amount    int64 // fen, of what the hub has
	WalletRef string
	Reason    string
	Message   string
}

// refundMove is one cell: the state that follows and what the hub owes an answer to in it.
type refundMove struct {
	to  localapi.RefundState
	ask wire.Kind
}

// refunding is the law for refunds that are not settled, every event of theirs.
var refunding = map[localapi.RefundState]map[RefundEvent]refundMove{
	localapi.RefundQueued: {
		RefundOverdue: {localapi.RefundQueued, same}, RefundRestart: {localapi.RefundQueued, same},
		RefundTaken: {to: localapi.RefundPending}, RefundDone: {to: localapi.RefundSucceeded},
		RefundUndone: {to: localapi.RefundFailed}, RefundNotTaken: {to: localapi.RefundFailed},
	},
	localapi.RefundPending: {
		RefundOverdue: {localapi.RefundPending, wire.KindRefund}, RefundRestart: {localapi.RefundPending, wire.KindRefund},
		RefundTaken: {to: localapi.RefundPending}, RefundDone: {to: localapi.RefundSucceeded},
		// the hub has it: a refusal can only be of a spoilt copy
		RefundUndone: {to: localapi.RefundFailed}, RefundNotTaken: {localapi.RefundPending, same},
	},
}

// refundSettled is the law for settled refunds: nothing moves them. ok tells whether the event
// agrees with what was shown.
func refundSettled(r Refund, e RefundEvent) (ok bool) {
	if r.Tender != localapi.TenderWallet { // the hub was never asked
		return e == RefundOverdue || e == RefundRestart
	}
	switch e {
	case RefundOverdue, RefundRestart, RefundNotTaken:
		return true
	case RefundTaken: // overtaken on the way, if the hub ever had it
		return r.RefundID != ""
	case RefundDone:
		return r.State == localapi.RefundSucceeded
	case RefundUndone:
		return r.State == localapi.RefundFailed
	}
	return false
}

// StepRefund is the law: the refund after an event. A refused event (Conflict) leaves it as it was;
// from the hub it contradicts what is proven, and a person must look at it.
func (r Rules) StepRefund(x Refund, n RefundNews, at time.Time) (Refund, error) {
	switch {
	case n.RefundID != "" && x.RefundID != "" && n.RefundID != x.RefundID:
		return x, fault.New(fault.Conflict, "refund.other_refund", "refund %s is %s at the hub, not %s", x.ID, x.RefundID, n.RefundID)
	case (n.Event == RefundTaken || n.Event == RefundDone) && n.Amount != x.Amount.Fen():
		return x, fault.New(fault.Conflict, "refund.other_amount", "refund %s is over %d fen, the hub says %d", x.ID, x.Amount.Fen(), n.Amount)
	}
	m, ok := refunding[x.State][n.Event]
	if x.State.Final() {
		ok = refundSettled(x, n.Event)
	}
	if !ok {
		return x, fault.New(fault.Conflict, "refund.refused_event", "a refund that is %s cannot take %q", x.State, string(n.Event))
	}
	if x.State.Final() {
		return x, nil
	}
	from := x.State
	x.State = m.to
	if m.ask != same {
		x.Asking = m.ask
	}
	if n.Event != RefundOverdue && n.Event != RefundRestart {
		x.Heard = at
		x.RefundID = or(x.RefundID, n.RefundID)
		x.WalletRef = or(n.WalletRef, x.WalletRef)
	}
	if x.State.Final() {
		x.Finished = at
	}
	if x.State != from {
		x.Words = refundWords(x, n)
	}
	return x, nil
}

// RefundDue is when [RefundOverdue] happens; ok is false when nothing is awaited.
func (r Rules) RefundDue(x Refund) (at time.Time, ok bool) {
	if x.State != localapi.RefundPending || x.Asking != "" {
		return at, false
	}
	return x.Heard.Add(r.RefundPatience), true
}

// NewRefund is a refund of a sale as it was asked for. A wallet's money is queued for the hub, which
// alone can give it back; other money is in the cashier's hand and is given back at that moment.
// earlier are all refunds of the sale. It is refused when the sale is not paid, and when together
// with the earlier ones more would go back than was paid: one that is under way counts as given.
func NewRefund(s Sale, x Refund, earlier []Refund, at time.Time) (Refund, error) {
	if err := x.Amount.Charge(); err != nil {
		return x, err
	}
	if s.State != localapi.StatePaid {
		return x, fault.New(fault.Conflict, "refund.not_paid", "sale %s is %s: only what is paid can be given back", s.ID, s.State)
	}
	left := s.Amount.Fen()
	for _, e := range earlier {
		if e.State != localapi.RefundFailed {
			left -= e.Amount.Fen()
		}
	}
	if x.Amount.Fen() > left {
		return x, fault.New(fault.Conflict, "refund.too_much", "of sale %s over %s only %s can be given back: the rest is refunded or being refunded",
			s.ID, s.Amount, money.Fen(left))
	}
	x.Sale, x.Tender, x.Created = s.ID, s.Tender, at
	if x.Kind == "" {
		x.Kind = localapi.RefundPlain
	}
	switch _, byHand := givenBackBy[s.Tender]; {
	case s.Tender == localapi.TenderWallet:
		x.State, x.Asking = localapi.RefundQueued, wire.KindRefund
	case byHand:
		x.State, x.Finished = localapi.RefundSucceeded, at
	default:
		return x, fault.New(fault.Conflict, "refund.tender", "sale %s was paid by %s, which this till cannot give back", s.ID, string(s.Tender))
	}
	x.Words = refundWords(x, RefundNews{})
	return x, nil
}

// RefundEventOf reads a result of the hub. One that contradicts itself, or that this version does
// not know, is Invalid.
func RefundEventOf(r wire.RefundResult) (RefundNews, error) {
	n := RefundNews{RefundID: r.RefundID, Amount: r.Amount, WalletRef: r.WalletRef, Reason: r.Reason, Message: r.Message}
	switch r.Status {
	case pay.RefundCreated, pay.RefundPending, pay.RefundUnknown:
		n.Event = RefundTaken
	case pay.RefundSucceeded:
		n.Event = RefundDone
	case pay.RefundFailed:
		n.Event = RefundUndone
	}
	if n.Event == "" || r.Outcome != r.Status.Outcome() || r.RefundID == "" {
		return n, fault.New(fault.Invalid, "refund.result",
			"the hub's result of a refund (%s, %s) contradicts itself: update this till", r.Status, r.Outcome)
	}
	return n, nil
}

// RefundNotTakenOf reads a refusal about a refund.
func RefundNotTakenOf(r wire.Refused) RefundNews {
	return RefundNews{Event: RefundNotTaken, Reason: r.Code, Message: r.Message}
}

var wordsOfRefund = map[localapi.RefundState]Words{
	localapi.RefundQueued:    {"refund_queued", "Not refunded yet: it is sent when the hub can be reached."},
	localapi.RefundPending:   {"refund_pending", "Not refunded yet: the hub has it and asks the wallet."},
	localapi.RefundSucceeded: {"refunded", "Refunded to the customer's wallet."},
	localapi.RefundFailed:    {"refund_failed", "Not refunded: it was refused. No money went back."},
}

// The words of money that the cashier gave back, by tender.
var givenBackBy = map[localapi.Tender]Words{
	localapi.TenderCash:  {"refunded_cash", "Given back in cash."},
	localapi.TenderOther: {"refunded_other", "Given back by other means."},
}

// refundWords are the words of a refund's state. The hub's own are for what only it can know: why
// nothing went back.
func refundWords(x Refund, n RefundNews) Words {
	w := wordsOfRefund[x.State]
	if x.Tender != localapi.TenderWallet {
		return givenBackBy[x.Tender]
	}
	if x.State != localapi.RefundFailed {
		return w
	}
	if n.Message != "" && len(n.Message) <= maxMessage {
		w.Message = n.Message
	}
	w.Reason = or(n.Reason, w.Reason)
	return w
}
