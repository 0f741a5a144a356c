package till

import (
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// maxFind bounds a search's text, in bytes: no number of ours is longer.
const maxFind = 64

// Search says what is looked for.
type Search = store.Search

// Find searches the whole journal, newest first. number is the receipt's number that the text may be; 0: none. A sale
// does not wait for it: it reads without the till's lock.
func (t *Till) Find(s Search, number int64) ([]localapi.Sale, error) {
	if err := checkText("find", s.Text, maxFind); err != nil {
		return nil, err
	}
	if !s.From.IsZero() && !s.To.IsZero() && !s.From.Before(s.To) {
		return nil, fault.New(fault.Invalid, "sale.days", "the search ends before it begins: exchange from and to")
	}
	list := []localapi.Sale{}
	err := t.Journal.View(func(tx *store.Tx) error {
		rows, err := tx.Find(s, number)
		if err != nil {
			return err
		}
		for _, row := range rows {
			v := store.View(row.Sale)
			if err := tx.AddRefunds(&v); err != nil {
				return err
			}
			list = append(list, v)
		}
		return nil
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		return nil, t.read(func(*store.Tx) error { return err })
	}
	for i := range list {
		if h, ok := t.open[list[i].ID]; ok {
			list[i] = t.view(h.row)
		}
	}
	return list, nil
}

// SaleByNumber finds the sale of a receipt's number (NotFound).
func (t *Till) SaleByNumber(n int64) (localapi.Sale, error) {
	var saleID string
	t.mu.Lock()
	err := t.read(func(tx *store.Tx) (err error) {
		saleID, err = tx.SaleByNumber(n)
		return err
	})
	t.mu.Unlock()
	if err != nil {
		return localapi.Sale{}, err
	}
	return t.Sale(saleID)
}

// Details tells everything about one sale: what happened to it, what went back, what was printed.
func (t *Till) Details(saleID string) (d localapi.Details, err error) {
	if d.Sale, err = t.Sale(saleID); err != nil {
		return d, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return d, t.read(func(tx *store.Tx) error {
		if d.Number, err = tx.Number(saleID); err != nil {
			return err
		}
		story, err := tx.Story(saleID)
		if err != nil {
			return err
		}
		for _, e := range story {
			told := e.Told()
			d.Events = append(d.Events, localapi.Happening{At: e.At, Event: e.Type, State: told.State, Reason: told.Reason,
				Operator: told.Operator, Refund: told.Refund, Amount: told.Amount})
		}
		back, err := tx.RefundsOf(saleID)
		if err != nil {
			return err
		}
		for _, row := range back {
			d.Refunds = append(d.Refunds, store.ViewRefund(row.Refund))
		}
		slips, err := tx.PrintsOf(saleID)
		for _, j := range slips {
			d.Prints = append(d.Prints, localapi.PrintJob{ID: j.ID, Sale: j.Sale, State: string(j.State), Copy: j.Copy, Reprint: j.Marked, CreatedAt: j.Created})
		}
		return err
	})
}
