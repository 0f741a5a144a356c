package sale

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/storedvalue"
)

// Tally is what a till has accepted without a connection and the hub has not answered for.
type Tally struct {
	Count  int
	Sum    money.Amount
	Oldest time.Time // when the oldest was accepted, by the hub's clock; zero: there is none
}

// Within checks that one more sale may be accepted without a connection at a moment of the hub's
// clock, beside those that wait (Conflict, naming the limit).
func Within(p storedvalue.Policy, waiting Tally, amount money.Amount, at time.Time) error {
	sum, err := waiting.Sum.Add(amount)
	switch {
	case err != nil:
		return err
	case !p.Valid(at):
		return offline("expired", "the hub's limits have expired, and none are accepted until it has been reached")
	case amount.Fen() > p.PerSale.Fen():
		return offline("per_sale", "a sale may be %s at most", p.PerSale)
	case waiting.Count >= p.Count:
		return offline("count", "%d sales wait for the hub already, and no more than %d may", waiting.Count, p.Count)
	case sum.Fen() > p.Sum.Fen():
		return offline("sum", "%s wait for the hub already, and %s is the most", waiting.Sum, p.Sum)
	case !waiting.Oldest.IsZero() && at.Sub(waiting.Oldest) > p.Age:
		return offline("age", "the oldest sale has waited for the hub for more than %s", p.Age)
	}
	return nil
}

func offline(limit, why string, args ...any) error {
	return fault.New(fault.Conflict, "offline."+limit, "Not accepted without a connection: "+why+". Take cash, or wait for the connection.", args...)
}

// NoPolicy is the refusal of a till that has no limits of its hub.
func NoPolicy() error {
	return offline("no_policy", "the hub has set no limits for it")
}
