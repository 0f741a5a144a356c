// Package localapi is what the agent says on its unix socket: the messages of DESIGN section
// 6.2 and a client for them. The cashier's screen and the shop's own software speak it.
//
// It refuses nothing itself; the agent decides. Newcomers get one thing wrong: a sale's Outcome
// stays "unknown" until the money question is settled, so wait for FinishedAt, not for a word.
package localapi

import (
	"time"

	"cloudcashier/shared/pay"
)

// Tender is how the customer pays.
type Tender string

// The tenders.
const (
	TenderWallet Tender = "wallet" // a payment code in the customer's app
	TenderCash   Tender = "cash"
	TenderOther  Tender = "other" // a voucher, a card on another machine: money this till never sees
)

// State is where a sale stands at the till. Package sale holds its law.
type State string

// The states of a sale, in order of life.
const (
	StateWaiting    State = "waiting"    // waits for a scan; nothing was sent
	StateSending    State = "sending"    // journalled and on its way to the hub
	StateDeferred   State = "deferred"   // accepted without a connection: hand over; the hub collects it later
	StateAccepted   State = "accepted"   // the hub has it and asks the wallet
	StateShown      State = "shown"      // our code is on the screen and the customer scans it
	StatePassword   State = "password"   // the customer is typing the password
	StateUnknown    State = "unknown"    // it may have been charged: the hub is being asked
	StateCancelling State = "cancelling" // being undone; not proven yet
	StatePaid       State = "paid"       // proven charged
	StateDeclined   State = "declined"   // the wallet said no
	StateReversed   State = "reversed"   // undone: nothing charged, or all given back
	StateLapsed     State = "lapsed"     // it never reached a wallet: scan again
	StateCancelled  State = "cancelled"  // the cashier stopped it before anything was sent
)

// Outcome derives the word people are told.
func (s State) Outcome() pay.Outcome {
	switch s {
	case StatePaid:
		return pay.Paid
	case StateDeclined, StateReversed, StateLapsed, StateCancelled:
		return pay.NotPaid
	default:
		return pay.Unknown
	}
}

// Final reports whether the money question is settled.
func (s State) Final() bool { return s.Outcome() != pay.Unknown }

// NewSale asks for a sale. Without Code it waits for a scan. Of another tender than the wallet it is
// paid at once, with or without a connection: the money is in the cashier's hand.
type NewSale struct {
	Amount  int64  `json:"amount"`             // fen
	OrderNo string `json:"order_no,omitempty"` // the shop's own number; repeated with the same amount it gives the same sale
	Code    string `json:"code,omitempty"`     // the payment code, when the caller scanned it
	Tender  Tender `json:"tender,omitempty"`   // "wallet" when empty
	Subject string `json:"subject,omitempty"`  // shown in the customer's wallet
	// Mode "qr" asks for a code that the customer scans, with a connection only; the sale's QR is it. Of an order that
	// waits for a scan it makes one that shows a code. A Code for an order that shows one stops that first, and is charged
	// by a sale of its own once nothing was paid.
	Mode   string     `json:"mode,omitempty"`
	Wallet pay.Wallet `json:"wallet,omitempty"` // with Mode: whose code; the hub's choice when empty
	// Again says that this is another customer, or that somebody decided to charge again: without it a
	// sale by wallet is refused (sale.like_unknown) while one over the same amount is in doubt. It is journalled.
	Again bool `json:"again,omitempty"`
	// Received is the cash in the cashier's hand, in fen: at least the amount, with the tender "cash" alone.
	Received int64 `json:"received,omitempty"`
	// Bill makes the sale a part of a bill over BillTotal fen. Every part has an order number of its own and names the same
	// total; those that are open or paid never exceed it together.
	Bill      string `json:"bill,omitempty"`
	BillTotal int64  `json:"bill_total,omitempty"`
}

// Sale is what the till knows of a sale.
type Sale struct {
	ID         string      `json:"id"`
	OrderNo    string      `json:"order_no"`
	Amount     int64       `json:"amount"` // fen
	Tender     Tender      `json:"tender"`
	State      State       `json:"state"`
	Outcome    pay.Outcome `json:"outcome"`
	Reason     string      `json:"reason,omitempty"` // a stable word for the message: "balance_low", "code_expired", "link_down"
	Message    string      `json:"message"`          // for the cashier, in English; Reason is for translation
	Wallet     pay.Wallet  `json:"wallet,omitempty"`
	WalletRef  string      `json:"wallet_ref,omitempty"`
	PaymentID  string      `json:"payment_id,omitempty"`
	Subject    string      `json:"subject,omitempty"`
	Mode       string      `json:"mode,omitempty"` // "qr": the customer scans our code
	CreatedAt  time.Time   `json:"created_at"`
	ScannedAt  *time.Time  `json:"scanned_at,omitempty"`
	SendUntil  *time.Time  `json:"send_until,omitempty"` // while it is sent: when its code's life ends, and it lapses if it never left
	QR         string      `json:"qr,omitempty"`         // in "shown": the text of the code to show now, none while the hub cannot be reached
	QRUntil    *time.Time  `json:"qr_until,omitempty"`   // by this machine's clock; the code goes off the screen then, and the hub is asked
	FinishedAt *time.Time  `json:"finished_at,omitempty"`
	DeferredAt *time.Time  `json:"deferred_at,omitempty"` // it was accepted without a connection: the goods were handed over

	Operator  string `json:"operator,omitempty"`   // who was on duty when it was begun
	Received  int64  `json:"received,omitempty"`   // fen of cash in the cashier's hand
	Change    int64  `json:"change,omitempty"`     // fen of it that go back to the customer
	Bill      string `json:"bill,omitempty"`       // the sale pays a part of it
	BillTotal int64  `json:"bill_total,omitempty"` // fen

	RefundedAmount  int64 `json:"refunded_amount,omitempty"`  // fen that are proven to have gone back
	RefundingAmount int64 `json:"refunding_amount,omitempty"` // fen that were asked back and are not settled

	Training bool `json:"training,omitempty"` // no money moves, whatever the state says
}

// Scanner is one barcode scanner's state.
type Scanner struct {
	Path       string `json:"path"`
	Profile    string `json:"profile,omitempty"` // its make, as the till was told: "generic", "ssi", …
	Connected  bool   `json:"connected"`
	Baud       int    `json:"baud,omitempty"`        // the port's speed while it is connected
	SpeedWrong bool   `json:"speed_wrong,omitempty"` // nothing but garbage comes
	Stuck      bool   `json:"stuck,omitempty"`       // it reads the same code over and over
	Message    string `json:"message,omitempty"`     // what the cashier can do about it
}

// Status is the till at a glance.
type Status struct {
	Version       string     `json:"version"`
	Terminal      string     `json:"terminal"`
	Store         string     `json:"store"`
	Merchant      string     `json:"merchant"`
	Operator      *Operator  `json:"operator,omitempty"` // who is on duty
	Link          string     `json:"link"`               // "up", "down"
	LinkSince     time.Time  `json:"link_since"`
	LinkMessage   string     `json:"link_message,omitempty"` // why it is down
	Queue         int        `json:"queue"`                  // records the hub has not answered yet
	OldestWaiting *time.Time `json:"oldest_waiting,omitempty"`
	Unsynced      int        `json:"unsynced"`                 // rows of the journal that the hub has no copy of yet
	UnsyncedSince *time.Time `json:"unsynced_since,omitempty"` // when the oldest of them was written
	OpenSales     int        `json:"open_sales"`               // sales not settled yet
	PendingAmount int64      `json:"pending_amount"`           // fen that may or may not have moved
	SendUntil     *time.Time `json:"send_until,omitempty"`     // when the first of the codes that wait to be sent reaches its end

	QueuedRefunds        int   `json:"queued_refunds"`         // asked, and the hub has not answered
	OpenRefunds          int   `json:"open_refunds"`           // not settled, the queued ones included
	PendingRefundsAmount int64 `json:"pending_refunds_amount"` // fen of these

	ClockOffsetMS int64     `json:"clock_offset_ms"` // the hub's clock minus ours
	Scanners      []Scanner `json:"scanners"`
	Printer       *Printer  `json:"printer,omitempty"` // none: this till has no receipt printer
	Display       *Display  `json:"display,omitempty"` // none: no customer display
	Voice         *Voice    `json:"voice,omitempty"`   // none: nothing announces payments
	Offline       Offline   `json:"offline"`

	Shift        ShiftStatus `json:"shift"`
	ConfirmAbove int64       `json:"confirm_above,omitempty"` // fen: the screen asks once more from there on; 0: never
	Training     bool        `json:"training,omitempty"`      // this is a training till: nothing of it is real
}

// Offline is what the till has accepted without a connection and the hub has not answered for, and
// how much more it may.
type Offline struct {
	Count  int            `json:"count"`
	Sum    int64          `json:"sum"` // fen
	Oldest *time.Time     `json:"oldest,omitempty"`
	Limits *OfflineLimits `json:"limits,omitempty"` // none: nothing is accepted without a connection
}

// OfflineLimits are the hub's, as they are in force.
type OfflineLimits struct {
	PerSale   int64     `json:"per_sale"` // fen
	Count     int       `json:"count"`
	Sum       int64     `json:"sum"`   // fen
	AgeS      int64     `json:"age_s"` // seconds: the oldest may be that old while another is accepted
	ExpiresAt time.Time `json:"expires_at"`
}

// EventKind names what an Event tells.
type EventKind string

// The events of GET /v1/events.
const (
	EventSale    EventKind = "sale"    // a sale changed: Sale is set
	EventRefund  EventKind = "refund"  // a refund changed: Refund is set
	EventScan    EventKind = "scan"    // something was scanned that is no payment of an open sale: Notice is set
	EventStatus  EventKind = "status"  // link, queue, a scanner or another device changed: Status is set
	EventDropped EventKind = "dropped" // this reader was too slow and missed events: ask again for what it shows
)

// Notice tells the cashier about a scan that was not used.
type Notice struct {
	Kind    string `json:"kind"` // "receipt" (Text is its number), "price" (of one item), "product", "link", "unreadable", "duplicate", "stuck", "no_sale", "like_unknown", or an error's code: "offline.sum"
	Text    string `json:"text,omitempty"`
	Amount  int64  `json:"amount,omitempty"` // of "price": fen
	Message string `json:"message"`
}

// Event is one line of GET /v1/events (server-sent events, the JSON in "data:").
type Event struct {
	Kind   EventKind `json:"kind"`
	Sale   *Sale     `json:"sale,omitempty"`
	Refund *Refund   `json:"refund,omitempty"`
	Notice *Notice   `json:"notice,omitempty"`
	Status *Status   `json:"status,omitempty"`
}

// Problem is an error answer (RFC 9457, application/problem+json).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

// Sales is the answer of GET /v1/sales.
type Sales struct {
	Sales []Sale `json:"sales"`
}
