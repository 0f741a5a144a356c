// Package wire is the terminal protocol: signed JSON envelopes between a till and the hub
// (DESIGN section 6.4), so that a broker between them can delay a message but not forge one.
//
//	up    hello     the till is back; ack says what it has processed        {Hello}
//	      pay       charge a customer                                       {Pay}
//	      fence     this key may never be charged from now on; how is it?   {Fence}
//	      cancel    the cashier stopped it: undo                            {Cancel}
//	      refund    give money of a paid sale back                          {Refund}
//	      ack       ack says what the till has stored                       {}
//	      records   rows of the till's journal, for the hub's copy          {Records}
//	down  welcome   answer to hello; unasked: who works there changed       {Welcome}
//	      result      how a payment stands                                  {Result}
//	      refund_result  how a refund stands                                {RefundResult}
//	      refused   a request was not taken                                 {Refused}
//	      ack       ack says what the hub has stored                        {}
//	      stored    how much of the till's journal the hub has              {Stored}
//	      skipped   what was acknowledged in the till's name and not by it  {Skipped}
//
// It refuses unknown versions and kinds, big messages, bad signatures, expired messages and
// sloppy JSON. Newcomers get one thing wrong: MQTT's own acknowledgement proves nothing about
// our records; only Ack does. Seq counts a sender's durable messages from 1 and is 0 on messages
// that need no answer; Ack is the highest Seq below which everything of the peer is stored.
package wire

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/strictjson"
)

// Version is the protocol's version.
const Version = 1

// MaxMessage bounds a message in bytes; all but records have about one thousand at most.
const MaxMessage = 16 << 10

// Kind names what a message asks or tells.
type Kind string

// The kinds.
const (
	KindHello   Kind = "hello"
	KindPay     Kind = "pay"
	KindFence   Kind = "fence"
	KindCancel  Kind = "cancel"
	KindRefund  Kind = "refund"
	KindAck     Kind = "ack"
	KindWelcome Kind = "welcome"
	KindResult  Kind = "result"

	KindRefundResult Kind = "refund_result"

	KindRefused Kind = "refused"
	KindRecords Kind = "records"
	KindStored  Kind = "stored"
	KindSkipped Kind = "skipped"
)

// Direction is part of what is signed, so that a message can never be sent back as an answer.
type Direction string

// The directions.
const (
	Up   Direction = "up"   // till to hub
	Down Direction = "down" // hub to till
)

var kindsOf = map[Direction]map[Kind]bool{
	Up:   {KindHello: true, KindPay: true, KindFence: true, KindCancel: true, KindRefund: true, KindAck: true, KindRecords: true},
	Down: {KindWelcome: true, KindResult: true, KindRefundResult: true, KindRefused: true, KindAck: true, KindStored: true, KindSkipped: true},
}

// Topic is where a terminal's messages travel: "cashier/v1/{terminal}/up".
func Topic(terminal string, d Direction) string { return "cashier/v1/" + terminal + "/" + string(d) }

// Hello opens a connection. SentAt lets the hub's clock be read from the answer.
type Hello struct {
	Version string    `json:"version"` // of the agent's program
	Boot    string    `json:"boot"`    // names this run of the agent; two at once betray a cloned till
	SentAt  time.Time `json:"sent_at"`
}

// Welcome answers Hello.
type Welcome struct {
	SentAt time.Time `json:"sent_at"` // Hello's
	Now    time.Time `json:"now"`     // the hub's clock

	// Offline is the till's offline policy, signed by itself because the till keeps it: package
	// storedvalue. Empty: nothing may be taken offline, and what the till kept is void.
	Offline string `json:"offline,omitempty"`

	// Operators is who works in the till's store, signed by itself for the same reason: package roster. Empty: nobody is
	// named. When the list changes while the line stands, a welcome nobody asked for tells it, without SentAt.
	Operators string `json:"operators,omitempty"`
}

// Pay asks for a payment. Key is the till's own name for it, minted and stored before sending.
type Pay struct {
	Key       string    `json:"key"`
	OrderNo   string    `json:"order_no"`
	Amount    int64     `json:"amount"` // fen
	Currency  string    `json:"currency"`
	Code      string    `json:"code"`        // the payment code itself; empty with Mode
	CodeAgeMS int64     `json:"code_age_ms"` // milliseconds since the scan when sent, by a monotonic clock
	Subject   string    `json:"subject,omitempty"`
	ScannedAt time.Time `json:"scanned_at"` // by the till's clock; for people, never for decisions

	// Mode "qr" asks for a code that the customer scans; Wallet says whose, and may be left to the hub.
	Mode   string     `json:"mode,omitempty"`
	Wallet pay.Wallet `json:"wallet,omitempty"`

	// DeferredAt is when the till took a stored-value code without a connection, by the hub's clock as
	// far as the till knew it. The goods are gone then: Code is a claim and may be old.
	DeferredAt *time.Time `json:"deferred_at,omitempty"`
}

// Fence asks that Key be refused should it still arrive, and how it stands.
type Fence struct {
	Key string `json:"key"`
}

// Cancel asks to undo Key. It fences too.
type Cancel struct {
	Key string `json:"key"`
}

// Result tells how a payment stands at the hub.
type Result struct {
	Key       string      `json:"key"`
	PaymentID string      `json:"payment_id,omitempty"` // empty when the hub never had it: fenced
	Status    pay.Status  `json:"status"`               // closed when fenced before it arrived
	Outcome   pay.Outcome `json:"outcome"`
	Waiting   bool        `json:"waiting,omitempty"` // pending: the customer is typing the password
	Reason    string      `json:"reason,omitempty"`  // stable word: "balance_low"
	Message   string      `json:"message,omitempty"`
	Amount    int64       `json:"amount,omitempty"` // fen
	Wallet    pay.Wallet  `json:"wallet,omitempty"`
	WalletRef string      `json:"wallet_ref,omitempty"`
	PaidAt    *time.Time  `json:"paid_at,omitempty"`
	QR        string      `json:"qr,omitempty"`       // pending or unknown: the text of the code to show the customer
	QRUntil   *time.Time  `json:"qr_until,omitempty"` // by the hub's clock; afterwards the wallet takes no money for it
}

// Refund asks that money of a paid sale go back to the customer's wallet. Key is the till's own name
// for the refund, minted and stored before sending: repeated, it gives the same refund, and with
// other content it is refused.
type Refund struct {
	Key      string    `json:"key"`
	Sale     string    `json:"sale"` // the Key of the sale's Pay
	RefundNo string    `json:"refund_no"`
	Amount   int64     `json:"amount"` // fen
	Currency string    `json:"currency"`
	Reason   string    `json:"reason,omitempty"`
	AskedAt  time.Time `json:"asked_at"` // by the till's clock; for people, never for decisions
}

// RefundResult tells how a refund stands at the hub. A refund that the hub will not carry out is
// stored there as failed, so that every copy of the request gets the same answer.
type RefundResult struct {
	Key        string            `json:"key"`
	RefundID   string            `json:"refund_id"` // the hub's
	Status     pay.RefundStatus  `json:"status"`
	Outcome    pay.RefundOutcome `json:"outcome"`
	Reason     string            `json:"reason,omitempty"` // stable word, when failed: "refund.too_much"
	Message    string            `json:"message,omitempty"`
	Amount     int64             `json:"amount"` // fen
	WalletRef  string            `json:"wallet_ref,omitempty"`
	RefundedAt *time.Time        `json:"refunded_at,omitempty"`
}

// Refused tells that a request was not taken and nothing was charged for it.
type Refused struct {
	Key     string `json:"key"`
	Code    string `json:"code"` // stable: "payment.order_conflict"
	Message string `json:"message"`
}

// Skipped tells that every message up to Through was acknowledged in the till's name and will not come
// again. To a till that never stored them it says that somebody else speaks in its name, or that its
// journal is an old one put back; it goes on from there and asks about everything that is open.
type Skipped struct {
	Through uint64 `json:"through"`
}

// Envelope carries one message.
type Envelope struct {
	V    int             `json:"v"`
	Kind Kind            `json:"kind"`
	ID   string          `json:"id"` // unique to the message, for logs
	Seq  uint64          `json:"seq"`
	Ack  uint64          `json:"ack"`
	At   time.Time       `json:"at"`            // the sender's clock
	Exp  time.Time       `json:"exp,omitzero"`  // do not act on it afterwards, by the hub's clock
	Body json.RawMessage `json:"body"`          // one of the structs above
	Sig  string          `json:"sig,omitempty"` // base64 of the Ed25519 signature over signed
}

// signed is the text under the signature: every field, what it belongs to, and the body's raw bytes.
func (e *Envelope) signed(terminal string, d Direction) []byte {
	exp := int64(0)
	if !e.Exp.IsZero() {
		exp = e.Exp.UnixNano()
	}
	return fmt.Appendf(nil, "cashier/v%d\n%s\n%s\n%s\n%s\n%d\n%d\n%d\n%d\n%s\n",
		e.V, d, terminal, e.Kind, e.ID, e.Seq, e.Ack, e.At.UnixNano(), exp, e.Body)
}

// Seal fills version, body and signature and gives the message's bytes. A Pay that contradicts itself stays here: the
// hub would refuse it at best.
func Seal(e Envelope, body any, terminal string, d Direction, key ed25519.PrivateKey) ([]byte, error) {
	if !kindsOf[d][e.Kind] || strings.ContainsAny(e.ID+terminal, "\n") {
		return nil, fmt.Errorf("seal: %q is no message %s", e.Kind, d)
	}
	if p, ok := body.(Pay); ok {
		if err := p.Check(); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", e.Kind, err)
	}
	e.V, e.Body = Version, raw
	e.At, e.Exp = e.At.UTC(), e.Exp.UTC()
	e.Sig = base64.StdEncoding.EncodeToString(ed25519.Sign(key, e.signed(terminal, d)))
	return json.Marshal(e)
}

// Open checks size, form, version, kind, then the signature, before anything of the body is read.
// Its errors are Invalid (not our protocol) or Denied (not the sender's signature).
func Open(data []byte, terminal string, d Direction, key ed25519.PublicKey) (Envelope, error) {
	var e Envelope
	if len(data) > MaxMessage {
		return e, fault.New(fault.Invalid, "wire.size", "message of %d bytes is above %d", len(data), MaxMessage)
	}
	if err := strictjson.Decode(data, &e); err != nil {
		return e, fault.Wrap(err, fault.Invalid, "wire.form", "message is malformed")
	}
	if e.V != Version {
		return e, fault.New(fault.Invalid, "wire.version", "protocol version %d is not spoken here: update", e.V)
	}
	if !kindsOf[d][e.Kind] {
		return e, fault.New(fault.Invalid, "wire.kind", "message kind %q is not known", string(e.Kind))
	}
	sig, err := base64.StdEncoding.DecodeString(e.Sig)
	if err != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, e.signed(terminal, d), sig) {
		return e, fault.New(fault.Denied, "wire.signature", "message signature does not verify")
	}
	return e, nil
}

// Decode reads a body into one of the structs of this package (Invalid when it does not fit, or contradicts itself).
func Decode[T any](e Envelope) (body T, err error) {
	if err := strictjson.Decode(e.Body, &body); err != nil {
		return body, err
	}
	if m, ok := any(body).(Result); ok {
		return body, m.Check()
	}
	return body, nil
}
