// Package store is the till's journal: every sale and refund, every change of one, and what the
// hub still owes an answer to, in one SQLite file.
//
// It refuses impossible rows (a settled sale without its time, a second sale for an order that is
// paid or open, more back than was paid, a change of what is settled) and it never sees a payment
// code on the disk: only a keyed digest is kept, for a day, so that a code makes one attempt.
// Newcomers get one thing wrong: an error of [Store.Update] with Kind InDoubt means nobody knows
// whether the change is stored; the process ends and the next start looks.
package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

//go:embed migrations/*.sql
var files embed.FS

// FileName is the journal's name inside the till's folder.
const FileName = "journal.db"

// What the journal's connections may hold of it. A till has one writer, and reads for its screen, its printer and its
// copy at the hub; a few hundred pages hold the ends of all tables and indexes, and the kernel has the others.
const (
	readers = 2
	cache   = 256 // KiB
	// page is what a changed row costs the flash at least, in the log and again in the file; rows have some hundred bytes.
	page = 1024
)

// The names in table meta.
const (
	metaCodeKey = "code_key"
	metaDownSeq = "down_seq"
	metaCopied  = "copied"
	metaOffline = "offline" // the hub's limits for what is accepted without a connection, as it signed them
	metaRoster  = "roster"  // who works here, as the hub signed it
	metaOffset  = "offset"  // its clock minus ours then, in milliseconds
)

// Store is the open journal.
type Store struct {
	db      *sqlite.DB
	codeKey []byte
	head    atomic.Uint64
}

// Open opens or creates the journal at path. A new one draws its key for codes from entropy.
func Open(path string, entropy io.Reader, options ...sqlite.Option) (*Store, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("journal migrations: %w", err)
	}
	db, err := sqlite.Open(path, migrations, append([]sqlite.Option{sqlite.Readers(readers), sqlite.Cache(cache), sqlite.PageSize(page)}, options...)...)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if err := db.Update(func(tx *sqlite.Tx) error { return s.prepare(tx, entropy) }); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare journal: %w", err), db.Close())
	}
	return s, nil
}

// prepare reads what the journal knows of itself, and writes it the first time.
func (s *Store) prepare(tx *sqlite.Tx, entropy io.Reader) error {
	for _, name := range []string{metaDownSeq, metaCopied} {
		if err := tx.Exec(`INSERT INTO meta (name, value) VALUES (?, 0) ON CONFLICT DO NOTHING`, name); err != nil {
			return err
		}
	}
	var head int64
	if err := tx.QueryRow(`SELECT coalesce(max(seq), 0) FROM event`).Scan(&head); err != nil {
		return err
	}
	s.head.Store(uint64(head))
	err := tx.QueryRow(`SELECT value FROM meta WHERE name = ?`, metaCodeKey).Scan(&s.codeKey)
	if !sqlite.NoRows(err) {
		return err
	}
	s.codeKey = make([]byte, sha256.Size)
	if _, err := io.ReadFull(entropy, s.codeKey); err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO meta (name, value) VALUES (?, ?)`, metaCodeKey, s.codeKey)
}

// Run blocks until ctx ends or storage fails, then closes the journal.
func (s *Store) Run(ctx context.Context) error {
	err := s.db.Run(ctx)
	return errors.Join(err, s.db.Close())
}

// Close closes the journal where nobody runs it.
func (s *Store) Close() error { return s.db.Close() }

// Update runs fn in a transaction and returns nil once it is synced to the disk.
func (s *Store) Update(fn func(*Tx) error) error {
	return s.db.Update(func(tx *sqlite.Tx) error { return fn(&Tx{tx, s}) })
}

// View runs fn on one moment of the journal, for reading.
func (s *Store) View(fn func(*Tx) error) error {
	return s.db.View(func(tx *sqlite.Tx) error { return fn(&Tx{tx, s}) })
}

// Digest stands for a code where a code must not be.
func (s *Store) Digest(c pay.Code) []byte { return s.DigestName(c.Reveal()) }

// DigestName is the same for what names a code, such as its serial.
func (s *Store) DigestName(name string) []byte {
	mac := hmac.New(sha256.New, s.codeKey)
	mac.Write([]byte(name))
	return mac.Sum(nil)
}

// Tx is one transaction.
type Tx struct {
	tx *sqlite.Tx
	of *Store
}

// DownSeq is the highest hub message below which everything is stored.
func (t *Tx) DownSeq() (seq uint64, err error) {
	var n int64
	err = t.tx.QueryRow(`SELECT value FROM meta WHERE name = ?`, metaDownSeq).Scan(&n)
	return uint64(n), err
}

// SetDownSeq notes that everything of the hub up to seq is stored.
func (t *Tx) SetDownSeq(seq uint64) error {
	return t.tx.Exec(`UPDATE meta SET value = ? WHERE name = ?`, int64(seq), metaDownSeq)
}

// AfterCommit has f called once the transaction is synced, before Update returns.
func (t *Tx) AfterCommit(f func()) { t.tx.AfterCommit(f) }
