package disk_test

import (
	"testing"
	"testing/fstest"

	"cloudcashier/scripts/simtest/disk"
	"cloudcashier/shared/sqlite"
)

// TestWhatIsReadIsSafe: a program dies at any operation of a commit, the next one starts and reads, and the power
// fails. What was read is there afterwards, whether or not the first one got to sync it.
func TestWhatIsReadIsSafe(t *testing.T) {
	died := 0
	for at := range 30 {
		for seed := range uint64(8) {
			d, err := disk.New()
			if err != nil {
				t.Fatal(err)
			}
			first := d.Start()
			db := store(t, first)
			insert(t, db, 1)
			first.Plan(disk.Die, at)
			if err := put(db, 2); err != nil {
				died++
			}
			first.Kill()
			_ = db.Close()
			second := d.Start()
			db = store(t, second)
			seen := rows(t, db)
			d.PowerCut(seed)
			_ = db.Close()
			db = store(t, d.Start())
			if left := rows(t, db); seen < 1 || left < seen {
				t.Errorf("died at operation %d, seed %d: %d rows were read, %d are left", at, seed, seen, left)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if err := d.Free(); err != nil {
				t.Error(err)
			}
		}
	}
	if died == 0 {
		t.Error("no commit was cut off")
	}
}

func store(t *testing.T, p *disk.Process) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(p.Path("b.db"), fstest.MapFS{"0001_t.sql": {Data: []byte("CREATE TABLE t (k INTEGER PRIMARY KEY) STRICT;")}},
		sqlite.Through(disk.VFS), sqlite.Readers(1))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func put(db *sqlite.DB, k int) error {
	return db.Update(func(tx *sqlite.Tx) error {
		return tx.Exec("INSERT INTO t (k) VALUES (?)", k)
	})
}

func insert(t *testing.T, db *sqlite.DB, k int) {
	t.Helper()
	if err := put(db, k); err != nil {
		t.Fatal(err)
	}
}

func rows(t *testing.T, db *sqlite.DB) (n int) {
	t.Helper()
	if err := db.View(func(tx *sqlite.Tx) error { return tx.QueryRow("SELECT count(*) FROM t").Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}
