package sale

import "cloudcashier/shared/localapi"

var words = map[localapi.State]Words{
	localapi.StateWaiting:    {"scan", "Scan the customer's payment code."},
	localapi.StateSending:    {"sending", "Code read. Charging…"},
	localapi.StateAccepted:   {"accepted", "The wallet is being asked."},
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
func explain(s Sale, n News) Sale {
	w, told := words[s.State], Words{n.Reason, n.Message}
	switch {
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
	s.Words.Reason = or(told.Reason, w.Reason)
	s.Words.Message = w.Message
	if told.Message != "" && len(told.Message) <= maxMessage {
		s.Words.Message = told.Message
	}
	return s
}
