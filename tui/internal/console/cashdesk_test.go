package console_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/words"
)

// bells counts what rings.
type bells struct {
	mu sync.Mutex
	n  int
}

func (b *bells) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n += strings.Count(string(p), "\a")
	return len(p), nil
}

// rings lets the bells end, and compares how many there were since it last did.
func (r *rig) rings(want int) {
	r.t.Helper()
	r.pass(time.Second)
	r.bells.mu.Lock()
	defer r.bells.mu.Unlock()
	if r.bells.n != want {
		r.t.Errorf("%d bells, want %d:\n%s", r.bells.n, want, r.view())
	}
	r.bells.n = 0
}

// deskPart is what a request says of cash and bills.
func deskPart(n localapi.NewSale) (text string) {
	if n.Tender == localapi.TenderCash {
		text = fmt.Sprintf(" cash %d", n.Received)
	}
	if n.Bill != "" {
		text += fmt.Sprintf(" of %s %d", n.Bill, n.BillTotal)
	}
	return text
}

// takeDesk makes a sale what the request says of cash and bills.
func takeDesk(s *localapi.Sale, n localapi.NewSale) {
	s.Bill, s.BillTotal = n.Bill, n.BillTotal
	if n.Tender == localapi.TenderCash {
		now := time.Now()
		s.Tender, s.State, s.Outcome, s.FinishedAt = n.Tender, localapi.StatePaid, pay.Paid, &now
		if s.Received = n.Received; n.Received != 0 {
			s.Change = n.Received - n.Amount
		}
	}
}

func (a *agent) FindSales(_ context.Context, f localapi.Find) (list []localapi.Sale, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return nil, errDial
	}
	for i := len(a.list) - 1; i >= 0; i-- {
		if s := a.list[i]; strings.Contains(s.OrderNo+" "+s.WalletRef, f.Text) {
			list = append(list, s)
		}
	}
	return list, nil
}

func (a *agent) Details(_ context.Context, id string) (d localapi.Details, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.list {
		if s.ID != id {
			continue
		}
		d = localapi.Details{Sale: s, Number: int64(i + 1), Prints: []localapi.PrintJob{{ID: 7, Sale: id, State: "done", Copy: 1, CreatedAt: s.CreatedAt}},
			Events: []localapi.Happening{{At: s.CreatedAt, Event: "new", State: "waiting"}, {At: s.CreatedAt.Add(3 * time.Second), Event: "scan", State: "sending"},
				{At: s.CreatedAt.Add(4 * time.Second), Event: "approved", State: string(s.State), Reason: s.Reason, Operator: "op_7"}}}
		for _, x := range a.refunds {
			if x.Sale == id {
				d.Refunds = append(d.Refunds, x)
				d.Events = append(d.Events, localapi.Happening{At: x.CreatedAt, Event: "refund.new", State: string(x.State), Refund: x.ID, Amount: x.Amount})
			}
		}
		return d, nil
	}
	return d, fault.New(fault.NotFound, "sale.unknown", "there is no sale %s", id)
}

func (a *agent) SaleOfReceipt(_ context.Context, number string) (localapi.Sale, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.list {
		if fmt.Sprintf("%08d42", i+1) == number {
			return s, nil
		}
	}
	return localapi.Sale{}, fault.New(fault.NotFound, "receipt.other_till", "this receipt is another till's")
}

func (a *agent) Barcode(_ context.Context, digits string) (localapi.Notice, error) {
	if strings.HasPrefix(digits, "20") {
		return localapi.Notice{Kind: "price", Text: digits, Amount: 1280}, nil
	}
	return localapi.Notice{Kind: "product", Text: digits}, nil
}

func TestCashWithChange(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.keys("+")
		r.sees("This is no amount")
		r.rings(2)
		r.amount("12.80")
		r.keys("+")
		r.sees("CASH", "exactly", "F5", "15.00", "F6", "20.00", "50.00", "100.00")
		r.amount("12")
		r.sees("0.80 is missing")
		r.keys("enter")
		r.sees("is missing") // not taken
		r.asked()
		r.rings(2)
		r.keys("backspace", "backspace")
		r.amount("20")
		r.sees("change", "7.20")
		r.keys("enter")
		r.asked("new 1280 ORDER0000001 code=false cash 2000")
		r.sees("PAID", "received", "20.00", "CHANGE", "You may hand over")
		r.rings(1)
		r.keys("enter")
		r.amount("5")
		r.keys("+", "enter") // exactly
		r.asked("new 1280 ORDER0000001 code=false cash 2000", "new 500 ORDER0000002 code=false cash 500")
		r.sees("PAID")
		r.lacks("CHANGE")
		r.keys("enter")
		r.amount("7")
		r.keys("+", "f6")
		r.sees("CHANGE", "received")
	})
}

// TestCashAskedTwice: an answer that was lost is asked for again with the same number and the same cash.
func TestCashAskedTwice(t *testing.T) {
	play(t, words.EN, func(a *agent) { a.lose = errLost }, func(r *rig) {
		r.amount("12.80")
		r.keys("+", "f6", "enter")
		r.pass(6 * time.Second) // the list brings it
		r.sees("CHANGE")
		r.agent.mu.Lock()
		defer r.agent.mu.Unlock()
		if r.agent.created != 1 {
			t.Errorf("%d sales: %v", r.agent.created, r.agent.asked)
		}
		for _, one := range r.agent.asked {
			if one != "new 1280 ORDER0000001 code=false cash 2000" {
				t.Errorf("asked %q", one)
			}
		}
	})
}

func TestABillInParts(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.keys("*")
		r.sees("Type the bill's total first")
		r.amount("100")
		r.keys("*")
		r.sees("BILL", "100.00", "LEFT", "PART")
		r.amount("100.01")
		r.keys("enter")
		r.sees("Only", "100.00 is left")
		r.asked()
		r.keys("esc")
		r.amount("40")
		r.keys("+", "f5") // 50
		r.sees("CHANGE", "LEFT")
		r.keys("enter")
		r.sees("PART", "60.00")
		r.amount("20")
		r.wedge(wechatCode)
		r.state("sale_2", localapi.StateDeclined, "balance_low")
		r.sees("NOT PAID")
		r.keys("enter", "enter") // all that is left, scanned later
		r.sees("SCAN the customer's payment code", "60.00")
		r.asked("new 4000 ORDER0000002 code=false cash 5000 of ORDER0000001 10000", "new 2000 ORDER0000003 code=true of ORDER0000001 10000",
			"new 6000 ORDER0000004 code=false of ORDER0000001 10000")
		r.state("sale_3", localapi.StatePaid, "")
		r.sees("The bill of", "is paid in full")
		r.keys("enter")
		r.sees("AMOUNT (yuan)")
		r.lacks("BILL")
	})
}

// TestLeavingABill: what was paid is told, and is refunded or kept; asking twice gives nothing twice.
func TestLeavingABill(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("100")
		r.keys("*", "esc") // nothing paid yet: nothing to ask
		r.lacks("BILL", "Leave the bill")
		r.amount("100")
		r.keys("*")
		r.amount("40")
		r.keys("+", "enter", "enter", "esc")
		r.sees("Leave the bill of", "40.00 is paid (parts: 1)")
		r.keys("enter")
		r.sees("PART", "60.00")
		r.agent.lose = errLost
		r.keys("esc", "r")
		r.sees("Not all parts were refunded")
		r.keys("esc", "r")
		r.sees("The refund of 1 parts was asked for")
		r.lacks("PART")
		r.agent.mu.Lock()
		defer r.agent.mu.Unlock()
		if len(r.agent.refunds) != 1 || r.agent.refunds[0].Amount != 4000 {
			t.Errorf("%+v", r.agent.refunds)
		}
	})
}

// unfinished is a till whose last bill has a paid part of 40.00 of 100.00.
func unfinished(a *agent) {
	at := time.Now().Add(-10 * time.Minute)
	a.list = append(a.list, localapi.Sale{ID: "old_1", OrderNo: "OLD1", Amount: 4000, Tender: localapi.TenderCash, State: localapi.StatePaid, Outcome: pay.Paid,
		Bill: "BILL-OLD", BillTotal: 10000, CreatedAt: at, FinishedAt: &at})
}

func TestARestartedScreenFindsTheBill(t *testing.T) {
	play(t, words.EN, unfinished, func(r *rig) {
		r.sees("Unfinished bill of", "Paid", "40.00", "left", "60.00")
		r.keys("y")
		r.sees("PART", "LEFT", "60.00")
		r.keys("+", "enter")
		r.asked("new 6000 ORDER0000001 code=false cash 6000 of BILL-OLD 10000")
	})
	for name, change := range map[string]func(s *localapi.Sale){
		"old":      func(s *localapi.Sale) { s.CreatedAt = s.CreatedAt.Add(-24 * time.Hour) },
		"refunded": func(s *localapi.Sale) { s.RefundedAmount = s.Amount },
		"paid":     func(s *localapi.Sale) { s.Amount = s.BillTotal },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, words.EN, func(a *agent) { unfinished(a); change(&a.list[0]) }, func(r *rig) { r.lacks("Unfinished") })
		})
	}
}

func TestSearch(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.keys("f3", "/")
		r.sees("SEARCH", "last four")
		r.amount("0007")
		r.keys("enter")
		r.sees("FOUND: 0007", "1234567.89")
		r.keys("enter")
		r.sees("SALE", "Receipt no. 00000008", "Order OLD00000007", "What happened", "by op_7", "slip 7: done")
		r.keys("f7", "y")
		r.pass(time.Second)
		r.sees("Refund of")
		r.keys("esc")
		r.sees("FOUND: 0007")
		r.keys("/")
		r.amount("12345678")
		r.keys("enter")
		r.sees("No sale of this till has that")
		r.keys("esc", "esc")
		r.sees("AMOUNT (yuan)")
	})
}

// TestAReceiptIsScanned: by either scanner it opens its sale, on a till that does nothing else.
func TestAReceiptIsScanned(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.wedge("0000000142")
		r.sees("SALE", "Receipt no. 00000001", "F7")
		r.asked()
		r.keys("esc")
		notice := localapi.Notice{Kind: "receipt", Text: "0000000242"}
		r.m.Post(localapi.Event{Kind: localapi.EventScan, Notice: &notice})
		r.settle()
		r.sees("Receipt no. 00000002")
		r.keys("esc")
		r.rings(0)
		r.wedge("0000000177")
		r.sees("another till's")
		r.rings(2)
		r.amount("5")
		r.wedge("0000000142")
		r.sees("Finish this sale first")
		r.lacks("Receipt no.")
		r.rings(2)
		r.keys("+")
		r.wedge("0000000142")
		r.lacks("Receipt no.")
		r.rings(2)
	})
}

func TestPriceLabels(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.wedge("2012345012805")
		r.sees("AMOUNT (yuan)")
		r.keys("enter")
		r.asked("new 1280 ORDER0000001 code=false")
		r.keys("esc", "enter")
		r.rings(2) // it is not paid
		notice := localapi.Notice{Kind: "price", Text: "2012345012805", Amount: 500}
		r.m.Post(localapi.Event{Kind: localapi.EventScan, Notice: &notice})
		r.settle()
		r.m.Post(localapi.Event{Kind: localapi.EventScan, Notice: &notice}) // a second label adds nothing
		r.settle()
		r.sees("One label is one amount")
		r.rings(2)
		r.keys("enter")
		r.asked("new 1280 ORDER0000001 code=false", "cancel sale_1", "new 500 ORDER0000002 code=false")
		r.keys("esc", "enter", "f3", "/")
		r.rings(2)
		r.m.Post(localapi.Event{Kind: localapi.EventScan, Notice: &notice})
		r.settle()
		r.sees("SEARCH")
		r.rings(2)
		r.keys("esc")
		r.m.Post(localapi.Event{Kind: localapi.EventScan, Notice: &notice})
		r.settle()
		r.sees("AMOUNT (yuan)", "Esc clear")
		r.keys("enter")
		r.sees("SCAN the customer's payment code")
		r.keys("esc", "enter")
		r.wedge("2112345012804")
		r.sees("product barcode")
		r.lacks("0_")
	})
}

// TestTheBell: one for paid, two for a refusal and for not paid, three for unknown; each once.
func TestTheBell(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("12.8")
		r.rings(0)
		r.wedge(wechatCode)
		r.rings(0)
		r.wedge("130000000000000099") // in the wrong moment
		r.sees("charged once")
		r.rings(2)
		r.keys("5")
		r.rings(2)
		r.state("sale_1", localapi.StateUnknown, "")
		r.rings(3)
		r.pass(30 * time.Second)
		r.rings(0)
		r.state("sale_1", localapi.StatePaid, "")
		r.rings(1)
		r.keys("enter")
		r.wedge("6901234567892")
		r.rings(2)
		r.amount("3")
		r.wedge(wechatCode)
		r.state("sale_2", localapi.StateDeclined, "balance_low")
		r.rings(2)
		r.asked("new 1280 ORDER0000001 code=true", "new 300 ORDER0000002 code=true")
	})
}

func TestALargeAmountIsLookedAtTwice(t *testing.T) {
	play(t, words.EN, func(a *agent) { a.status.ConfirmAbove = 50000 }, func(r *rig) {
		r.amount("499.99")
		r.keys("enter")
		r.asked("new 49999 ORDER0000001 code=false")
		r.keys("esc", "enter")
		r.amount("500")
		r.keys("enter")
		r.sees("Charge", "500.00")
		r.keys("enter") // what a scanner may send is no yes
		r.sees("AMOUNT (yuan)")
		r.keys("enter", "y")
		r.asked("new 49999 ORDER0000001 code=false", "cancel sale_1", "new 50000 ORDER0000002 code=false")
		r.keys("esc", "enter")
		r.amount("500")
		r.keys("+", "enter") // each sale is asked about
		r.sees("Charge")
		r.keys("y")
		r.sees("PAID")
	})
}

func TestThePasswordIsCountedDown(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("12.8")
		r.wedge(wechatCode)
		r.state("sale_1", localapi.StatePassword, "")
		r.pass(5 * time.Second)
		r.sees("the customer has about 00:4")
		r.pass(45 * time.Second)
		r.sees("The time is over")
		r.sale("sale_1", func(s *localapi.Sale) { s.State, s.PaymentID = localapi.StateUnknown, "pay_1" })
		r.sees("Do not charge again, do not hand over", "The wallet has not said for certain yet")
		r.lacks("or Esc undoes it safely")
		r.pass(20 * time.Second)
		r.sees("or Esc undoes it safely")
	})
}
