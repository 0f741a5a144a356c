package store

import (
	"crypto/ed25519"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"cloudcashier/hub/internal/registry"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// PutMerchant stores a merchant; one that exists stays as it is.
func (tx *Tx) PutMerchant(m registry.Merchant) error {
	return tx.Exec("INSERT INTO merchant (id, name, created_at) VALUES (?,?,?) ON CONFLICT DO NOTHING", m.ID, m.Name, m.Created.UnixMilli())
}

// PutStore stores a store; one that exists stays as it is.
func (tx *Tx) PutStore(s registry.Store) error {
	return tx.Exec("INSERT INTO store (id, merchant, name, created_at) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
		s.ID, s.Merchant, s.Name, s.Created.UnixMilli())
}

// StoreOf gives the merchant of a store (NotFound).
func (tx *Tx) StoreOf(id string) (merchant string, err error) {
	err = tx.QueryRow("SELECT merchant FROM store WHERE id = ?", id).Scan(&merchant)
	return merchant, found(err, "store", id)
}

const terminalColumns = "SELECT id, merchant, store, name, key, serial, revoked, created_at FROM terminal "

func scanTerminal(scan func(...any) error) (t registry.Terminal, err error) {
	var key []byte
	var created sql.NullInt64
	err = scan(&t.ID, &t.Merchant, &t.Store, &t.Name, &key, &t.Serial, &t.Revoked, &created)
	t.Key, t.Created = ed25519.PublicKey(key), moment(created)
	return t, err
}

// PutTerminal stores a new terminal, or a known one's new certificate.
func (tx *Tx) PutTerminal(t registry.Terminal) error {
	return tx.Exec(`INSERT INTO terminal (id, merchant, store, name, key, serial, revoked, created_at) VALUES (?,?,?,?,?,?,?,?)
 ON CONFLICT (id) DO UPDATE SET serial = excluded.serial`, t.ID, t.Merchant, t.Store, t.Name, []byte(t.Key), t.Serial, t.Revoked, t.Created.UnixMilli())
}

// Terminal finds a terminal (NotFound, or Denied when revoked).
func (s *Store) Terminal(id string) (t registry.Terminal, err error) {
	err = s.View(func(tx *Tx) error {
		t, err = scanTerminal(tx.QueryRow(terminalColumns+"WHERE id = ?", id).Scan)
		return found(err, "terminal", id)
	})
	if err == nil && t.Revoked {
		err = fault.New(fault.Denied, "terminal.revoked", "terminal %s is revoked: activate it again", id)
	}
	return t, err
}

// TerminalInTx finds a terminal, also a revoked one (NotFound).
func (tx *Tx) TerminalInTx(id string) (registry.Terminal, error) {
	t, err := scanTerminal(tx.QueryRow(terminalColumns+"WHERE id = ?", id).Scan)
	return t, found(err, "terminal", id)
}

// PutActivationCode stores a code's hash, or that it was used.
func (tx *Tx) PutActivationCode(c registry.ActivationCode) error {
	usedBy := sql.NullString{String: c.UsedBy, Valid: c.UsedBy != ""}
	return tx.Exec(`INSERT INTO activation_code (hash, merchant, store, created_at, expires_at, used_by, used_key) VALUES (?,?,?,?,?,?,?)
 ON CONFLICT (hash) DO UPDATE SET used_by = excluded.used_by, used_key = excluded.used_key`,
		c.Hash, c.Merchant, c.Store, c.Created.UnixMilli(), c.Expires.UnixMilli(), usedBy, c.UsedKey)
}

// ActivationCode finds a code by its hash; the zero value when there is none.
func (tx *Tx) ActivationCode(hash string) (c registry.ActivationCode, err error) {
	var created, expires sql.NullInt64
	var usedBy sql.NullString
	err = tx.QueryRow("SELECT hash, merchant, store, created_at, expires_at, used_by, used_key FROM activation_code WHERE hash = ?", hash).
		Scan(&c.Hash, &c.Merchant, &c.Store, &created, &expires, &usedBy, &c.UsedKey)
	c.Created, c.Expires, c.UsedBy = moment(created), moment(expires), usedBy.String
	if sqlite.NoRows(err) {
		return registry.ActivationCode{}, nil
	}
	return c, err
}

// Down is a message written for a terminal.
type Down struct {
	Seq  uint64
	Kind wire.Kind
	Body json.RawMessage
	At   time.Time
}

// PutDown writes a message for a terminal under its next number.
func (tx *Tx) PutDown(terminal string, kind wire.Kind, body any, at time.Time) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("message for %s: %w", terminal, err)
	}
	var seq int64
	if err := tx.QueryRow("UPDATE terminal SET down_seq = down_seq + 1 WHERE id = ? RETURNING down_seq", terminal).Scan(&seq); err != nil {
		return found(err, "terminal", terminal)
	}
	return tx.Exec("INSERT INTO down (terminal, seq, kind, body, at) VALUES (?,?,?,?,?)", terminal, seq, string(kind), string(text), at.UnixMilli())
}

// Waiting lists a terminal's messages above a number, in order.
func (s *Store) Waiting(terminal string, after uint64, limit int) (list []Down, err error) {
	err = s.View(func(tx *Tx) error {
		return tx.Query(func(rows sqlite.Rows) error {
			var d Down
			var body string
			var at sql.NullInt64
			if err := rows.Scan(&d.Seq, &d.Kind, &body, &at); err != nil {
				return err
			}
			d.Body, d.At = json.RawMessage(body), moment(at)
			list = append(list, d)
			return nil
		}, "SELECT seq, kind, body, at FROM down WHERE terminal = ? AND seq > ? ORDER BY seq LIMIT ?", terminal, int64(after), limit)
	})
	return list, err
}

// Acknowledge forgets a terminal's messages up to a number. A terminal that has more than was ever written here was
// told by this hub before its database was put back: it would take lower numbers for old messages, so that what waits
// for it, and what comes, goes on behind its number.
func (s *Store) Acknowledge(terminal string, seq uint64) error {
	return s.Update(func(tx *Tx) error {
		var last int64
		if err := tx.QueryRow("SELECT down_seq FROM terminal WHERE id = ?", terminal).Scan(&last); err != nil {
			return found(err, "terminal", terminal)
		}
		if int64(seq) <= last {
			return tx.Exec("DELETE FROM down WHERE terminal = ? AND seq <= ?", terminal, int64(seq))
		}
		gone, err := tx.forgotten(terminal)
		if err != nil {
			return err
		}
		ahead := int64(seq) - gone // the new numbers are all above the old ones
		if err := tx.Exec("UPDATE down SET seq = seq + ? WHERE terminal = ?", ahead, terminal); err != nil {
			return err
		}
		return tx.Exec("UPDATE terminal SET down_seq = down_seq + ? WHERE id = ?", ahead, terminal)
	})
}

// Forgotten is the number up to which a terminal's messages were acknowledged.
func (s *Store) Forgotten(terminal string) (seq uint64, err error) {
	err = s.View(func(tx *Tx) error {
		n, err := tx.forgotten(terminal)
		seq = uint64(n)
		return err
	})
	return seq, err
}

func (tx *Tx) forgotten(terminal string) (seq int64, err error) {
	err = tx.QueryRow(`SELECT coalesce((SELECT seq - 1 FROM down WHERE terminal = ?1 ORDER BY seq LIMIT 1), down_seq)
 FROM terminal WHERE id = ?1`, terminal).Scan(&seq)
	return seq, found(err, "terminal", terminal)
}

// PutFence notes that a terminal's key is never to be charged.
func (tx *Tx) PutFence(terminal, key string, at time.Time) error {
	return tx.Exec("INSERT INTO fence (terminal, key, at) VALUES (?,?,?) ON CONFLICT DO NOTHING", terminal, key, at.UnixMilli())
}

// Fenced reports a tombstone.
func (tx *Tx) Fenced(terminal, key string) (bool, error) {
	var n int
	err := tx.QueryRow("SELECT count(*) FROM fence WHERE terminal = ? AND key = ?", terminal, key).Scan(&n)
	return n > 0, err
}
