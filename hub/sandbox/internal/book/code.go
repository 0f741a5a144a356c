package book

import (
	"crypto/sha256"
	"fmt"
	"time"

	"cloudcashier/hub/sandbox/internal/order"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

// codes are the payment codes ever issued or used: about 50 bytes each, so a million payments hold
// 50 MB. Like nextDue it is touched inside write transactions only.
type codes map[[16]byte]codeLife

type codeLife struct{ born, usedBy int64 }

func (c codes) get(hash [16]byte) order.Code {
	known, ok := c[hash]
	if !ok {
		return order.Code{Hash: hash}
	}
	return order.Code{Hash: hash, Born: at(known.born), UsedBy: known.usedBy}
}

// hashOf is how a code is remembered.
func hashOf(c pay.Code) [16]byte {
	sum := sha256.Sum256([]byte(c.Reveal()))
	return [16]byte(sum[:16])
}

// loadCodes reads the file once, at the start.
func (b *Book) loadCodes() error {
	b.codes = codes{}
	return b.db.View(func(tx *sqlite.Tx) error {
		return tx.Query(func(rows sqlite.Rows) error {
			var (
				hash  []byte
				known codeLife
			)
			if err := rows.Scan(&hash, &known.born, &known.usedBy); err != nil {
				return fmt.Errorf("load codes: %w", err)
			}
			b.codes[[16]byte(hash)] = known
			return nil
		}, `SELECT code, born, 0 FROM issued UNION ALL SELECT code, born, id FROM orders WHERE code IS NOT NULL`)
	})
}

// IssueCode remembers a fresh code; false when that code is known already.
func (b *Book) IssueCode(now time.Time, c pay.Code) (fresh bool, err error) {
	hash := hashOf(c)
	err = b.update(now, func(tx *sqlite.Tx) error {
		if _, known := b.codes[hash]; known {
			return nil
		}
		if err := tx.Exec(`INSERT INTO issued (code, born) VALUES (?, ?)`, hash[:], now.UnixMilli()); err != nil {
			return fmt.Errorf("issue a code: %w", err)
		}
		b.codes[hash] = codeLife{born: now.UnixMilli()} // last: a write that failed issued nothing
		fresh = true
		return nil
	})
	return fresh, err
}
