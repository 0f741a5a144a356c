package book

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

var noon = time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC)

func open(t *testing.T) *Book {
	t.Helper()
	b, err := Open(filepath.Join(t.TempDir(), "sandbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func pays(t *testing.T, b *Book, number, code string) order.Step {
	t.Helper()
	c, err := pay.ParseCode(code)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Pay(noon, order.Order{Wallet: pay.WeChat, Mch: "m", Number: number, Amount: money.Fen(5), Expires: noon.Add(time.Hour)}, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A write that fails takes back what was settled before it; nothing planned may be forgotten by that.
func TestFailedWriteForgetsNothing(t *testing.T) {
	b := open(t)
	pays(t, b, "N1", "100000000000000053")
	boom := errors.New("boom")
	if err := b.update(noon.Add(time.Minute), func(*sqlite.Tx) error { return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if lines, err := b.Lines(0, 10); err != nil || len(lines) != 0 {
		t.Fatalf("after the failure: %+v, %v", lines, err)
	}
	if err := b.Settle(noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if lines, err := b.Lines(0, 10); err != nil || len(lines) != 1 || !lines[0].At.Equal(noon.Add(5*time.Second)) {
		t.Fatalf("after the next write: %+v, %v", lines, err)
	}
}

// TestManyDue settles more planned moments than are held in memory at once.
func TestManyDue(t *testing.T) {
	b := open(t)
	err := b.update(noon, func(tx *sqlite.Tx) error {
		for i := range 2*settlePage + 1 {
			s := order.Open(order.Order{Wallet: pay.WeChat, Mch: "m", Number: fmt.Sprint("N", i), Fate: order.PasswordPaid, Amount: money.Fen(5), Expires: noon.Add(time.Hour)},
				order.Order{}, noon)
			if err := b.store(tx, &s.Order, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Settle(noon.Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for seq := int64(0); ; {
		lines, err := b.Lines(seq, 100)
		if err != nil {
			t.Fatal(err)
		}
		if seen += len(lines); len(lines) < 100 {
			break
		}
		seq = lines[len(lines)-1].Seq
	}
	if seen != 2*settlePage+1 {
		t.Errorf("%d lines, want %d", seen, 2*settlePage+1)
	}
}

// TestSchemaRefuses tries what no code of ours does: the file itself says no.
func TestSchemaRefuses(t *testing.T) {
	b := open(t)
	id := pays(t, b, "N1", "100000000000000000").Order.ID
	for _, query := range []string{
		`UPDATE orders SET code = NULL`,
		`UPDATE lines SET amount = 1`,
		`DELETE FROM lines`,
		`INSERT INTO lines (order_id, kind, amount, at) VALUES (1, 'charge', 5, 0)`,
		`INSERT INTO lines (order_id, kind, amount, at) VALUES (2, 'charge', 5, 0)`,
		`INSERT INTO lines (order_id, kind, amount, at) VALUES (1, 'reversal', 0, 0)`,
		`UPDATE orders SET state = 'lost'`,
		`UPDATE orders SET paid = NULL`,
		`UPDATE orders SET state = 'undone'`,
		`UPDATE orders SET amount = 0`,
		`UPDATE orders SET returned = 1`,
		`DELETE FROM orders`,
		`INSERT INTO lines (order_id, kind, amount, at) VALUES (1, 'refund', 6, 0)`,
		`INSERT INTO lines (order_id, kind, amount, at) VALUES (1, 'refund', 3, 0), (1, 'refund', 3, 0)`,
		`INSERT INTO lines (order_id, kind, amount, at) VALUES (1, 'refund', 1, 0), (1, 'reversal', 5, 0)`,
		`INSERT INTO refunds (order_id, number, stamp, undo, amount, state, created, ended, due) VALUES (1, 'N2', '', 2, 1, 'returned', 0, 0, NULL)`,
		`INSERT INTO refunds (order_id, number, stamp, undo, amount, state, created, ended, due) VALUES (7, 'N2', '', 0, 1, 'returned', 0, 0, NULL)`,
	} {
		if err := b.db.Update(func(tx *sqlite.Tx) error { err := tx.Exec(query); return err }); err == nil {
			t.Errorf("%s was taken (order %d)", query, id)
		}
	}
}

// TestAgePutsTheGuardBack: the ledger is append-only before and after; aging is the one thing that may change a line.
func TestAgePutsTheGuardBack(t *testing.T) {
	b := open(t)
	pays(t, b, "N1", "100000000000000000")
	if err := b.Age(noon, time.Hour); err != nil {
		t.Fatal(err)
	}
	lines, err := b.Lines(0, 10)
	if err != nil || len(lines) != 1 || !lines[0].At.Equal(noon.Add(-time.Hour)) {
		t.Fatalf("aged: %+v, %v", lines, err)
	}
	err = b.update(noon, func(tx *sqlite.Tx) error {
		return tx.Exec(`UPDATE lines SET amount = 1`)
	})
	if err == nil {
		t.Error("a line was changed after aging")
	}
}
