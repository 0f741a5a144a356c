package sale

import (
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/wire"
)

// A sale of mode "qr" asks the hub for a code and shows it; the customer scans it. The code is no secret:
// whoever scans it pays this one sale. What is dangerous is its end. The customer's phone may have read it a
// moment before, so a code that is taken off the screen leaves the sale unknown, never unpaid: only the
// hub's proof ends it.

// meaning reads what the hub says of a sale whose code is shown. A message without the code takes none off
// the screen, and a code whose time is over is shown no more: the hub has the sale, and nobody knows yet.
func meaning(s Sale, n News, at time.Time) Event {
	e := n.Event
	if s.Mode != wire.ModeQR {
		return e
	}
	if e == Accepted && s.QR != "" {
		e = Shown
	}
	if e == Shown && !n.QREnds.After(at) {
		e = Doubt
	}
	return e
}

// keepCode takes the code from the hub's word, and drops it where it is of no more use.
func keepCode(s Sale, n News) Sale {
	if n.QR != "" {
		s.QR, s.QRUntil = n.QR, n.QRUntil
	}
	switch {
	case s.State.Final():
		s.QR, s.QRUntil, s.QREnds = "", time.Time{}, time.Time{}
	case s.State == localapi.StateShown:
		s.QREnds = n.QREnds
	default:
		s.QREnds = time.Time{}
	}
	return s
}

// Shows reports that the sale asks for a code to show or shows one, and nobody is stopping it: the customer
// may still show a code of their own instead, once this one is proven unpaid.
func (s Sale) Shows() bool {
	return s.Mode == wire.ModeQR &&
		(s.State == localapi.StateSending || s.State == localapi.StateAccepted || s.State == localapi.StateShown)
}

// The words of a sale by a code that is shown, where they differ.
var wordsQR = map[localapi.State]Words{
	localapi.StateSending:  {"qr_asking", "Asking for a code to show…"},
	localapi.StateAccepted: {"qr_accepted", "The wallet is being asked for a code to show."},
	localapi.StateLapsed:   {"qr_not_arrived", "Not charged: no code was shown. Show another one, or take cash."},
}

// The ways to lapse of a sale by a code that is shown, beside the one above.
var (
	qrNeverLeft = Words{"qr_not_shown", "Not charged: no connection to the hub, and no code was shown. Take cash, or try again."}
	qrUnpaid    = Words{"qr_unpaid", "Not charged: nobody paid the code in its time. Show another one."}
)

// CodeHidden is what a sale says whose code is kept off the screen while the hub cannot tell of its payment.
var CodeHidden = Words{LinkDown.Reason, "No connection to the hub: the code is hidden. The customer may have paid already: it shows when the connection is back."}
