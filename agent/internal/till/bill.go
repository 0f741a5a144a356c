package till

import (
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// maxBill bounds a bill's number, in bytes.
const maxBill = 64

// checkPart refuses cash and bills that no till may take.
func checkPart(n localapi.NewSale, amount money.Amount) error {
	if err := sale.CheckReceived(amount, money.Fen(n.Received), n.Tender); err != nil {
		return err
	}
	if err := checkText("bill", n.Bill, maxBill); err != nil {
		return err
	}
	return billOf(n).Check(amount)
}

// billOf is the bill that a request names.
func billOf(n localapi.NewSale) (b sale.Bill) {
	if n.Bill != "" || n.BillTotal != 0 {
		b = sale.Bill{Number: n.Bill, Total: money.Fen(n.BillTotal)}
	}
	return b
}

func otherBill(last store.Row) error {
	return fault.New(fault.Conflict, "sale.other_bill",
		"order %s belongs to bill %q: repeat exactly that, or use another order number", last.OrderNo, last.Bill.Number)
}

func otherReceived(last store.Row) error {
	return fault.New(fault.Conflict, "sale.other_received",
		"order %s was paid already, with %d fen received: repeat exactly that, or use another order number", last.OrderNo, last.Received.Fen())
}

// insert stores a new sale; a part of a bill only while the bill has room for it, which the transaction that
// stores it looks at.
func insert(tx *store.Tx, s sale.Sale, at time.Time) (store.Row, error) {
	if s.Bill.Number == "" {
		return tx.Insert(s, at)
	}
	parts, err := tx.Parts(s.Bill.Number)
	if err == nil {
		err = parts.Take(s)
	}
	if err != nil {
		return store.Row{}, err
	}
	return tx.Insert(s, at)
}

// Bill reads a bill with its parts (NotFound).
func (t *Till) Bill(number string) (b localapi.Bill, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err = t.read(func(tx *store.Tx) error {
		parts, err := tx.Parts(number)
		if err != nil {
			return err
		}
		if parts.Number == "" {
			return fault.New(fault.NotFound, "bill.unknown", "there is no bill %q on this till", number)
		}
		b = localapi.Bill{Number: parts.Number, Total: parts.Total.Fen(), Paid: parts.Paid().Fen(), Open: parts.Open().Fen(), Left: parts.Left().Fen()}
		for _, s := range parts.Sales {
			v := t.view(store.Row{Sale: s})
			if h, ok := t.open[s.ID]; ok {
				v = t.view(h.row)
			}
			if err := tx.AddRefunds(&v); err != nil {
				return err
			}
			b.Sales = append(b.Sales, v)
		}
		return nil
	})
	return b, err
}
