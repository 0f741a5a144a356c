package receipt_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"cloudcashier/agent/internal/receipt"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestAReportFitsBothPapers: no line is too wide, every figure is there, and what is open is named.
func TestAReportFitsBothPapers(t *testing.T) {
	opened, closed := at.Add(-8*time.Hour), at
	expected, counted, difference := int64(27000), int64(26950), int64(-50)
	z := localapi.Shift{Number: 7, Closed: true, OpenedAt: &opened, ClosedAt: &closed, ClosedBy: "李 Li", Float: 20000, PaidIn: 5000, Dropped: 10000,
		Tenders: []localapi.ShiftTender{{Tender: localapi.TenderCash, Count: 9, Gross: 12080, Refunds: 1, Refunded: 80, Net: 12000},
			{Tender: localapi.TenderWallet, Wallet: pay.UnionPay, Count: 123, Gross: 100_000_000_00, Net: 100_000_000_00}},
		Expected: &expected, Counted: &counted, Difference: &difference, FirstSale: 12, LastSale: 144, FirstEvent: 3, LastEvent: 900, LastHash: strings.Repeat("ab", 32),
		Pending:      []localapi.ShiftLine{{Kind: "sale", ID: saleID, Amount: 4321, State: "unknown", Shift: 6}, {Kind: "refund", ID: "ref_1", Amount: 700, State: "queued", Shift: 7}},
		PendingCount: 2, PendingAmount: 5021, Carried: []localapi.ShiftLine{{Kind: "sale", ID: "sale_9", Amount: 55, State: "declined", Shift: 5}}, CarriedCount: 1}
	for _, columns := range []int{receipt.Columns58mm, receipt.Columns80mm} {
		var all []string
		doc := receipt.OfShift(receipt.Report{Title: "兴隆小卖部", Store: "sto_1", Terminal: "trm_1", Shift: z, Zone: at.Location(), Reprint: true, Printed: at})
		for _, row := range doc.Rows(columns) {
			text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(row.Text)
			if err != nil {
				t.Fatal(err)
			}
			width := len(row.Text)
			if row.Big {
				width *= 2
			}
			if width > columns {
				t.Errorf("%d columns on a paper of %d: %s", width, columns, text)
			}
			all = append(all, string(text))
		}
		paper := strings.Join(all, "\n")
		for _, want := range []string{"重打 REPRINT", "Z 报表 Z REPORT", "2026-11-25 04:00:03", "￥100000000.00", "退款 Refunds x1", "￥-0.80", "￥270.00", "￥269.50", "￥-0.50",
			"未结 Open x2", "￥50.21", saleID, "未知 unknown (第 6 班 from shift 6)", "退款排队 queued", "未付 not paid (第 5 班 from shift 5)", "签字 Signature", "abababababababab"} {
			if !strings.Contains(strings.ReplaceAll(paper, "\n", ""), want) && !strings.Contains(paper, want) {
				t.Errorf("no %q on\n%s", want, paper)
			}
		}
		if _, err := doc.Bytes(columns); err != nil {
			t.Error(err)
		}
	}
}
