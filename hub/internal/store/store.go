// Package store keeps the hub's records: payments, work, events, messages for terminals, and
// who everyone is. SQL stands where it is used, one file per noun.
//
// It refuses to decide: it stores what the law worked out and finds it again. Newcomers get one
// thing wrong: everything that must be true together goes into one [Store.Update], and nothing
// in there may wait for a network.
package store

import (
	"database/sql"
	"embed"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the hub's database.
type Store struct {
	db  *sqlite.DB
	now func() time.Time

	epoch    atomic.Int64  // of the lease this process claimed; 0: none
	guarding uint64        // the transaction in which it was found to be in force; the writer's goroutine's
	fenced   chan struct{} // closed at the first refused write
	fence    sync.Once
}

// Tx is one transaction. Its methods take and return the law's types.
type Tx struct{ *sqlite.Tx }

// Rows is where a query stands; see [sqlite.Rows].
type Rows = sqlite.Rows

// Open opens or creates the database file.
func Open(path string, now func() time.Time, options ...sqlite.Option) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	// A payment touches a dozen places: small pages, copied late, are the least to write for that.
	db, err := sqlite.Open(path, files, append([]sqlite.Option{sqlite.PageSize(2048), sqlite.Log(8000)}, options...)...)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, now: now, fenced: make(chan struct{})}, nil
}

// DB is the file beneath, for the composition root to run and close.
func (s *Store) DB() *sqlite.DB { return s.db }

// Update runs fn in a write transaction; see [sqlite.DB.Update] for its errors. After a [Store.Claim]
// it is Unavailable "hub.fenced" once another hub has taken over.
func (s *Store) Update(fn func(*Tx) error) error { return s.db.Update(s.guarded(fn)) }

// UpdateAgain is Update for what may run twice; see [sqlite.DB.UpdateAgain].
func (s *Store) UpdateAgain(fn func(*Tx) error) error { return s.db.UpdateAgain(s.guarded(fn)) }

// UpdateBehind is Update for what can wait while customers pay; see [sqlite.DB.UpdateBehind]. It tells for how
// long fn kept the writer, by the store's own clock.
func (s *Store) UpdateBehind(fn func(*Tx) error) (took time.Duration, err error) {
	err = s.db.UpdateBehind(s.guarded(func(tx *Tx) error {
		began := s.now()
		defer func() { took = s.now().Sub(began) }()
		return fn(tx)
	}))
	return took, err
}

func (s *Store) guarded(fn func(*Tx) error) func(*sqlite.Tx) error {
	return func(raw *sqlite.Tx) error {
		tx := &Tx{raw}
		if err := s.guard(tx); err != nil {
			return err
		}
		return fn(tx)
	}
}

// View runs fn on one moment of the committed records.
func (s *Store) View(fn func(*Tx) error) error {
	return s.db.View(func(tx *sqlite.Tx) error { return fn(&Tx{tx}) })
}

// millis stores a moment; the zero time is NULL.
func millis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

// moment reads one back, in UTC.
func moment(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMilli(n.Int64).UTC()
}

// unreadable is a file opened for reading only that cannot be read.
func unreadable(path string, err error) error {
	return fault.Wrap(err, fault.Internal, "storage.read", "cannot read %s: a hub of this version must have opened it once", path)
}

// found turns "no rows" into NotFound.
func found(err error, what, id string) error {
	if sqlite.NoRows(err) {
		return fault.New(fault.NotFound, what+".unknown", "there is no %s %q", what, id)
	}
	return err
}
