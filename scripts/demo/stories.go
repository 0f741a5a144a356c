package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// stage is what the stories play on.
type stage struct {
	rig   *rig.Rig
	lab   *rig.Lab
	began time.Time

	mu    sync.Mutex
	tills []*rig.Till
}

// story is one till's part; they play at the same time, because some wait for a wallet.
type story struct {
	till string
	play func(ctx context.Context, s *stage, t *rig.Till) error
}

var stories = []story{
	{"till 1", everyWallet},
	{"till 2", declinedThenPassword},
	{"till 3", answerLost},
	{"till 4", networkCut},
	{"till 5", killed},
}

// tell plays all stories and compares the books.
func tell(ctx context.Context, r *rig.Rig) error {
	s := &stage{rig: r, began: time.Now()}
	var err error
	if s.lab, err = r.StartLab(ctx, r.Dir+"/hub"); err != nil {
		return err
	}
	s.say("hub", "ready at %s with pretended wallets at %s", s.lab.API, s.lab.Sandbox)
	failures := make(chan error, len(stories)+1)
	for _, st := range stories {
		t, err := r.Activate(ctx, s.lab, strings.ReplaceAll(st.till, " ", "-"))
		if err != nil {
			return err
		}
		s.tills = append(s.tills, t)
		go func() {
			err := t.PlugScanner(ctx)
			if err == nil {
				err = st.play(ctx, s, t)
			}
			failures <- prefix(st.till, err)
		}()
	}
	go func() { failures <- prefix("merchant", merchant(ctx, s)) }()
	var all []error
	for range len(stories) + 1 {
		all = append(all, <-failures)
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	return s.compare(ctx)
}

func prefix(who string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", who, err)
}

// say prints a line of a story.
func (s *stage) say(who, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("%5.1f s  %-9s %s\n", time.Since(s.began).Seconds(), who, fmt.Sprintf(format, args...))
}

// sell plays a sale to its end and checks how it ended.
func (s *stage) sell(ctx context.Context, t *rig.Till, amount int64, wallet pay.Wallet, fate string, want localapi.State) error {
	code, err := s.lab.Code(ctx, wallet, fate)
	if err != nil {
		return err
	}
	began := time.Now()
	sale, err := t.Sell(ctx, amount, code)
	if err != nil {
		return err
	}
	if sale.State != want {
		return fmt.Errorf("the sale ended %s (%s), not %s", sale.State, sale.Message, want)
	}
	s.say(who(t), "%s by %s: %s %s: %q", rig.Yuan(amount), wallet, ended(sale), after(began), sale.Message)
	return nil
}

func who(t *rig.Till) string { return strings.ReplaceAll(t.Name, "-", " ") }

func after(began time.Time) string { return fmt.Sprintf("after %.1f s", time.Since(began).Seconds()) }

func ended(sale localapi.Sale) string { return strings.ToUpper(string(sale.State)) }

// everyWallet: the everyday case.
func everyWallet(ctx context.Context, s *stage, t *rig.Till) error {
	if err := t.Open(ctx); err != nil {
		return err
	}
	s.say("till 1", "activated, connected, scanner plugged in")
	if err := s.sell(ctx, t, 1250, pay.WeChat, "00", localapi.StatePaid); err != nil {
		return err
	}
	if err := s.sell(ctx, t, 8800, pay.Alipay, "07", localapi.StatePaid); err != nil {
		return err
	}
	return s.sell(ctx, t, 5600, pay.UnionPay, "08", localapi.StatePaid)
}

// declinedThenPassword: a wallet without money, then one that asks its owner first.
func declinedThenPassword(ctx context.Context, s *stage, t *rig.Till) error {
	if err := t.Open(ctx); err != nil {
		return err
	}
	if err := s.sell(ctx, t, 99900, pay.WeChat, "50", localapi.StateDeclined); err != nil {
		return err
	}
	s.say("till 2", "next customer's wallet wants the password typed")
	return s.sell(ctx, t, 120000, pay.Alipay, "53", localapi.StatePaid)
}

// answerLost: the wallet charges, and its answer never arrives.
func answerLost(ctx context.Context, s *stage, t *rig.Till) error {
	if err := t.Open(ctx); err != nil {
		return err
	}
	s.say("till 3", "the wallet will charge this one and its answer will be lost")
	return s.sell(ctx, t, 4200, pay.WeChat, "60", localapi.StatePaid)
}

// networkCut: the line to the hub is cut when the sale is made, and mended while the code still lives.
func networkCut(ctx context.Context, s *stage, t *rig.Till) error {
	wire, err := rig.NewWire(s.lab.MQTTAddress())
	if err != nil {
		return err
	}
	defer wire.Close()
	if err := t.Through(wire.Address()); err != nil {
		return err
	}
	if err := t.Open(ctx); err != nil {
		return err
	}
	wire.Cut()
	if err := t.AwaitStatus(ctx, "the till notices the cut", func(st localapi.Status) bool { return st.Link == "down" }); err != nil {
		return err
	}
	code, err := s.lab.Code(ctx, pay.Alipay, "11")
	if err != nil {
		return err
	}
	sale, err := t.Client.NewSale(ctx, localapi.NewSale{Amount: 3600})
	if err != nil {
		return err
	}
	if err := t.Scan(code); err != nil {
		return err
	}
	sale, err = t.AwaitSale(ctx, sale.ID, "the sale is written down", func(x localapi.Sale) bool { return x.State != localapi.StateWaiting })
	if err != nil {
		return err
	}
	s.say("till 4", "network cut; 36.00 scanned meanwhile is %q: %q", sale.State, sale.Message)
	began := time.Now()
	wire.Heal()
	if sale, err = t.AwaitSale(ctx, sale.ID, "the sale is settled", rig.Settled); err != nil {
		return err
	}
	if sale.State != localapi.StatePaid {
		return fmt.Errorf("the sale ended %s (%s), not paid", sale.State, sale.Message)
	}
	s.say("till 4", "network healed: %s %s", ended(sale), after(began))
	return nil
}

// killed: the agent dies in the middle of a sale and goes on with it.
func killed(ctx context.Context, s *stage, t *rig.Till) error {
	if err := t.Open(ctx); err != nil {
		return err
	}
	code, err := s.lab.Code(ctx, pay.WeChat, "64")
	if err != nil {
		return err
	}
	sale, err := t.Client.NewSale(ctx, localapi.NewSale{Amount: 6600})
	if err != nil {
		return err
	}
	if err := t.Scan(code); err != nil {
		return err
	}
	asked := func(x localapi.Sale) bool {
		return x.State == localapi.StateAccepted || x.State == localapi.StatePassword
	}
	if sale, err = t.AwaitSale(ctx, sale.ID, "the hub has the sale", asked); err != nil {
		return err
	}
	t.Agent.Kill()
	s.say("till 5", "kill -9 of the agent while the wallet takes its time over 66.00")
	began := time.Now()
	if err := t.Restart(ctx); err != nil {
		return err
	}
	if sale, err = t.AwaitSale(ctx, sale.ID, "the sale is settled", rig.Settled); err != nil {
		return err
	}
	if sale.State != localapi.StatePaid {
		return fmt.Errorf("the sale ended %s (%s), not paid", sale.State, sale.Message)
	}
	s.say("till 5", "started again, same sale: %s %s, never charged twice", ended(sale), after(began))
	return nil
}

// merchant: a shop's own software at the hub's API; every answer's signature is checked.
func merchant(ctx context.Context, s *stage) error {
	code, err := s.lab.Code(ctx, pay.Alipay, "21")
	if err != nil {
		return err
	}
	p, err := s.lab.Pay(ctx, "web-1001", 15900, code, 10*time.Second)
	if err != nil {
		return err
	}
	if p.Outcome != pay.Paid {
		return fmt.Errorf("payment %s is %s, not paid", p.ID, p.Status)
	}
	again, err := s.lab.Pay(ctx, "web-1001", 15900, code, 10*time.Second)
	if err != nil {
		return err
	}
	if again.ID != p.ID {
		return fmt.Errorf("the same order gave two payments, %s and %s", p.ID, again.ID)
	}
	s.say("merchant", "POST /v1/payments of 159.00: PAID; asked twice, one payment, both answers signed by the hub")
	for range 2 {
		back, err := s.lab.Refund(ctx, p.ID, "web-1001-r1", 5900)
		if err != nil {
			return err
		}
		if back.Outcome != pay.Refunded {
			return fmt.Errorf("refund %s is %s", back.ID, back.Status)
		}
	}
	s.say("merchant", "POST /v1/payments/{id}/refunds of 59.00: REFUNDED; asked twice, given back once")
	return nil
}

// compare reads the three books, prints them and fails on any difference or leak.
func (s *stage) compare(ctx context.Context) error {
	books, err := rig.Read(ctx, s.lab, s.tills...)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe three books, each read from its own keeper:\n%s", books.Table())
	if want := len(stories) + 4; len(books.Hub) != want {
		return fmt.Errorf("the hub has %d payments, %d were made", len(books.Hub), want)
	}
	if differences := books.Audit(); len(differences) > 0 {
		return fmt.Errorf("the books differ:\n  %s", strings.Join(differences, "\n  "))
	}
	leaks, looked, err := s.rig.Leaks(ctx, s.lab, s.tills...)
	if err != nil {
		return err
	}
	if len(leaks) > 0 {
		return fmt.Errorf("secrets leaked:\n  %s", strings.Join(leaks, "\n  "))
	}
	fmt.Printf("\nNo difference. No payment code, key or secret in %d kB of logs, exports and metrics. %.0f s.\n",
		looked/1000, time.Since(s.began).Seconds())
	return nil
}
