package till

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/money"
)

// take journals a sale whose money is in the cashier's hand. It waits for nothing but the disk.
func (t *Till) take(n localapi.NewSale, amount money.Amount, now time.Time) (row store.Row, err error) {
	saleID, orderNo := t.name(n)
	s := sale.Taken(saleID, orderNo, n.Subject, amount, n.Tender, now)
	s.Operator = t.onDuty()
	s.Bill = billOf(n)
	if n.Received != 0 {
		s.Received = money.Fen(n.Received)
	}
	if err := t.update(func(tx *store.Tx) (err error) {
		row, err = insert(tx, s, now)
		return err
	}); err != nil {
		return row, err
	}
	t.count++ // a code that is still shown is not the newest sale's any more
	t.Log.Info("sale taken", logs.Sale, row.ID, logs.Order, row.OrderNo, logs.Status, string(row.State), "tender", string(row.Tender))
	t.tellSale(row)
	return row, nil
}
