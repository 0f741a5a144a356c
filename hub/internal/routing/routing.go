// Package routing decides which channel a payment takes, and can say why.
//
// A wallet may be reached through several channels. A [Table] is what people wrote down about them, a [State] what is
// known of each just now, and [Decide] puts both together for one payment: the channels that may take it, best
// first, and a reason for each that may not. [Health] is what the answers of one channel say of it, with its breaker.
//
// It refuses chance and clocks: shares are drawn from the payment's identifier, moments come in as arguments, so that a
// decision read a year later can be worked out again. Newcomers get one thing wrong: everything here is about payments
// that were not sent yet. A payment that was sent belongs to its channel until that is proven not to have charged
// it (package payment), and an open breaker keeps back new payments, never a query, a reversal or a refund.
package routing

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Choice is how one of several channels is preferred.
type Choice string

// The choices.
const (
	ByOrder  Choice = "order"  // as they are listed
	ByWeight Choice = "weight" // shares, drawn from the payment's identifier
	ByFee    Choice = "fee"    // the cheapest first
)

// Table is what people wrote down: channels, and rules that are tried in their order. Without a rule that fits, every
// channel of the merchant and wallet may take the payment.
type Table struct {
	Version  int // of the stored channels; 0: they are the configuration's
	Choose   Choice
	Channels []Channel
	Rules    []Rule
}

// Channel is what routing knows of a channel.
type Channel struct {
	Name     string
	Merchant string // whose; empty: every merchant's
	Wallet   pay.Wallet
	Weight   int      // its share when chosen by weight; 0: only when no other can
	Fee      int64    // what the wallet keeps, parts per million
	Closed   []Window // when the wallet takes nothing
	Shows    bool     // it has codes that customers can scan
}

// Rule says which channels some payments take. An empty condition fits every payment.
type Rule struct {
	Name      string
	Merchants []string
	Stores    []string
	Wallet    pay.Wallet
	From, To  money.Amount // both included; To zero: no upper end
	When      []Window     // one of them
	Use       []string     // these channels alone, in this order; empty: all
	Avoid     []string     // never these
	Choose    Choice       // empty: the table's
	Weights   map[string]int
}

// Question is a payment that wants a channel.
type Question struct {
	Payment         string // its identifier, which shares are drawn from
	Merchant, Store string
	Wallet          pay.Wallet
	Shown           bool // a code is wanted that the customer scans
	Amount          money.Amount
	At              time.Time
}

// State is what is known of a channel just now.
type State struct {
	Drained bool // people keep new payments away from it
	Open    bool // its breaker lets no payment through at this moment
}

// Why a channel may not take a payment.
const (
	NotInRule   = "not_in_rule"
	Avoided     = "avoided"
	Drained     = "drained"
	Maintenance = "maintenance"
	BreakerOpen = "breaker_open"
	Full        = "full"  // its calls and its queue are all taken; the engine says so
	Tried       = "tried" // it had the payment, and proved that it did not charge
)

// Pick is a channel with the reason for or against it.
type Pick struct {
	Channel string `json:"channel"`
	Why     string `json:"why"`
}

// Decision is who may take a payment.
type Decision struct {
	Rule    string // the rule that fitted; empty: none did
	Choose  Choice
	Version int    // of the table
	Ready   []Pick // who may take it, best first
	Passed  []Pick // who may not, with the reasons above
}

// Decide says which channels may take a payment. Channels of other wallets and merchants, and those
// that cannot do what is asked, are not spoken of. The answer hangs on
// the arguments alone.
func Decide(q Question, t Table, state func(channel string) State) Decision {
	d := Decision{Choose: t.Choose, Version: t.Version}
	if d.Choose == "" {
		d.Choose = ByOrder
	}
	var rule Rule
	for _, r := range t.Rules {
		if r.fits(q) {
			rule, d.Rule = r, r.Name
			break
		}
	}
	if rule.Choose != "" {
		d.Choose = rule.Choose
	}
	var mine []Channel
	for _, c := range t.Channels {
		if c.Wallet != q.Wallet || c.Merchant != "" && c.Merchant != q.Merchant || q.Shown && !c.Shows {
			continue
		}
		switch {
		case len(rule.Use) > 0 && !slices.Contains(rule.Use, c.Name):
			d.Passed = append(d.Passed, Pick{c.Name, NotInRule})
		case slices.Contains(rule.Avoid, c.Name):
			d.Passed = append(d.Passed, Pick{c.Name, Avoided})
		default:
			if w, ok := rule.Weights[c.Name]; ok {
				c.Weight = w
			}
			mine = append(mine, c)
		}
	}
	if len(rule.Use) > 0 {
		slices.SortStableFunc(mine, func(a, b Channel) int { return slices.Index(rule.Use, a.Name) - slices.Index(rule.Use, b.Name) })
	}
	for i, c := range prefer(mine, d.Choose, q.Payment) {
		s := state(c.Name)
		switch {
		case s.Drained:
			d.Passed = append(d.Passed, Pick{c.Name, Drained})
		case slices.ContainsFunc(c.Closed, func(w Window) bool { return w.Covers(q.At) }):
			d.Passed = append(d.Passed, Pick{c.Name, Maintenance})
		case s.Open:
			d.Passed = append(d.Passed, Pick{c.Name, BreakerOpen})
		default:
			d.Ready = append(d.Ready, Pick{c.Name, reason(d.Choose, c, i)})
		}
	}
	return d
}

func (r Rule) fits(q Question) bool {
	return among(r.Merchants, q.Merchant) && among(r.Stores, q.Store) && (r.Wallet == "" || r.Wallet == q.Wallet) &&
		q.Amount.Fen() >= r.From.Fen() && (r.To.Fen() == 0 || q.Amount.Fen() <= r.To.Fen()) &&
		(len(r.When) == 0 || slices.ContainsFunc(r.When, func(w Window) bool { return w.Covers(q.At) }))
}

func among(list []string, one string) bool { return len(list) == 0 || slices.Contains(list, one) }

// prefer orders channels that are listed in their order.
func prefer(list []Channel, by Choice, payment string) []Channel {
	switch by {
	case ByFee:
		slices.SortStableFunc(list, func(a, b Channel) int { return int(max(-1, min(1, a.Fee-b.Fee))) })
	case ByWeight:
		return draw(list, payment)
	}
	return list
}

// draw takes one channel after the other, each with its share of what is left; those without a share come last.
func draw(list []Channel, payment string) []Channel {
	var total uint64
	for _, c := range list {
		total += uint64(max(0, c.Weight))
	}
	list = slices.Clone(list)
	out := make([]Channel, 0, len(list))
	for round := 0; total > 0; round++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", payment, round))
		ticket := binary.BigEndian.Uint64(sum[:]) % total
		for i, c := range list {
			w := uint64(max(0, c.Weight))
			if ticket < w {
				out, list, total = append(out, c), slices.Delete(list, i, i+1), total-w
				break
			}
			ticket -= w
		}
	}
	return append(out, list...)
}

func reason(by Choice, c Channel, place int) string {
	switch by {
	case ByFee:
		return fmt.Sprintf("number %d by fee: %d ppm", place+1, c.Fee)
	case ByWeight:
		return fmt.Sprintf("number %d by draw: weight %d", place+1, c.Weight)
	}
	return fmt.Sprintf("number %d in order", place+1)
}

// china is the zone of every wallet's day; it has had no summer time since 1991.
var china = time.FixedZone("CST", 8*60*60)

// Window is a span that comes back on some days of China's week, or one that comes once.
type Window struct {
	Days     []time.Weekday // on which it begins; empty: every day
	From, To time.Duration  // of China's day; To before From: it ends on the day after
	Since    time.Time      // once: from here on; then the fields above are not read
	Until    time.Time      // once: to here, not included
}

// Covers reports that a moment lies within.
func (w Window) Covers(at time.Time) bool {
	if !w.Since.IsZero() || !w.Until.IsZero() {
		return !at.Before(w.Since) && at.Before(w.Until)
	}
	at = at.In(china)
	y, m, d := at.Date()
	into := at.Sub(time.Date(y, m, d, 0, 0, 0, 0, china))
	on := func(day time.Weekday) bool { return len(w.Days) == 0 || slices.Contains(w.Days, day) }
	if w.From < w.To {
		return on(at.Weekday()) && into >= w.From && into < w.To
	}
	return on(at.Weekday()) && into >= w.From || on((at.Weekday()+6)%7) && into < w.To
}

// maxPicks bounds what a record keeps of the others.
const maxPicks = 8

// Record is what is kept of a decision beside the attempt it led to. It holds names and reasons, never a key or a code.
type Record struct {
	Channel string `json:"channel"`
	Why     string `json:"why"`
	Rule    string `json:"rule,omitempty"`
	Choose  Choice `json:"choose"`
	Version int    `json:"version"`          // of the stored channels; 0: the configuration's
	Next    []Pick `json:"next,omitempty"`   // who could have taken it, too
	Passed  []Pick `json:"passed,omitempty"` // who could not
	More    int    `json:"more,omitempty"`   // of either, not listed
	Left    *Left  `json:"left,omitempty"`   // when another attempt came before
}

// Left is why the attempt before was left: its channel proved that it did not charge.
type Left struct {
	Channel string `json:"channel"`
	Proof   string `json:"proof"`            // "busy", or the decline's code
	Wallet  string `json:"wallet,omitempty"` // the wallet's own code
}

// RecordOf keeps the decision for the channel that was taken.
func RecordOf(d Decision, taken Pick, left *Left) Record {
	r := Record{Channel: taken.Channel, Why: taken.Why, Rule: d.Rule, Choose: d.Choose, Version: d.Version, Left: left}
	for _, p := range d.Ready {
		if p.Channel != taken.Channel {
			r.Next = append(r.Next, p)
		}
	}
	r.Passed = d.Passed
	if n := len(r.Next) - maxPicks; n > 0 {
		r.Next, r.More = r.Next[:maxPicks], r.More+n
	}
	if n := len(r.Passed) - maxPicks; n > 0 {
		r.Passed, r.More = r.Passed[:maxPicks], r.More+n
	}
	return r
}

// Explain puts a reason into words.
func Explain(why string) string {
	text, known := map[string]string{NotInRule: "the rule names other channels", Avoided: "the rule avoids it", Drained: "it is drained: people keep new payments away",
		Maintenance: "the wallet is being maintained", BreakerOpen: "its breaker is open: its last answers failed", Full: "all its calls and its queue are taken",
		Tried: "it was tried, and proved that it did not charge"}[why]
	if !known {
		return strings.ReplaceAll(why, "_", " ")
	}
	return text
}
