package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// TestACodeThatIsShownSurvives: its text and its end come back, and go when the sale is settled.
func TestACodeThatIsShownSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	insert(t, s, "sale_1", "A-1")
	asked := take(t, s, "sale_1", sale.News{Event: sale.Show}, start) // the wallet is the hub's choice
	if body, ok := store.Message(asked.Sale).(wire.Pay); !ok || body.Mode != wire.ModeQR || body.Wallet != "" || body.Code != "" || body.Check() != nil {
		t.Fatalf("%+v", store.Message(asked.Sale))
	}
	ends := start.Add(2 * time.Minute)
	shown := take(t, s, "sale_1", sale.News{Event: sale.Shown, PaymentID: "pay_1", Wallet: pay.Alipay, QR: "https://qr.alipay.com/x",
		QRUntil: ends, QREnds: ends}, start)
	if shown.Seq != 0 || shown.State != localapi.StateShown {
		t.Fatalf("%+v", shown)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if err := s.View(func(tx *store.Tx) error {
		rows, err := tx.Open()
		want := shown
		want.Heard, want.QREnds = time.Time{}, time.Time{}
		if len(rows) != 1 || rows[0] != want {
			t.Errorf("after a restart: %+v, want %+v", rows, want)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if v := store.View(shown.Sale); v.Mode != wire.ModeQR || v.ScannedAt != nil || v.QR != "" {
		t.Errorf("%+v", v)
	}
	if paid := take(t, s, "sale_1", sale.News{Event: sale.Approved, PaymentID: "pay_1", Amount: 1280}, start); paid.QR != "" || !paid.QRUntil.IsZero() {
		t.Errorf("%+v", paid)
	}
}

// TestImpossibleCodesAreRefused: the database's own word about sales by a code that is shown.
func TestImpossibleCodesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	insert(t, s, "sale_1", "A-1")
	take(t, s, "sale_1", sale.News{Event: sale.Show, Wallet: pay.WeChat}, start)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(path, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, set := range []string{
		`mode = 'QR'`, `state = 'shown', payment_id = 'pay_1'`, `qr = 'x'`, `qr_until = 5`, `qr = 'x', qr_until = 5, mode = ''`,
		`state = 'shown', qr = 'x', qr_until = 5`, `state = 'waiting', scanned_at = NULL, wallet = ''`, `deferred_at = 5, claim = 'c', state = 'deferred'`,
		`qr = '` + strings.Repeat("x", 513) + `', qr_until = 5`, `qr = 'x', qr_until = 5, state = 'lapsed', finished_at = 5`,
	} {
		err := db.Update(func(tx *sqlite.Tx) error {
			return tx.Exec(`UPDATE sale SET ` + set)
		})
		if err == nil || !strings.Contains(err.Error(), "CHECK") {
			t.Errorf("%s: %v", set, err)
		}
	}
	if err := db.Update(func(tx *sqlite.Tx) error {
		return tx.Exec(`UPDATE sale SET wallet = '', qr = 'x', qr_until = 5, state = 'shown', payment_id = 'pay_1'`)
	}); err != nil {
		t.Errorf("a possible one: %v", err)
	}
}
