package sale

import (
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/wire"
)

var words = map[localapi.State]Words{
	localapi.StateWaiting:    {"scan", "Scan the customer's payment code."},
	localapi.StateSending:    {"sending", "Code read. Charging…"},
	localapi.StateDeferred:   {"deferred", "Accepted without a connection: hand over. The hub collects it later."},
	localapi.StateAccepted:   {"accepted", "The wallet is being asked."},
	localapi.StateShown:      {"shown", "Let the customer scan the code on the screen. It is paid when this till says so."},
	localapi.StatePassword:   {"password", "The customer is typing the password."},
	localapi.StateUnknown:    {"unknown", "Result unknown. Do not charge again, do not hand over: it is being asked."},
	localapi.StateCancelling: {"cancelling", "Being undone. Do not charge again yet."},
	localapi.StatePaid:       {"paid", "Paid."},
	localapi.StateDeclined:   {"declined", "Not charged: the payment was refused. Ask for another way to pay."},
	localapi.StateReversed:   {"reversed", "Not charged: the payment was undone."},
	localapi.StateLapsed:     {"not_arrived", "Not charged: the charge never arrived. Scan a fresh code."},
	localapi.StateCancelled:  {"cancelled", "Cancelled. Nothing was charged."},
}

// The two ways to lapse that are not "not_arrived".
var (
	neverLeft    = Words{LinkDown.Reason, "Not charged: no connection until the code expired. Scan a fresh code, or take cash."}
	neverCharged = Words{"never_charged", "Not charged: the wallet never took it. Scan a fresh code."}
)

// The words of a sale that was accepted without a connection, once the hub has it.
var (
	collecting = Words{"collecting", "Accepted without a connection. It is being collected: hand nothing over again."}
	lost       = Words{"deferred_refused", "Accepted without a connection and not collected: the shop bears it."}
)

// The words of money that no wallet moved, by tender.
var takenBy = map[localapi.Tender]Words{
	localapi.TenderCash:  {"cash", "Paid in cash."},
	localapi.TenderOther: {"other", "Paid by other means."},
}

// LinkDown is what a sale says that waits for the network and still may be sent.
var LinkDown = Words{"link_down", "No connection to the hub. The sale is sent when it is back, or lapses with the code."}

// maxMessage bounds what the hub may put on the cashier's screen, in bytes.
const maxMessage = 400

// explain gives a sale the words of its state. The hub's own words are for what only it can know:
// why it was declined or undone.
func explain(s Sale, from localapi.State, n News) Sale {
	w, told := words[s.State], Words{n.Reason, n.Message}
	if own, ok := wordsQR[s.State]; ok && s.Mode == wire.ModeQR {
		w = own
	}
	switch {
	case s.Mode == wire.ModeQR && s.State == localapi.StateLapsed && n.Event == Overdue:
		w = qrNeverLeft
	case s.Mode == wire.ModeQR && s.State == localapi.StateLapsed && s.PaymentID != "":
		w, told = qrUnpaid, Words{}
	case s.Tender != localapi.TenderWallet:
		w = takenBy[s.Tender]
	case s.State == localapi.StateLapsed && n.Event == Overdue:
		w = neverLeft
	case s.State == localapi.StateLapsed && s.PaymentID != "":
		w = neverCharged
	case n.Event == Fenced && s.State == localapi.StateDeclined:
		told = s.Refusal
	case s.State != localapi.StateDeclined && s.State != localapi.StateReversed && n.Event != Undoing,
		n.Event == Fenced: // the fence has no words of its own
		told = Words{}
	}
	if !s.Deferred.IsZero() && s.State != localapi.StateDeferred {
		return explainDeferred(s, from, w, told)
	}
	return say(s, w, told)
}

// explainDeferred has other words where the goods are gone: nobody can keep them back any more.
func explainDeferred(s Sale, from localapi.State, w, told Words) Sale {
	switch {
	case s.State == localapi.StatePaid, s.State == localapi.StateCancelled, s.State == localapi.StateCancelling, from == localapi.StateCancelling:
		return say(s, w, told)
	case !s.State.Final():
		return say(s, collecting, Words{})
	}
	if told.Message != "" {
		told.Message = lost.Message + " " + told.Message
	}
	return say(s, lost, told)
}

func say(s Sale, w, told Words) Sale {
	s.Words.Reason = or(told.Reason, w.Reason)
	s.Words.Message = w.Message
	if told.Message != "" && len(told.Message) <= maxMessage {
		s.Words.Message = told.Message
	}
	return s
}
