package order

import "time"

// Fate is what the last two digits of a payment code choose.
type Fate int

// The fates. 00 to 49, and every number not named here, are paid at once.
const (
	BalanceTooLow   Fate = 50
	CodeTooOld      Fate = 51
	CodeAlreadyUsed Fate = 52
	PasswordPaid    Fate = 53 // paid after 5 s
	PasswordRefused Fate = 54 // refused by the customer after 5 s
	PasswordNever   Fate = 55
	AnswerLost      Fate = 60 // charged, then the connection is cut
	RequestLost     Fate = 61 // cut before anything was recorded
	ErrorAfter      Fate = 62 // charged, then "system error"
	ErrorBefore     Fate = 63 // "system error", nothing recorded
	Slow            Fate = 64 // charged, answered after [SlowAnswer]
	ForgedAnswer    Fate = 65
	GarbledAnswer   Fate = 66
	UndoStubborn    Fate = 70 // unpaid, answer lost; the reversal says "try again" twice
	LateCharge      Fate = 71 // unpaid, answer lost; charged after the reversal was done
	HiddenPaid      Fate = 72 // charged, answer lost; two queries say "no such order"
	RefundShut      Fate = 73 // paid; the wallet takes a refund and then gives it up
	SellerPoor      Fate = 74 // paid; the merchant's account cannot pay a refund
	Outage          Fate = 80
	RateLimited     Fate = 90
)

// The fates' times and counts.
const (
	typing      = 5 * time.Second  // the customer at the password screen
	lateBy      = 6 * time.Second  // after the reversal's answer; at most 10 s by contract
	outageLasts = 10 * time.Second // from the first request about the order
	codeLife    = 60 * time.Second
	hiddenFor   = 2
	againFor    = 2

	SlowAnswer = 8 * time.Second
)

// FateOf reads the last two characters of a code of digits.
func FateOf(code string) Fate {
	n := len(code)
	return Fate(code[n-2]-'0')*10 + Fate(code[n-1]-'0')
}

// atPassword reports that the customer looks at the password screen.
func (o *Order) atPassword() bool {
	return o.State == Waiting && (o.Fate == PasswordPaid || o.Fate == PasswordRefused || o.Fate == PasswordNever)
}

// down reports that the wallet is out of order for this order.
func (o *Order) down(now time.Time) bool {
	return o.State == Ghost && o.Fate == Outage && now.Before(o.Created.Add(outageLasts))
}

// Code is what is known about a payment code. It does not hold the code, which is bearer money.
type Code struct {
	Hash   [16]byte
	Born   time.Time // issued or first used; zero when never seen
	UsedBy int64     // the order that used it; 0 for none
}

// judge says whether the order may use the code.
func (c Code) judge(id int64, now time.Time) Verdict {
	switch {
	case c.Born.IsZero():
		return Charged
	case c.UsedBy != 0 && c.UsedBy != id:
		return CodeUsed
	case now.After(c.Born.Add(codeLife)):
		return CodeExpired
	}
	return Charged
}
