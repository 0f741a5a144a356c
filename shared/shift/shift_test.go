package shift_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/shift"
	"cloudcashier/shared/wire"
)

// story is a random history of a till, told twice: as its log, which the law reads, and as a list of what happened in
// which shift, which the test sums up by itself.
type story struct {
	*rapid.T
	log   []shift.Entry
	now   int64 // the shift it is
	sales []*sold
	backs []*back
	moves []moved
	float map[int64]int64
	spoke map[int64]bool // something happened in it
	ends  []localapi.Shift
	tally *shift.Tally
}

type sold struct {
	id             string
	tender         localapi.Tender
	wallet         pay.Wallet
	amount, left   int64
	state          localapi.State
	began, settled int64
}

type back struct {
	id             string
	of             *sold
	amount         int64
	state          localapi.RefundState
	began, settled int64
}

type moved struct {
	kind          localapi.MovementKind
	amount, shift int64
}

var start = time.UnixMilli(1_700_000_000_000).UTC()

func (s *story) add(sale, kind string, w pay.Wallet, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	seq := int64(len(s.log) + 1)
	e := shift.Entry{Seq: seq, Sale: sale, Kind: kind, Body: data, At: start.Add(time.Duration(seq) * time.Second), Hash: []byte{byte(seq), byte(seq >> 8)}, Wallet: w}
	s.log = append(s.log, e)
	if err := s.tally.Add(e); err != nil {
		s.Fatal(err)
	}
}

func (s *story) sale(x *sold, kind string, from localapi.State) {
	s.add(x.id, kind, x.wallet, map[string]any{"from": from, "state": x.state, "outcome": x.state.Outcome(), "tender": x.tender, "amount": x.amount, "wallet": x.wallet, "order_no": x.id})
	if x.state.Final() {
		x.settled = s.now
	}
	if x.state == localapi.StatePaid {
		s.spoke[s.now], x.left = true, x.amount
	}
}

func (s *story) refund(x *back, kind string, from localapi.RefundState) {
	s.add(x.of.id, "refund."+kind, x.of.wallet, map[string]any{"refund": x.id, "from": from, "state": x.state, "outcome": x.state.Outcome(), "tender": x.of.tender, "amount": x.amount})
	if x.state.Final() {
		x.settled = s.now
	}
	if x.state == localapi.RefundSucceeded {
		s.spoke[s.now] = true
	}
}

func pick[V any](s *story, list []V) V { return list[rapid.IntRange(0, len(list)-1).Draw(s.T, "one")] }

// openSales and the like are what the next step may be about.
func (s *story) openSales() (list []*sold) {
	for _, x := range s.sales {
		if !x.state.Final() {
			list = append(list, x)
		}
	}
	return list
}

func (s *story) returnable() (list []*sold) {
	for _, x := range s.sales {
		if x.left > 0 {
			list = append(list, x)
		}
	}
	return list
}

func (s *story) openBacks() (list []*back) {
	for _, x := range s.backs {
		if !x.state.Final() {
			list = append(list, x)
		}
	}
	return list
}

func (s *story) step() {
	amount := rapid.Int64Range(1, 99999).Draw(s.T, "amount")
	switch rapid.IntRange(0, 9).Draw(s.T, "step") {
	case 0:
		x := &sold{id: fmt.Sprintf("sale_%04d", len(s.sales)), tender: pick(s, []localapi.Tender{localapi.TenderCash, localapi.TenderOther}), amount: amount,
			state: localapi.StatePaid, began: s.now}
		s.sales = append(s.sales, x)
		s.sale(x, "new", "")
	case 1, 2:
		x := &sold{id: fmt.Sprintf("sale_%04d", len(s.sales)), tender: localapi.TenderWallet, wallet: pick(s, []pay.Wallet{pay.WeChat, pay.Alipay, pay.StoredValue}),
			amount: amount, state: pick(s, []localapi.State{localapi.StateWaiting, localapi.StateSending, localapi.StateDeferred}), began: s.now}
		s.sales = append(s.sales, x)
		s.sale(x, "new", "")
	case 3, 4:
		if list := s.openSales(); len(list) > 0 {
			x := pick(s, list)
			from := x.state
			x.state = pick(s, []localapi.State{localapi.StateUnknown, localapi.StatePassword, localapi.StatePaid, localapi.StatePaid, localapi.StateDeclined, localapi.StateReversed})
			s.sale(x, "news", from)
		}
	case 5:
		if list := s.returnable(); len(list) > 0 {
			of := pick(s, list)
			x := &back{id: fmt.Sprintf("ref_%04d", len(s.backs)), of: of, amount: min(of.left, amount), state: localapi.RefundQueued, began: s.now}
			if of.tender != localapi.TenderWallet {
				x.state = localapi.RefundSucceeded
			}
			of.left -= x.amount
			s.backs = append(s.backs, x)
			s.refund(x, "new", "")
		}
	case 6:
		if list := s.openBacks(); len(list) > 0 {
			x := pick(s, list)
			from := x.state
			x.state = pick(s, []localapi.RefundState{localapi.RefundPending, localapi.RefundSucceeded, localapi.RefundFailed})
			s.refund(x, "news", from)
		}
	case 7:
		s.cash(amount)
	case 8:
		s.noise()
	case 9:
		s.end(amount)
	}
}

// cash moves without a sale, or is the float of a shift in which nothing has happened.
func (s *story) cash(amount int64) {
	if !s.spoke[s.now] && rapid.Bool().Draw(s.T, "opens") {
		s.float[s.now] = amount
		s.add("", shift.Opened, "", shift.Opening{Shift: s.now, Float: amount, Operator: "op"})
	} else {
		m := moved{pick(s, []localapi.MovementKind{localapi.CashIn, localapi.CashOut, localapi.CashDrop}), amount, s.now}
		s.moves = append(s.moves, m)
		s.add("", shift.KindOf(m.kind), "", shift.Movement{Shift: s.now, Amount: amount})
	}
	s.spoke[s.now] = true
}

// noise are events that move nothing, though their words may sound so.
func (s *story) noise() {
	switch {
	case len(s.sales) == 0 || rapid.Bool().Draw(s.T, "of no sale"):
		s.add("", "unusable", "", map[string]any{"body": "x", "seq": 4})
	default:
		x := pick(s, s.sales)
		s.add(x.id, pick(s, []string{"contradiction", "refund.contradiction"}), x.wallet, map[string]any{"state": "paid", "refund": "ref_x", "amount": 5, "tender": "cash"})
		s.add(x.id, "receipt.doubt", x.wallet, map[string]any{"slip": 3, "state": "doubt"})
	}
}

func (s *story) end(counted int64) {
	z := s.tally.Close(shift.Closing{At: start, Counted: counted})
	s.check(z, counted)
	s.add("", shift.Ended, "", shift.Brief(z))
	s.ends = append(s.ends, z)
	s.now++
	if rapid.Bool().Draw(s.T, "restart") { // what is taken up from the report alone is the same
		s.tally = shift.After(z, int64(len(s.log)))
	}
}

// check sums the shift up from what happened.
func (s *story) check(z localapi.Shift, counted int64) {
	want := map[string]*localapi.ShiftTender{}
	of := func(x *sold) *localapi.ShiftTender {
		k := string(x.tender) + string(x.wallet)
		if want[k] == nil {
			want[k] = &localapi.ShiftTender{Tender: x.tender, Wallet: x.wallet}
		}
		return want[k]
	}
	drawer := s.float[s.now]
	var pending, carried []string
	note := func(id, state string, began, settled int64, final bool) {
		switch {
		case !final:
			pending = append(pending, fmt.Sprint(id, state, began))
		case settled == s.now && began < s.now:
			carried = append(carried, fmt.Sprint(id, state, began))
		}
	}
	for _, x := range s.sales {
		note(x.id, string(x.state), x.began, x.settled, x.state.Final())
		if x.state == localapi.StatePaid && x.settled == s.now {
			one := of(x)
			one.Count, one.Gross, one.Net = one.Count+1, one.Gross+x.amount, one.Net+x.amount
			if x.tender == localapi.TenderCash {
				drawer += x.amount
			}
		}
	}
	for _, x := range s.backs {
		note(x.id, string(x.state), x.began, x.settled, x.state.Final())
		if x.state == localapi.RefundSucceeded && x.settled == s.now {
			one := of(x.of)
			one.Refunds, one.Refunded, one.Net = one.Refunds+1, one.Refunded+x.amount, one.Net-x.amount
			if x.of.tender == localapi.TenderCash {
				drawer -= x.amount
			}
		}
	}
	for _, m := range s.moves {
		if m.shift == s.now {
			drawer += map[localapi.MovementKind]int64{localapi.CashIn: m.amount, localapi.CashOut: -m.amount, localapi.CashDrop: -m.amount}[m.kind]
		}
	}
	for _, got := range z.Tenders {
		k := string(got.Tender) + string(got.Wallet)
		if want[k] == nil || *want[k] != got {
			s.Fatalf("shift %d: %+v, want %+v", s.now, got, want[k])
		}
		delete(want, k)
	}
	if len(want) > 0 || z.Number != s.now || *z.Expected != drawer || *z.Difference != counted-drawer || z.Float != s.float[s.now] {
		s.Fatalf("shift %d: %+v; left out %v, drawer %d", s.now, z, want, drawer)
	}
	if got := named(z.Pending); !same(got, pending) {
		s.Fatalf("shift %d carries over %v, want %v", s.now, got, pending)
	}
	if got := named(z.Carried); !same(got, carried) {
		s.Fatalf("shift %d settled %v, want %v", s.now, got, carried)
	}
	if z.LastEvent != int64(len(s.log)) || z.FirstEvent != s.from()+1 || z.LastSale != int64(len(s.sales)) {
		s.Fatalf("shift %d: events %d to %d, last sale %d", s.now, z.FirstEvent, z.LastEvent, z.LastSale)
	}
}

func (s *story) from() int64 {
	if len(s.ends) == 0 {
		return 0
	}
	return s.ends[len(s.ends)-1].LastEvent + 1
}

func named(list []localapi.ShiftLine) (names []string) {
	for _, l := range list {
		names = append(names, fmt.Sprint(l.ID, l.State, l.Shift))
	}
	return names
}

func same(a, b []string) bool {
	count := map[string]int{}
	for _, x := range a {
		count[x]++
	}
	for _, x := range b {
		count[x]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// TestEveryShiftIsWhatHappenedInIt: over random histories each report equals sums made by hand, nothing is in two
// shifts or in none, and who reads the log alone finds the same reports.
func TestEveryShiftIsWhatHappenedInIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &story{T: t, now: 1, float: map[int64]int64{}, spoke: map[int64]bool{}, tally: &shift.Tally{}}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			s.step()
		}
		s.end(0)
		var all int64
		for _, z := range s.ends {
			for _, one := range z.Tenders {
				all += one.Net
			}
		}
		for _, x := range s.sales {
			if x.state == localapi.StatePaid {
				all -= x.amount
			}
		}
		for _, x := range s.backs {
			if x.state == localapi.RefundSucceeded {
				all += x.amount
			}
		}
		if all != 0 {
			t.Fatalf("the shifts together differ from the log by %d", all)
		}
		again := &shift.Tally{}
		for _, e := range s.log {
			if e.Kind == shift.Ended {
				z := s.ends[again.Number()-1]
				got := again.Close(shift.Closing{At: *z.ClosedAt, Counted: *z.Counted})
				if !reflect.DeepEqual(got, z) {
					t.Fatalf("read again shift %d is\n%+v, was\n%+v", z.Number, got, z)
				}
			}
			if err := again.Add(e); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestBlind: who has not counted yet cannot work out what should be there.
func TestBlind(t *testing.T) {
	tally := &shift.Tally{}
	for i, e := range []shift.Entry{
		{Kind: shift.Opened, Body: []byte(`{"shift":1,"float":10000}`)},
		{Kind: "new", Sale: "sale_1", Body: []byte(`{"state":"paid","outcome":"paid","tender":"cash","amount":777}`)},
		{Kind: "new", Sale: "sale_2", Body: []byte(`{"state":"paid","outcome":"paid","tender":"other","amount":888}`)},
	} {
		e.Seq, e.At = int64(i+1), start
		if err := tally.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	open := tally.Report()
	blind, err := json.Marshal(shift.Blind(open))
	if err != nil || *open.Expected != 10777 || len(open.Tenders) != 2 {
		t.Fatalf("%+v, %v", open, err)
	}
	if strings.Contains(string(blind), "777") || !strings.Contains(string(blind), "888") || !strings.Contains(string(blind), `"blind":true`) {
		t.Errorf("%s", blind)
	}
}

// TestALongReportFitsItsEvent: with any number of lines, and the counts stay.
func TestALongReportFitsItsEvent(t *testing.T) {
	tally := &shift.Tally{}
	body := fmt.Sprintf(`{"state":"unknown","outcome":"unknown","tender":"wallet","amount":9999999999,"order_no":%q}`, strings.Repeat("<", 64))
	for i := range 2000 {
		if err := tally.Add(shift.Entry{Seq: int64(i + 1), Sale: fmt.Sprintf("sale_%059d", i), Kind: "new", Body: []byte(body), At: start}); err != nil {
			t.Fatal(err)
		}
	}
	z := tally.Close(shift.Closing{At: start, Note: strings.Repeat("<", 80), Operator: strings.Repeat("o", 64)})
	next := shift.After(z, 2001)
	for i := range 2000 {
		if err := next.Add(shift.Entry{Seq: int64(2002 + i), Sale: fmt.Sprintf("sale_%059d", i), Kind: "declined",
			Body: []byte(strings.ReplaceAll(body, "unknown", "declined")), At: start}); err != nil {
			t.Fatal(err)
		}
	}
	for _, z := range []localapi.Shift{z, next.Close(shift.Closing{At: start})} {
		data, err := json.Marshal(shift.Brief(z))
		if err != nil || len(data) > wire.MaxRecordBody {
			t.Errorf("%d bytes, %v", len(data), err)
		}
		if brief := shift.Brief(z); brief.PendingCount+brief.CarriedCount != 2000 || len(z.Pending)+len(z.Carried) != 2000 {
			t.Errorf("%d and %d of 2000", brief.PendingCount, brief.CarriedCount)
		}
	}
}

// TestALogWithHoles: what cannot be read is no report.
func TestALogWithHoles(t *testing.T) {
	for _, e := range []shift.Entry{
		{Seq: 2, Kind: "new", Sale: "sale_1", Body: []byte(`{}`)},
		{Seq: 1, Kind: "new", Sale: "sale_1", Body: []byte(`{"state":"paid","amount":"much"}`)},
		{Seq: 1, Kind: shift.Opened, Body: []byte(`{"float":"much"}`)},
		{Seq: 1, Kind: shift.In, Body: []byte(`[]`)},
	} {
		if err := new(shift.Tally).Add(e); err == nil {
			t.Errorf("%+v was taken", e)
		}
	}
}
