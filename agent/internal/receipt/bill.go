package receipt

import (
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Bill is what a sale pays a part of. The zero value is none.
type Bill struct {
	Number string
	Total  money.Amount
	Parts  []Part // on the receipt of the part that paid the rest: all of them, oldest first
}

// Part is one paid part of a bill.
type Part struct {
	Amount money.Amount
	Tender localapi.Tender
	Wallet pay.Wallet
}

func (b Bill) items() (items []Item) {
	if b.Number == "" {
		return nil
	}
	items = []Item{{Kind: Rule}, {Kind: Pair, Left: "分单 Part of bill", Right: b.Number}, {Kind: Pair, Left: "账单合计 Bill total", Right: Yuan(b.Total)}}
	for _, p := range b.Parts {
		items = append(items, Item{Kind: Pair, Left: "  " + how(p.Tender, p.Wallet), Right: Yuan(p.Amount)})
	}
	if len(b.Parts) > 0 {
		items = append(items, Item{Kind: Text, Left: "账单已付清 Bill paid in full", Center: true})
	}
	return items
}

// how names a way to pay.
func how(tender localapi.Tender, wallet pay.Wallet) string {
	if name := tenders[tender]; name != "" {
		return name
	}
	return wallets[wallet]
}

// cash tells what was received and what went back of it.
func (s Slip) cash() []Item {
	if s.Received.IsZero() {
		return nil
	}
	return []Item{{Kind: Pair, Left: "实收 Received", Right: Yuan(s.Received)}, {Kind: Pair, Left: "找零 Change", Right: Yuan(s.Change)}}
}
