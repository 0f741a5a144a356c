package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
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

// record is the event as the hub gets it.
func (e Event) record() wire.Record {
	return wire.Record{Seq: uint64(e.Seq), Sale: e.Sale, Kind: e.Type, Body: e.Body, At: e.At, Prev: e.Prev}
}

func (e Event) hash() []byte { return e.record().Hash() }

const eventColumns = `seq, sale, type, body, at, prev FROM event`

func scanEvent(from interface{ Scan(...any) error }) (e Event, err error) {
	var at int64
	var body string
	err = from.Scan(&e.Seq, &e.Sale, &e.Type, &body, &at, &e.Prev)
	e.Body, e.At = json.RawMessage(body), fromMillis(at)
	return e, err
}

// Append writes an event into the log. A body too big for the hub's copy is refused (Invalid).
func (t *Tx) Append(saleID, kind string, body any, at time.Time) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if len(data) > wire.MaxRecordBody {
		return fault.New(fault.Invalid, "journal.event_size", "an event of %d bytes is above %d", len(data), wire.MaxRecordBody)
	}
	prev := make([]byte, sha256.Size)
	last, err := scanEvent(t.tx.QueryRow(`SELECT `+eventColumns+` WHERE sale = ? ORDER BY seq DESC LIMIT 1`, saleID))
	if err == nil {
		prev = last.hash()
	} else if !sqlite.NoRows(err) {
		return fmt.Errorf("read last event: %w", err)
	}
	var seq int64
	if err := t.tx.QueryRow(`INSERT INTO event (sale, type, body, at, prev) VALUES (?, ?, ?, ?, ?) RETURNING seq`,
		saleID, kind, string(data), at.UnixMilli(), prev).Scan(&seq); err != nil {
		return fmt.Errorf("append event: %w", err)
	}
	t.tx.AfterCommit(func() { t.of.raise(uint64(seq)) })
	return nil
}

// chain follows the hashes through the events of each sale in order of seq.
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

func eachEvent(db *sql.DB, order string, on func(Event) error) error {
	rows, err := db.Query(`SELECT ` + eventColumns + ` ORDER BY ` + order)
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
