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
	part := Entry{Wallet: pay.WeChat, OutTradeNo: "N1", Kind: "refund", Amount: 40, OutRefundNo: "R1"}
	lessBy := func(fen int64) []Record {
		r := record(pay.StatusSucceeded)
		r[0].Refunded = fen
		return r
	}
	refund := func(status pay.RefundStatus, fen int64) []Returned {
		return []Returned{{ID: "ref_1", Payment: "pay_1", Status: status, Outcome: status.Outcome(), Amount: fen, Wallet: pay.WeChat,
			OutTradeNo: "N1", OutRefundNo: "R1"}}
	}
	liar := record(pay.StatusSucceeded)
	liar[0].Outcome = pay.NotPaid
	sale := func(state string, outcome pay.Outcome, payment string, amount int64) []Sold {
		return []Sold{{ID: "sale_1", State: state, Outcome: outcome, PaymentID: payment, Amount: amount, Till: "till"}}
	}
	paid := sale("paid", pay.Paid, "pay_1", 100)
	cash := func(outcome pay.Outcome, payment string) []Sold {
		s := sale("paid", outcome, payment, 100)
		s[0].Tender = "cash"
		return s
	}
	for _, c := range []struct {
		name  string
		books Books
		want  string // empty: the books agree
	}{
		{"a part refunded", Books{Ledger: []Entry{charge, part}, Hub: lessBy(40), Journal: paid, Refunds: refund(pay.RefundSucceeded, 40)}, ""},
		{"a refund that failed", Books{Ledger: []Entry{charge}, Hub: lessBy(0), Journal: paid, Refunds: refund(pay.RefundFailed, 40)}, ""},
		{"refunded, never given back", Books{Ledger: []Entry{charge}, Hub: lessBy(40), Journal: paid, Refunds: refund(pay.RefundSucceeded, 40)}, "the wallet gave back 0"},
		{"refunded, less given back", Books{Ledger: []Entry{charge, part}, Hub: lessBy(41), Journal: paid, Refunds: refund(pay.RefundSucceeded, 41)}, "the wallet gave back 40"},
		{"refunded twice", Books{Ledger: []Entry{charge, part, part}, Hub: lessBy(40), Journal: paid, Refunds: refund(pay.RefundSucceeded, 40)}, "gave back twice"},
		{"failed and given back", Books{Ledger: []Entry{charge, part}, Hub: lessBy(0), Journal: paid, Refunds: refund(pay.RefundFailed, 40)}, "is failed; the wallet gave back 40"},
		{"a refund in doubt", Books{Ledger: []Entry{charge, part}, Hub: lessBy(0), Journal: paid, Refunds: refund(pay.RefundUnknown, 40)}, "is still unknown"},
		{"a refund nobody knows", Books{Ledger: []Entry{charge, part}, Hub: lessBy(0), Journal: paid}, "the hub does not know"},
		{"the payment's sum differs", Books{Ledger: []Entry{charge, part}, Hub: lessBy(0), Journal: paid, Refunds: refund(pay.RefundSucceeded, 40)}, "says that 0 fen went back"},
		{"paid and charged", Books{Ledger: []Entry{charge}, Hub: record(pay.StatusSucceeded), Journal: paid}, ""},
		{"declined", Books{Ledger: nil, Hub: record(pay.StatusDeclined), Journal: sale("declined", pay.NotPaid, "pay_1", 100)}, ""},
		{"charged and given back", Books{Ledger: []Entry{charge, back}, Hub: record(pay.StatusReversed), Journal: sale("reversed", pay.NotPaid, "pay_1", 100)}, ""},
		{"waiting for a scan", Books{Ledger: nil, Hub: nil, Journal: sale("waiting", pay.Unknown, "", 100)}, ""},
		{"lapsed", Books{Ledger: nil, Hub: nil, Journal: sale("lapsed", pay.NotPaid, "", 100)}, ""},
		{"paid, never charged", Books{Ledger: nil, Hub: record(pay.StatusSucceeded), Journal: paid}, "charged 0 times"},
		{"paid, charged at another wallet", Books{Ledger: []Entry{elsewhere}, Hub: record(pay.StatusSucceeded), Journal: paid}, "charged 0 times"},
		{"paid, charged twice", Books{Ledger: []Entry{charge, charge}, Hub: record(pay.StatusSucceeded), Journal: paid}, "charged 2 times"},
		{"paid, charged twice, one given back", Books{Ledger: []Entry{charge, charge, back}, Hub: record(pay.StatusSucceeded), Journal: paid}, "charged 2 times"},
		{"paid, charged less", Books{Ledger: []Entry{less}, Hub: record(pay.StatusSucceeded), Journal: paid}, "kept 99"},
		{"paid, given back", Books{Ledger: []Entry{charge, back}, Hub: record(pay.StatusSucceeded), Journal: paid}, "kept 0"},
		{"not paid, charged", Books{Ledger: []Entry{charge}, Hub: record(pay.StatusClosed), Journal: nil}, "is closed; the wallet charged 1"},
		{"unknown", Books{Ledger: nil, Hub: record(pay.StatusUnknown), Journal: nil}, "is still unknown"},
		{"outcome against status", Books{Ledger: []Entry{charge}, Hub: liar, Journal: nil}, "is succeeded and called not_paid"},
		{"charge nobody knows", Books{Ledger: []Entry{charge}, Hub: nil, Journal: nil}, "the hub does not know"},
		{"till against hub", Books{Ledger: nil, Hub: record(pay.StatusDeclined), Journal: paid}, "the hub has not_paid"},
		{"till with another amount", Books{Ledger: []Entry{charge}, Hub: record(pay.StatusSucceeded), Journal: sale("paid", pay.Paid, "pay_1", 99)}, "with 99 fen"},
		{"till unknown", Books{Ledger: nil, Hub: nil, Journal: sale("unknown", pay.Unknown, "", 100)}, "sale sale_1 is still unknown"},
		{"till paid by nothing", Books{Ledger: nil, Hub: nil, Journal: sale("paid", pay.Paid, "", 100)}, "without a payment"},
		{"cash", Books{Journal: cash(pay.Paid, "")}, ""},
		{"cash with a payment", Books{Ledger: []Entry{charge}, Hub: record(pay.StatusSucceeded), Journal: cash(pay.Paid, "pay_1")}, "by cash is paid and names"},
		{"cash that is not paid", Books{Journal: cash(pay.NotPaid, "")}, "by cash is not_paid"},
		{"till names a stranger", Books{Ledger: nil, Hub: nil, Journal: paid}, "which the hub does not have"},
		{"hub paid, till knows nothing", Books{Ledger: []Entry{charge}, Hub: record(pay.StatusSucceeded), Journal: nil}, "no till knows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(c.books.Audit(), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("audit says %q, want %q", got, c.want)
			}
		})
	}
}
