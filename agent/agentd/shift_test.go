package agentd_test

import (
	"reflect"
	"testing"

	"cloudcashier/shared/fault"
	api "cloudcashier/shared/localapi"
)

// TestAShiftWithoutAHub goes through the till's own door: opened, sold in, counted blind, closed, read again after a restart.
func TestAShiftWithoutAHub(t *testing.T) {
	dir := activated(t)
	client, _, stop := start(t, dir)
	ctx := t.Context()
	opened, err := client.OpenShift(ctx, api.NewShift{Float: 10000})
	if err != nil || opened.Number != 1 || opened.Float != 10000 {
		t.Fatalf("%+v, %v", opened, err)
	}
	if _, err := client.NewSale(ctx, api.NewSale{Amount: 1280, Tender: api.TenderCash}); err != nil {
		t.Fatal(err)
	}
	out := api.NewMovement{Kind: api.CashOut, Amount: 500, Why: "tea", No: "M-1"}
	if m, err := client.MoveCash(ctx, out); err != nil || m.Shift != 1 || m.No != "M-1" {
		t.Fatalf("%+v, %v", m, err)
	}
	if x, err := client.Shift(ctx, "current"); err != nil || !x.Blind || x.Expected != nil || x.PaidOut != 500 {
		t.Errorf("%+v, %v", x, err)
	}
	if x, err := client.ReportShift(ctx, api.ReportShift{}); err != nil || x.Expected == nil || *x.Expected != 10780 {
		t.Errorf("%+v, %v", x, err)
	}
	if s, err := client.Status(ctx); err != nil || s.Shift.Number != 1 || s.Shift.OpenedAt == nil {
		t.Errorf("%+v, %v", s, err)
	}
	end := api.CloseShift{Number: 1, Denominations: []api.Denomination{{Value: 10000, Count: 1}, {Value: 10, Count: 78}}, Note: "all well"}
	z, err := client.CloseShift(ctx, end)
	if err != nil || *z.Difference != 0 || z.Note != "all well" {
		t.Fatalf("%+v, %v", z, err)
	}
	if _, err := client.PrintShift(ctx, "1"); fault.CodeOf(err) != "printer.none" {
		t.Error(err)
	}
	stop()
	client, _, stop = start(t, dir)
	defer stop()
	again, err := client.CloseShift(ctx, end)
	if err != nil || !reflect.DeepEqual(again, z) {
		t.Errorf("%+v, %v; was %+v", again, err, z)
	}
	read, err := client.Shift(ctx, "1")
	list, err2 := client.Shifts(ctx, 10)
	if err != nil || err2 != nil || !reflect.DeepEqual(read, z) || len(list) != 1 || !reflect.DeepEqual(list[0], z) {
		t.Errorf("%+v, %v, %+v, %v", read, err, list, err2)
	}
	if _, err := client.Shift(ctx, "9"); fault.CodeOf(err) != "shift.unknown" || fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}
