package till

import (
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/localapi"
)

func (t *Till) stored(saleID string) (row store.Row, err error) {
	err = t.read(func(tx *store.Tx) error {
		row, err = tx.Sale(saleID)
		return err
	})
	return row, err
}

// Sale reads one sale.
func (t *Till) Sale(saleID string) (localapi.Sale, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h, ok := t.open[saleID]; ok {
		return t.view(h.row), nil
	}
	row, err := t.stored(saleID)
	if err != nil {
		return localapi.Sale{}, err
	}
	return t.withRefunds(row)
}

// Sales reads the newest sales, newest first.
func (t *Till) Sales(limit int) ([]localapi.Sale, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]localapi.Sale, 0, limit)
	err := t.read(func(tx *store.Tx) error {
		rows, err := tx.Latest(limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if h, ok := t.open[row.ID]; ok {
				row = h.row
			}
			v := t.view(row)
			if err := tx.AddRefunds(&v); err != nil {
				return err
			}
			list = append(list, v)
		}
		return nil
	})
	return list, err
}
