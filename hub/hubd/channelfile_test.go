package hubd

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/routing"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

const goodFile = `choose: weight
channels:
- name: stored-a
  wallet: storedvalue
  weight: 3
  fee_ppm: 6000
  maintenance:
  - {days: [sun], from: "23:00", to: "01:30"}
  breaker: {failures: 3, open_for: 20s}
  pace: {call_timeout: 3s}
- name: stored-b
  wallet: storedvalue
  merchant: mer_9
rules:
- name: big
  wallet: storedvalue
  from: 100
  use: [stored-b, stored-a]
  weights: {stored-a: 0}
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "channels.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAChannelFile means what it says, and says it again when it is written.
func TestAChannelFile(t *testing.T) {
	f, err := LoadChannelFile(write(t, goodFile))
	if err != nil {
		t.Fatal(err)
	}
	table := f.table(7)
	want := routing.Table{Version: 7, Choose: routing.ByWeight, Channels: []routing.Channel{
		{Name: "stored-a", Wallet: pay.StoredValue, Weight: 3, Fee: 6000, Closed: []routing.Window{{Days: []time.Weekday{time.Sunday}, From: 23 * time.Hour, To: 90 * time.Minute}}},
		{Name: "stored-b", Wallet: pay.StoredValue, Merchant: "mer_9", Weight: 1}},
		Rules: []routing.Rule{{Name: "big", Wallet: pay.StoredValue, From: money.Fen(100), To: money.Fen(0), Use: []string{"stored-b", "stored-a"}, Weights: map[string]int{"stored-a": 0}}}}
	if !reflect.DeepEqual(table, want) {
		t.Errorf("%+v, want %+v", table, want)
	}
	if l := f.Channels[0].Route.limits().With(routing.Usual); l.Failures != 3 || l.OpenFor != 20*time.Second || l.Percent != routing.Usual.Percent {
		t.Errorf("%+v", l)
	}
	if p := f.Channels[0].Route.pace(); p.CallTimeout != 3*time.Second || p.GiveUp != 0 || p.Travel != 0 {
		t.Errorf("%+v", p)
	}
}

// TestFaultsOfAChannelFile are told with their lines, all at once.
func TestFaultsOfAChannelFile(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"weight: 3", "weight: -1", ":5: channels[0].weight"},
		{"weight: 3", "wieght: 3", "wieght"},
		{"fee_ppm: 6000", "fee_ppm: 6000000", ":6: channels[0].fee_ppm"},
		{"sun", "sunday", ":8: channels[0].maintenance[0].days"},
		{`"23:00"`, `"25:00"`, ":8: channels[0].maintenance[0]"},
		{"failures: 3", "percent: 101", ":9: channels[0].breaker"},
		{"call_timeout: 3s", "call_timeout: 3h", ":10: channels[0].pace"},
		{"name: stored-b", "name: stored-a", ":11: channels[1].name"},
		{"name: stored-b", "name: ../x", "channels[1].name"},
		{"merchant: mer_9", "url: http://x", "channels[1].url"},
		{"choose: weight", "choose: luck", ":1: choose"},
		{"from: 100", "from: -1", ":17: rules[0].from"},
		{"use: [stored-b, stored-a]", "use: [nobody]", ":18: rules[0].use"},
		{"stored-a: 0", "stored-a: -3", ":19: rules[0].weights"},
		{"name: big", "name: \"\"", ":15: rules[0].name"},
	} {
		if strings.Count(goodFile, c.old) != 1 && c.old != "stored-a: 0" {
			t.Fatalf("%q stands there %d times", c.old, strings.Count(goodFile, c.old))
		}
		_, err := LoadChannelFile(write(t, strings.Replace(goodFile, c.old, c.new, 1)))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", c.new, err, c.want)
		}
	}
}

// TestApplyBesideARunningHub: one place of truth, taken over without a restart; every change an event; what is under way keeps its channel.
func TestApplyBesideARunningHub(t *testing.T) {
	h, dir := openHub(t, "")
	runHub(t, h)
	serves(t, h)
	cfg, d := Config{Data: dir}, Deps{Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)}
	await := func(what string, is func(ChannelList) bool) {
		t.Helper()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for until := time.Now().Add(20 * time.Second); ; <-tick.C {
			l, err := Channels(t.Context(), cfg, d)
			if err == nil && l.Running && is(l) {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%s: %+v, %v", what, l, err)
			}
		}
	}
	file := write(t, goodFile)
	if a, err := ApplyChannels(cfg, d, file, "lin", true); err != nil || a.Version != 1 || len(a.Added) != 2 {
		t.Errorf("a dry run: %+v, %v", a, err)
	}
	if l, err := Channels(t.Context(), cfg, d); err != nil || l.Version != 0 || len(l.Channels) != 0 {
		t.Errorf("after a dry run: %+v, %v", l, err)
	}
	if a, err := ApplyChannels(cfg, d, file, "lin", false); err != nil || a.Version != 1 || a.Rules != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	await("the hub has both channels", func(l ChannelList) bool { return l.Version == 1 && len(l.Channels) == 2 && l.Channels[1].State != nil })
	if changed, err := DrainChannel(cfg, d, "stored-a", "lin", "slow", true); err != nil || !changed {
		t.Errorf("%v, %v", changed, err)
	}
	if _, err := DrainChannel(cfg, d, "nobody", "lin", "", true); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a stranger is drained: %v", err)
	}
	await("the hub keeps payments away", func(l ChannelList) bool {
		return l.Channels[0].Drained && h.engine.ChannelStates()[0].Drained
	})
	if err := h.store.Update(func(tx *store.Tx) error { return insertUnderWay(tx, "stored-b") }); err != nil {
		t.Fatal(err)
	}
	less := write(t, "channels:\n- {name: stored-a, wallet: storedvalue}\n")
	if _, err := ApplyChannels(cfg, d, less, "lin", false); fault.CodeOf(err) != "channel.under_way" {
		t.Errorf("a channel with payments under way was taken away: %v", err)
	}
	if x, err := ExplainThought(t.Context(), cfg, d, Thought{Merchant: "mer_9", Wallet: pay.StoredValue, Amount: 500}); err != nil || len(x.Ready) != 1 || x.Ready[0].Channel != "stored-b" || x.Rule != "big" {
		t.Errorf("%+v, %v", x, err)
	}
	var kinds string
	if err := h.store.View(func(tx *store.Tx) error {
		return tx.QueryRow("SELECT group_concat(kind || ' by ' || cause, ', ') FROM event WHERE entity LIKE 'channel%'").Scan(&kinds)
	}); err != nil || kinds != "channels.applied by lin, channel.drained by lin" {
		t.Errorf("the log says %q, %v", kinds, err)
	}
}

func insertUnderWay(tx *store.Tx, channel string) error {
	at := time.Now()
	p := payment.Payment{ID: "pay_1", Merchant: "mer_9", Source: payment.FromAPI, Key: "k", OrderNo: "o", Amount: money.Fen(100), Wallet: pay.StoredValue, Status: pay.StatusPending, Created: at,
		Attempt: payment.Attempt{ID: "att_1", Channel: channel, OutTradeNo: "T00000001", Status: pay.StatusPending, Sent: at, Stamp: at}}
	if _, err := tx.InsertPayment(p); err != nil {
		return err
	}
	return tx.PutWork(store.Work{Entity: p.ID, Task: payment.TaskAsk, Due: at.Add(time.Hour)})
}
