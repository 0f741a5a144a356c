package book

import (
	"encoding/json"
	"fmt"

	"cloudcashier/hub/sandbox/internal/merchant"
	"cloudcashier/shared/sqlite"
)

// SaveTerms stores what a merchant agreed upon with the wallets.
func (b *Book) SaveTerms(m *merchant.Merchant) error {
	body, err := json.Marshal(m.Terms)
	if err != nil {
		return fmt.Errorf("encode the terms of %q: %w", m.Name, err)
	}
	return b.db.Update(func(tx *sqlite.Tx) error {
		err := tx.Exec(`INSERT INTO terms (name, body) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET body = ?2`, m.Name, string(body))
		if err != nil {
			return fmt.Errorf("store the terms of %q: %w", m.Name, err)
		}
		return nil
	})
}

// LoadTerms fills in the terms of merchants.
func (b *Book) LoadTerms(all []*merchant.Merchant) error {
	by := map[string]*merchant.Merchant{}
	for _, m := range all {
		by[m.Name] = m
	}
	err := b.db.View(func(tx *sqlite.Tx) error {
		return tx.Query(func(rows sqlite.Rows) error {
			var name, body string
			if err := rows.Scan(&name, &body); err != nil {
				return err
			}
			var t merchant.Terms
			if err := json.Unmarshal([]byte(body), &t); err != nil {
				return err
			}
			return by[name].Agree(t)
		}, `SELECT name, body FROM terms`)
	})
	if err != nil {
		return fmt.Errorf("load the merchants' terms: %w", err)
	}
	return nil
}
