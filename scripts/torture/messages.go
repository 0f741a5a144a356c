package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cloudcashier/scripts/internal/mqttproxy"
)

// guarded tells which tills have nobody in the middle: their TLS runs from end to end, by the shop's own certificate.
func guarded(n int) bool { return n%4 == 3 }

// interpose puts a stranger who holds the lab's keys between a till and the hub.
func (w *world) interpose(t *till, seed uint64) (err error) {
	t.post, err = mqttproxy.New(w.lab.MQTTAddress(), mqttproxy.Keys{Authority: w.lab.CA, Secret: filepath.Join(w.lab.Data, "keys", "ca.key"),
		Cert: filepath.Join(t.Data, "terminal.crt"), Key: filepath.Join(t.Data, "terminal.key")}, seed)
	return err
}

// harmMessages loses, doubles, delays, swaps and damages single messages of a till for a while. Those that are late
// stay late afterwards: they arrive when their code is long dead, or their connection.
func (s *supervisor) harmMessages(ctx context.Context) {
	t := s.anyTill()
	d := s.span(8 * time.Second)
	r := mqttproxy.Rates{Longest: 100 * time.Second}
	if s.brief {
		r.Longest = 20 * time.Second
	}
	for _, share := range []*int{&r.Lost, &r.Doubled, &r.Swapped, &r.Delayed, &r.Late, &r.Acks} {
		if n := s.dice.IntN(300); n < 150 { // half of them do not happen
			*share = n
		}
	}
	if s.dice.IntN(3) == 0 { // going up, each cuts the line
		r.Damaged = 5 + s.dice.IntN(30)
	}
	if t.post == nil || t.post.Busy() {
		return
	}
	s.w.diary.note("%s's messages for %s: %+v", t.name(), d.Round(time.Millisecond), r)
	s.count(func(c *counts) { c.spells++ })
	t.post.Disturb(r)
	s.tasks.Go(func() {
		rest(ctx, d)
		t.post.Disturb(mqttproxy.Rates{})
	})
}

// replay sends what was recorded of a till again while it works.
func (s *supervisor) replay(ctx context.Context) {
	t, most := s.anyTill(), 50+s.dice.IntN(200)
	if t.post == nil {
		return
	}
	s.w.diary.note("%s's last %d messages again", t.name(), most)
	s.count(func(c *counts) { c.replays++ })
	s.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		t.post.Replay(ctx, most)
	})
}

// echoTime is how long the last replay may take, and hush how long nothing must have passed for it to be over.
const (
	echoTime = 60 * time.Second
	hush     = 1500 * time.Millisecond
)

// echo replays everything that was recorded, both ways, when all is settled. It must change nothing.
func (w *world) echo(ctx context.Context) error {
	before, err := w.state(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, echoTime)
	defer cancel()
	w.diary.note("everything again")
	var all sync.WaitGroup
	for _, t := range w.tills {
		if t.post != nil {
			all.Go(func() {
				t.post.Replay(ctx, 1<<20)
				for t.post.Quiet() < hush && rest(ctx, 50*time.Millisecond) {
				}
			})
		}
	}
	all.Wait()
	if ctx.Err() != nil {
		w.defect(fmt.Sprintf("a replay of everything is not over after %s", echoTime))
		return nil
	}
	after, err := w.state(ctx)
	if err != nil {
		return err
	}
	for _, line := range before {
		if _, ok := slices.BinarySearch(after, line); !ok {
			w.defect("a replay of everything changed " + line)
		}
	}
	for _, line := range after {
		if _, ok := slices.BinarySearch(before, line); !ok {
			w.defect("a replay of everything brought " + line)
		}
	}
	return nil
}

// state is what the books say about money, one line for each fact, sorted. Reversals are left out: the hub looks at
// undone attempts again for a minute, and none of it is the replay's doing.
func (w *world) state(ctx context.Context) (all []string, err error) {
	payments, err := read[payment](ctx, w.rig, "cashier-hub", "export", "payments", "--data", w.lab.Data)
	if err != nil {
		return nil, err
	}
	for _, p := range payments {
		all = append(all, fmt.Sprintf("payment %s of %q: %s over %d is %s", p.ID, p.Terminal, p.OrderNo, p.Amount, p.Status.Outcome()))
	}
	attempts, err := read[attempt](ctx, w.rig, "cashier-hub", "export", "attempts", "--data", w.lab.Data)
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		all = append(all, fmt.Sprintf("attempt %s of %s as %s", a.ID, a.Payment, a.OutTradeNo))
	}
	ledger, err := w.lab.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range ledger {
		if l.Kind != "reversal" {
			all = append(all, fmt.Sprintf("%s of %d by %s under %s at %s", l.Kind, l.Amount, l.Wallet, l.OutTradeNo, l.At))
		}
	}
	for _, t := range w.tills {
		sales, err := read[sold](ctx, w.rig, "cashier-agent", "journal", "export", "--data", t.Data)
		if err != nil {
			return nil, err
		}
		for _, s := range sales {
			if s.Type == "sale" {
				all = append(all, fmt.Sprintf("%s's sale %s: %s over %d is %s", t.name(), s.ID, s.OrderNo, s.Amount, s.State))
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// posts adds up what was done to messages.
func (w *world) posts() (sum mqttproxy.Counts) {
	for _, t := range w.tills {
		if t.post == nil {
			continue
		}
		c := t.post.Counts()
		for way := range c.Passed {
			sum.Passed[way] += c.Passed[way]
			sum.Replayed[way] += c.Replayed[way]
		}
		sum.Lost, sum.Doubled, sum.Swapped, sum.Delayed = sum.Lost+c.Lost, sum.Doubled+c.Doubled, sum.Swapped+c.Swapped, sum.Delayed+c.Delayed
		sum.Late, sum.Damaged, sum.Acks, sum.Across = sum.Late+c.Late, sum.Damaged+c.Damaged, sum.Acks+c.Acks, sum.Across+c.Across
		sum.Strange = append(sum.Strange, c.Strange...)
	}
	return sum
}

// enoughDamage is how many damaged messages must have been noticed: one or two may have died with their connection, or
// say the same with a bit changed.
const enoughDamage = 10

// noticed checks that what the protocol must notice was: damaged messages and copied tills.
func (w *world) noticed(c mqttproxy.Counts) (raised int, missed []string) {
	for _, s := range c.Strange {
		missed = append(missed, "a packet that nobody should send: "+s)
	}
	refusals := 0
	var alarms strings.Builder
	for _, path := range w.logs() {
		text := readLog(path)
		refusals += strings.Count(text, "a terminal did what it may not") + strings.Count(text, "a message that is not the hub's was ignored")
		for line := range strings.Lines(text) {
			if strings.Contains(line, "ALARM") {
				alarms.WriteString(line)
				raised++
			}
		}
	}
	if c.Damaged >= enoughDamage && refusals == 0 {
		missed = append(missed, fmt.Sprintf("%d messages were damaged, and nobody refused one", c.Damaged))
	}
	for _, t := range w.copies() {
		if w.linked(t) && !strings.Contains(alarms.String(), t.of.terminal) {
			missed = append(missed, fmt.Sprintf("%s worked beside %s (%s), and nothing raised an alarm", t.name(), t.of.name(), t.of.terminal))
		}
	}
	return raised, missed
}
