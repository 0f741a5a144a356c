package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/sqlite"
)

// Event is one row of the append-only log.
type Event struct {
	Seq  int64
	Sale string // "" when it belongs to none
	Type string
	Body json.RawMessage
	At   time.Time
	Prev []byte // hash of the sale's previous event; zeros for the first
}

// hash is over everything the row says, each part with its length, so that no two rows agree.
func (e Event) hash() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%x %d %d:%s %d:%s %d %d:%s", e.Prev, e.Seq, len(e.Sale), e.Sale, len(e.Type), e.Type,
		e.At.UnixMilli(), len(e.Body), e.Body)
	return h.Sum(nil)
}

const eventColumns = `seq, sale, type, body, at, prev FROM event`

func scanEvent(from interface{ Scan(...any) error }) (e Event, err error) {
	var at int64
	var body string
	err = from.Scan(&e.Seq, &e.Sale, &e.Type, &body, &at, &e.Prev)
	e.Body, e.At = json.RawMessage(body), fromMillis(at)
	return e, err
}

// Append writes an event into the log.
func (t *Tx) Append(saleID, kind string, body any, at time.Time) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	prev := make([]byte, sha256.Size)
	last, err := scanEvent(t.tx.QueryRow(`SELECT `+eventColumns+` WHERE sale = ? ORDER BY seq DESC LIMIT 1`, saleID))
	if err == nil {
		prev = last.hash()
	} else if !sqlite.NoRows(err) {
		return fmt.Errorf("read last event: %w", err)
	}
	if _, err := t.tx.Exec(`INSERT INTO event (sale, type, body, at, prev) VALUES (?, ?, ?, ?, ?)`,
		saleID, kind, string(data), at.UnixMilli(), prev); err != nil {
		return fmt.Errorf("append event: %w", err)
	}
	return nil
}

// chain follows the hashes through the events in order of seq.
type chain map[string][]byte

func (c chain) follow(e Event) error {
	want := c[e.Sale]
	if want == nil {
		want = make([]byte, sha256.Size)
	}
	if string(e.Prev) != string(want) {
		return fault.New(fault.Internal, "journal.chain", "event %d does not follow the one before it: the journal was edited", e.Seq)
	}
	c[e.Sale] = e.hash()
	return nil
}

func eachEvent(db *sql.DB, on func(Event) error) error {
	rows, err := db.Query(`SELECT ` + eventColumns + ` ORDER BY seq`)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		if err := on(e); err != nil {
			return err
		}
	}
	return rows.Err()
}
