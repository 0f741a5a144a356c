// Package payment decides what may happen to a payment, and what to do next about it.
//
// A payment is one collection of an order's amount. It is carried out by an attempt: one
// conversation with one wallet under one out_trade_no. The attempt's life is a small machine:
//
//	created -> pending -> succeeded
//	   |         | \----> declined
//	   v         v
//	 closed   unknown -> (succeeded | declined | closed | reversing -> reversed)
//
// Unknown is a state, not an error: we asked a wallet to move money and lost the answer. The
// payment follows its attempt until its own outcome is final; then it never moves again. Money
// that arrives after that is a late success: the attempt reopens and is reversed, and the payment
// stays what people were told.
//
// An attempt that is proven not to have charged may be left for one on another channel ([Leave]); nothing else
// is ever asked elsewhere.
//
// An order whose code is shown to the customer lives by the same table. What differs is time: "no such order"
// is its usual state at a wallet that makes a trade of it only when somebody scans, and it is over when its
// code ends ([Attempt.Until]) and a question asked after that was answered.
//
// A [Refund] is a matter of its own, with a table of its own: it never changes what its payment is.
//
// The package is arithmetic on values. It opens no database, reads no clock and starts no
// goroutine; package engine does those things around it. Newcomers get one thing wrong: "no such
// order" proves nothing while our request may still be on its way ([Gone] is the proof, [Absent]
// is not), and a deadline that passes leads to reversing, never to closed.
package payment

import (
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Source tells which door a payment came through; it scopes the idempotency key.
type Source string

// The sources.
const (
	FromTill Source = "till"
	FromAPI  Source = "api"
)

// Payment is one collection of an order.
type Payment struct {
	ID       string
	Merchant string
	Store    string // may be empty for a payment from the API
	Terminal string // may be empty for a payment from the API
	Source   Source
	Key      string // idempotency key: unique in its scope, minted by who asked
	BodyHash string // of what was asked, so that the same key with another body is caught
	OrderNo  string
	Amount   money.Amount
	Subject  string
	Metadata string // JSON object the merchant gave, kept as it came
	Wallet   pay.Wallet
	Status   pay.Status
	Waiting  bool // pending because the customer is typing the password
	Decline  Decline
	PaidAt   time.Time // the wallet's success time
	Created  time.Time
	Finished time.Time // when the outcome became final; zero before
	Deferred time.Time // when the till took it without a connection and the goods were handed over; zero: not so
	Attempt  Attempt   // the one in force

	Rev int // counts the times it was stored anew, the attempt and the sums included; the store's

	// The store keeps these two, with the refunds they are the sums of. Zero amounts: none.
	Refunded  money.Amount // proven to have gone back
	Refunding money.Amount // asked back, and neither proven done nor proven failed
}

// Decline is why a payment was refused, in words that are the same for every wallet.
type Decline struct {
	Code    string // "balance_low"; package channel lists them
	Message string // for the cashier
	Wallet  string // the wallet's own code
}

// Attempt is one conversation with one wallet.
type Attempt struct {
	ID         string
	Channel    string
	OutTradeNo string
	Status     pay.Status
	WalletRef  string
	Cause      string    // why it is being undone: "gave_up", "cancelled", "late_success"
	Sent       time.Time // when the pay call was about to leave; zero before
	Stamp      time.Time // the wall clock then, the same for ever: part of the order's name at UnionPay
	Called     time.Time // the last call of any kind
	Settled    time.Time // when the status last became final; zero before
	Undoing    time.Time // when it last began to be undone; zero before
	WrittenOff time.Time // when a person stopped the undoing; zero: never
	Look       time.Time // when a wallet's notice wants it asked about; zero: no notice, or its look was answered
	Tries      int       // calls since the status last changed
	Checks     int       // answered looks after it was undone
	Left       time.Time // when another attempt took its place; zero: it is the one in force
	Route      string    // JSON: why this channel; written once, with the attempt, and not read back with it

	// Of an order whose code we show and the customer scans.
	Shown bool
	QR    string    // the text of the code, once the wallet gave it; then it never changes
	Until time.Time // when the code ends: the wallet was told to take no money for it afterwards
}

// Showing reports that the code may be on a screen now: there is one, and nobody gave it up.
func (p Payment) Showing() bool {
	s := p.Attempt.Status
	return p.Attempt.QR != "" && !p.Final() && (s == pay.StatusPending || s == pay.StatusUnknown)
}

// Ends is [Attempt.Until] as the wallet was told it: by the wall clock when the payment was taken in, whatever
// became of that clock since.
func (p Payment) Ends() time.Time { return p.Attempt.Stamp.Add(p.Attempt.Until.Sub(p.Created)) }

// Scope is what a key is unique in, beside merchant and source: each till numbers its own sales,
// while a merchant's order number is one whichever till it names.
func (p Payment) Scope() string {
	if p.Source == FromTill {
		return p.Terminal
	}
	return ""
}

// Outcome is what people are told.
func (p Payment) Outcome() pay.Outcome { return p.Status.Outcome() }

// Final reports that the outcome will not change any more.
func (p Payment) Final() bool { return p.Status.Final() }
