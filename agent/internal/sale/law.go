package sale

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/wire"
)

// row is a state, split where the law must tell two kinds of it apart.
type row string

const (
	sent       row = "sent"    // sending, and a byte may have left
	forwarded  row = "passed"  // deferred, and a byte of the claim may have left
	known      row = "+"       // behind unknown or cancelling: the hub has shown its payment
	turnedAway row = "refused" // unknown, and the hub has refused a copy of the charge
)

// move is one cell: the state that follows and what the hub owes an answer to in it.
type move struct {
	to  localapi.State
	ask wire.Kind
}

// same keeps what is being asked.
const same wire.Kind = "same"

// final are the cells of the hub's last words about an open sale that is not being cancelled.
var final = map[Event]move{
	Approved: {to: localapi.StatePaid}, Declined: {to: localapi.StateDeclined},
	Reversed: {to: localapi.StateReversed}, Closed: {to: localapi.StateLapsed},
}

// progress are the hub's other words about a sale that it has.
var progress = map[Event]move{
	Accepted: {to: localapi.StateAccepted}, Shown: {to: localapi.StateShown}, Password: {to: localapi.StatePassword},
	Doubt: {to: localapi.StateUnknown}, Undoing: {to: localapi.StateCancelling},
}

// undone are the hub's words about a sale the till wants undone. Only Undoing proves that the
// cancellation arrived: the others may have crossed it on the way.
var undone = map[Event]move{
	Accepted: {localapi.StateCancelling, same}, Shown: {localapi.StateCancelling, same}, Password: {localapi.StateCancelling, same},
	Doubt: {localapi.StateCancelling, same}, Undoing: {to: localapi.StateCancelling},
	Approved: {to: localapi.StatePaid}, Declined: {to: localapi.StateDeclined},
	Reversed: {to: localapi.StateReversed}, Closed: {to: localapi.StateReversed},
}

// next is the law for open sales. A pair that is missing is refused.
//
// A refusal speaks of one copy of one message, and the hub may take the next copy: it is believed
// only behind the fence, and only when it can speak of nothing but the charge.
var next = map[row]map[Event]move{
	row(localapi.StateWaiting): {
		Scan: {localapi.StateSending, wire.KindPay}, Show: {localapi.StateSending, wire.KindPay}, Restart: {to: localapi.StateWaiting},
		Defer: {localapi.StateDeferred, wire.KindPay}, Cancel: {to: localapi.StateCancelled},
	},
	row(localapi.StateDeferred): cells(final, progress, deferred, map[Event]move{
		Cancel: {to: localapi.StateCancelled},
	}),
	forwarded: cells(final, progress, deferred, map[Event]move{
		Cancel: {localapi.StateCancelling, wire.KindCancel},
	}),
	row(localapi.StateSending): cells(final, progress, map[Event]move{
		Leave: {localapi.StateSending, same}, Overdue: {to: localapi.StateLapsed},
		Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {to: localapi.StateCancelled},
		Fenced: {to: localapi.StateLapsed}, Refused: {localapi.StateUnknown, wire.KindFence},
	}),
	sent: cells(final, progress, map[Event]move{
		Leave: {localapi.StateSending, same}, Overdue: {localapi.StateUnknown, wire.KindFence},
		Restart: {localapi.StateUnknown, wire.KindFence}, Cancel: {localapi.StateCancelling, wire.KindCancel},
		Fenced: {to: localapi.StateLapsed}, Refused: {localapi.StateUnknown, wire.KindFence},
	}),
	row(localapi.StateAccepted): cells(final, progress, asked, map[Event]move{
		Refused: {localapi.StateAccepted, same},
	}),
	row(localapi.StateShown): cells(final, progress, asked, map[Event]move{
		Refused: {localapi.StateShown, same},
	}),
	row(localapi.StatePassword): cells(final, progress, asked, map[Event]move{
		Refused: {localapi.StatePassword, same},
	}),
	row(localapi.StateUnknown) + known: cells(final, progress, asked, map[Event]move{
		Refused: {localapi.StateUnknown, same},
	}),
	row(localapi.StateUnknown): cells(final, progress, asked, map[Event]move{
		Fenced: {to: localapi.StateLapsed}, Refused: {localapi.StateUnknown, same},
	}),
	turnedAway: cells(final, progress, asked, map[Event]move{
		Fenced: {to: localapi.StateDeclined}, Refused: {localapi.StateUnknown, same},
	}),
	row(localapi.StateCancelling) + known: cells(undone, map[Event]move{
		Overdue: {localapi.StateCancelling, wire.KindCancel}, Restart: {localapi.StateCancelling, wire.KindCancel},
		Cancel: {localapi.StateCancelling, same}, Refused: {localapi.StateCancelling, same},
	}),
	row(localapi.StateCancelling): cells(undone, map[Event]move{
		Overdue: {localapi.StateCancelling, wire.KindCancel}, Restart: {localapi.StateCancelling, wire.KindCancel},
		Cancel: {localapi.StateCancelling, same}, Refused: {localapi.StateCancelling, same},
		Fenced: {to: localapi.StateReversed},
	}),
}

// deferred are the other events of a sale whose goods are gone: nothing but the hub's word about it
// ends it. A refusal may pass, and a restart forgets nothing: the claim is on the disk.
var deferred = map[Event]move{
	Leave: {localapi.StateDeferred, same}, Restart: {localapi.StateDeferred, same}, Refused: {localapi.StateDeferred, same},
	Fenced: {to: localapi.StateLapsed},
}

// asked are the till's own events for a sale that may be at the hub: in doubt it is fenced.
var asked = map[Event]move{
	Overdue: {localapi.StateUnknown, wire.KindFence}, Restart: {localapi.StateUnknown, wire.KindFence},
	Cancel: {localapi.StateCancelling, wire.KindCancel},
}

func cells(groups ...map[Event]move) map[Event]move {
	all := map[Event]move{}
	for _, g := range groups {
		for e, m := range g {
			all[e] = m
		}
	}
	return all
}

func rowOf(s Sale) row {
	switch {
	case s.State == localapi.StateSending && s.Left:
		return sent
	case s.State == localapi.StateDeferred && s.Left:
		return forwarded
	case (s.State == localapi.StateUnknown || s.State == localapi.StateCancelling) && s.PaymentID != "":
		return row(s.State) + known
	case s.State == localapi.StateUnknown && s.Refusal.Reason != "":
		return turnedAway
	}
	return row(s.State)
}

// settled is the law for final sales: nothing moves them. ok tells whether the event agrees with
// what was shown; one that does not needs a person.
func settled(s Sale, e Event) (ok bool) {
	if s.Tender != localapi.TenderWallet { // the hub was never asked: whatever it says is about another
		return e == Overdue || e == Restart
	}
	paid := s.State == localapi.StatePaid
	switch e {
	case Overdue, Restart, Refused: // refused: a late copy of a request
		return true
	case Shown:
		return s.PaymentID != "" && s.Mode == wire.ModeQR
	case Accepted, Password, Doubt, Undoing: // overtaken on the way, if the hub ever had it
		return s.PaymentID != ""
	case Approved:
		return paid
	case Cancel, Declined, Reversed, Closed, Fenced:
		return !paid
	}
	return false
}

// Step is the law: the sale after an event. A refused event (Conflict) leaves the sale as it was;
// from the hub it contradicts what is proven, and a person must look at it.
func (r Rules) Step(s Sale, n News, at time.Time) (Sale, error) {
	if s.State.Final() {
		if !settled(s, n.Event) {
			return s, refused(s, n.Event)
		}
		return s, nil
	}
	n.Event = meaning(s, n, at)
	m, ok := next[rowOf(s)][n.Event]
	switch {
	case !ok, n.QR != "" && s.Mode != wire.ModeQR: // nobody asked for a code
		return s, refused(s, n.Event)
	case n.Event == Leave && s.State == localapi.StateSending && at.Sub(s.Scanned) >= r.CodeLife:
		return s, fault.New(fault.Conflict, "sale.code_expired", "the code has expired: it must not leave any more")
	case n.PaymentID != "" && s.PaymentID != "" && n.PaymentID != s.PaymentID:
		return s, fault.New(fault.Conflict, "sale.other_payment", "sale %s is payment %s, not %s", s.ID, s.PaymentID, n.PaymentID)
	case n.Event == Approved && n.Amount != 0 && n.Amount != s.Amount.Fen():
		return s, fault.New(fault.Conflict, "sale.other_amount", "sale %s is over %d fen, the hub says %d", s.ID, s.Amount.Fen(), n.Amount)
	}
	from := s.State
	s.State = m.to
	if m.ask != same {
		s.Asking = m.ask
	}
	switch n.Event {
	case Scan:
		s.Scanned, s.Wallet = at, n.Wallet
	case Show:
		s.Scanned, s.Wallet, s.Mode = at, n.Wallet, wire.ModeQR
	case Defer:
		s.Scanned, s.Wallet, s.Deferred, s.Claim = at, n.Wallet, n.Deferred, n.Claim
	case Leave, Restart:
		s.Left = s.State != localapi.StateWaiting
	case Refused:
		if from == localapi.StateSending {
			s.Refusal = Words{or(n.Reason, "refused"), n.Message}
		}
	case Overdue, Cancel:
	default:
		s.Heard = at
		s.PaymentID = or(n.PaymentID, s.PaymentID)
		s.Wallet = or(n.Wallet, s.Wallet)
		s.WalletRef = or(n.WalletRef, s.WalletRef)
	}
	if s.State.Final() {
		s.Finished = at
	}
	s = keepCode(s, n)
	if s.State != from {
		s = explain(s, from, n)
	}
	return s, nil
}

func or[T ~string](first, second T) T {
	if first != "" {
		return first
	}
	return second
}

func refused(s Sale, e Event) error {
	if e == Cancel && s.Tender != localapi.TenderWallet {
		return fault.New(fault.Conflict, "sale.money_taken",
			"sale %s is paid, and not by a wallet: give the money back with a refund", s.ID)
	}
	if e == Cancel {
		return fault.New(fault.Conflict, "sale.paid", "sale %s is paid: give the money back with a refund", s.ID)
	}
	return fault.New(fault.Conflict, "sale.refused_event", "a sale that is %s cannot take %q", s.State, string(e))
}
