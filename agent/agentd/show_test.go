package agentd_test

import (
	"testing"

	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// TestNoCodeIsShownWithoutAHub: through the whole agent and its socket. It is refused at once and by name, nothing is
// begun, and the order waits on for a scan or for cash.
func TestNoCodeIsShownWithoutAHub(t *testing.T) {
	client, _, stop := start(t, activated(t))
	defer stop()
	ctx := t.Context()
	waits, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "A-1"})
	if err != nil {
		t.Fatal(err)
	}
	for want, n := range map[string]api.NewSale{
		"sale.qr_offline": {Amount: 1280, OrderNo: "A-2", Mode: "qr"},
		"sale.mode":       {Amount: 1280, OrderNo: "A-2", Mode: "show"},
		"sale.wallet":     {Amount: 1280, OrderNo: "A-2", Mode: "qr", Wallet: "apple"},
		"sale.code":       {Amount: 1280, OrderNo: "A-2", Mode: "qr", Code: "130000000000000001"},
	} {
		if s, err := client.NewSale(ctx, n); fault.CodeOf(err) != want || s.ID != "" {
			t.Errorf("%s: %+v, %v", want, s, err)
		}
	}
	if _, err := client.NewSale(ctx, api.NewSale{Amount: 1280, OrderNo: "A-1", Mode: "qr", Wallet: pay.Alipay}); fault.CodeOf(err) != "sale.qr_offline" {
		t.Errorf("%v", err)
	}
	list, err := client.Sales(ctx, 10)
	if err != nil || len(list) != 1 || list[0].ID != waits.ID || list[0].State != api.StateWaiting || list[0].Mode != "" {
		t.Errorf("%+v, %v", list, err)
	}
}
