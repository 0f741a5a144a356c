package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/sqlite"
)

var schema = fstest.MapFS{"0001_t.sql": {Data: []byte("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT NOT NULL) STRICT;")}}

func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(path, schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func count(t *testing.T, db *sqlite.DB) (n int) {
	t.Helper()
	if err := db.View(func(tx *sqlite.Tx) error { return tx.QueryRow("SELECT count(*) FROM t").Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConcurrentUpdatesAreEachWholeOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path)
	boom := errors.New("no")
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			committed := false
			err := db.Update(func(tx *sqlite.Tx) error {
				tx.AfterCommit(func() { committed = true })
				if err := tx.Exec("INSERT INTO t VALUES (?, 'x')", i); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return boom
				case 2:
					panic("handler bug")
				}
				return nil
			})
			want := map[int]bool{0: err == nil, 1: errors.Is(err, boom), 2: fault.CodeOf(err) == "storage.panic"}[i%3]
			if !want || committed != (i%3 == 0) {
				t.Errorf("job %d: %v, committed %v", i, err, committed)
			}
		})
	}
	wg.Wait()
	if n := count(t, db); n != 100 {
		t.Errorf("%d rows, want 100", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, open(t, path)); n != 100 {
		t.Errorf("%d rows after reopening, want 100", n)
	}
	if err := db.Update(func(*sqlite.Tx) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("update after close: %v", err)
	}
}

// TestWhatCanWaitComesLastAndAlone: in each commit one of its kind, behind all that hurry.
func TestWhatCanWaitComesLastAndAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	synctest.Test(t, func(t *testing.T) { lastAndAlone(t, path) })
}

func lastAndAlone(t *testing.T, path string) {
	db := open(t, path)
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { _ = db.Update(func(*sqlite.Tx) error { close(held); <-hold; return nil }) })
	<-held
	var ran []string // on the writer's goroutine
	submit := func(name string, update func(func(*sqlite.Tx) error) error) {
		all.Go(func() {
			if err := update(func(tx *sqlite.Tx) error {
				n, before := 0, count(t, db) // committed by now
				if err := tx.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
					return err
				}
				ran = append(ran, fmt.Sprint(name, " ", n, " ", before))
				return tx.Exec("INSERT INTO t VALUES (?, ?)", n, name)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	submit("waits", db.UpdateBehind)
	submit("waits", db.UpdateBehind)
	submit("hurries", db.Update)
	synctest.Wait() // all three stand in line
	close(hold)
	all.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	// Seen inside, then committed: the second that waits finds the first one's commit done.
	if got := strings.Join(ran, ", "); got != "hurries 0 0, waits 1 0, waits 2 2" {
		t.Errorf("they ran as %s", got)
	}
}

// TestWhatRunsTwice: of many that share a commit some fail after they have written. What they wrote is gone, what the others wrote is there
// once, whoever may not run twice did not, and what follows the commit follows once.
func TestWhatRunsTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	synctest.Test(t, func(t *testing.T) { runsTwice(t, path) })
}

func runsTwice(t *testing.T, path string) {
	db := open(t, path)
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { _ = db.Update(func(*sqlite.Tx) error { close(held); <-hold; return nil }) })
	<-held
	const jobs = 40
	var ran, followed [jobs]int
	numbers := map[uint64]int{}
	for i := range jobs {
		fails, update := i%4 == 0, db.UpdateAgain
		if i%3 == 0 {
			update = db.Update
		}
		all.Go(func() {
			err := update(func(tx *sqlite.Tx) error {
				ran[i]++
				numbers[tx.Number()]++
				tx.AfterCommit(func() { followed[i]++ })
				if err := tx.Exec("INSERT INTO t VALUES (?, 'x')", i); err != nil {
					return err
				}
				if i == 8 {
					panic("planted")
				}
				if fails {
					return errors.New("refused")
				}
				return nil
			})
			if (err != nil) != fails {
				t.Errorf("job %d: %v", i, err)
			}
		})
	}
	synctest.Wait() // all stand in line
	close(hold)
	all.Wait()
	again := 0
	for i := range jobs {
		fails, once := i%4 == 0, i%3 == 0
		if once && ran[i] != 1 || ran[i] < 1 || ran[i] > 2 {
			t.Errorf("job %d ran %d times", i, ran[i])
		}
		if ran[i] == 2 {
			again++
		}
		if want := map[bool]int{true: 0, false: 1}[fails]; followed[i] != want {
			t.Errorf("job %d was followed %d times", i, followed[i])
		}
	}
	if again == 0 || len(numbers) != 2 {
		t.Errorf("%d ran twice, in %d transactions: nothing was undone", again, len(numbers))
	}
	if n := count(t, db); n != 30 {
		t.Errorf("%d rows, want 30", n)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestDuplicateKeyIsTheSubmittersAlone(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	insert := func(tx *sqlite.Tx) error { err := tx.Exec("INSERT INTO t VALUES (1, 'x')"); return err }
	if err := db.Update(insert); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(insert); !sqlite.IsDuplicate(err) {
		t.Errorf("second insert: %v", err)
	}
	if db.Err() != nil || count(t, db) != 1 {
		t.Error("a refused row harmed the database")
	}
}

func TestStorageErrorIsInDoubtAndEndsTheDatabase(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	err := db.Update(func(tx *sqlite.Tx) error {
		if err := tx.Exec("PRAGMA max_page_count = 4"); err != nil { // the disk is full from here
			return err
		}
		for i := range 100 {
			if err := tx.Exec("INSERT INTO t VALUES (?, ?)", i, strings.Repeat("x", 4000)); err != nil {
				return err
			}
		}
		return nil
	})
	if fault.KindOf(err) != fault.InDoubt || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("full disk: %v (%v)", err, fault.KindOf(err))
	}
	<-db.Failed()
	if err := db.Update(func(*sqlite.Tx) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after the failure: %v", err)
	}
}

func TestReadersSeeOneMomentAndCannotWrite(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	err := db.View(func(tx *sqlite.Tx) error {
		return tx.Exec("INSERT INTO t VALUES (1, 'x')")
	})
	if err == nil {
		t.Error("a reader wrote")
	}
}

func TestPragmas(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "odd name?#.db"))
	err := db.Update(func(tx *sqlite.Tx) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			var got string
			if err := tx.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				return fmt.Errorf("%s is %s (%v), want %s", pragma, got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := sqlite.Version(); !atLeast(got, 3, 51, 3) {
		t.Errorf("SQLite %s may lose committed pages (fixed in 3.51.3)", got)
	}
}

func atLeast(version string, want ...int) bool {
	var got [3]int
	fmt.Sscanf(version, "%d.%d.%d", &got[0], &got[1], &got[2])
	for i, w := range want {
		if got[i] != w {
			return got[i] > w
		}
	}
	return true
}

func TestBadFilesAreRefusedUntouched(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	text := strings.Repeat("not a database at all ", 500)
	if err := os.WriteFile(garbage, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(garbage, schema); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("garbage: %v", err)
	}
	if now, _ := os.ReadFile(garbage); string(now) != text {
		t.Error("the damaged file was changed")
	}
	newer := filepath.Join(dir, "newer.db")
	two := fstest.MapFS{"0001_t.sql": schema["0001_t.sql"], "0002_u.sql": {Data: []byte("CREATE TABLE u (k INTEGER) STRICT;")}}
	db, err := sqlite.Open(newer, two)
	if err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if _, err := sqlite.Open(newer, schema); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("newer schema: %v", err)
	}
	if _, err := sqlite.Open(filepath.Join(dir, "no", "such", "folder.db"), schema); err == nil {
		t.Error("a missing folder was accepted")
	}
	if _, err := sqlite.OpenReadOnly(filepath.Join(dir, "absent.db")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("absent: %v", err)
	}
}

// Many readers preparing statements at once once waited for each other for ever.
func TestManyFreshReadersAtOnce(t *testing.T) {
	for range 20 {
		db := open(t, filepath.Join(t.TempDir(), "a.db"))
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				err := db.View(func(tx *sqlite.Tx) error {
					var n int
					return tx.QueryRow(fmt.Sprintf("SELECT count(*) + %d FROM t", i%7)).Scan(&n)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.View(func(*sqlite.Tx) error { return nil }); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("view after close: %v", err)
		}
	}
}

func TestCloseLeavesNoFileOpen(t *testing.T) {
	openFiles := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := 0
	for i := range 3 {
		db := open(t, filepath.Join(t.TempDir(), "a.db"))
		if err := db.Update(func(tx *sqlite.Tx) error { err := tx.Exec("INSERT INTO t VALUES (1, 'x')"); return err }); err != nil {
			t.Fatal(err)
		}
		count(t, db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			before = openFiles()
		}
	}
	if after := openFiles(); after != before {
		t.Errorf("two more databases left %d files open", after-before)
	}
}

// What is only found out at COMMIT (here a row that points nowhere) is nobody's own error any more:
// no submitter may be told that its change is stored, and none that it is not.
func TestACommitThatFailsIsInDoubtForAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sqlite.Open(path, fstest.MapFS{"0001_t.sql": {Data: []byte(`CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT NOT NULL) STRICT;
		CREATE TABLE u (k INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED) STRICT;`)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	told := false
	err = db.Update(func(tx *sqlite.Tx) error {
		tx.AfterCommit(func() { told = true })
		return tx.Exec("INSERT INTO u VALUES (1)")
	})
	if fault.KindOf(err) != fault.InDoubt || told {
		t.Fatalf("a commit that failed: %v, told %v", err, told)
	}
	<-db.Failed()
	if err := db.Update(func(*sqlite.Tx) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("after the failure: %v", err)
	}
}

func TestARefusedUpdateLeavesNothing(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	boom := errors.New("no")
	for range 3 { // one after the other, so that each is alone in its commit
		err := db.Update(func(tx *sqlite.Tx) error {
			if err := tx.Exec("INSERT INTO t VALUES (1, 'x')"); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || count(t, db) != 0 {
			t.Errorf("%v, and %d rows stayed", err, count(t, db))
		}
	}
}

// A page damaged on the disk is noticed when the file is opened, before anything trusts it.
func TestADamagedPageIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path)
	if err := db.Update(func(tx *sqlite.Tx) error {
		for i := range 500 {
			if err := tx.Exec("INSERT INTO t VALUES (?, ?)", i, strings.Repeat("x", 100)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	if _, err := file.WriteAt([]byte(strings.Repeat("\xff", page)), 4*page); err != nil { // a leaf of the table
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(path, schema); fault.CodeOf(err) != "storage.corrupt" {
		t.Errorf("a damaged file was opened: %v", err)
	}
}

// TestEachParameterIsGiven: SQLite itself would take one that is forgotten for NULL.
func TestEachParameterIsGiven(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"))
	err := db.Update(func(tx *sqlite.Tx) error {
		for _, args := range [][]any{{}, {1}, {1, "x", "y"}} {
			if err := tx.Exec("INSERT INTO t VALUES (?, coalesce(?, 'nothing'))", args...); err == nil {
				t.Errorf("%d arguments for two parameters are taken", len(args))
			}
		}
		return tx.Exec("INSERT INTO t VALUES (?2, ?1)", "x", 1)
	})
	if n := count(t, db); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}
