package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/duty"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/sqlite"
)

func TestWhoIsOnDutyAndWhoMistyped(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	at := start.Add(time.Minute)
	must := func(fn func(tx *store.Tx) error) {
		t.Helper()
		if err := s.Update(fn); err != nil {
			t.Fatal(err)
		}
	}
	must(func(tx *store.Tx) error { return tx.SignOn("opr_1", at) })
	if err := s.Update(func(tx *store.Tx) error { return tx.SignOn("opr_2", at) }); err == nil {
		t.Fatal("two are on duty")
	}
	_ = s.Close() // a statement that failed ends a journal
	s = open(t, path)
	must(func(tx *store.Tx) error { return tx.Wrong("opr_1", "salt", duty.Tries{Wrong: 1, Last: at}) })
	must(func(tx *store.Tx) error { return tx.Wrong("opr_2", "salt", duty.Tries{Wrong: 4, Last: at}) })
	look := func(operator, mark string, want int, onDuty string) {
		t.Helper()
		must(func(tx *store.Tx) error {
			n, err := tx.Tries(operator, mark)
			if err == nil && (n.Wrong != want || want > 0 && !n.Last.Equal(at)) {
				t.Errorf("%s: %+v, want %d", operator, n, want)
			}
			who, bad := tx.OnDuty()
			if who != onDuty || bad != nil {
				t.Errorf("%q is on duty, %v", who, bad)
			}
			return err
		})
	}
	look("opr_1", "salt", 1, "opr_1") // a wrong PIN ends nobody's duty
	look("opr_2", "salt", 4, "opr_1")
	look("opr_2", "fresh", 0, "opr_1") // another PIN
	look("opr_3", "salt", 0, "opr_1")
	must(func(tx *store.Tx) error { return tx.Forgive("opr_2") })
	look("opr_2", "salt", 0, "opr_1")
	must(func(tx *store.Tx) error { return tx.SignOff("opr_1", "asked", at) })
	look("opr_1", "salt", 1, "")
	must(func(tx *store.Tx) error { return tx.SignOn("opr_1", at) }) // the right PIN was given
	look("opr_1", "salt", 0, "opr_1")
	must(func(tx *store.Tx) error { return tx.SetRoster("OPR1.x.y") })
	must(func(tx *store.Tx) error {
		signed, err := tx.Roster()
		if signed != "OPR1.x.y" {
			t.Errorf("%q", signed)
		}
		return err
	})
}

// TestTheDatabaseKnowsWhoStoodForIt, whatever the law forgets.
func TestTheDatabaseKnowsWhoStoodForIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	of := paid(t, s, "sale_1", "A-1")
	part := sale.Refund{ID: "ref_1", Sale: of.ID, RefundNo: "R-1", Amount: money.Fen(100), Tender: localapi.TenderWallet, Kind: localapi.RefundVoid,
		State: localapi.RefundQueued, Words: sale.Words{Reason: "x", Message: "x"}, Created: start}
	if err := s.Update(func(tx *store.Tx) error { _, err := tx.InsertRefund(part, start); return err }); err == nil {
		t.Error("a void of a part was stored")
	}
	_ = s.Close()
	s = open(t, path)
	part.Kind, part.Operator, part.Approver = localapi.RefundPlain, "opr_1", "opr_2"
	if err := s.Update(func(tx *store.Tx) error { _, err := tx.InsertRefund(part, start); return err }); err != nil {
		t.Fatal(err)
	}
	if err := s.View(func(tx *store.Tx) error {
		row, err := tx.Refund("ref_1")
		if row.Operator != "opr_1" || row.Approver != "opr_2" || row.Kind != localapi.RefundPlain {
			t.Errorf("%+v", row)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{`UPDATE refund SET operator = 'opr_9'`, `UPDATE refund SET approved_by = ''`, `UPDATE refund SET kind = 'void'`,
		`UPDATE operator SET wrong = 1`, `INSERT INTO operator (id, wrong) VALUES ('opr_5', 2)`} {
		if err := raced(t, path, `INSERT INTO operator (id) VALUES ('opr_4')`, statement); err == nil {
			t.Errorf("done: %s", statement)
		}
	}
	if out := exportedText(t, path); !strings.Contains(out, `"approved_by":"opr_2"`) {
		t.Errorf("the export does not name who approved:\n%s", out)
	}
}

// raced runs statements on a closed journal in one transaction that is never kept when one fails.
func raced(t *testing.T, path string, statements ...string) (err error) {
	t.Helper()
	db, bad := sqlite.Open(path, os.DirFS("migrations"))
	if bad != nil {
		t.Fatal(bad)
	}
	defer db.Close()
	return db.Update(func(tx *sqlite.Tx) error {
		for _, one := range statements {
			if err := tx.Exec(one); err != nil {
				return err
			}
		}
		return nil
	})
}

func exportedText(t *testing.T, path string) string {
	t.Helper()
	var out strings.Builder
	if err := store.Export(path, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
