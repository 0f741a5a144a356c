package till_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/agent/internal/till"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

func cashOf(order string, amount, received int64) localapi.NewSale {
	return localapi.NewSale{Amount: amount, OrderNo: order, Tender: localapi.TenderCash, Received: received}
}

func TestCashWithChange(t *testing.T) {
	r := newRig(t)
	s := r.begin(cashOf("A-1", 1280, 2000))
	if s.State != localapi.StatePaid || s.Received != 2000 || s.Change != 720 {
		t.Errorf("%+v", s)
	}
	r.crash()
	if again, fresh, err := r.till.NewSale(cashOf("A-1", 1280, 2000)); err != nil || fresh || again.ID != s.ID || again.Change != 720 {
		t.Errorf("%+v, %v, %v", again, fresh, err)
	}
	for received, code := range map[int64]string{0: "sale.other_received", 5000: "sale.other_received", 1279: "sale.received"} {
		if _, _, err := r.till.NewSale(cashOf("A-1", 1280, received)); fault.CodeOf(err) != code {
			t.Errorf("received %d: %v", received, err)
		}
	}
	if _, _, err := r.till.NewSale(localapi.NewSale{Amount: 1280, Received: 2000}); fault.CodeOf(err) != "sale.received" {
		t.Errorf("a wallet received cash: %v", err)
	}
	var journal bytes.Buffer
	if err := store.Export(r.path, &journal); err != nil || !strings.Contains(journal.String(), `"received":2000,"change":720`) {
		t.Errorf("%v, the journal says\n%s", err, journal.String())
	}
	list, err := r.till.Details(s.ID)
	if err != nil || len(list.Events) != 1 || list.Number != 1 || list.Sale.ID != s.ID {
		t.Errorf("%+v, %v", list, err)
	}
}

func onBill(order string, amount, total int64) localapi.NewSale {
	return localapi.NewSale{Amount: amount, OrderNo: order, Bill: "B-1", BillTotal: total}
}

func byCash(n localapi.NewSale) localapi.NewSale {
	n.Tender = localapi.TenderCash
	return n
}

func (r *rig) bill(paid, open, left int64, parts int) localapi.Bill {
	r.Helper()
	b, err := r.till.Bill("B-1")
	if err != nil || b.Total != 10000 || b.Paid != paid || b.Open != open || b.Left != left || len(b.Sales) != parts {
		r.Errorf("%+v, %v; want paid %d, open %d, left %d in %d parts", b, err, paid, open, left, parts)
	}
	return b
}

func (r *rig) refuses(code string, n localapi.NewSale) {
	r.Helper()
	if s, _, err := r.till.NewSale(n); fault.CodeOf(err) != code {
		r.Errorf("%+v, %v; want %s", s, err, code)
	}
}

// TestABillPaidInParts: cash, a wallet that says no, one that is not sure, a refunded part, the rest; with a power cut
// between each two steps.
func TestABillPaidInParts(t *testing.T) {
	r := newRig(t)
	if _, err := r.till.Bill("B-1"); fault.CodeOf(err) != "bill.unknown" {
		t.Error(err)
	}
	r.refuses("bill.total", onBill("P-0", 10001, 10000))
	r.refuses("bill.number", localapi.NewSale{Amount: 1, BillTotal: 1})
	cash := r.begin(byCash(onBill("P-1", 4000, 10000)))
	r.crash()
	r.bill(4000, 0, 6000, 1)
	r.refuses("bill.too_much", onBill("P-2", 6001, 10000))
	r.refuses("bill.other_total", onBill("P-2", 1000, 10001))
	r.refuses("sale.other_bill", localapi.NewSale{Amount: 4000, OrderNo: "P-1", Tender: localapi.TenderCash})

	wallet := onBill("P-2", 6000, 10000)
	wallet.Code = code(1)
	declined := r.begin(wallet)
	r.bill(4000, 6000, 0, 2)
	r.refuses("bill.too_much", byCash(onBill("P-3", 1, 10000)))
	r.leave(declined.ID, wire.KindPay)
	r.crash() // in doubt: its place stays taken
	r.bill(4000, 6000, 0, 2)
	r.refuses("bill.too_much", byCash(onBill("P-3", 1, 10000)))
	r.hub(wire.KindResult, result(declined.ID, pay.StatusDeclined))
	r.bill(4000, 0, 6000, 2)

	if _, _, err := r.till.NewRefund(cash.ID, localapi.NewRefund{Amount: 4000, RefundNo: "R-1"}); err != nil {
		t.Fatal(err)
	}
	if b := r.bill(4000, 0, 6000, 2); b.Sales[0].RefundedAmount != 4000 { // a refunded part stays used
		t.Errorf("%+v", b.Sales[0])
	}
	r.crash()
	again, fresh, err := r.till.NewSale(byCash(onBill("P-1", 4000, 10000))) // asked twice it is one part
	if err != nil || fresh || again.ID != cash.ID {
		t.Errorf("%+v, %v, %v", again, fresh, err)
	}
	waits := r.begin(onBill("P-4", 6000, 10000)) // it waits for a scan, and takes its place
	r.refuses("bill.too_much", byCash(onBill("P-5", 1, 10000)))
	if _, err := r.till.Cancel(waits.ID); err != nil {
		t.Fatal(err)
	}
	r.begin(byCash(onBill("P-5", 6000, 10000)))
	r.bill(10000, 0, 0, 4)
	r.refuses("bill.too_much", byCash(onBill("P-6", 1, 10000)))
}

// TestPartsAtOnce: many parts asked for at the same moment never pay more than the bill.
func TestPartsAtOnce(t *testing.T) {
	r := newRig(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() { _, _, _ = r.till.NewSale(byCash(onBill(fmt.Sprintf("P-%d", i), 700, 10000))) })
	}
	all.Wait()
	r.bill(9800, 0, 200, 14)
}

// TestAScannedCodeKeepsItsBill: the sale that charges the customer's own code in the place of ours is the same part.
func TestAScannedCodeKeepsItsBill(t *testing.T) {
	r := newRig(t)
	n := onBill("P-1", 10000, 10000)
	n.Mode = "qr"
	shown := r.begin(n)
	until := r.now().Add(time.Minute)
	r.leave(shown.ID, wire.KindPay)
	r.hub(wire.KindResult, wire.Result{Key: shown.ID, PaymentID: "pay_1", Status: pay.StatusPending, Outcome: pay.Unknown, QR: "weixin://x", QRUntil: &until})
	if !r.till.Scan(parsed(t, code(1)), r.now()) {
		t.Fatal("the scan was not used")
	}
	r.hub(wire.KindResult, wire.Result{Key: shown.ID, PaymentID: "pay_1", Status: pay.StatusClosed, Outcome: pay.NotPaid})
	if b := r.bill(0, 10000, 0, 2); b.Sales[1].Bill != "B-1" || b.Sales[1].State != localapi.StateSending {
		t.Errorf("%+v", b.Sales[1])
	}
}

// TestSearch finds a sale by each of its numbers, and nothing it was not asked for.
func TestSearch(t *testing.T) {
	r := newRig(t)
	ref := "4200002713202511236719284455"
	paid := r.charging(1)
	won := result(paid.ID, pay.StatusSucceeded)
	won.WalletRef = ref
	r.hub(wire.KindResult, won)
	r.pass(24 * time.Hour)
	bill := r.begin(byCash(onBill("XY-20261126-0001", 4455, 10000)))
	r.crash()
	for text, want := range map[string]string{
		paid.ID: paid.ID, "A-1": paid.ID, ref: paid.ID, "84455": paid.ID, "12.80": paid.ID, "12.8": paid.ID, "￥12.80": paid.ID,
		"XY-2026": bill.ID, "0001": bill.ID, "B-1": bill.ID, "44.55": bill.ID,
		"4455": paid.ID, "845": "", "none": "", "13": "", "%": "", "_": "", "A_1": "",
	} {
		list, err := r.till.Find(till.Search{Text: text, Limit: 10}, 0)
		var ids []string
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		if err != nil || strings.Join(ids, " ") != want {
			t.Errorf("%q finds %v, %v; want %s", text, ids, err, want)
		}
	}
	for i, c := range []struct {
		from, to time.Time
		want     string
	}{
		{time.Time{}, time.Time{}, bill.ID + " " + paid.ID},
		{bill.CreatedAt, time.Time{}, bill.ID},
		{time.Time{}, bill.CreatedAt, paid.ID},
		{paid.CreatedAt.Add(time.Second), bill.CreatedAt, ""},
	} {
		list, err := r.till.Find(till.Search{From: c.from, To: c.to, Limit: 10}, 0)
		var ids []string
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		if err != nil || strings.Join(ids, " ") != c.want {
			t.Errorf("%d: %v, %v; want %s", i, ids, err, c.want)
		}
	}
	if list, err := r.till.Find(till.Search{Text: "2", Limit: 10}, 2); err != nil || len(list) != 1 || list[0].ID != bill.ID {
		t.Errorf("receipt 2: %+v, %v", list, err)
	}
	if _, err := r.till.Find(till.Search{Text: strings.Repeat("x", 65), Limit: 1}, 0); fault.CodeOf(err) != "sale.find" {
		t.Error(err)
	}
	if list, err := r.till.Find(till.Search{Text: paid.ID[:5], Limit: 1}, 0); err != nil || len(list) != 0 { // an id is found whole
		t.Errorf("%+v, %v", list, err)
	}
}

// TestSearchIsBounded: however many sales are alike, as many are read as were asked for, newest first.
func TestSearchIsBounded(t *testing.T) {
	r := newRig(t)
	draw := rand.New(rand.NewPCG(1, 2))
	var newest []string
	for i := range 60 {
		n := localapi.NewSale{Amount: 500, Tender: localapi.TenderCash, OrderNo: fmt.Sprintf("N-%08d", draw.IntN(1e8))}
		if i%2 == 0 {
			n.Amount, n.OrderNo = 700, fmt.Sprintf("5%08d", draw.IntN(1e8))
		}
		newest = append([]string{r.begin(n).ID}, newest...)
	}
	for _, text := range []string{"5", ""} { // by amount the one half, by the number's beginning the other
		list, err := r.till.Find(till.Search{Text: text, Limit: 7}, 0)
		var ids []string
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		if err != nil || strings.Join(ids, " ") != strings.Join(newest[:7], " ") {
			t.Errorf("%q: %v, %v; want %v", text, ids, err, newest[:7])
		}
	}
}
