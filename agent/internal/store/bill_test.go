package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestSearchReadsByIndex: no meaning of a search's text reads the whole journal.
func TestSearchReadsByIndex(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), store.FileName))
	day := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for _, search := range []store.Search{{Text: "12.80", Limit: 10}, {Text: "4455", Limit: 10}, {Text: "4455", Limit: 10, From: day, To: day.AddDate(0, 0, 1)}} {
		if err := s.View(func(tx *store.Tx) error {
			plans, err := tx.Plans(search)
			if len(plans) < 5 {
				return fmt.Errorf("%d plans, %w", len(plans), err)
			}
			for _, plan := range plans {
				if strings.Contains(plan, "SCAN s") || !strings.Contains(plan, "SEARCH") {
					t.Errorf("%+v: %s", search, plan)
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}
