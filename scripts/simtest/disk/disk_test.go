package disk_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"testing"

	"cloudcashier/scripts/simtest/disk"
)

func open(t *testing.T, p *disk.Process, synchronous string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", fmt.Sprintf("file:%s?vfs=%s&_journal_mode=WAL&_synchronous=%s&_busy_timeout=5000&_txlock=immediate",
		p.Path("a.db"), disk.VFS, synchronous))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// life inserts rows until the process is dead or there are enough, and tells how many were acknowledged.
func life(db *sql.DB, from, upto int) (acked int) {
	for i := from; i < upto; i++ {
		if _, err := db.Exec("INSERT INTO t VALUES (?, hex(randomblob(300)))", i); err != nil {
			return i
		}
	}
	return upto
}

// look opens the disk again and counts the rows that have no gap below them.
func look(t *testing.T, d *disk.Disk) (rows int, sound bool) {
	t.Helper()
	db := open(t, d.Start(), "FULL")
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		return 0, false
	}
	var most sql.NullInt64
	if err := db.QueryRow("SELECT count(*), max(k) + 1 FROM t").Scan(&rows, &most); err != nil || int(most.Int64) != rows {
		return 0, false
	}
	return rows, true
}

func prepare(t *testing.T, d *disk.Disk) {
	t.Helper()
	db := open(t, d.Start(), "FULL")
	if _, err := db.Exec("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func fresh(t *testing.T) *disk.Disk {
	t.Helper()
	d, err := disk.New()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// campaign cuts the power at a random operation, again and again, and counts what it harmed.
func campaign(t *testing.T, synchronous string, images int) (lost, damaged int, cut disk.Cut) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range images {
		d := fresh(t)
		prepare(t, d)
		p := d.Start()
		db := open(t, p, synchronous)
		p.Plan(disk.Die, rng.IntN(400))
		if rng.IntN(2) == 0 { // checkpoints, too
			_, _ = db.Exec("PRAGMA wal_autocheckpoint = 5")
		}
		acked := life(db, 0, 60)
		c := d.PowerCut(rng.Uint64())
		cut.Kept, cut.Lost, cut.Garbage, cut.Names = cut.Kept+c.Kept, cut.Lost+c.Lost, cut.Garbage+c.Garbage, cut.Names+c.Names
		_ = db.Close()
		rows, sound := look(t, d)
		if !sound {
			damaged++
		} else if rows < acked {
			lost++
		}
		if err := d.Free(); err != nil {
			t.Fatal(err)
		}
	}
	return lost, damaged, cut
}

func TestFullLosesNothing(t *testing.T) {
	lost, damaged, cut := campaign(t, "FULL", 400)
	if lost+damaged > 0 || cut.Kept == 0 || cut.Lost == 0 || cut.Garbage == 0 || cut.Names == 0 {
		t.Errorf("lost %d, damaged %d, after %+v", lost, damaged, cut)
	}
}

// The harness must be able to see a loss at all.
func TestNormalLosesAcknowledgedRows(t *testing.T) {
	if lost, _, cut := campaign(t, "NORMAL", 200); lost < 50 {
		t.Errorf("only %d of 200 disks lost rows, after %+v", lost, cut)
	}
}

// The handbook's table: without any sync the file itself is damaged.
func TestOffDamages(t *testing.T) {
	if lost, damaged, _ := campaign(t, "OFF", 200); lost == 0 || damaged == 0 {
		t.Errorf("lost %d, damaged %d", lost, damaged)
	}
}

func TestAFailedSyncLeavesTheRow(t *testing.T) {
	for fault, present := range map[disk.Fault]bool{disk.SyncFails: true, disk.WriteFails: false, disk.NoSpace: false} {
		d := fresh(t)
		prepare(t, d)
		p := d.Start()
		db := open(t, p, "FULL")
		acked := life(db, 0, 10)
		p.Plan(fault, 0)
		if got := life(db, 10, 20); got != 10 || !p.Struck() {
			t.Errorf("fault %d: %d rows acknowledged", fault, got)
		}
		p.Kill()
		_ = db.Close()
		if rows, sound := look(t, d); !sound || (rows == acked+1) != present {
			t.Errorf("fault %d: %d rows after %d acknowledged, sound %v", fault, rows, acked, sound)
		}
		if err := d.Free(); err != nil {
			t.Error(err)
		}
	}
}

func TestAFullDisk(t *testing.T) {
	d := fresh(t)
	prepare(t, d)
	p := d.Start()
	db := open(t, p, "FULL")
	if life(db, 0, 10) != 10 {
		t.Fatal("an empty disk took no rows")
	}
	d.Room(3 << 10)
	if got := life(db, 10, 20); got != 10 {
		t.Errorf("a full disk took %d rows", got-10)
	}
	d.Room(-1)
	if got := life(db, 10, 20); got != 20 {
		t.Errorf("freed, it took %d rows", got-10)
	}
	_ = db.Close()
	if err := d.Free(); err != nil {
		t.Error(err)
	}
}

// Two programs on one machine share locks and the log's index; one killed in between holds nothing up.
func TestTwoProcesses(t *testing.T) {
	d := fresh(t)
	prepare(t, d)
	p, q := d.Start(), d.Start()
	one, two := open(t, p, "FULL"), open(t, q, "FULL")
	for i := range 20 {
		if db := []*sql.DB{one, two}[i%2]; life(db, i, i+1) != i+1 {
			t.Fatalf("row %d was refused", i)
		}
	}
	p.Plan(disk.Die, 1)
	if got := life(one, 20, 21); got != 20 || !p.Dead() {
		t.Errorf("the first lived on and wrote %d rows", got)
	}
	if life(two, 20, 30) != 30 {
		t.Error("the second was held up")
	}
	_, _ = one.Close(), two.Close()
	if rows, sound := look(t, d); rows != 30 || !sound {
		t.Errorf("%d rows, sound %v", rows, sound)
	}
	if err := d.Free(); err != nil {
		t.Error(err)
	}
}

// SQLite keeps what it may have to undo in a file without a name once it is too much for memory.
func TestFilesWithoutAName(t *testing.T) {
	d := fresh(t)
	prepare(t, d)
	db := open(t, d.Start(), "FULL")
	if life(db, 0, 400) != 400 {
		t.Fatal("no rows")
	}
	for _, statement := range []string{"BEGIN", "SAVEPOINT job", "UPDATE t SET v = 'gone'", "ROLLBACK TO job", "RELEASE job", "COMMIT"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	var gone int
	if err := db.QueryRow("SELECT count(*) FROM t WHERE v = 'gone'").Scan(&gone); err != nil || gone != 0 {
		t.Errorf("%d rows were not undone (%v)", gone, err)
	}
	_ = db.Close()
	if err := d.Free(); err != nil {
		t.Error(err)
	}
}

func TestAnImageIsADisk(t *testing.T) {
	d := fresh(t)
	prepare(t, d)
	image := d.Get("a.db")
	if err := d.Free(); err != nil {
		t.Fatal(err)
	}
	d = fresh(t)
	if err := d.Put("a.db", image); err != nil {
		t.Fatal(err)
	}
	if rows, sound := look(t, d); rows != 0 || !sound {
		t.Errorf("%d rows, sound %v", rows, sound)
	}
	if err := d.Free(); err != nil {
		t.Error(err)
	}
}
