package wire

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/shared/fault"
)

// Bounds of one Records message. Together with the envelope it stays below MaxMessage.
const (
	MaxRecords      = 50
	MaxRecordsBytes = 12 << 10 // of its rows as JSON
	MaxRecordBody   = 8 << 10  // of one row's body; ours have about three hundred
)

// Record is one row of a till's journal, its append-only log of everything that happened to its
// sales. It never holds a payment code.
type Record struct {
	Seq  uint64          `json:"seq"` // from 1, without gaps
	Sale string          `json:"sale,omitempty"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
	At   time.Time       `json:"at"`   // by the till's clock, to the millisecond
	Prev []byte          `json:"prev"` // the hash of the sale's previous row; zeros for its first
}

// Hash is over everything the row says, each part with its length, so that no two rows agree. Till
// and hub compute it for themselves: it never travels, only its successor's Prev does.
func (r Record) Hash() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%x %d %d:%s %d:%s %d %d:%s", r.Prev, r.Seq, len(r.Sale), r.Sale, len(r.Kind), r.Kind,
		r.At.UnixMilli(), len(r.Body), r.Body)
	return h.Sum(nil)
}

// Records carries rows of the till's journal that follow one another. The sender's number is 0: a
// lost message is made up for by Stored, not by an outbox. Without rows it asks what the hub has.
type Records struct {
	After uint64   `json:"after"`          // the row before the first
	Hash  []byte   `json:"hash,omitempty"` // of row After; empty when After is 0
	Rows  []Record `json:"rows"`
}

// Check refuses rows that do not follow one another or are above the bounds (Invalid).
func (m Records) Check() error {
	if len(m.Rows) > MaxRecords || len(m.Hash) != sha256.Size && m.After > 0 || len(m.Hash) > 0 && m.After == 0 {
		return fault.New(fault.Invalid, "records.form", "%d rows after %d with a hash of %d bytes are no batch of a journal",
			len(m.Rows), m.After, len(m.Hash))
	}
	for i, r := range m.Rows {
		if r.Seq != m.After+1+uint64(i) || r.Kind == "" || len(r.Body) == 0 || len(r.Body) > MaxRecordBody || len(r.Prev) != sha256.Size ||
			len(r.Kind) > 64 || len(r.Sale) > 64 {
			return fault.New(fault.Invalid, "records.row", "row %d at place %d after %d is no row of a journal", r.Seq, i, m.After)
		}
	}
	return nil
}

// Stored answers Records: what the hub has, whatever was sent. The till goes on from there.
type Stored struct {
	Through uint64 `json:"through"` // the highest row stored, with all below it
	// Fork is the first row of the message that contradicts what the hub has, 0 when none does: another
	// till writes under the same name, or an old copy of the journal was put back. Nothing from it on is
	// taken, and a person must look.
	Fork uint64 `json:"fork,omitempty"`
}
