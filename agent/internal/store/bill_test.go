package store_test

import (
	"path/filepath"
	"testing"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// TestBillsThatCannotBeAreRefused: whatever the till believes, the journal takes no part above its bill, and no cash
// that does not cover the amount.
func TestBillsThatCannotBeAreRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), store.FileName))
	insert := func(change func(*sale.Sale)) error {
		next := taken("sale_x", "A-x")
		change(&next)
		return s.Update(func(tx *store.Tx) error { _, err := tx.Insert(next, start); return err })
	}
	on := func(id string, fen, total int64) func(*sale.Sale) {
		return func(s *sale.Sale) {
			s.ID, s.OrderNo, s.Amount, s.Bill = id, "O-"+id, money.Fen(fen), sale.Bill{Number: "B-1", Total: money.Fen(total)}
		}
	}
	if err := insert(on("sale_1", 6000, 10000)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*sale.Sale){
		"more than is left": on("sale_2", 4001, 10000),
		"another total":     on("sale_2", 1000, 20000),
		"above its total":   func(s *sale.Sale) { on("sale_2", 1000, 999)(s); s.Bill.Number = "B-2" },
		"without a total":   func(s *sale.Sale) { on("sale_2", 1000, 0)(s); s.Bill.Number = "B-2" },
		"without a number":  func(s *sale.Sale) { on("sale_2", 1000, 1000)(s); s.Bill.Number = "" },
		"too little cash":   func(s *sale.Sale) { s.Received = money.Fen(1279) },
		"a wallet's cash": func(s *sale.Sale) {
			*s = sale.New("sale_2", "A-2", "", money.Fen(1280), start)
			s.Received = money.Fen(2000)
		},
		"cash and a wallet": func(s *sale.Sale) { s.Received, s.Wallet = money.Fen(2000), pay.WeChat },
	} {
		if err := insert(change); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := insert(on("sale_2", 4000, 10000)); err != nil {
		t.Errorf("the rest of the bill: %v", err)
	}
	if err := insert(func(s *sale.Sale) { s.Received = money.Fen(2000) }); err != nil {
		t.Errorf("cash with change: %v", err)
	}
}
