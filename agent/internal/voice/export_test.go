package voice

import (
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Hurry bounds the player's time, so that one that hangs costs a test no quarter of a minute.
func (v *Voice) Hurry(most time.Duration) {
	for _, m := range v.mouths {
		if p, ok := m.output.(*player); ok {
			p.most = most
		}
	}
}

// Sentence is what is said of a payment.
func Sentence(w pay.Wallet, amount money.Amount) (text string, clips []string, err error) {
	return news{wallet: w, amount: amount}.sentence()
}

// Compose is compose, ParseWAV parseWAV.
var (
	Compose  = compose
	ParseWAV = parseWAV
)
