package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// Head is the number of the newest event on the disk. Numbers have no gaps, so it counts them too.
func (s *Store) Head() uint64 { return s.head.Load() }

// raise notes a committed event. Commits of several submitters may report in any order.
func (s *Store) raise(seq uint64) {
	for old := s.head.Load(); seq > old && !s.head.CompareAndSwap(old, seq); old = s.head.Load() {
	}
}

// errBatchFull ends a reading of events.
var errBatchFull = errors.New("the batch is full")

// Records are the events after a number, as many as one message of at most room bytes holds, and at
// least one when there is any. After itself must exist, or be 0.
func (t *Tx) Records(after uint64, room int) (m wire.Records, err error) {
	m = wire.Records{After: after, Rows: []wire.Record{}}
	if after > 0 {
		anchor, err := scanEvent(t.tx.QueryRow(`SELECT `+eventColumns+` WHERE seq = ?`, int64(after)))
		if err != nil {
			return m, fmt.Errorf("read event %d: %w", after, err)
		}
		m.Hash = anchor.hash()
	}
	size := 0
	err = t.tx.Query(func(rows sqlite.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		data, err := json.Marshal(e.record())
		if err != nil {
			return err
		}
		if size += len(data) + 1; size > min(room, wire.MaxRecordsBytes) && len(m.Rows) > 0 {
			return errBatchFull
		}
		m.Rows = append(m.Rows, e.record())
		return nil
	}, `SELECT `+eventColumns+` WHERE seq > ? ORDER BY seq LIMIT ?`, int64(after), wire.MaxRecords)
	if err != nil && !errors.Is(err, errBatchFull) {
		return m, fmt.Errorf("read events after %d: %w", after, err)
	}
	return m, nil
}

// EventAt is when an event was written; zero when there is none of that number.
func (t *Tx) EventAt(seq uint64) (time.Time, error) {
	var at int64
	err := t.tx.QueryRow(`SELECT at FROM event WHERE seq = ?`, int64(seq)).Scan(&at)
	if sqlite.NoRows(err) {
		return time.Time{}, nil
	}
	return fromMillis(at), err
}

// Copied is how many events the hub was known to have when [Tx.SetCopied] last noted it. The hub's
// own word replaces it at every connection.
func (t *Tx) Copied() (through uint64, err error) {
	var n int64
	err = t.tx.QueryRow(`SELECT value FROM meta WHERE name = ?`, metaCopied).Scan(&n)
	return uint64(n), err
}

// SetCopied notes how many events the hub has.
func (t *Tx) SetCopied(through uint64) error {
	return t.tx.Exec(`UPDATE meta SET value = ? WHERE name = ?`, int64(through), metaCopied)
}
