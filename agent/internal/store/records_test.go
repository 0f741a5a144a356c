package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
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

// TestAnOlderJournalGoesOn: sales, messages, codes and the counters survive the change of the tables.
func TestAnOlderJournalGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	text, err := os.ReadFile("migrations/0001_journal.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(path, fstest.MapFS{"0001_journal.sql": {Data: text}})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *sqlite.Tx) error {
		for _, statement := range []string{
			`INSERT INTO sale (seq, id, order_no, subject, amount, currency, tender, state, reason, message, refusal_reason, refusal_message, wallet, wallet_ref, payment_id, created_at, scanned_at, finished_at)
				VALUES (7, 'sale_1', 'A-1', '', 1280, 'CNY', 'wallet', 'sending', 'sending', 'x', '', '', 'wechat', '', '', 1, 1, NULL)`,
			`INSERT INTO sale SELECT 8, 'sale_2', 'A-2', subject, amount, currency, tender, state, reason, message, refusal_reason,
				refusal_message, wallet, wallet_ref, payment_id, created_at, scanned_at, finished_at FROM sale`,
			`INSERT INTO outbox (seq, kind, key, body) VALUES (9, 'pay', 'sale_1', '{}'), (12, 'pay', 'sale_2', '{}')`,
			`DELETE FROM outbox WHERE seq = 12`,
			`INSERT INTO code (digest, sale, at) VALUES (zeroblob(32), 'sale_1', 5)`,
			`INSERT INTO meta (name, value) VALUES ('down_seq', 3)`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to change
		s := open(t, path)
		if err := s.View(func(tx *store.Tx) error {
			rows, err := tx.Open()
			if len(rows) != 2 || rows[0].ID != "sale_1" || rows[0].Seq != 9 || rows[0].Asking != wire.KindPay || rows[1].Seq != 0 {
				t.Errorf("%+v", rows)
			}
			if n, err := tx.DownSeq(); n != 3 || err != nil {
				t.Errorf("down_seq %d, %v", n, err)
			}
			if user, err := tx.CodeUsed(make([]byte, 32)); user != "sale_1" || err != nil {
				t.Errorf("the code is %q's, %v", user, err)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, path)
	if err := s.Update(func(tx *store.Tx) error { _, err := tx.Insert(taken("sale_3", "A-3"), start); return err }); err != nil {
		t.Fatal(err)
	}
	insert(t, s, "sale_4", "A-4")
	row := take(t, s, "sale_4", sale.News{Event: sale.Scan, Wallet: pay.WeChat}, start)
	if row.Seq != 13 {
		t.Errorf("message %d: a number came twice", row.Seq)
	}
	if err := s.Update(func(tx *store.Tx) error { _, err := tx.Insert(taken("sale_5", "A-3"), start); return err }); err == nil {
		t.Error("an order was paid twice")
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
