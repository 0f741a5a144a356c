package sale

import (
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
)

// Bill is what several sales pay together, each a part of it. The zero Bill is none.
type Bill struct {
	Number string
	Total  money.Amount
}

// Parts is a bill with all its parts, oldest first. What is said of it is derived from them, never kept.
type Parts struct {
	Bill
	Sales []Sale
}

// PartsOf gathers a bill from its parts; the zero value when there are none.
func PartsOf(sales []Sale) Parts {
	if len(sales) == 0 {
		return Parts{}
	}
	return Parts{Bill: sales[0].Bill, Sales: sales}
}

// Paid is what is proven to be paid. What went back of a part stays used: the goods of a refunded part are not sold again
// on the same bill.
func (p Parts) Paid() money.Amount {
	return p.sum(func(s Sale) bool { return s.State == localapi.StatePaid })
}

// Open is what may be paid still, or may be charged without anybody knowing.
func (p Parts) Open() money.Amount { return p.sum(func(s Sale) bool { return !s.State.Final() }) }

// Left is what another part may take.
func (p Parts) Left() money.Amount {
	return money.Fen(p.Total.Fen() - p.Paid().Fen() - p.Open().Fen())
}

func (p Parts) sum(counts func(Sale) bool) money.Amount {
	var fen int64
	for _, s := range p.Sales {
		if counts(s) {
			fen += s.Amount.Fen()
		}
	}
	return money.Fen(fen)
}

// Last is the part that paid the rest; ok is false while the bill is not paid to the end.
func (p Parts) Last() (last Sale, ok bool) {
	if p.Number == "" || p.Paid() != p.Total {
		return last, false
	}
	for _, s := range p.Sales {
		if s.State == localapi.StatePaid && !s.Finished.Before(last.Finished) {
			last = s
		}
	}
	return last, true
}

// Take is the law for another part (Conflict): all parts name the same total, and those that are open or paid never pay
// more than it. A part that was finally not paid takes no room.
func (p Parts) Take(part Sale) error {
	switch left := p.Left(); {
	case p.Number == "":
		return nil // the first: [Bill.Check] has looked at it
	case part.Bill.Total != p.Total:
		return fault.New(fault.Conflict, "bill.other_total", "bill %s is over %s: name that total, or use another bill number", p.Number, p.Total)
	case part.Amount.Fen() > left.Fen():
		return fault.New(fault.Conflict, "bill.too_much",
			"of bill %s over %s, %s is paid and %s is open: %s is left for another part", p.Number, p.Total, p.Paid(), p.Open(), left)
	}
	return nil
}

// Check refuses a bill that its part cannot belong to (Invalid).
func (b Bill) Check(part money.Amount) error {
	switch {
	case b == Bill{}:
		return nil
	case b.Number == "":
		return fault.New(fault.Invalid, "bill.number", `"bill_total" is the total of a bill: name its number in "bill"`)
	case part.Fen() > b.Total.Fen():
		return fault.New(fault.Invalid, "bill.total", "a part of %s is more than its bill's total of %s", part, b.Total)
	}
	return b.Total.Charge()
}

// CheckReceived refuses cash that cannot be meant (Invalid). Zero means that nobody told.
func CheckReceived(amount, received money.Amount, tender localapi.Tender) error {
	switch {
	case received.IsZero():
		return nil
	case tender != localapi.TenderCash:
		return fault.New(fault.Invalid, "sale.received", `"received" is cash in the hand: send it with "tender":"cash" alone`)
	case received.Fen() < amount.Fen():
		return fault.New(fault.Invalid, "sale.received", "%s received is less than the amount of %s", received, amount)
	case received.Fen() > money.Max:
		return received.Charge()
	}
	return nil
}

// Change is what goes back of the cash received.
func (s Sale) Change() money.Amount {
	if s.Received.IsZero() {
		return money.Fen(0)
	}
	return money.Fen(s.Received.Fen() - s.Amount.Fen())
}
