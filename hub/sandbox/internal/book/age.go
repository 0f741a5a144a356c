package book

import (
	"fmt"
	"time"

	"cloudcashier/shared/sqlite"
)

// aged are the columns that say when something happened, or will.
var aged = [...]string{
	`UPDATE orders SET created = created - ?1, expires = expires - ?1, paid = paid - ?1, ended = ended - ?1, plan = plan - ?1,
		due = due - ?1, born = born - ?1, last_back = last_back - ?1`,
	`UPDATE refunds SET created = created - ?1, ended = ended - ?1, due = due - ?1`,
	`UPDATE issued SET born = born - ?1`,
	`UPDATE notices SET made = made - ?1, due = due - ?1`,
	`UPDATE lines SET at = at - ?1`,
}

// Age makes everything that happened, and that is planned, earlier by so much; what was planned within that time has happened
// after it. No amount and no order of events changes, but the wallets' numbers, which carry their day, do.
func (b *Book) Age(now time.Time, by time.Duration) error {
	return b.update(now, func(tx *sqlite.Tx) error {
		// The ledger's guard is lifted and put back within the one transaction, in its own words.
		var guard string
		if err := tx.QueryRow(`SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = 'lines_fixed'`).Scan(&guard); err != nil {
			return fmt.Errorf("find the ledger's guard: %w", err)
		}
		if err := tx.Exec(`DROP TRIGGER lines_fixed`); err != nil {
			return fmt.Errorf("lift the ledger's guard: %w", err)
		}
		for _, query := range aged {
			if err := tx.Exec(query, by.Milliseconds()); err != nil {
				return fmt.Errorf("age the book: %w", err)
			}
		}
		if err := tx.Exec(guard); err != nil {
			return fmt.Errorf("put the ledger's guard back: %w", err)
		}
		b.nextDue = 0 // earlier than what is known: look again
		for hash, known := range b.codes {
			known.born -= by.Milliseconds()
			b.codes[hash] = known
		}
		return nil
	})
}
