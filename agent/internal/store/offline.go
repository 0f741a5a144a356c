package store

import (
	"fmt"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/money"
	"cloudcashier/shared/sqlite"
)

// Waiting is what was accepted without a connection and the hub has not answered for, but for one sale.
func (t *Tx) Waiting(except string) (sale.Tally, error) {
	var count, sum, oldest int64
	err := t.tx.QueryRow(`SELECT count(*), coalesce(sum(amount), 0), coalesce(min(deferred_at), 0) FROM sale
		WHERE finished_at IS NULL AND deferred_at IS NOT NULL AND id <> ?`, except).Scan(&count, &sum, &oldest)
	if err != nil {
		return sale.Tally{}, fmt.Errorf("count what is deferred: %w", err)
	}
	tally := sale.Tally{Count: int(count), Sum: money.Fen(sum)}
	if count > 0 {
		tally.Oldest = fromMillis(oldest)
	}
	return tally, nil
}

// Offline is the hub's limits as it signed them, "" when there are none, and its clock minus ours
// when they came.
func (t *Tx) Offline() (policy string, offset time.Duration, err error) {
	var ms int64
	err = t.tx.QueryRow(`SELECT p.value, o.value FROM meta p, meta o WHERE p.name = ? AND o.name = ?`, metaOffline, metaOffset).Scan(&policy, &ms)
	if sqlite.NoRows(err) {
		return "", 0, nil
	}
	return policy, time.Duration(ms) * time.Millisecond, err
}

// SetOffline keeps the hub's limits.
func (t *Tx) SetOffline(policy string, offset time.Duration) error {
	for name, value := range map[string]any{metaOffline: policy, metaOffset: offset.Milliseconds()} {
		if err := t.tx.Exec(`INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value); err != nil {
			return fmt.Errorf("keep the offline limits: %w", err)
		}
	}
	return nil
}
