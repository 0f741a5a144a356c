package rehearsal

import (
	"time"

	"cloudcashier/shared/pay"
)

// quick is how long a wallet that works takes.
const quick = time.Second

// step is one thing the hub would say, so long after the charge.
type step struct {
	after    time.Duration
	status   pay.Status
	password bool
	shown    bool
	reason   string
	message  string
}

// The fates. The last two digits of the amount choose one: they are the sandbox's digits, so that who knows one
// knows both.
var fates = map[int64][]step{
	50: {{after: quick, status: pay.StatusDeclined, reason: "balance_low", message: "Training: the balance is too low."}},
	51: {{after: quick, status: pay.StatusDeclined, reason: "code_expired", message: "Training: the code has expired."}},
	52: {{after: quick, status: pay.StatusDeclined, reason: "code_used", message: "Training: the code was used before."}},
	53: {{after: quick, status: pay.StatusPending, password: true}, {after: 6 * time.Second, status: pay.StatusSucceeded}},
	54: {{after: quick, status: pay.StatusPending, password: true},
		{after: 6 * time.Second, status: pay.StatusDeclined, reason: "customer_refused", message: "Training: the customer refused."}},
	60: {{after: quick, status: pay.StatusUnknown}, {after: 8 * time.Second, status: pay.StatusSucceeded}},
	61: {{after: quick, status: pay.StatusUnknown}, {after: 8 * time.Second, status: pay.StatusReversed, reason: "reversed", message: "Training: nothing was charged."}},
}

var paid = []step{{after: quick, status: pay.StatusSucceeded}}

func fateOf(amount int64) []step {
	if steps, ok := fates[amount%100]; ok {
		return steps
	}
	return paid
}

// shownFate is the same with a code on the screen first, which somebody scans after five seconds.
func shownFate(steps []step) []step {
	out := []step{{after: quick / 2, status: pay.StatusPending, shown: true}}
	for _, s := range steps {
		s.after += 5 * time.Second
		out = append(out, s)
	}
	return out
}
