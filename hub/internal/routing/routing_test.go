package routing_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/routing"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

var noon = time.Date(2026, 11, 25, 4, 0, 0, 0, time.UTC) // a Wednesday in China

func calm(string) routing.State { return routing.State{} }

func ask(amount int64) routing.Question {
	return routing.Question{Payment: "pay_1", Merchant: "mer_1", Store: "sto_1", Wallet: pay.WeChat, Amount: money.Fen(amount), At: noon}
}

func names(picks []routing.Pick) string {
	var out []string
	for _, p := range picks {
		out = append(out, p.Channel)
	}
	return strings.Join(out, " ")
}

var three = []routing.Channel{{Name: "a", Wallet: pay.WeChat, Weight: 1, Fee: 6000}, {Name: "b", Wallet: pay.WeChat, Weight: 3, Fee: 3800},
	{Name: "c", Wallet: pay.WeChat, Fee: 6000}}

func TestWhoMayTakeAPayment(t *testing.T) {
	night := []routing.Window{{From: 11 * time.Hour, To: 13 * time.Hour}}
	for _, c := range []struct {
		what   string
		table  routing.Table
		q      routing.Question
		state  map[string]routing.State
		ready  string
		passed map[string]string
		rule   string
	}{
		{what: "in order", table: routing.Table{Channels: three}, q: ask(100), ready: "a b c"},
		{what: "by fee, ties in order", table: routing.Table{Channels: three, Choose: routing.ByFee}, q: ask(100), ready: "b a c"},
		{what: "another wallet's and merchant's are not spoken of", q: ask(100), ready: "a",
			table: routing.Table{Channels: []routing.Channel{{Name: "x", Wallet: pay.Alipay}, {Name: "y", Wallet: pay.WeChat, Merchant: "mer_2"}, {Name: "a", Wallet: pay.WeChat, Merchant: "mer_1"}}}},
		{what: "drained, open", table: routing.Table{Channels: three}, q: ask(100), ready: "c",
			state: map[string]routing.State{"a": {Drained: true}, "b": {Open: true}}, passed: map[string]string{"a": routing.Drained, "b": routing.BreakerOpen}},
		{what: "maintenance", table: routing.Table{Channels: []routing.Channel{{Name: "a", Wallet: pay.WeChat, Closed: night}, {Name: "b", Wallet: pay.WeChat}}}, q: ask(100),
			ready: "b", passed: map[string]string{"a": routing.Maintenance}},
		{what: "the first rule that fits", q: ask(100_00), ready: "c b", rule: "big", passed: map[string]string{"a": routing.NotInRule},
			table: routing.Table{Channels: three, Rules: []routing.Rule{{Name: "small", To: money.Fen(99_99), Use: []string{"a"}},
				{Name: "big", From: money.Fen(100_00), Use: []string{"c", "b"}}, {Name: "all", Use: []string{"a"}}}}},
		{what: "the upper end is included", q: ask(99_99), ready: "a", rule: "small", passed: map[string]string{"b": routing.NotInRule, "c": routing.NotInRule},
			table: routing.Table{Channels: three, Rules: []routing.Rule{{Name: "small", To: money.Fen(99_99), Use: []string{"a"}}}}},
		{what: "avoid", q: ask(1), ready: "b c", rule: "r", passed: map[string]string{"a": routing.Avoided},
			table: routing.Table{Channels: three, Rules: []routing.Rule{{Name: "r", Avoid: []string{"a"}}}}},
		{what: "merchant, store, wallet, hour", q: ask(1), ready: "c", rule: "5", passed: map[string]string{"a": routing.NotInRule, "b": routing.NotInRule},
			table: routing.Table{Channels: three, Rules: []routing.Rule{{Name: "1", Merchants: []string{"mer_2"}}, {Name: "2", Stores: []string{"sto_2"}}, {Name: "3", Wallet: pay.Alipay},
				{Name: "4", When: []routing.Window{{Days: []time.Weekday{time.Tuesday}, From: 0, To: 24 * time.Hour}}},
				{Name: "5", Merchants: []string{"mer_2", "mer_1"}, Stores: []string{"sto_1"}, Wallet: pay.WeChat, When: night, Use: []string{"c"}}}}},
		{what: "a rule's own choice", q: ask(1), ready: "b a c", rule: "r", table: routing.Table{Channels: three, Rules: []routing.Rule{{Name: "r", Choose: routing.ByFee}}}},
		{what: "a rule's own weights; without one comes last", q: ask(1), ready: "c a b", rule: "r",
			table: routing.Table{Channels: three, Rules: []routing.Rule{{Name: "r", Choose: routing.ByWeight, Weights: map[string]int{"a": 0, "b": 0, "c": 1}}}}},
	} {
		d := routing.Decide(c.q, c.table, func(name string) routing.State { return c.state[name] })
		passed := map[string]string{}
		for _, p := range d.Passed {
			passed[p.Channel] = p.Why
		}
		if names(d.Ready) != c.ready || d.Rule != c.rule || len(passed) != len(c.passed) || len(passed) > 0 && !reflect.DeepEqual(passed, c.passed) {
			t.Errorf("%s: ready %q by rule %q, passed %v; want %q by %q, %v", c.what, names(d.Ready), d.Rule, passed, c.ready, c.rule, c.passed)
		}
	}
}

func TestWindows(t *testing.T) {
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour-8, minute, 0, 0, time.UTC) } // China's clock; the 25th is a Wednesday
	wed := []time.Weekday{time.Wednesday}
	for _, c := range []struct {
		w    routing.Window
		at   time.Time
		want bool
	}{
		{routing.Window{From: 2 * time.Hour, To: 4 * time.Hour}, at(25, 2, 0), true},
		{routing.Window{From: 2 * time.Hour, To: 4 * time.Hour}, at(25, 4, 0), false},
		{routing.Window{From: 2 * time.Hour, To: 4 * time.Hour}, at(25, 1, 59), false},
		{routing.Window{Days: wed, From: 2 * time.Hour, To: 4 * time.Hour}, at(26, 3, 0), false},
		{routing.Window{Days: wed, From: 23 * time.Hour, To: time.Hour}, at(25, 23, 0), true},
		{routing.Window{Days: wed, From: 23 * time.Hour, To: time.Hour}, at(26, 0, 59), true}, // it began on Wednesday
		{routing.Window{Days: wed, From: 23 * time.Hour, To: time.Hour}, at(25, 0, 30), false},
		{routing.Window{Days: wed, From: 23 * time.Hour, To: time.Hour}, at(26, 1, 0), false},
		{routing.Window{To: 24 * time.Hour}, at(25, 0, 0), true},
		{routing.Window{To: 24 * time.Hour}, at(25, 23, 59), true},
		{routing.Window{Since: at(25, 2, 0), Until: at(25, 3, 0)}, at(25, 2, 0), true},
		{routing.Window{Since: at(25, 2, 0), Until: at(25, 3, 0)}, at(25, 3, 0), false},
		{routing.Window{Since: at(25, 2, 0), Until: at(25, 3, 0)}, at(26, 2, 30), false},
	} {
		if got := c.w.Covers(c.at); got != c.want {
			t.Errorf("%+v at %s: %v", c.w, c.at, got)
		}
	}
}

// TestPropertiesOfDecisions draws tables, payments and states.
func TestPropertiesOfDecisions(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 3000 {
		table := routing.Table{Choose: []routing.Choice{routing.ByOrder, routing.ByFee, routing.ByWeight}[rng.IntN(3)]}
		state := map[string]routing.State{}
		for i := range 1 + rng.IntN(20) {
			c := routing.Channel{Name: fmt.Sprint("c", i), Wallet: []pay.Wallet{pay.WeChat, pay.Alipay}[rng.IntN(2)], Merchant: []string{"", "mer_1", "mer_2"}[rng.IntN(3)],
				Weight: rng.IntN(4), Fee: rng.Int64N(3)}
			if rng.IntN(4) == 0 {
				c.Closed = []routing.Window{{From: time.Duration(rng.IntN(24)) * time.Hour, To: time.Duration(rng.IntN(24)) * time.Hour}}
			}
			table.Channels = append(table.Channels, c)
			state[c.Name] = routing.State{Drained: rng.IntN(4) == 0, Open: rng.IntN(4) == 0}
		}
		for i := range rng.IntN(3) {
			r := routing.Rule{Name: fmt.Sprint("r", i), From: money.Fen(1 + rng.Int64N(200))}
			for range rng.IntN(3) {
				r.Use = append(r.Use, fmt.Sprint("c", rng.IntN(20)))
			}
			table.Rules = append(table.Rules, r)
		}
		q := ask(1 + rng.Int64N(300))
		q.Payment = fmt.Sprint("pay_", n)
		look := func(name string) routing.State { return state[name] }
		d := routing.Decide(q, table, look)
		if again := routing.Decide(q, table, look); !reflect.DeepEqual(d, again) {
			t.Fatalf("the same question had two answers: %+v and %+v", d, again)
		}
		seen := map[string]bool{}
		for _, p := range append(slices.Clone(d.Ready), d.Passed...) {
			if seen[p.Channel] || p.Why == "" {
				t.Fatalf("%+v is told twice or without a reason", p)
			}
			seen[p.Channel] = true
		}
		for _, c := range table.Channels {
			if mine := c.Wallet == q.Wallet && (c.Merchant == "" || c.Merchant == q.Merchant); mine != seen[c.Name] {
				t.Fatalf("%+v: spoken of %v", c, seen[c.Name])
			}
		}
		for _, p := range d.Ready {
			if s := state[p.Channel]; s.Drained || s.Open {
				t.Fatalf("%s is ready though %+v", p.Channel, s)
			}
		}
		if len(d.Ready) > 0 {
			text, err := json.Marshal(routing.RecordOf(d, d.Ready[0], &routing.Left{Channel: "x", Proof: "busy"}))
			if err != nil || len(text) > 3500 {
				t.Fatalf("a record of %d bytes: %v", len(text), err)
			}
		}
	}
}

// TestSharesComeOut: of many payments each channel has its share, and one that goes leaves the others' payments alone.
func TestSharesComeOut(t *testing.T) {
	table := routing.Table{Choose: routing.ByWeight, Channels: []routing.Channel{{Name: "a", Wallet: pay.WeChat, Weight: 1}, {Name: "b", Wallet: pay.WeChat, Weight: 3},
		{Name: "c", Wallet: pay.WeChat, Weight: 6}, {Name: "spare", Wallet: pay.WeChat}}}
	first := map[string]int{}
	const n = 20_000
	for i := range n {
		q := ask(100)
		q.Payment = fmt.Sprint("pay_", i)
		whole := routing.Decide(q, table, calm)
		first[whole.Ready[0].Channel]++
		without := routing.Decide(q, table, func(name string) routing.State { return routing.State{Drained: name == "b"} })
		if whole.Ready[0].Channel != "b" && without.Ready[0].Channel != whole.Ready[0].Channel {
			t.Fatalf("%s went to %s, and without b to %s", q.Payment, whole.Ready[0].Channel, without.Ready[0].Channel)
		}
		if whole.Ready[3].Channel != "spare" {
			t.Fatalf("what has no share comes before others: %v", whole.Ready)
		}
	}
	for name, percent := range map[string]int{"a": 10, "b": 30, "c": 60} {
		if got := first[name] * 100 / n; got < percent-1 || got > percent+1 {
			t.Errorf("%s has %d %%, not %d", name, got, percent)
		}
	}
}
