package agentd_test

import (
	"testing"

	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// TestTheDesk: cash with change, a bill in parts, search and details, through the real socket.
func TestTheDesk(t *testing.T) {
	client, _, stop := start(t, activated(t))
	defer stop()
	ctx := t.Context()
	cash, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "C-1", Tender: api.TenderCash, Received: 2000})
	if err != nil || cash.Change != 720 {
		t.Fatalf("%+v, %v", cash, err)
	}
	part, err := client.NewSale(ctx, api.NewSale{Amount: 4000, OrderNo: "P-1", Tender: api.TenderCash, Bill: "table 7/2", BillTotal: 10000})
	if err != nil {
		t.Fatal(err)
	}
	bill, err := client.Bill(ctx, "table 7/2")
	if err != nil || bill.Paid != 4000 || bill.Left != 6000 || bill.Total != 10000 || len(bill.Sales) != 1 || bill.Sales[0].ID != part.ID {
		t.Errorf("%+v, %v", bill, err)
	}
	for want, f := range map[string]api.Find{
		cash.ID: {Text: "12.80", Limit: 5}, part.ID: {Text: "table 7/2", Limit: 5, From: "2020-01-01", To: "2099-12-31"}, "": {Text: "12.80", Limit: 5, To: "2020-01-01"},
	} {
		list, err := client.FindSales(ctx, f)
		if err != nil || (want == "") != (len(list) == 0) || want != "" && list[0].ID != want {
			t.Errorf("%+v: %+v, %v", f, list, err)
		}
	}
	if list, err := client.FindSales(ctx, api.Find{Text: "00000001", Limit: 5}); err != nil || len(list) != 1 || list[0].ID != cash.ID {
		t.Errorf("by its receipt's number: %+v, %v", list, err)
	}
	details, err := client.Details(ctx, cash.ID)
	if err != nil || details.Sale.ID != cash.ID || details.Number != 1 || len(details.Events) != 1 || details.Events[0].State != "paid" {
		t.Errorf("%+v, %v", details, err)
	}
	if n, err := client.Barcode(ctx, "6901234567892"); err != nil || n.Kind != "product" || n.Amount != 0 {
		t.Errorf("%+v, %v", n, err)
	}
	if n, err := client.Barcode(ctx, "2012345012805"); err != nil || n.Kind == "price" { // not before the shop says so
		t.Errorf("%+v, %v", n, err)
	}
	for want, call := range map[string]func() error{
		"bill.unknown": func() error { _, err := client.Bill(ctx, "none"); return err },
		"sale.unknown": func() error { _, err := client.Details(ctx, "sale_none"); return err },
		"sale.days": func() error {
			_, err := client.FindSales(ctx, api.Find{From: "2026-02-02", To: "2026-02-01", Limit: 1})
			return err
		},
		"bill.too_much": func() error {
			_, err := client.NewSale(ctx, api.NewSale{Amount: 6001, Bill: "table 7/2", BillTotal: 10000})
			return err
		},
	} {
		if err := call(); fault.CodeOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
