package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"cloudcashier/agent/internal/printjob"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/shift"
	"cloudcashier/shared/sqlite"
)

func TestImpossibleShiftsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	if err := s.Update(func(tx *store.Tx) error {
		tally := &shift.Tally{}
		if err := tx.Entries(0, tally.Add); err != nil {
			return err
		}
		if err := tx.CloseShift(tally.Close(shift.Closing{At: start, Counted: 5})); err != nil {
			return err
		}
		if err := tx.MoveCash(localapi.CashMovement{No: "M-1", Shift: 2, Kind: localapi.CashIn, Amount: 5, At: start}); err != nil {
			return err
		}
		if _, err := tx.InsertPrint(printjob.OfShift(1, printjob.Z, false, start)); err != nil {
			return err
		}
		return tx.OpenShift(shift.Opening{Shift: 2, Float: 100}, start)
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(path, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	run := func(statement string) error {
		return db.Update(func(tx *sqlite.Tx) error {
			return tx.Exec(statement)
		})
	}
	const end = `UPDATE shift SET closed_seq = 3, closed_at = 1, counted = 7, report = `
	const slip = `INSERT INTO print_job (shift, cause, copy, state, attempts, marked, created_at) VALUES `
	const movement = `INSERT INTO cash_movement (no, shift, kind, amount, why, operator, at) VALUES `
	for name, statement := range map[string]string{
		"a gap":                       `INSERT INTO shift (number, opened_at, opened_by, change) VALUES (4, 1, '', 0)`,
		"a number twice":              `INSERT INTO shift (number, opened_at, opened_by, change) VALUES (1, 1, '', 0)`,
		"two open ones":               `INSERT INTO shift (number, opened_at, opened_by, change) VALUES (3, 1, '', 0)`,
		"a closed one that changes":   `UPDATE shift SET counted = 6 WHERE number = 1`,
		"a closed one that opens":     `UPDATE shift SET closed_seq = NULL, closed_at = NULL, counted = NULL, report = NULL WHERE number = 1`,
		"a closed one that goes":      `DELETE FROM shift WHERE number = 1`,
		"an open one that goes":       `DELETE FROM shift WHERE number = 2`,
		"another float":               `UPDATE shift SET change = 1 WHERE number = 2`,
		"closed without a report":     `UPDATE shift SET closed_seq = 3, closed_at = 1, counted = 7 WHERE number = 2`,
		"another shift's report":      end + `'{"number":1,"counted":7,"float":100,"expected":100,"difference":-93,"last_event":2}' WHERE number = 2`,
		"another count":               end + `'{"number":2,"counted":8,"float":100,"expected":100,"difference":-93,"last_event":2}' WHERE number = 2`,
		"another float in the report": end + `'{"number":2,"counted":7,"float":0,"expected":100,"difference":-93,"last_event":2}' WHERE number = 2`,
		"a difference that is none":   end + `'{"number":2,"counted":7,"float":100,"expected":100,"difference":0,"last_event":2}' WHERE number = 2`,
		"another range":               end + `'{"number":2,"counted":7,"float":100,"expected":100,"difference":-93,"last_event":1}' WHERE number = 2`,
		"cash in a closed shift":      movement + `('M-2', 1, 'in', 1, '', '', 1)`,
		"cash in a later shift":       movement + `('M-2', 3, 'in', 1, '', '', 1)`,
		"no cash":                     movement + `('M-2', 2, 'in', 0, '', '', 1)`,
		"cash of no kind":             movement + `('M-2', 2, 'up', 1, '', '', 1)`,
		"cash twice":                  movement + `('M-1', 2, 'in', 5, '', '', 1)`,
		"other cash":                  `UPDATE cash_movement SET amount = 6`,
		"cash that was never there":   `DELETE FROM cash_movement`,
		"a Z of an open shift":        slip + `(2, 'z', 1, 'queued', 0, 0, 1)`,
		"two Zs that are the first":   slip + `(1, 'z', 1, 'queued', 0, 0, 1)`,
		"a receipt of a shift":        slip + `(1, 'paid', 1, 'queued', 0, 0, 1)`,
		"a slip of nothing":           slip + `(NULL, 'x', 1, 'queued', 0, 0, 1)`,
		"a Z of another shift":        `UPDATE print_job SET shift = 2`,
	} {
		if run(statement) == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, statement := range []string{ // the same with nothing wrong
		movement + `('M-2', 2, 'in', 1, '', '', 1)`,
		slip + `(1, 'z', 1, 'queued', 0, 1, 1)`,
		slip + `(2, 'x', 1, 'queued', 0, 0, 1)`,
		end + `'{"number":2,"counted":7,"float":100,"expected":100,"difference":-93,"last_event":2}' WHERE number = 2`,
		`INSERT INTO shift (number, opened_at, opened_by, change) VALUES (3, 1, '', 0)`,
	} {
		if err := run(statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
