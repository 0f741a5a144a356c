// Package order is the law of one order at a pretended wallet: what a pay request, a query, a
// reversal, a refund and the passing of time do to it, and which line of the ledger each of them books.
//
// It is arithmetic on values and the same for every wallet; how an answer is spelt belongs to the
// wallet's own package. It refuses to wait: whatever happens later is a planned moment in the
// order itself, and [Order.Settle] carries it out when somebody looks.
//
// Newcomers get one thing wrong: the verdict is what the merchant is told, the order is what is
// true. A payment code's last two digits make the two differ, which is the point of a sandbox.
package order

import (
	"fmt"
	"strconv"
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// State is what is true about an order.
type State string

// The states.
const (
	Ghost   State = "ghost"   // asked for, never executed: the wallet knows no such order
	Burnt   State = "burnt"   // ended before it existed: it can never be paid
	Offered State = "offered" // its code is shown and nobody has scanned it; at Alipay no trade yet
	Waiting State = "waiting" // unpaid, and may still be paid
	Paid    State = "paid"    // charged in full
	Refused State = "refused" // not charged and never will be: the payer's side said no
	Closed  State = "closed"  // not charged: its time ran out
	Undone  State = "undone"  // reversed: closed unpaid, or all money given back
)

// States lists every state.
var States = []State{Ghost, Burnt, Offered, Waiting, Paid, Refused, Closed, Undone}

// Order is one order at one wallet. Number is the merchant's out_trade_no.
type Order struct {
	ID     int64 // 0 before it is stored
	Wallet pay.Wallet
	Mch    string // mch_id, app_id or merId
	Number string
	Digest [16]byte // of the first request's parameters
	Code   Code     // the payment code, used once the order is executed
	Fate   Fate
	Amount money.Amount
	State  State
	Shown  bool // the customer scans the merchant's code, not the merchant the customer's

	Created  time.Time
	Expires  time.Time // an unpaid order closes then
	PaidAt   time.Time // the charge, when there was one
	EndedAt  time.Time // refused, closed or undone
	Plan     time.Time // when the customer acts, or a late charge is booked; zero when nothing is planned
	Hidden   int       // queries that will still say "no such order"
	Again    int       // reversals that will still say "try again"
	Returned bool      // the reversal gave money back

	Refunded money.Amount // by refunds taken and not shut
	Parts    int          // refunds taken
	LastBack time.Time    // when the latest was; zero without one

	Terminal, Store, Attach string // echoed to the merchant
	Stamp                   string // UnionPay's txnTime: its orders are named by it, too

	// Read when the order is made, and kept apart from it: where the merchant wants notices (empty: nowhere), and how
	// WeChat Pay writes them.
	Notify, NotifySign string
}

// Line is one entry of the ledger.
type Line struct {
	Kind   Kind
	Amount money.Amount
	At     time.Time
}

// Kind says which way money moved.
type Kind string

// The kinds of lines.
const (
	Charge   Kind = "charge"   // from the customer to the merchant
	Reversal Kind = "reversal" // all of a charge, back
	Refund   Kind = "refund"   // part or all of a charge, back
)

// Rules of a wallet that time decides (handbook: wallets, sections 2.5, 3.3, 6).
type rules struct {
	life         time.Duration // of an unpaid order that names no expiry
	undo         time.Duration // from creation: a later reversal is refused
	passwordHold time.Duration // from creation: no reversal while the customer types the password
	burns        bool          // reversing a number never seen makes it unusable
	refundWindow time.Duration // from the charge: a later refund is refused
	refundApart  time.Duration // between refunds of one order
	refundParts  int           // how many; 0: any number
	refundTakes  time.Duration // until the customer has it
	undoDayEnds  time.Duration // hour of China's day that ends the undoing even before
	once         bool          // a number asked for again is refused, also in the same words
}

var ruleBook = map[pay.Wallet]rules{
	// WeChat closes unpaid code orders by itself after about 45 s (older documents); 120 s here,
	// so that the merchant's own reversal decides.
	pay.WeChat: {life: 120 * time.Second, undo: 7 * 24 * time.Hour, passwordHold: 15 * time.Second,
		refundWindow: 365 * 24 * time.Hour, refundApart: time.Minute, refundParts: 50, refundTakes: 3 * time.Second},
	pay.Alipay: {life: 3 * time.Hour, undo: 24 * time.Hour, burns: true, refundWindow: 365 * 24 * time.Hour},
	// UnionPay's day ends at 23:00. How long it waits for a password is not known. Refunds: the shortest
	// window that it promises for the QR product.
	pay.UnionPay: {life: 10 * time.Minute, undo: 24 * time.Hour, undoDayEnds: 23 * time.Hour, once: true,
		refundWindow: 30 * 24 * time.Hour, refundTakes: 3 * time.Second},
}

// undoable reports that an order may still be undone.
func (r rules) undoable(created, now time.Time) bool {
	if now.After(created.Add(r.undo)) {
		return false
	}
	return r.undoDayEnds == 0 || now.Before(DayEnd(created, r.undoDayEnds))
}

// DayEnd is the first moment after t at which China's clocks show that hour.
func DayEnd(t time.Time, hour time.Duration) time.Time {
	y, m, d := t.In(beijing).Date()
	end := time.Date(y, m, d, 0, 0, 0, 0, beijing).Add(hour)
	if !end.After(t) {
		end = end.Add(24 * time.Hour)
	}
	return end
}

// Life is how long a wallet keeps an unpaid order that names no expiry.
func Life(w pay.Wallet) time.Duration { return ruleBook[w].life }

// Next is the moment something happens to the order by itself; zero when nothing does.
func (o *Order) Next() time.Time {
	switch o.State {
	case Waiting:
		if !o.Plan.IsZero() && o.Plan.Before(o.Expires) {
			return o.Plan
		}
		return o.Expires
	case Offered:
		return o.Expires
	case Undone, Closed:
		return o.Plan
	}
	return time.Time{}
}

// Due reports that something happened to the order by itself and was not written down yet.
func (o *Order) Due(now time.Time) bool {
	at := o.Next()
	return !at.IsZero() && !at.After(now)
}

// Settle carries out what happened by itself up to now, dated at the planned moment. It gives the
// line it booked, nil when no money moved.
func (o *Order) Settle(now time.Time) *Line {
	if !o.Due(now) {
		return nil
	}
	at := o.Next()
	switch {
	case o.State == Offered && o.Wallet == pay.Alipay: // there never was a trade
		o.State, o.EndedAt = Burnt, at
	case o.State == Offered, o.State == Waiting && !at.Equal(o.Plan):
		o.State, o.EndedAt = Closed, at
	case o.Fate == PasswordRefused && o.Shown:
		o.leave()
	case o.Fate == PasswordRefused:
		o.State, o.EndedAt = Refused, at
	default:
		return o.charge(at)
	}
	o.Plan = time.Time{}
	return nil
}

func (o *Order) charge(at time.Time) *Line {
	o.State, o.PaidAt, o.EndedAt, o.Plan = Paid, at, time.Time{}, time.Time{}
	return &Line{Charge, o.Amount, at}
}

// refDigits is how many digits of a wallet's own number count the orders.
const refDigits = 10

var beijing = time.FixedZone("CST", 8*60*60)

// Ref is the wallet's own number of the order, as in the field: 28 digits, at UnionPay 21.
func (o *Order) Ref() string {
	day := o.Created.In(beijing).Format("20060102")
	switch o.Wallet {
	case pay.UnionPay:
		return fmt.Sprintf("%s201%0*d", day, refDigits, o.ID)
	case pay.Alipay:
		return fmt.Sprintf("%s2200140000%0*d", day, refDigits, o.ID)
	}
	return fmt.Sprintf("4200000001%s%0*d", day, refDigits, o.ID)
}

// ParseRef gives the ID in a wallet's own number of an order or a refund; whoever uses it must compare
// [Order.Ref] or [Given.Ref].
func ParseRef(ref string) (id int64, ok bool) {
	if n := len(ref) - refDigits; n != 18 && n != 11 {
		return 0, false
	}
	id, err := strconv.ParseInt(ref[len(ref)-refDigits:], 10, 64)
	return id, err == nil && id > 0
}
