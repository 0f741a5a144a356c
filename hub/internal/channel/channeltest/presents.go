package channeltest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// shown is one order whose code is on a till's screen.
type shown struct {
	attempt
	x     Subject
	way   channel.Presenter
	qr    string
	fault string // the line's fault that each kind of call meets once; empty: none
}

// presents plays the customers of a wallet that shows codes: what one may do, and then all of it with each
// fault of the line at each call.
func presents(t *testing.T, x Subject, box *Sandbox, c channel.Channel) {
	way, ok := c.(channel.Presenter)
	if !ok {
		t.Fatal("the connector presents no codes")
	}
	r := way.PresentRules()
	if r.GiveUp < time.Minute || r.Travel <= r.GiveUp || r.ReverseEvery <= 0 || r.QueryEvery <= 0 || r.CallTimeout <= 0 || r.UndoWindow <= r.Travel {
		t.Errorf("the rules for shown codes leave no proof: %+v", r)
	}
	n := 0
	play := func(name, fault string, do func(*shown)) {
		n++
		number := fmt.Sprintf("01JSHOWN%018d", n)
		t.Run("shown: "+name, func(t *testing.T) {
			s := &shown{x: x, way: way, fault: fault, attempt: attempt{T: t, box: box, c: c}}
			s.order = channel.Order{OutTradeNo: number, SentAt: box.Now(), Amount: money.Fen(int64(700 + n)), Subject: "tea & 茶",
				Store: "sto_1", Terminal: "trm_1", Expires: box.Now().Add(r.GiveUp)}
			s.ref = channel.Ref{OutTradeNo: number, Amount: s.order.Amount, SentAt: s.order.SentAt, Shown: true}
			do(s)
		})
	}
	for _, p := range stories() {
		play(p.name, "", p.do)
	}
	for _, fault := range []string{"lost_before", "lost_after", "error_5xx", "garbled"} {
		for _, fate := range []string{"00", "50", "53", "54", "55", "70", "71", "72", "none"} {
			play(fate+" with "+fault, fault, func(s *shown) { s.through(fate) })
		}
	}
}

// met sets the fault for one call, or none.
func (s *shown) met(call func() channel.Answer) channel.Answer {
	s.Helper()
	if s.fault == "" {
		return call()
	}
	s.line(`{"` + s.fault + `":1}`)
	a := call()
	s.line(`{}`)
	// Over a faulty line the call may have been carried out, but nothing is learnt.
	if a.Finding != channel.Unknown || a.QR != "" || a.Err == nil {
		s.Fatalf("%s: found %q, %q (%v), want unknown with its cause", s.fault, a.Finding, a.QR, a.Err)
	}
	return call()
}

// line sets the line's fault rates.
func (s *shown) line(rates string) {
	s.Helper()
	var out any
	s.box.post(s.T, "/sandbox/faults", map[string]any{"seed": len(s.Name()), "rates": json.RawMessage(rates)}, &out)
}

// show asks for the code, and again: it must be the same order's.
func (s *shown) show() {
	s.Helper()
	present := func() channel.Answer { return s.way.Present(s.Context(), s.order) }
	a := s.met(present)
	if a.Finding != channel.Pending || !a.Working || a.QR == "" || a.Err != nil {
		s.Fatalf("present found %q, working %t, %q (%v), want a code to show", a.Finding, a.Working, a.QR, a.Err)
	}
	s.qr = a.QR
	if again := present(); again.Finding != channel.Pending || again.QR == "" {
		s.Fatalf("present again found %q (%v)", again.Finding, again.Err)
	}
	s.ask(s.x.Unscanned)
	s.booked()
}

// scan has a customer scan the code and gives what he sees.
func (s *shown) scan(fate string) string {
	s.Helper()
	var got struct{ Seen string }
	s.box.post(s.T, "/sandbox/pay", map[string]string{"qr": s.qr, "scenario": fate}, &got)
	return got.Seen
}

func (s *shown) ask(want channel.Finding) channel.Answer {
	s.Helper()
	return s.found("query", s.c.Query(s.Context(), s.ref), want)
}

// found is [attempt.want] without a payment code.
func (s *shown) found(call string, got channel.Answer, want channel.Finding) channel.Answer {
	s.Helper()
	if got.Finding != want {
		s.Fatalf("%s found %q (%+v, %v), want %q", call, got.Finding, got.Decline, got.Err, want)
	}
	if got.Finding == channel.Approved {
		if got.WalletRef == "" || got.PaidAt.Sub(s.box.Now()).Abs() > time.Hour || got.Err != nil {
			s.Errorf("%s: approved as %q at %s (%v)", call, got.WalletRef, got.PaidAt, got.Err)
		}
		s.ref.WalletRef = got.WalletRef
	}
	return got
}

// end undoes the order as the hub does: it asks to undo and then how it stands, in turns, until the wallet proves it.
func (s *shown) end() {
	s.Helper()
	a := s.met(func() channel.Answer { return s.c.Reverse(s.Context(), s.ref) })
	for range 12 {
		if a.Finding == channel.Reversed {
			return
		}
		s.box.Wait(s.way.PresentRules().ReverseEvery)
		if a = s.c.Query(s.Context(), s.ref); a.Finding != channel.Reversed {
			a = s.c.Reverse(s.Context(), s.ref)
		}
	}
	s.Fatalf("not undone, at last %q (%v)", a.Finding, a.Err)
}

// even wants that the customer is out of nothing, and that nothing went back twice.
func (s *shown) even() {
	s.Helper()
	net := int64(0)
	for _, l := range s.box.Ledger(s.T, s.order.OutTradeNo) {
		if l.Kind == "charge" {
			net += l.Amount
		} else {
			net -= l.Amount
		}
	}
	if net != 0 {
		s.Errorf("the customer is out of %d fen", net)
	}
}

// grow lets the code become too old to be paid.
func (s *shown) grow() {
	s.box.Wait(s.order.Expires.Sub(s.box.Now()) + time.Second)
}

// through is a whole life over a faulty line that ends with the order undone.
func (s *shown) through(fate string) {
	s.show()
	if fate != "none" {
		s.scan(fate)
	} else if s.x.Wallet == pay.Alipay {
		s.grow() // nobody scanned: there is nothing to cancel, and the code must grow old
	}
	s.met(func() channel.Answer { return s.c.Query(s.Context(), s.ref) })
	s.box.Wait(6 * time.Second)
	if fate == "none" && s.x.Wallet == pay.Alipay {
		s.found("reverse", s.met(func() channel.Answer { return s.c.Reverse(s.Context(), s.ref) }), channel.Absent)
		s.ask(channel.Absent)
	} else {
		s.end()
		s.box.Wait(10 * time.Second) // fate 71 books its charge
		if s.c.Query(s.Context(), s.ref).Finding == channel.Approved {
			s.end()
		}
		s.ask(channel.Reversed)
	}
	s.even()
	if seen := s.scan("00"); seen == "charged" {
		s.Errorf("a customer paid an order that was undone")
	}
	s.even()
}

type story struct {
	name string
	do   func(*shown)
}

// stories are a customer's, over a good line.
func stories() []story { return append(paying(), ending()...) }

func paying() []story {
	return []story{
		{"paid", func(s *shown) {
			s.show()
			if seen := s.scan("00"); seen != "charged" {
				s.Fatalf("the customer sees %q", seen)
			}
			s.ask(channel.Approved)
			s.found("present again", s.way.Present(s.Context(), s.order), channel.Unknown) // neither a decline nor a second order
			if seen := s.scan("00"); seen != "paid_before" {
				s.Errorf("a second customer sees %q", seen)
			}
			s.booked("charge")
		}},
		{"balance too low, the next card pays", func(s *shown) {
			s.show()
			s.scan("50")
			if a := s.c.Query(s.Context(), s.ref); a.Finding == channel.Approved || a.Finding == channel.Declined {
				s.Fatalf("a customer without money ends the order: %q", a.Finding)
			}
			s.scan("00")
			s.ask(channel.Approved)
			s.booked("charge")
		}},
		{"password, then paid", func(s *shown) {
			s.show()
			s.scan("53")
			if a := s.ask(channel.Pending); a.Working {
				s.Error("nobody is told that the customer types his password")
			}
			s.booked()
			s.box.Wait(6 * time.Second)
			s.ask(channel.Approved)
			s.booked("charge")
		}},
		{"password, refused, the next customer pays", func(s *shown) {
			s.show()
			s.scan("54")
			s.box.Wait(6 * time.Second)
			s.ask(channel.Pending)
			s.scan("00")
			s.ask(channel.Approved)
			s.booked("charge")
		}},
		{"another order's parameters", func(s *shown) {
			s.show()
			other := s.order
			other.Amount = money.Fen(s.order.Amount.Fen() + 1)
			s.found("present another amount", s.way.Present(s.Context(), other), channel.Unknown)
			s.scan("00")
			s.ask(channel.Approved)
			s.booked("charge")
		}},
	}
}

func ending() []story {
	return []story{
		{"paid and undone, again and again", func(s *shown) {
			s.show()
			s.scan("00")
			for range 3 {
				s.end()
				s.ask(channel.Reversed)
				s.even()
			}
			if n := len(s.box.Ledger(s.T, s.order.OutTradeNo)); n != 2 {
				s.Errorf("%d movements, want a charge and its way back", n)
			}
		}},
		{"grown old", func(s *shown) {
			s.show()
			s.grow()
			if seen := s.scan("00"); seen == "charged" {
				s.Errorf("an old code was paid")
			}
			want := channel.Reversed
			if s.x.Unscanned == channel.Absent {
				want = channel.Absent
			}
			s.ask(want)
			s.booked()
		}},
		{"given up before anybody scanned", unscanned},
		{"the refund fails", func(s *shown) {
			s.show()
			s.scan("73")
			for range 4 {
				a := s.c.Reverse(s.Context(), s.ref)
				s.box.Wait(4 * time.Second)
				if net := len(s.box.Ledger(s.T, s.order.OutTradeNo)); (a.Finding == channel.Reversed) != (net == 2) {
					s.Fatalf("undoing found %q (%v), with %d movements", a.Finding, a.Err, net)
				}
			}
		}},
	}
}

// unscanned: what is said of a code nobody scanned must hold against the customer who does so now.
func unscanned(s *shown) {
	s.show()
	a := s.c.Reverse(s.Context(), s.ref)
	if s.c.Query(s.Context(), s.ref).Finding == channel.Reversed {
		if seen := s.scan("00"); seen == "charged" {
			s.Errorf("a customer paid an order that was undone")
		}
		s.booked()
		return
	}
	s.found("reverse", a, channel.Absent) // no proof: the code can still be scanned
	if seen := s.scan("00"); seen != "charged" {
		s.Fatalf("the customer sees %q", seen)
	}
	s.ask(channel.Approved)
	s.end()
	s.even()
}
