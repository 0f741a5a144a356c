// Package sale decides what one till does next during one sale, and during a refund of it.
//
//	waiting -> sending -> accepted <-> password -> paid | declined | reversed | lapsed
//	   |          |  \--------\-> unknown (fenced, then asked) -> any of these
//	   v          v   \--------\-> cancelling -> reversed | paid
//	cancelled   lapsed | cancelled, when nothing ever left
//
// Of mode "qr" it begins by asking the hub for a code to show, and stands in "shown" from when the code is there
// until it is paid, stopped, or the code's time is over (which makes it unknown). Only then another code counts.
//
// A stored-value code scanned without a connection may make it deferred instead of sending: the goods
// are handed over, and its claim is sent until the hub has an answer for it, over restarts too.
//
// What is paid may be given back, whole or in parts: see [Refund].
//
// Cash and other tenders are paid at once ([Taken]) and final; nothing but the journal knows of them.
//
// A sale has at most one message that the hub still owes an answer to ([Sale.Asking]): the charge,
// then the fence when the charge is in doubt, or the cancellation, which fences too. The answer is
// believed only behind the fence, because a delayed copy of the charge may still be on its way.
//
// The package is arithmetic on values: no clock, no storage, no network. Package till does those
// around it. Newcomers get one thing wrong: a code that expired proves nothing once a byte of the
// charge may have left; the sale is unknown then, never lapsed.
package sale

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// Sale is what a till knows of one sale.
type Sale struct {
	ID        string // the idempotency key at the hub
	OrderNo   string
	Operator  string // who was on duty when it was begun; "" when nobody was
	Subject   string
	Amount    money.Amount
	Tender    localapi.Tender
	State     localapi.State
	Left      bool      // a byte of the charge may have left; memory only, a restart assumes it
	Asking    wire.Kind // the message the hub owes an answer to: pay, fence, cancel; "" when none
	Words               // what the cashier reads
	Refusal   Words     // why the hub turned the charge away, until the fence proves it
	Wallet    pay.Wallet
	WalletRef string
	PaymentID string // the hub's name for it: not empty means the hub has it
	Created   time.Time
	Scanned   time.Time    // carries the monotonic reading of the scan while the process lives
	Heard     time.Time    // the hub's last word about it; memory only
	Finished  time.Time    // when the money question was settled; zero before
	Deferred  time.Time    // when it was accepted without a connection, by the hub's clock; zero: it was not
	Claim     string       // of a deferred sale: what the hub collects with; worth nothing for another sale
	Mode      string       // "" when the customer's code is scanned, [wire.ModeQR] when the customer scans ours
	QR        string       // the text of our code, from the hub; none once it is settled
	QRUntil   time.Time    // its end by the hub's clock
	QREnds    time.Time    // its end by our clock, with its monotonic reading, while it is shown; memory only
	Received  money.Amount // the cash in the cashier's hand; zero when nobody told
	Bill      Bill         // that it pays a part of; zero for a sale by itself
}

// Words are a sentence for the cashier and its stable name, for translation.
type Words struct{ Reason, Message string }

// Event is something that happens to a sale.
type Event string

// The events: the till's own, then the hub's words.
const (
	Scan     Event = "scan"     // the customer's code was read
	Show     Event = "show"     // the cashier wants a code that the customer scans
	Defer    Event = "defer"    // a stored-value code was read, there is no connection, and the limits allow it
	Leave    Event = "leave"    // the first byte of the charge is about to leave
	Overdue  Event = "overdue"  // [Rules.Due] passed
	Restart  Event = "restart"  // the till lost its memory: codes, deadlines, what has left
	Cancel   Event = "cancel"   // the cashier stopped it
	Accepted Event = "accepted" // the hub has it and works on it
	Shown    Event = "shown"    // the hub has it and gives the code to show
	Password Event = "password" // the customer is typing the password
	Doubt    Event = "doubt"    // the hub has it and does not know either; it is asking the wallet
	Undoing  Event = "undoing"  // the hub is undoing it
	Approved Event = "approved" // proven charged
	Declined Event = "declined" // the wallet said no
	Reversed Event = "reversed" // proven undone
	Closed   Event = "closed"   // the hub had it and proved that it was never charged
	Fenced   Event = "fenced"   // it never reached the hub and now never can
	Refused  Event = "refused"  // the hub did not take one copy of a request
)

// Events lists every event.
var Events = []Event{Scan, Show, Defer, Leave, Overdue, Restart, Cancel, Accepted, Shown, Password, Doubt, Undoing,
	Approved, Declined, Reversed, Closed, Fenced, Refused}

// States lists every state, in order of life.
var States = []localapi.State{localapi.StateWaiting, localapi.StateSending, localapi.StateDeferred, localapi.StateAccepted,
	localapi.StateShown, localapi.StatePassword, localapi.StateUnknown, localapi.StateCancelling, localapi.StatePaid,
	localapi.StateDeclined, localapi.StateReversed, localapi.StateLapsed, localapi.StateCancelled}

// News is an event with what it told.
type News struct {
	Event     Event
	PaymentID string
	Amount    int64 // fen; 0 when not told
	Wallet    pay.Wallet
	WalletRef string
	Reason    string
	Message   string
	Claim     string    // Defer: what the hub will collect with
	Deferred  time.Time // Defer: now, by the hub's clock
	QR        string    // the hub's word, of a code to show: its text
	QRUntil   time.Time // its end by the hub's clock
	QREnds    time.Time // the same by ours, also of a code that the sale has already; zero when not known
}

// Rules are the law's numbers.
type Rules struct {
	CodeLife time.Duration // from the scan, or from the wish for a code: a charge may leave inside it, never afterwards
	Patience time.Duration // the hub's silence about a sale it has, before it is asked
	// RefundPatience is the same for a refund. Wallets take up to days over one, and the hub tells
	// every change by itself: asking only makes up for what got lost.
	RefundPatience time.Duration
	// Alike is how long a sale in doubt warns of another one over the same amount, from its scan.
	Alike time.Duration
}

// Default are the rules of a till that was told no others. Wallet codes live about a minute; the
// hub gives a payment up after 45 s and undoes it from 15 s on, so two minutes of silence are odd.
var Default = Rules{CodeLife: 45 * time.Second, Patience: 2 * time.Minute,
	RefundPatience: time.Hour, Alike: 5 * time.Minute}

// New is a sale that waits for a scan.
func New(id, orderNo, subject string, amount money.Amount, at time.Time) Sale {
	s := Sale{ID: id, OrderNo: orderNo, Subject: subject, Amount: amount, Tender: localapi.TenderWallet,
		State: localapi.StateWaiting, Created: at}
	return explain(s, "", News{})
}

// Taken is a sale whose money is in the cashier's hand: paid from its first moment. No message to the
// hub asks for it, and nothing moves it.
func Taken(id, orderNo, subject string, amount money.Amount, tender localapi.Tender, at time.Time) Sale {
	s := New(id, orderNo, subject, amount, at)
	s.Tender, s.State, s.Finished = tender, localapi.StatePaid, at
	return explain(s, "", News{})
}

// LikeDoubt reports that a sale which may have been charged warns of another one over the amount: it
// may be the same customer, who must not be charged twice while nobody knows.
func (r Rules) LikeDoubt(s Sale, amount money.Amount, at time.Time) bool {
	since := s.Scanned
	if s.QRUntil.After(since) { // a code that we showed could be paid until then
		since = s.QRUntil
	}
	return (s.State == localapi.StateUnknown || s.State == localapi.StateCancelling) && s.Amount == amount && at.Sub(since) < r.Alike
}

// Due is when [Overdue] happens to the sale; ok is false when nothing is awaited.
func (r Rules) Due(s Sale) (at time.Time, ok bool) {
	switch {
	case s.State == localapi.StateSending:
		return s.Scanned.Add(r.CodeLife), true
	case s.State == localapi.StateShown: // the hub is silent while the customer looks for the phone
		return s.QREnds, true
	case s.State == localapi.StateWaiting, s.State.Final(), s.Asking != "":
		return time.Time{}, false // the asking goes on until the hub answers
	}
	return s.Heard.Add(r.Patience), true
}

// FromResult reads what the hub tells about a payment. A result that contradicts itself is
// refused (Invalid): nobody knows what it means.
func FromResult(r wire.Result) (News, error) {
	n := News{PaymentID: r.PaymentID, Amount: r.Amount, Wallet: r.Wallet, WalletRef: r.WalletRef,
		Reason: r.Reason, Message: r.Message, QR: r.QR}
	if r.QRUntil != nil {
		n.QRUntil = r.QRUntil.UTC().Truncate(time.Millisecond)
	}
	switch r.Status {
	case pay.StatusCreated, pay.StatusPending:
		n.Event = Accepted
		if r.QR != "" {
			n.Event = Shown
		}
		if r.Waiting {
			n.Event = Password
		}
	case pay.StatusUnknown:
		n.Event = Doubt
		if r.QR != "" { // the wallet did not answer once: the code is as good as it was
			n.Event = Shown
		}
	case pay.StatusSucceeded:
		n.Event = Approved
	case pay.StatusDeclined:
		n.Event = Declined
	case pay.StatusReversing:
		n.Event = Undoing
	case pay.StatusReversed:
		n.Event = Reversed
	case pay.StatusClosed:
		n.Event = Closed
		if r.PaymentID == "" {
			n.Event = Fenced
		}
	}
	if n.Event == "" || r.Outcome != r.Status.Outcome() || (r.PaymentID == "") != (n.Event == Fenced) {
		return n, fault.New(fault.Invalid, "sale.result",
			"the hub's result (%s, %s) contradicts itself: update this till", r.Status, r.Outcome)
	}
	return n, nil
}

// FromRefused reads a refusal.
func FromRefused(r wire.Refused) News {
	return News{Event: Refused, Reason: r.Code, Message: r.Message}
}
