package display

import (
	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// Kind is what the customer is told.
type Kind int

// The kinds of pictures.
const (
	Idle     Kind = iota
	Due           // what is to be paid
	Working       // the code was read; nothing is known yet
	Password      // the customer's wallet wants the password
	Code          // our code is on the cashier's screen, to be scanned
	Accepted      // the goods may go, and the money is collected later: not paid
	Paid
	Change // paid in cash, and so much comes back
	NotPaid
	Test
)

// Scene is one picture for the customer.
type Scene struct {
	Kind     Kind
	Amount   money.Amount
	Received money.Amount // Change: what the customer gave
	Change   money.Amount // Change: what comes back
}

// kinds says what a sale in each state means to the customer, and whether that is over after a while. Of a
// doubt the customer is asked to wait; only what is proven is told as paid or not paid.
var kinds = map[localapi.State]struct {
	kind  Kind
	brief bool
}{
	localapi.StateWaiting:    {Due, false},
	localapi.StateSending:    {Working, false},
	localapi.StateAccepted:   {Working, false},
	localapi.StateShown:      {Code, false},
	localapi.StatePassword:   {Password, false},
	localapi.StateUnknown:    {Working, false},
	localapi.StateCancelling: {Working, false},
	localapi.StateDeferred:   {Accepted, true},
	localapi.StatePaid:       {Paid, true},
	localapi.StateDeclined:   {NotPaid, true},
	localapi.StateReversed:   {NotPaid, true},
	localapi.StateLapsed:     {NotPaid, true},
	localapi.StateCancelled:  {Idle, false},
}

// sceneOf is the picture of a sale as it is stored; brief pictures give way to the idle one.
func sceneOf(s sale.Sale) (scene Scene, brief bool) {
	k := kinds[s.State] // a state nobody has met yet is idle
	scene = Scene{Kind: k.kind, Amount: s.Amount}
	if k.kind == Paid {
		scene = withChange(scene, s)
	}
	return scene, k.brief
}

// withChange tells what comes back, of a sale that knows what the customer gave.
func withChange(paid Scene, s sale.Sale) Scene {
	if s.Change().Fen() <= 0 {
		return paid
	}
	return Scene{Kind: Change, Amount: paid.Amount, Received: s.Received, Change: s.Change()}
}
