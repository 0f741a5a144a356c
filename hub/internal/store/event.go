package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/shared/sqlite"
)

// Event is one change of state, as it is appended to the log.
type Event struct {
	Entity string // "pay_…", "trm_…"
	Kind   string // "payment.approve"
	Body   any    // JSON; never a payment code or a key
	Cause  string // who or what: "till", "api", "wallet", "engine"
	At     time.Time
	First  bool // the entity was made in this transaction: it has none before
}

// Append adds an event. Its hash covers the entity's previous one, so that no row can be changed,
// dropped or moved without the chain showing it.
func (tx *Tx) Append(e Event) error {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return fmt.Errorf("event body: %w", err)
	}
	prev := []byte{}
	if !e.First {
		err = tx.QueryRow("SELECT hash FROM event WHERE entity = ? ORDER BY seq DESC LIMIT 1", e.Entity).Scan(&prev)
		if err != nil && !sqlite.NoRows(err) {
			return err
		}
	}
	hash := chain(prev, e, body)
	return tx.Exec("INSERT INTO event (entity, kind, body, cause, at, prev, hash) VALUES (?,?,?,?,?,?,?)",
		e.Entity, e.Kind, string(body), e.Cause, e.At.UnixMilli(), prev, hash)
}

// chain hashes the fields with their lengths, so that no two rows share a text.
func chain(prev []byte, e Event, body []byte) []byte {
	h := sha256.New()
	for _, part := range [][]byte{prev, []byte(e.Entity), []byte(e.Kind), body, []byte(e.Cause)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(e.At.UnixMilli())))
	return h.Sum(nil)
}
