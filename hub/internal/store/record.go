package store

import (
	"bytes"
	"crypto/sha256"

	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// Fork is a row of a till's journal that contradicts the copy of it here.
type Fork struct {
	Seq  uint64
	Have []byte // the hash here that the row should have, or should have followed
	Got  []byte
}

// PutRecords stores the rows that are new and follow what is there, and tells what there is then.
// Rows that are there already change nothing. A row that differs from the one there, or does not
// follow it, is a fork; nothing from it on is stored. The rows are [wire.Records.Check]ed.
func (tx *Tx) PutRecords(terminal string, m wire.Records) (through uint64, fork *Fork, err error) {
	var last int64
	err = tx.QueryRow("SELECT seq FROM till_record WHERE terminal = ? ORDER BY seq DESC LIMIT 1", terminal).Scan(&last)
	if err != nil && !sqlite.NoRows(err) {
		return 0, nil, err
	}
	through = uint64(last)
	if m.After > through { // a gap: the till comes back with what is missing
		return through, nil, nil
	}
	have, err := tx.recordHashes(terminal, m)
	if err != nil {
		return through, nil, err
	}
	if m.After > 0 && !bytes.Equal(have[m.After], m.Hash) {
		return through, &Fork{m.After, have[m.After], m.Hash}, nil
	}
	heads := map[string][]byte{} // of the sales in this message
	for _, r := range m.Rows {
		hash := r.Hash()
		if r.Seq <= through {
			if !bytes.Equal(have[r.Seq], hash) {
				return through, &Fork{r.Seq, have[r.Seq], hash}, nil
			}
			continue
		}
		prev, known := heads[r.Sale]
		if !known {
			if prev, err = tx.recordHead(terminal, r.Sale); err != nil {
				return through, nil, err
			}
		}
		if !bytes.Equal(prev, r.Prev) {
			return through, &Fork{r.Seq, prev, r.Prev}, nil
		}
		if err := tx.Exec("INSERT INTO till_record (terminal, seq, sale, kind, body, at, hash) VALUES (?,?,?,?,?,?,?)",
			terminal, int64(r.Seq), r.Sale, r.Kind, string(r.Body), r.At.UnixMilli(), hash); err != nil {
			return through, nil, err
		}
		heads[r.Sale], through = hash, r.Seq
	}
	return through, nil, nil
}

// recordHashes are the hashes here of a message's rows and of the one before them.
func (tx *Tx) recordHashes(terminal string, m wire.Records) (map[uint64][]byte, error) {
	have := map[uint64][]byte{}
	err := tx.Query(func(rows sqlite.Rows) error {
		var seq int64
		var hash []byte
		err := rows.Scan(&seq, &hash)
		have[uint64(seq)] = hash
		return err
	}, "SELECT seq, hash FROM till_record WHERE terminal = ? AND seq BETWEEN ? AND ?", terminal, int64(m.After), int64(m.After)+int64(len(m.Rows)))
	return have, err
}

// recordHead is the hash of a sale's last row, zeros when there is none. SQLite by itself prefers to
// walk back through all of the terminal's rows.
func (tx *Tx) recordHead(terminal, sale string) ([]byte, error) {
	hash := make([]byte, sha256.Size)
	err := tx.QueryRow("SELECT hash FROM till_record INDEXED BY till_record_sale WHERE terminal = ? AND sale = ? ORDER BY seq DESC LIMIT 1", terminal, sale).Scan(&hash)
	if sqlite.NoRows(err) {
		err = nil
	}
	return hash, err
}

// LastOf gives the body of an entity's newest event of a kind, empty when there is none.
func (tx *Tx) LastOf(entity, kind string) (body string, err error) {
	err = tx.QueryRow("SELECT body FROM event WHERE entity = ? AND kind = ? ORDER BY seq DESC LIMIT 1", entity, kind).Scan(&body)
	if sqlite.NoRows(err) {
		err = nil
	}
	return body, err
}
