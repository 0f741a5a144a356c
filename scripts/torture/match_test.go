package main

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
	"cloudcashier/shared/pay"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// sound is the evidence of one paid sale at a till and one paid order from the API.
func sound() evidence {
	entry := func(no string, amount int64) rig.Entry {
		return rig.Entry{Wallet: pay.WeChat, OutTradeNo: no, Kind: "charge", Amount: amount, At: noon}
	}
	record := func(id, order, terminal, no string, amount int64) rig.Record {
		return rig.Record{ID: id, OrderNo: order, Terminal: terminal, Outcome: pay.Paid, Status: pay.StatusSucceeded, Amount: amount, Wallet: pay.WeChat, OutTradeNo: no}
	}
	return evidence{
		books: rig.Books{
			Ledger:  []rig.Entry{entry("N1", 100), entry("N2", 200)},
			Hub:     []rig.Record{record("pay_1", "T000001", "trm_1", "N1", 100), record("pay_2", "T000002", "", "N2", 200)},
			Journal: []rig.Sold{{Type: "sale", ID: "sale_1", OrderNo: "T000001", Amount: 100, State: "paid", Outcome: pay.Paid, PaymentID: "pay_1", Till: "till-1"}},
		},
		payments: []payment{{ID: "pay_1", Terminal: "trm_1", Key: "sale_1", OrderNo: "T000001", Amount: 100, Status: pay.StatusSucceeded},
			{ID: "pay_2", OrderNo: "T000002", Amount: 200, Status: pay.StatusSucceeded}},
		attempts:  []attempt{{Payment: "pay_1", OutTradeNo: "N1"}, {Payment: "pay_2", OutTradeNo: "N2"}},
		sales:     []sold{{ID: "sale_1", OrderNo: "T000001", Amount: 100, State: "paid", Outcome: pay.Paid, Till: "till-1"}},
		terminals: map[string][]string{"trm_1": {"till-1"}},
		copies:    map[string]bool{"copy-1": true},
		posts:     []posted{{Till: "till-1", Order: "T000001", Sale: "sale_1", Amount: 100}},
		asked:     map[string]int64{"T000002": 200},
		shown: map[string][]sight{
			"sale_1": {{At: noon, Outcome: pay.Unknown, Amount: 100}, {At: noon.Add(time.Second), Outcome: pay.Paid, Amount: 100, Payment: "pay_1"}},
			"pay_2":  {{At: noon.Add(time.Second), Outcome: pay.Paid, Amount: 200, Payment: "pay_2"}},
		},
	}
}

// copied adds a copy of the till, with its own word about a sale.
func (e *evidence) copied(sale string, word pay.Outcome) {
	e.terminals["trm_1"] = append(e.terminals["trm_1"], "copy-1")
	b, s := e.books.Journal[0], e.sales[0]
	b.Till, s.Till, b.Outcome, s.Outcome = "copy-1", "copy-1", word, word
	if word == pay.Unknown {
		b.State, b.PaymentID = "sending", ""
	}
	e.books.Journal, e.sales = append(e.books.Journal, b), append(e.sales, s)
}

// refund adds one of the till's sale, in all books.
func (e *evidence) refund() {
	e.books.Ledger = append(e.books.Ledger, rig.Entry{Wallet: pay.WeChat, OutTradeNo: "N1", Kind: "refund", Amount: 40, OutRefundNo: "F1", At: noon})
	e.books.Refunds = []rig.Returned{{ID: "ref_hub", Payment: "pay_1", RefundNo: "RT1", Amount: 40, Outcome: pay.Refunded, Wallet: pay.WeChat, OutTradeNo: "N1", OutRefundNo: "F1"}}
	e.books.Hub[0].Refunded = 40
	e.returned = []returned{{ID: "ref_1", Sale: "sale_1", RefundNo: "RT1", RefundID: "ref_hub", Amount: 40, Outcome: pay.Refunded, Till: "till-1"}}
	e.backs = []asked{{"till-1", "RT1", "sale_1", 40}}
}

// TestMatch shows that each way the evidence can disagree is seen.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(e *evidence)
		want  string // empty: no difference
		open  int
	}{
		{"sound", func(*evidence) {}, "", 0},
		{"charged twice", func(e *evidence) { e.books.Ledger = append(e.books.Ledger, e.books.Ledger[0]) }, "charged 2 times", 0},
		{"not settled at the hub", func(e *evidence) {
			e.books.Hub[1].Status, e.books.Hub[1].Outcome = pay.StatusReversing, pay.Unknown
			e.payments[1].Status = pay.StatusReversing
			delete(e.shown, "pay_2")
		}, "", 1},
		{"not settled at the till", func(e *evidence) {
			e.books.Journal[0].State, e.books.Journal[0].Outcome, e.sales[0].Outcome = "unknown", pay.Unknown, pay.Unknown
			delete(e.shown, "sale_1")
		}, "", 1},
		{"payment from nowhere", func(e *evidence) { delete(e.asked, "T000002") }, "nobody asked", 0},
		{"payment over another amount than asked", func(e *evidence) { e.asked["T000002"] = 1 }, "nobody asked", 0},
		{"payment of a sale the till does not have", func(e *evidence) { e.payments[0].Key = "sale_9" }, "under sale_9", 0},
		{"payment of a stranger's till", func(e *evidence) { e.terminals["trm_1"] = []string{"till-2"} }, "of [till-2]", 0},
		{"two attempts", func(e *evidence) {
			e.attempts = append(e.attempts, attempt{Payment: "pay_1", OutTradeNo: "N3"})
		}, "has 2 attempts", 0},
		{"one number, two attempts", func(e *evidence) { e.attempts[1].OutTradeNo = "N1" }, "more than one attempt", 0},
		{"sale lost", func(e *evidence) { e.posts[0].Sale = "sale_0" }, "answered order T000001 with sale sale_0", 0},
		{"sale with another amount", func(e *evidence) { e.posts[0].Amount = 1 }, "over 1; its journal", 0},
		{"refunded", func(e *evidence) { e.refund() }, "", 0},
		{"a till and the hub differ about a refund", func(e *evidence) {
			e.refund()
			e.returned[0].Outcome = pay.NotRefunded
		}, "the hub's ref_hub over 40 is refunded", 0},
		{"a refund nobody asked for", func(e *evidence) {
			e.refund()
			e.returned, e.backs = nil, nil
		}, "no till asked for it", 0},
		{"a refund forgotten", func(e *evidence) { e.backs = append(e.backs, asked{"till-1", "RT9", "sale_1", 7}) }, "stands in no book", 0},
		{"a refund the hub never had", func(e *evidence) {
			e.refund()
			e.returned[0].RefundID, e.books.Refunds, e.books.Ledger, e.books.Hub[0].Refunded = "", nil, e.books.Ledger[:2], 0
		}, "the hub never had it", 0},
		{"a refund in doubt", func(e *evidence) {
			e.refund()
			e.returned[0].Outcome, e.books.Refunds[0].Outcome, e.books.Hub[0].Refunded = pay.RefundInDoubt, pay.RefundInDoubt, 0
			e.books.Ledger = e.books.Ledger[:2]
		}, "", 1},
		{"sold at a copy", func(e *evidence) {
			e.copied("sale_1", pay.Paid)
		}, "", 0},
		{"open at a copy that is gone", func(e *evidence) {
			e.copied("sale_1", pay.Unknown)
			e.books.Journal, e.sales, e.posts[0].Till = e.books.Journal[1:], e.sales[1:], "copy-1"
			delete(e.shown, "sale_1")
		}, "", 0},
		{"a till and its copy say different things", func(e *evidence) { e.copied("sale_1", pay.NotPaid) }, "sale_1 is paid at one of its tills and not_paid", 0},
		{"a copy of another till", func(e *evidence) {
			e.copied("sale_1", pay.Paid)
			e.terminals = map[string][]string{"trm_1": {"copy-2"}}
		}, "of [copy-2]", 0},
		{"order paid twice", func(e *evidence) { e.payments[1].OrderNo, e.asked["T000001"] = "T000001", 200 }, "paid twice", 0},
		{"shown not paid, is paid", func(e *evidence) { e.shown["sale_1"][1].Outcome = pay.NotPaid }, "was shown as not_paid", 0},
		{"shown paid, is not", func(e *evidence) {
			e.payments[1].Status = pay.StatusClosed
		}, "pay_2 was shown as paid", 0},
		{"shown paid before the charge", func(e *evidence) { e.shown["pay_2"][0].At = noon.Add(-time.Second) }, "the wallet charged at", 0},
		{"shown with another amount", func(e *evidence) { e.shown["pay_2"][0].Amount = 1 }, "shown with 1 fen", 0},
		{"shown and in no book", func(e *evidence) { e.shown["sale_7"] = e.shown["sale_1"][:1] }, "stands in no book", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := sound()
			c.spoil(&e)
			differences, open := e.match()
			got := strings.Join(differences, "\n")
			if open != c.open || c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%d open and %q, want %d and %q", open, got, c.open, c.want)
			}
		})
	}
}

// TestShown: a final word may be repeated, and come late over another door, but never change.
func TestShown(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	paid := sight{Asked: at(1), At: at(2), Outcome: pay.Paid, Stream: 1}
	for _, c := range []struct {
		name string
		then sight
		bad  bool
	}{
		{"repeated", sight{Asked: at(3), At: at(4), Outcome: pay.Paid}, false},
		{"an older answer overtaken", sight{Asked: at(1), At: at(3), Outcome: pay.Unknown}, false},
		{"taken back", sight{Asked: at(3), At: at(4), Outcome: pay.Unknown}, true},
		{"taken back on one stream", sight{Asked: at(1), At: at(4), Outcome: pay.Unknown, Stream: 1}, true},
		{"an older event of another stream", sight{Asked: at(1), At: at(4), Outcome: pay.Unknown, Stream: 2}, false},
		{"not heard yet by the copy", sight{Asked: at(3), At: at(4), Outcome: pay.Unknown, Till: "copy"}, false},
		{"contradicted by the copy", sight{Asked: at(3), At: at(4), Outcome: pay.NotPaid, Till: "copy"}, true},
		{"contradicted", sight{Asked: at(1), At: at(3), Outcome: pay.NotPaid}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShown()
			s.saw("sale_1", paid)
			s.saw("sale_1", c.then)
			if got := len(s.broken) > 0; got != c.bad {
				t.Errorf("complaints %q", s.broken)
			}
		})
	}
}
