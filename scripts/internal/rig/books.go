package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cloudcashier/shared/pay"
)

// Record is a line of `cashier-hub export payments`.
type Record struct {
	ID         string      `json:"id"`
	OrderNo    string      `json:"order_no"`
	Terminal   string      `json:"terminal"` // empty: from the API
	Outcome    pay.Outcome `json:"outcome"`
	Status     pay.Status  `json:"status"`
	Amount     int64       `json:"amount"`
	Wallet     pay.Wallet  `json:"wallet"`
	OutTradeNo string      `json:"out_trade_no"`
	Refunded   int64       `json:"refunded_amount"`
}

// Sold is a sale in `cashier-agent journal export`.
type Sold struct {
	Type      string      `json:"type"` // "sale"; the journal has other lines too
	ID        string      `json:"id"`
	OrderNo   string      `json:"order_no"`
	Amount    int64       `json:"amount"`
	Tender    string      `json:"tender"` // of any other than "wallet" the hub is never asked
	State     string      `json:"state"`
	Outcome   pay.Outcome `json:"outcome"`
	PaymentID string      `json:"payment_id"`
	Till      string      `json:"-"`
}

// Payments exports the hub's payments.
func (l *Lab) Payments(ctx context.Context) (records []Record, err error) {
	out, _, err := l.rig.Run(ctx, "cashier-hub", "export", "payments", "--data", l.Data)
	if err != nil {
		return nil, err
	}
	err = eachLine(out, func(line []byte) error {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		records = append(records, r)
		return nil
	})
	return records, err
}

// Journal exports the till's sales.
func (t *Till) Journal(ctx context.Context) (sales []Sold, err error) {
	out, _, err := t.rig.Run(ctx, "cashier-agent", "journal", "export", "--data", t.Data)
	if err != nil {
		return nil, err
	}
	err = eachLine(out, func(line []byte) error {
		var s Sold
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		if s.Type == "sale" {
			s.Till = t.Name
			sales = append(sales, s)
		}
		return nil
	})
	return sales, err
}

// Books are the three books at one moment.
type Books struct {
	Ledger  []Entry
	Hub     []Record
	Journal []Sold
	Refunds []Returned // the hub's
}

// Read reads the three books.
func Read(ctx context.Context, lab *Lab, tills ...*Till) (b Books, err error) {
	if b.Ledger, err = lab.Ledger(ctx); err != nil {
		return b, err
	}
	stored, err := lab.StoredLedger(ctx)
	if err != nil {
		return b, err
	}
	b.Ledger = append(b.Ledger, stored...)
	if b.Hub, err = lab.Payments(ctx); err != nil {
		return b, err
	}
	if b.Refunds, err = lab.Refunds(ctx); err != nil {
		return b, err
	}
	for _, t := range tills {
		sales, err := t.Journal(ctx)
		if err != nil {
			return b, err
		}
		b.Journal = append(b.Journal, sales...)
	}
	return b, nil
}

// dealt is what the wallet did under one number: how often it charged, and what it kept.
type dealt struct {
	charges int
	kept    int64
}

// Audit compares the books and says every difference. An empty answer means: each payment called paid was
// charged exactly once and kept but for what was refunded, nothing was kept for one called not paid, nothing is
// unknown, the till was told what the hub knows, and no wallet charged or gave back what the hub does not know.
func (b Books) Audit() (differences []string) {
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	ledger := b.netted()
	back := b.auditRefunds(differ)
	known, byID := map[string]bool{}, map[string]Record{}
	for _, r := range b.Hub {
		n := ledger[string(r.Wallet)+" "+r.OutTradeNo]
		known[string(r.Wallet)+" "+r.OutTradeNo] = true
		byID[r.ID] = r
		if r.Outcome != r.Status.Outcome() {
			differ("hub: payment %s is %s and called %s", r.ID, r.Status, r.Outcome)
		}
		switch {
		case r.Refunded != back[r.ID]:
			differ("payment %s (%s) says that %d fen went back, its refunds %d", r.ID, r.OrderNo, r.Refunded, back[r.ID])
		case r.Outcome == pay.Paid && (n.charges != 1 || n.kept != r.Amount-r.Refunded):
			differ("payment %s (%s) is paid with %d fen; the wallet charged %d times and kept %d", r.ID, r.OrderNo, r.Amount, n.charges, n.kept)
		case r.Outcome == pay.NotPaid && n.kept != 0:
			differ("payment %s (%s) is %s; the wallet charged %d times and kept %d", r.ID, r.OrderNo, r.Status, n.charges, n.kept)
		case r.Outcome == pay.Unknown:
			differ("payment %s (%s) is still %s", r.ID, r.OrderNo, r.Status)
		}
	}
	for number, n := range ledger {
		if !known[number] {
			differ("the wallet charged %d times under %s, which the hub does not know", n.charges, number)
		}
	}
	sold := map[string]bool{}
	for _, s := range b.Journal {
		r, ok := byID[s.PaymentID]
		sold[s.PaymentID] = true
		switch {
		case s.Outcome == pay.Unknown && s.State != "waiting":
			differ("%s: sale %s is still %s", s.Till, s.ID, s.State)
		case s.Tender == "cash", s.Tender == "other":
			if s.PaymentID != "" || s.Outcome != pay.Paid {
				differ("%s: sale %s by %s is %s and names payment %q", s.Till, s.ID, s.Tender, s.Outcome, s.PaymentID)
			}
		case s.PaymentID == "" && s.Outcome == pay.Paid:
			differ("%s: sale %s is paid without a payment", s.Till, s.ID)
		case s.PaymentID == "":
		case !ok:
			differ("%s: sale %s names payment %s, which the hub does not have", s.Till, s.ID, s.PaymentID)
		case r.Outcome != s.Outcome || r.Amount != s.Amount:
			differ("%s: sale %s is %s with %d fen; the hub has %s with %d", s.Till, s.ID, s.Outcome, s.Amount, r.Outcome, r.Amount)
		}
	}
	for _, r := range b.Hub {
		if r.Terminal != "" && r.Outcome == pay.Paid && !sold[r.ID] {
			differ("hub: payment %s of terminal %s is paid and no till knows", r.ID, r.Terminal)
		}
	}
	slices.Sort(differences)
	return differences
}

func (b Books) netted() map[string]dealt {
	ledger := map[string]dealt{}
	for _, e := range b.Ledger {
		number := string(e.Wallet) + " " + e.OutTradeNo
		n := ledger[number]
		switch e.Kind {
		case "charge":
			n.charges++
			n.kept += e.Amount
		default:
			n.kept -= e.Amount
		}
		ledger[number] = n
	}
	return ledger
}

// Table prints the books side by side, one line for each payment.
func (b Books) Table() string {
	ledger, sales := b.netted(), map[string]Sold{}
	for _, s := range b.Journal {
		sales[s.PaymentID] = s
	}
	var out strings.Builder
	row := func(cells ...any) { fmt.Fprintf(&out, "  %-9s %9s  %-10s %-12s %-12s %9s\n", cells...) }
	row("wallet", "asked", "till says", "hub says", "wallet took", "and kept")
	for _, r := range b.Hub {
		n, till := ledger[string(r.Wallet)+" "+r.OutTradeNo], "(API)"
		if s, ok := sales[r.ID]; ok {
			till = string(s.Outcome)
		}
		row(r.Wallet, Yuan(r.Amount), till, string(r.Outcome), fmt.Sprintf("%d charge(s)", n.charges), Yuan(n.kept))
	}
	return out.String()
}

// Yuan shows an amount of fen.
func Yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}
