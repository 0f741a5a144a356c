package hubd

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"cloudcashier/hub/internal/routing"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// RouteStep is one attempt of a payment, and why its channel had it.
type RouteStep struct {
	Channel    string          `json:"channel"`
	OutTradeNo string          `json:"out_trade_no"`
	Status     pay.Status      `json:"status"`
	SentAt     time.Time       `json:"sent_at,omitzero"`
	LeftAt     time.Time       `json:"left_at,omitzero"`
	Decision   *routing.Record `json:"decision"` // as it was stored with the attempt; null: nothing was chosen
}

// Explanation is where a payment went and why, or where one would go.
type Explanation struct {
	Payment  string      `json:"payment_id,omitempty"`
	Merchant string      `json:"merchant"`
	Wallet   pay.Wallet  `json:"wallet"`
	Amount   int64       `json:"amount"`
	Outcome  pay.Outcome `json:"outcome,omitempty"`
	Stayed   string      `json:"stayed,omitempty"` // why no other channel was asked
	Steps    []RouteStep `json:"steps,omitempty"`

	At      time.Time      `json:"at,omitzero"` // of a payment that is only thought of
	Rule    string         `json:"rule,omitempty"`
	Choose  routing.Choice `json:"choose,omitempty"`
	Ready   []routing.Pick `json:"ready,omitempty"`
	Passed  []routing.Pick `json:"passed,omitempty"`
	Breaker string         `json:"breakers,omitempty"` // what was known of them
}

// Why puts a reason of a decision into words.
func Why(reason string) string { return routing.Explain(reason) }

// ExplainPayment reads where a payment went, from a database that may be in use or a copy.
func ExplainPayment(path, paymentID string) (x Explanation, err error) {
	p, attempts, err := store.Routes(path, paymentID)
	if err != nil {
		return x, err
	}
	x = Explanation{Payment: p.ID, Merchant: p.Merchant, Wallet: p.Wallet, Amount: p.Amount.Fen(), Outcome: p.Outcome()}
	for _, a := range attempts {
		step := RouteStep{Channel: a.Channel, OutTradeNo: a.OutTradeNo, Status: a.Status, SentAt: a.Sent, LeftAt: a.Left}
		if a.Route != "" {
			step.Decision = &routing.Record{}
			if err := json.Unmarshal([]byte(a.Route), step.Decision); err != nil {
				return x, fault.Wrap(err, fault.Internal, "route.record", "the record of %s cannot be read", a.Attempt)
			}
		}
		x.Steps = append(x.Steps, step)
	}
	last := x.Steps[len(x.Steps)-1]
	switch {
	case p.Outcome() == pay.Paid:
	case last.Status == pay.StatusDeclined:
		x.Stayed = "declined for a reason (" + cmp.Or(p.Decline.Code, "unknown") + ") that is the same everywhere, or that nobody else could take"
	case p.Attempt.Sent.IsZero():
		x.Stayed = "it was never sent"
	default:
		x.Stayed = "it is not proven, or was not while the code lived, that " + last.Channel + " did not charge: no other channel may be asked"
	}
	return x, nil
}

// Thought is a payment that is only thought of.
type Thought struct {
	Merchant, Store string
	Wallet          pay.Wallet
	Amount          int64     // fen
	At              time.Time // zero: now
	Draw            string    // the payment's identifier, which shares are drawn from
}

// ExplainThought says which channels would take a payment. Breakers count for one that would come now, as far as a hub runs.
func ExplainThought(ctx context.Context, cfg Config, deps Deps, t Thought) (x Explanation, err error) {
	s, err := cfg.channelsInForce()
	if err != nil {
		return x, err
	}
	x = Explanation{Merchant: t.Merchant, Wallet: t.Wallet, Amount: t.Amount, At: t.At.UTC(), Breaker: "taken as closed: the payment would come at another time"}
	var states map[string]Pulse
	if t.At.IsZero() {
		x.At = deps.Now().UTC()
		if states, err = pulsesOf(ctx, cfg.Data); err != nil {
			return x, err
		}
		if x.Breaker = "as the running hub has them"; states == nil {
			x.Breaker = "taken as closed: no hub runs"
		}
	}
	d := routing.Decide(routing.Question{Payment: t.Draw, Merchant: t.Merchant, Store: t.Store, Wallet: t.Wallet, Amount: money.Fen(t.Amount), At: x.At},
		s.file.table(s.version), func(name string) routing.State {
			_, drained := s.drained(name)
			return routing.State{Drained: drained, Open: states[name].Refuses}
		})
	x.Rule, x.Choose, x.Ready, x.Passed = d.Rule, d.Choose, d.Ready, d.Passed
	return x, nil
}

// Elsewhere sums up the stored payments that would have gone from one channel to another.
type Elsewhere struct {
	From     string   `json:"from"`
	To       string   `json:"to"` // empty: no channel would have taken them
	Rule     string   `json:"rule,omitempty"`
	Payments int      `json:"payments"`
	Amount   int64    `json:"amount"`    // fen
	FeeDelta int64    `json:"fee_delta"` // fen, what the wallets would have kept more; rounded down, payment by payment
	Examples []string `json:"examples"`  // payments, at most five
	Stays    bool     `json:"stays_put"` // From and To are the same
}

// DryRun is what other rules would have done with the payments of a day.
type DryRun struct {
	Day      string      `json:"day"` // of China's calendar
	Payments int         `json:"payments"`
	Moved    int         `json:"moved"` // to another channel, or to none
	Groups   []Elsewhere `json:"groups"`
}

// china is the zone of every wallet's day; it has had no summer time since 1991.
var china = time.FixedZone("CST", 8*60*60)

// dayOf reads "today", "yesterday" or a date of China's calendar.
func dayOf(text string, now time.Time) (time.Time, error) {
	y, m, d := now.In(china).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, china)
	switch text {
	case "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, china)
	return day, fault.Wrap(err, fault.Invalid, "route.day", "%q is no day: write today, yesterday or a date like 2026-11-25", text)
}

// DryRunRoutes holds a file's rules against the stored payments of a day: which would have gone elsewhere. A file without channels is
// held against those in force; no breaker is taken as open and no channel as drained. It changes nothing.
func DryRunRoutes(cfg Config, deps Deps, path, day string) (r DryRun, err error) {
	from, err := dayOf(day, deps.Now())
	if err != nil {
		return r, err
	}
	s, err := cfg.channelsInForce()
	if err != nil {
		return r, err
	}
	f, err := loadRules(path, s.file)
	if err != nil {
		return r, err
	}
	table := f.table(0)
	fees := map[string]int64{}
	for _, c := range append(slices.Clone(s.file.Channels), f.Channels...) {
		fees[c.Name] = c.Route.FeePPM
	}
	groups := map[[3]string]*Elsewhere{}
	err = store.TakenBetween(cfg.DatabaseFile(), from, from.AddDate(0, 0, 1), func(t store.Taken) {
		d := routing.Decide(routing.Question{Payment: t.Payment, Merchant: t.Merchant, Store: t.Store, Wallet: t.Wallet, Amount: t.Amount, At: t.At}, table,
			func(string) routing.State { return routing.State{} })
		to := ""
		if len(d.Ready) > 0 {
			to = d.Ready[0].Channel
		}
		key := [3]string{t.Channel, to, d.Rule}
		g := groups[key]
		if g == nil {
			g = &Elsewhere{From: t.Channel, To: to, Rule: d.Rule, Stays: to == t.Channel}
			groups[key] = g
		}
		r.Payments++
		g.Payments++
		g.Amount += t.Amount.Fen()
		if !g.Stays {
			r.Moved++
			if to != "" {
				g.FeeDelta += t.Amount.Fen()*fees[to]/1_000_000 - t.Amount.Fen()*fees[t.Channel]/1_000_000
			}
		}
		if len(g.Examples) < 5 {
			g.Examples = append(g.Examples, t.Payment)
		}
	})
	r.Day, r.Groups = from.Format(time.DateOnly), []Elsewhere{}
	for _, g := range groups {
		r.Groups = append(r.Groups, *g)
	}
	slices.SortFunc(r.Groups, func(a, b Elsewhere) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Rule, b.Rule))
	})
	return r, err
}

// loadRules reads a file of rules; one without channels speaks of those that are given.
func loadRules(path string, given ChannelFile) (ChannelFile, error) {
	f, err := readChannelFile(path, func(f *ChannelFile) {
		if len(f.Channels) == 0 {
			f.Channels = given.Channels
		}
	})
	return f, err
}
