package shiftbook_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudcashier/hub/internal/shiftbook"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/shift"
)

// shop is a till's log and the hub's books of it.
type shop struct {
	*testing.T
	log      []shift.Entry
	tally    shift.Tally
	payments map[string]shiftbook.Row
	refunds  map[string]shiftbook.Row
}

func (s *shop) Payment(key string) (shiftbook.Row, bool, error) {
	r, ok := s.payments[key]
	return r, ok, nil
}

func (s *shop) Refund(key string) (shiftbook.Row, bool, error) {
	r, ok := s.refunds[key]
	return r, ok, nil
}

var start = time.UnixMilli(1_700_000_000_000).UTC()

func (s *shop) add(sale, kind, body string) {
	e := shift.Entry{Seq: int64(len(s.log) + 1), Sale: sale, Kind: kind, Body: []byte(body), At: start, Hash: []byte{byte(len(s.log))}}
	s.log = append(s.log, e)
	e.Wallet = pay.WeChat
	if err := s.tally.Add(e); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) sale(id, from, state string, fen int) {
	s.add(id, "news", fmt.Sprintf(`{"outcome":"x","from":%q,"state":%q,"tender":"wallet","wallet":"wechat","amount":%d}`, from, state, fen))
}

func (s *shop) refund(id, sale, from, state string, fen int) {
	s.add(sale, "refund.news", fmt.Sprintf(`{"outcome":"x","refund":%q,"from":%q,"state":%q,"tender":"wallet","amount":%d}`, id, from, state, fen))
}

func (s *shop) end(change func(*localapi.Shift)) {
	z := shift.Brief(s.tally.Close(shift.Closing{At: start, Counted: 100}))
	change(&z)
	body, err := json.Marshal(z)
	if err != nil {
		s.Fatal(err)
	}
	s.add("", shift.Ended, string(body))
}

func paid(fen int64) shiftbook.Row {
	return shiftbook.Row{ID: "hub", Status: "succeeded", Outcome: "paid", Paid: true, Amount: fen, Wallet: pay.WeChat}
}

// open is a shop on which both sides agree: two shifts, a sale and a refund carried over from the first.
func open(t *testing.T) *shop {
	s := &shop{T: t, payments: map[string]shiftbook.Row{"a": paid(500), "b": paid(700), "c": {Status: "declined"}}, refunds: map[string]shiftbook.Row{"r": paid(200)}}
	s.add("", shift.Opened, `{"shift":1,"float":100}`)
	s.add("cash", "new", `{"outcome":"paid","state":"paid","tender":"cash","amount":90}`)
	s.sale("a", "sending", "paid", 500)
	s.sale("b", "sending", "unknown", 700)
	s.sale("c", "sending", "declined", 900)
	s.add("c", "receipt.doubt", `{"slip":1,"state":"doubt"}`)
	s.refund("r", "a", "", "queued", 200)
	return s
}

func (s *shop) rest() {
	s.sale("b", "unknown", "paid", 700)
	s.refund("r", "a", "queued", "succeeded", 200)
}

func (s *shop) checks(strays ...shiftbook.Stray) []shiftbook.Check {
	s.Helper()
	r := shiftbook.New("trm_1", s)
	for _, e := range s.log {
		if err := r.Add(e); err != nil {
			s.Fatal(err)
		}
	}
	list, err := r.Checks(strays)
	if err != nil {
		s.Fatal(err)
	}
	return list
}

func same(*localapi.Shift) {}

func TestBothSidesAgree(t *testing.T) {
	s := open(t)
	s.end(same)
	s.rest()
	s.end(same)
	list := s.checks()
	if len(list) != 3 || list[2].Shift.Closed {
		t.Fatalf("%+v", list)
	}
	for _, c := range list {
		if !c.Equal || len(c.Differences) > 0 {
			t.Errorf("%+v", c)
		}
	}
	first, second := list[0], list[1]
	if len(first.Tenders) != 2 || first.Tenders[0].Hub != nil || *first.Tenders[1].Hub != (shiftbook.Sums{Count: 1, Gross: 500, Net: 500}) ||
		*second.Tenders[0].Hub != (shiftbook.Sums{Count: 1, Gross: 700, Refunds: 1, Refunded: 200, Net: 500}) {
		t.Errorf("%+v, %+v", first.Tenders, second.Tenders)
	}
	for _, l := range first.Pending {
		if l.Hub != "succeeded" || l.SettledIn != 2 || l.Now == "" || l.Now == l.State {
			t.Errorf("%+v", l)
		}
	}
	if len(first.Pending) != 2 || len(second.Pending) != 0 {
		t.Errorf("%+v, %+v", first.Pending, second.Pending)
	}
}

// TestEveryDifferenceIsNamed: whatever one side has otherwise stands in the shift it is about.
func TestEveryDifferenceIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*shop)
		said   func(*localapi.Shift)
		strays []shiftbook.Stray
		shift  int
		want   string
	}{
		"a fen less at the hub":           {func(s *shop) { s.payments["a"] = paid(499) }, same, nil, 0, "payment a, sum wechat"},
		"another wallet":                  {func(s *shop) { r := paid(500); r.Wallet = pay.Alipay; s.payments["a"] = r }, same, nil, 0, "payment a, sum alipay, sum wechat"},
		"not paid at the hub":             {func(s *shop) { s.payments["a"] = shiftbook.Row{Status: "reversed", Wallet: pay.WeChat} }, same, nil, 0, "payment a, sum wechat"},
		"the hub does not have it":        {func(s *shop) { delete(s.payments, "a") }, same, nil, 0, "payment a, sum wechat"},
		"paid at the hub alone":           {func(s *shop) { s.payments["c"] = paid(900) }, same, nil, 0, "payment c, sum wechat"},
		"a carried one that never was":    {func(s *shop) { delete(s.payments, "b") }, same, nil, 1, "payment b, sum wechat"},
		"not refunded at the hub":         {func(s *shop) { s.refunds["r"] = shiftbook.Row{Status: "failed"} }, same, nil, 1, "refund r, sum wechat"},
		"the hub never heard of a refund": {func(s *shop) { delete(s.refunds, "r") }, same, nil, 1, "refund r, sum wechat"},
		"more refunded at the hub":        {func(s *shop) { s.refunds["r"] = paid(201) }, same, nil, 1, "refund r, sum wechat"},
		"a report with another float":     {func(*shop) {}, func(z *localapi.Shift) { z.Float++ }, nil, 0, "report float"},
		"a report with other sums":        {func(*shop) {}, func(z *localapi.Shift) { z.Tenders[0].Net--; *z.Expected-- }, nil, 0, "report expected, report tenders"},
		"a report without a line":         {func(*shop) {}, func(z *localapi.Shift) { z.Pending = z.Pending[1:]; z.PendingCount-- }, nil, 0, "report pending, report pending_count"},
		"a report of another log":         {func(*shop) {}, func(z *localapi.Shift) { z.LastHash = "00" }, nil, 0, "report last_hash"},
		"a sale nobody copied":            {func(*shop) {}, same, []shiftbook.Stray{{Key: "z", Amount: 5}}, 2, "stray z"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			c.change(s)
			s.end(c.said)
			s.rest()
			s.end(same)
			for i, check := range s.checks(c.strays...) {
				var named []string
				for _, d := range check.Differences {
					named = append(named, d.What+" "+d.ID)
				}
				want := ""
				if i == c.shift {
					want = c.want
				}
				if got := strings.Join(named, ", "); got != want || check.Equal != (want == "") {
					t.Errorf("shift %d: %q (equal %v), want %q", i+1, got, check.Equal, want)
				}
			}
		})
	}
}
