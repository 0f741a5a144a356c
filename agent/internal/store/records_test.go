package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

func taken(id, orderNo string) sale.Sale {
	return sale.Taken(id, orderNo, "tea", money.Fen(1280), localapi.TenderCash, start)
}

func TestImpossibleCashIsRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), store.FileName))
	for name, change := range map[string]func(*sale.Sale){
		"not paid":       func(s *sale.Sale) { s.State = localapi.StateLapsed },
		"waiting":        func(s *sale.Sale) { s.State, s.Finished = localapi.StateWaiting, time.Time{} },
		"with a wallet":  func(s *sale.Sale) { s.Wallet, s.Scanned = pay.WeChat, start },
		"with a payment": func(s *sale.Sale) { s.PaymentID = "pay_1" },
		"a wallet's, without its payment": func(s *sale.Sale) {
			s.Tender, s.Wallet, s.Scanned = localapi.TenderWallet, pay.WeChat, start
		},
		"by cheque": func(s *sale.Sale) { s.Tender = "cheque" },
	} {
		bad := taken("sale_1", "A-1")
		change(&bad)
		if err := s.Update(func(tx *store.Tx) error { _, err := tx.Insert(bad, start); return err }); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if s.Head() != 0 {
		t.Errorf("head %d", s.Head())
	}
}

// TestHeadCountsTheEvents: what was undone leaves no gap, and a new start knows the number.
func TestHeadCountsTheEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	for i := range 20 {
		err := s.Update(func(tx *store.Tx) error {
			if _, err := tx.Insert(taken(fmt.Sprintf("sale_%d", i), fmt.Sprintf("A-%d", i)), start); err != nil {
				return err
			}
			if i%3 == 0 {
				return fault.New(fault.Conflict, "undone", "undone")
			}
			return nil
		})
		if (err != nil) != (i%3 == 0) {
			t.Fatal(err)
		}
	}
	if s.Head() != 13 {
		t.Errorf("head %d, want 13", s.Head())
	}
	if err := s.View(func(tx *store.Tx) error {
		m, err := tx.Records(0, 1<<20)
		if len(m.Rows) != 13 || m.Check() != nil {
			t.Errorf("%d rows, %v", len(m.Rows), m.Check())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, path); s.Head() != 13 {
		t.Errorf("after a start head %d", s.Head())
	}
	err := s.Update(func(tx *store.Tx) error {
		return tx.Append("", "note", map[string]string{"text": string(make([]byte, wire.MaxRecordBody))}, start)
	})
	if fault.CodeOf(err) != "journal.event_size" || s.Head() != 13 {
		t.Errorf("an event too big for the hub: %v, head %d", err, s.Head())
	}
}
