package rig

import (
	"strings"
	"testing"

	"cloudcashier/shared/pay"
)

// TestAudit shows that each way the books can differ is seen: an auditor that never complains proves nothing.
func TestAudit(t *testing.T) {
	charge := Entry{Wallet: pay.WeChat, OutTradeNo: "N1", Kind: "charge", Amount: 100}
	back := Entry{Wallet: pay.WeChat, OutTradeNo: "N1", Kind: "reversal", Amount: 100}
	elsewhere := charge
	elsewhere.Wallet = pay.Alipay
	less := charge
	less.Amount = 99
	record := func(status pay.Status) []Record {
		return []Record{{ID: "pay_1", Terminal: "trm_1", Status: status, Outcome: status.Outcome(), Amount: 100, Wallet: pay.WeChat, OutTradeNo: "N1"}}
	}
	liar := record(pay.StatusSucceeded)
	liar[0].Outcome = pay.NotPaid
	sale := func(state string, outcome pay.Outcome, payment string, amount int64) []Sold {
		return []Sold{{ID: "sale_1", State: state, Outcome: outcome, PaymentID: payment, Amount: amount, Till: "till"}}
	}
	paid := sale("paid", pay.Paid, "pay_1", 100)
	for _, c := range []struct {
		name  string
		books Books
		want  string // empty: the books agree
	}{
		{"paid and charged", Books{[]Entry{charge}, record(pay.StatusSucceeded), paid}, ""},
		{"declined", Books{nil, record(pay.StatusDeclined), sale("declined", pay.NotPaid, "pay_1", 100)}, ""},
		{"charged and given back", Books{[]Entry{charge, back}, record(pay.StatusReversed), sale("reversed", pay.NotPaid, "pay_1", 100)}, ""},
		{"waiting for a scan", Books{nil, nil, sale("waiting", pay.Unknown, "", 100)}, ""},
		{"lapsed", Books{nil, nil, sale("lapsed", pay.NotPaid, "", 100)}, ""},
		{"paid, never charged", Books{nil, record(pay.StatusSucceeded), paid}, "charged 0 times"},
		{"paid, charged at another wallet", Books{[]Entry{elsewhere}, record(pay.StatusSucceeded), paid}, "charged 0 times"},
		{"paid, charged twice", Books{[]Entry{charge, charge}, record(pay.StatusSucceeded), paid}, "charged 2 times"},
		{"paid, charged twice, one given back", Books{[]Entry{charge, charge, back}, record(pay.StatusSucceeded), paid}, "charged 2 times"},
		{"paid, charged less", Books{[]Entry{less}, record(pay.StatusSucceeded), paid}, "kept 99"},
		{"paid, given back", Books{[]Entry{charge, back}, record(pay.StatusSucceeded), paid}, "kept 0"},
		{"not paid, charged", Books{[]Entry{charge}, record(pay.StatusClosed), nil}, "is closed; the wallet charged 1"},
		{"unknown", Books{nil, record(pay.StatusUnknown), nil}, "is still unknown"},
		{"outcome against status", Books{[]Entry{charge}, liar, nil}, "is succeeded and called not_paid"},
		{"charge nobody knows", Books{[]Entry{charge}, nil, nil}, "the hub does not know"},
		{"till against hub", Books{nil, record(pay.StatusDeclined), paid}, "the hub has not_paid"},
		{"till with another amount", Books{[]Entry{charge}, record(pay.StatusSucceeded), sale("paid", pay.Paid, "pay_1", 99)}, "with 99 fen"},
		{"till unknown", Books{nil, nil, sale("unknown", pay.Unknown, "", 100)}, "sale sale_1 is still unknown"},
		{"till paid by nothing", Books{nil, nil, sale("paid", pay.Paid, "", 100)}, "without a payment"},
		{"till names a stranger", Books{nil, nil, paid}, "which the hub does not have"},
		{"hub paid, till knows nothing", Books{[]Entry{charge}, record(pay.StatusSucceeded), nil}, "no till knows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(c.books.Audit(), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("audit says %q, want %q", got, c.want)
			}
		})
	}
}
