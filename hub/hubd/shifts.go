package hubd

import (
	"cloudcashier/hub/internal/shiftbook"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

// ShiftCheck is one shift of a till, and what the hub's own books say to it.
type ShiftCheck = shiftbook.Check

// tillBooks are the hub's books in the words of the comparison.
type tillBooks struct{ *store.TillBooks }

func (b tillBooks) Payment(key string) (shiftbook.Row, bool, error) {
	r, ok, err := b.TillBooks.Payment(key)
	status := pay.Status(r.Status)
	row := shiftbook.Row{ID: r.ID, Status: r.Status, Paid: status == pay.StatusSucceeded, Amount: r.Amount, Wallet: r.Wallet}
	if ok {
		row.Outcome = string(status.Outcome())
	}
	return row, ok, err
}

func (b tillBooks) Refund(key string) (shiftbook.Row, bool, error) {
	r, ok, err := b.TillBooks.Refund(key)
	status := pay.RefundStatus(r.Status)
	row := shiftbook.Row{ID: r.ID, Status: r.Status, Paid: status == pay.RefundSucceeded, Amount: r.Amount, Wallet: r.Wallet}
	if ok {
		row.Outcome = string(status.Outcome())
	}
	return row, ok, err
}

// Shifts compares the shifts of a terminal with the hub's books, oldest first, the open one last, as far as its log is
// copied. The database may be in use or a copy, and does not change. The log is read before what it is held against,
// so that a sale under way is no difference.
func Shifts(path, terminal string) (list []ShiftCheck, err error) {
	books, err := store.OpenTillBooks(path, terminal)
	if err != nil {
		return nil, err
	}
	defer books.Close()
	reader := shiftbook.New(terminal, tillBooks{books})
	if err := books.Log(reader.Add); err != nil {
		return nil, err
	}
	var strays []shiftbook.Stray
	if err := books.Strays(func(key string, fen int64) { strays = append(strays, shiftbook.Stray{Key: key, Amount: fen}) }); err != nil {
		return nil, err
	}
	return reader.Checks(strays)
}

// Shift is one of them; 0 is the open one (NotFound).
func Shift(path, terminal string, number int64) (ShiftCheck, error) {
	list, err := Shifts(path, terminal)
	if err != nil {
		return ShiftCheck{}, err
	}
	for _, c := range list {
		if c.Shift.Number == number || number == 0 && !c.Shift.Closed {
			return c, nil
		}
	}
	return ShiftCheck{}, fault.New(fault.NotFound, "shift.unknown", "the copy of %s has no shift %d yet: the till is offline, or its shift is open", terminal, number)
}
