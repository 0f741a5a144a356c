package sale_test

import (
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// part is a sale of a bill over 100.00.
func part(fen int64, state localapi.State) sale.Sale {
	s := sale.New("sale_x", "A-x", "", money.Fen(fen), time.Unix(1000, 0))
	s.State, s.Bill = state, sale.Bill{Number: "B-1", Total: money.Fen(10000)}
	return s
}

// TestWhatAPartTakes fills every cell: each state of an earlier part, and a next part that just fits or does not.
func TestWhatAPartTakes(t *testing.T) {
	for _, state := range sale.States {
		free := state.Final() && state != localapi.StatePaid
		parts := sale.PartsOf([]sale.Sale{part(4000, state)})
		want := map[bool][3]int64{true: {0, 0, 10000}, false: {0, 4000, 6000}}[free]
		if state == localapi.StatePaid {
			want = [3]int64{4000, 0, 6000}
		}
		if got := [3]int64{parts.Paid().Fen(), parts.Open().Fen(), parts.Left().Fen()}; got != want {
			t.Errorf("%s: paid, open, left %v, want %v", state, got, want)
		}
		for fen, code := range map[int64]string{want[2]: "", want[2] + 1: "bill.too_much", 1: ""} {
			if err := parts.Take(part(fen, localapi.StateWaiting)); fault.CodeOf(err) != code && (err != nil || code != "") {
				t.Errorf("%s: another part of %d: %v, want %q", state, fen, err, code)
			}
		}
		other := part(1, localapi.StateWaiting)
		other.Bill.Total = money.Fen(9999)
		if err := parts.Take(other); fault.CodeOf(err) != "bill.other_total" {
			t.Errorf("%s: another total: %v", state, err)
		}
	}
	if err := (sale.Parts{}).Take(part(10000, localapi.StateWaiting)); err != nil {
		t.Errorf("the first part: %v", err)
	}
}

func TestTheLastPart(t *testing.T) {
	at := func(fen int64, seconds int64) sale.Sale {
		s := part(fen, localapi.StatePaid)
		s.ID, s.Finished = "sale_"+s.Amount.Yuan(), time.Unix(seconds, 0)
		return s
	}
	first, second := at(4000, 20), at(6000, 10) // the one begun later may be paid first
	if _, ok := sale.PartsOf([]sale.Sale{first}).Last(); ok {
		t.Error("a bill that is paid in part has a last part")
	}
	if _, ok := sale.PartsOf([]sale.Sale{first, part(6000, localapi.StateUnknown)}).Last(); ok {
		t.Error("a bill with a part in doubt has a last part")
	}
	if last, ok := sale.PartsOf([]sale.Sale{first, part(6000, localapi.StateDeclined), second}).Last(); !ok || last.ID != first.ID {
		t.Errorf("the last part is %s, %v", last.ID, ok)
	}
	if _, ok := (sale.Parts{}).Last(); ok {
		t.Error("no bill has a last part")
	}
}

func TestBillsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		bill sale.Bill
		code string
	}{
		"none":          {sale.Bill{}, ""},
		"whole":         {sale.Bill{Number: "B", Total: money.Fen(100)}, ""},
		"no number":     {sale.Bill{Total: money.Fen(100)}, "bill.number"},
		"no total":      {sale.Bill{Number: "B", Total: money.Fen(0)}, "bill.total"},
		"less than it":  {sale.Bill{Number: "B", Total: money.Fen(99)}, "bill.total"},
		"far too large": {sale.Bill{Number: "B", Total: money.Fen(money.Max + 1)}, "money.too_large"},
	} {
		err := c.bill.Check(money.Fen(100))
		if got := fault.CodeOf(err); err != nil && got != c.code || err == nil && c.code != "" {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
}

func TestCashReceived(t *testing.T) {
	for name, c := range map[string]struct {
		received int64
		tender   localapi.Tender
		code     string
	}{
		"not told":      {0, localapi.TenderCash, ""},
		"exact":         {1280, localapi.TenderCash, ""},
		"a note":        {5000, localapi.TenderCash, ""},
		"too little":    {1279, localapi.TenderCash, "sale.received"},
		"less than one": {-1, localapi.TenderCash, "sale.received"},
		"by a wallet":   {1280, localapi.TenderWallet, "sale.received"},
		"a voucher":     {1280, localapi.TenderOther, "sale.received"},
		"all the money": {money.Max + 1, localapi.TenderCash, "money.too_large"},
	} {
		err := sale.CheckReceived(money.Fen(1280), money.Fen(c.received), c.tender)
		if got := fault.CodeOf(err); err != nil && got != c.code || err == nil && c.code != "" {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
	s := sale.Taken("sale_1", "A-1", "", money.Fen(1280), localapi.TenderCash, time.Unix(0, 0))
	if s.Change() != money.Fen(0) {
		t.Errorf("nobody told what was received, and %s goes back", s.Change())
	}
	s.Received = money.Fen(2000)
	if s.Change() != money.Fen(720) {
		t.Errorf("%s goes back", s.Change())
	}
}
