// Package sqlite opens a SQLite file the way money needs it: one writer that groups
// concurrent submitters into one synced commit, and a read-only pool beside it.
//
// It refuses to be fast and unsafe: WAL with synchronous FULL, foreign keys on, immediate
// write locks, a file created under EXTRA with its folder synced. Newcomers get one thing
// wrong: an error from a commit is not "it failed" but "nobody knows" (a failed fsync left
// the row in place 24 times of 25). After one, the DB takes no more work, [DB.Failed] is
// closed, and the process must end; the restart looks the record up.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	sqlite3 "github.com/mattn/go-sqlite3"

	"cloudcashier/shared/fault"
)

// pragmas of every connection: DESIGN section 7. cache_size is in KiB when negative.
const pragmas = "_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_busy_timeout=5000&_txlock=immediate&_cache_size=-4000"

// readers is the size of the read-only pool: two cores, and a little for a slow export.
const readers = 4

// Option changes how [Open] opens a file.
type Option func(*DB)

// Through has the file opened through a file system of SQLite's that the program has registered under
// a name. Such a one keeps its own folder: nothing is looked for, made or synced beside it.
func Through(vfs string) Option { return func(db *DB) { db.vfs = vfs } }

// Readers sets the size of the read-only pool, 4 without it.
func Readers(n int) Option { return func(db *DB) { db.idle = make(chan *session, n) } }

// Cache sets what each connection may keep of the file, in KiB; without it 4000 for the writer and 2000 for a reader.
func Cache(kib int) Option { return func(db *DB) { db.cache = kib } }

// PageSize sets the size of a new file's pages, 4096 without it. Each commit writes whole pages, so that small ones
// spare a flash that takes many small commits. A file that is there keeps its own.
func PageSize(bytes int) Option { return func(db *DB) { db.page = bytes } }

// Log lets the log of writes grow to so many pages, 1000 without it, before they are copied into the file. What is written often is
// copied once for all; a file that was not closed takes longer to open, and a backup has more to read.
func Log(pages int) Option { return func(db *DB) { db.log = pages } }

// maxBatch bounds one grouped commit, so that the first submitter never waits for a long one.
const maxBatch = 256

// DB is one open file.
type DB struct {
	path   string
	vfs    string        // empty: the system's
	cache  int           // KiB; 0: as in the pragmas
	page   int           // bytes, of a new file; 0: SQLite's own
	log    int           // pages; 0: SQLite's own
	writer *session      // used by the writer's goroutine only
	number uint64        // of the write transaction, the writer's too
	idle   chan *session // readers nobody uses; never closed

	jobs   chan *job
	behind chan *job     // those that can wait; one a commit
	done   chan struct{} // closed when the writer loop has ended
	quit   chan struct{} // closed by Close
	failed chan struct{} // closed by the first storage error
	once   sync.Once
	failOn sync.Once
	cause  error // set before failed is closed
}

// Open opens or creates the file at path and brings its schema up to date with the numbered
// migrations: files "0001_name.sql" in fsys, forward only, each in one transaction, counted by
// PRAGMA user_version. A file from a newer program, or a damaged one, is refused.
func Open(path string, migrations fs.FS, options ...Option) (*DB, error) {
	db := &DB{path: path, idle: make(chan *session, readers),
		jobs: make(chan *job, maxBatch), behind: make(chan *job), done: make(chan struct{}), quit: make(chan struct{}), failed: make(chan struct{})}
	for _, set := range options {
		set(db)
	}
	left := true // a log, by a program that did not close the file
	if db.vfs == "" {
		info, err := os.Stat(path + "-wal")
		left = err == nil && info.Size() > 0
		if err := create(path, db.page); err != nil {
			return nil, err
		}
	}
	if err := db.prepare(migrations, left); err != nil {
		return nil, errors.Join(err, db.closeFiles())
	}
	go db.loop()
	return db, nil
}

// prepare checks and migrates the file and opens its readers.
func (db *DB) prepare(migrations fs.FS, left bool) (err error) {
	if db.writer, err = newSession(dsn(db.path, "rwc", db.vfs)); err != nil {
		return storageError("open", db.path, err)
	}
	// What a savepoint would put back is kept in memory, not in a temporary file: it is a few pages, and no recovery
	// after a crash needs it.
	if err := db.writer.exec("PRAGMA temp_store = MEMORY"); err != nil {
		return storageError("open", db.path, err)
	}
	if db.log != 0 {
		if err := db.writer.exec(fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", db.log)); err != nil {
			return storageError("open", db.path, err)
		}
	}
	if err := db.bound(db.writer); err != nil {
		return err
	}
	if err := db.check(); err != nil {
		return err
	}
	if err := db.migrate(migrations); err != nil {
		return err
	}
	if left {
		if err := db.settle(); err != nil {
			return err
		}
	}
	for range cap(db.idle) {
		r, err := newSession(dsn(db.path, "ro", db.vfs))
		if err != nil {
			return storageError("open", db.path, err)
		}
		db.idle <- r
		if err := db.bound(r); err != nil {
			return err
		}
	}
	return nil
}

// bound applies [Cache] to a connection.
func (db *DB) bound(s *session) error {
	if db.cache == 0 {
		return nil
	}
	if err := s.exec(fmt.Sprintf("PRAGMA cache_size = -%d", db.cache)); err != nil {
		return storageError("open", db.path, err)
	}
	return nil
}

func (db *DB) closeFiles() error {
	var errs []error
	for len(db.idle) > 0 {
		errs = append(errs, (<-db.idle).close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	return errors.Join(errs...)
}

// OpenReadOnly opens a file, also a copied one, for reading only; nothing is created or changed.
func OpenReadOnly(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fault.Wrap(err, fault.NotFound, "storage.missing", "there is no database at %s", path)
	}
	r, err := sql.Open("sqlite3", dsn(path, "ro", ""))
	if err != nil {
		return nil, storageError("open", path, err)
	}
	r.SetMaxOpenConns(readers)
	r.SetMaxIdleConns(readers)
	return r, nil
}

func dsn(path, mode, vfs string) string {
	p := pragmas
	if mode == "ro" { // a reader must not try to change the journal mode
		p = "_foreign_keys=1&_busy_timeout=5000&_cache_size=-2000&_query_only=1"
	}
	if vfs != "" {
		p += "&vfs=" + url.QueryEscape(vfs)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=" + mode + "&" + p
}

// create makes the file under synchronous=EXTRA and syncs its folder: without that a power cut
// right after creation can revive an old rollback journal over acknowledged rows.
func create(path string, page int) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return storageError("create", path, err)
	}
	_ = f.Close()
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_synchronous=EXTRA")
	if err != nil {
		return storageError("create", path, err)
	}
	db.SetMaxOpenConns(1)
	if page != 0 { // before anything is written, WAL's mark included
		_, err = db.Exec(fmt.Sprintf("PRAGMA page_size = %d", page))
	}
	if err == nil {
		_, err = db.Exec("PRAGMA journal_mode = WAL; PRAGMA user_version = 0")
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return storageError("create", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return storageError("create", path, err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return storageError("create", path, err)
	}
	return nil
}

// check refuses a damaged file before it can be trusted with money.
func (db *DB) check() error {
	var verdict string
	if err := db.writer.row("PRAGMA quick_check(1)", &verdict); err != nil {
		return storageError("check", db.path, err)
	}
	if verdict != "ok" {
		return fault.New(fault.Internal, "storage.corrupt",
			"%s is damaged (%s): nothing was changed; copy the file away, then restore it or start a new one", db.path, verdict)
	}
	return nil
}

// settle makes safe what an earlier process left behind. One that was killed between writing a commit and
// syncing it leaves rows that everybody reads as committed, and that a power cut would still take: they
// must not be shown before. A synced commit of our own, which says nothing new, covers all before it. The
// checkpoint behind it is for its errors: the one that SQLite makes when a file is closed keeps them to itself.
func (db *DB) settle() error {
	var version int
	err := db.writer.row("PRAGMA user_version", &version)
	if err == nil {
		err = db.writer.script(fmt.Sprintf("BEGIN IMMEDIATE; PRAGMA user_version = %d; COMMIT", version))
	}
	if err == nil {
		var busy, frames, moved int
		err = db.writer.row("PRAGMA wal_checkpoint(PASSIVE)", &busy, &frames, &moved)
	}
	if err != nil {
		return storageError("open", db.path, err)
	}
	return nil
}

// Failed is closed at the first storage error; from then on the process must end.
func (db *DB) Failed() <-chan struct{} { return db.failed }

// Err is the storage error that closed Failed, nil before.
func (db *DB) Err() error {
	select {
	case <-db.failed:
		return db.cause
	default:
		return nil
	}
}

// Path is the file's path.
func (db *DB) Path() string { return db.path }

// Run blocks until ctx ends (nil) or storage fails (the error). It lets a composition root treat
// the file as a part of the program that can fail.
func (db *DB) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-db.failed:
		return db.cause
	}
}

// Close commits what was submitted, then closes readers and writer. It may be called again.
func (db *DB) Close() error {
	var err error
	db.once.Do(func() {
		close(db.quit)
		<-db.done
		for range cap(db.idle) { // wait for the readers at work, so that each is closed
			r := <-db.idle
			err = errors.Join(err, r.close())
		}
		err = errors.Join(err, db.closeFiles())
	})
	return err
}

func (db *DB) fail(err error) {
	db.failOn.Do(func() {
		db.cause = err
		close(db.failed)
	})
}

// storageError names the operation, and tells people what a full or read-only disk wants.
func storageError(op, path string, err error) error {
	var se sqlite3.Error
	hint := "look at the disk, then start again: open payments are looked up"
	if errors.As(err, &se) {
		switch se.Code {
		case sqlite3.ErrFull:
			hint = "the disk is full: free some space, then start again; nothing recorded is lost"
		case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
			hint = "the file is damaged: copy it away, then restore it or start a new one"
		case sqlite3.ErrReadonly, sqlite3.ErrCantOpen:
			hint = "the folder must exist and be writable by this user"
		}
	}
	return fault.Wrap(err, fault.Internal, "storage."+op, "cannot %s %s (%s)", op, path, hint)
}

// IsDuplicate reports that a row was refused because its key exists.
func IsDuplicate(err error) bool {
	var se sqlite3.Error
	return errors.As(err, &se) && (se.ExtendedCode == sqlite3.ErrConstraintUnique || se.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}

// isStatement reports an error of one statement that left the connection sound: a refused row,
// a typing mistake. Everything else (I/O, full, corrupt) is storage.
func isStatement(err error) bool {
	var se sqlite3.Error
	if !errors.As(err, &se) {
		return true
	}
	switch se.Code {
	case sqlite3.ErrConstraint, sqlite3.ErrError, sqlite3.ErrMismatch, sqlite3.ErrRange, sqlite3.ErrTooBig:
		return true
	}
	return false
}

// Version is the bundled SQLite's version. Before 3.51.3 a race between two checkpoints could
// drop committed pages; a test keeps us above it.
func Version() string {
	v, _, _ := sqlite3.Version()
	return v
}

var errClosed = errors.New("database is closed")
