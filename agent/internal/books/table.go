package books

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Columns of the table. They are read by people's spreadsheets: add at the end, rename and move none.
var columns = []string{"record", "date", "time", "sale", "order_no", "subject", "tender", "wallet", "wallet_ref", "outcome", "state",
	"paid", "refunded", "refund_no", "count"}

// mark is the sign by which spreadsheets know that a file is UTF-8.
const mark = "\ufeff"

// table writes rows and counts what it writes, so that its last row says what stands above it.
type table struct {
	*csv.Writer
	zone           *time.Location
	paid, refunded int64
	sales, refunds int
}

// Table writes the sales that ended on a day, those of it that are not settled, and the refunds that went
// through, as CSV, with a row of totals at the end: without it the file is not whole. Amounts are yuan; an
// amount that is not proven paid stands in no column that anybody adds up.
func (b *Books) Table(date string, w io.Writer) error {
	from, until, err := b.span(date)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, mark); err != nil {
		return err
	}
	t := &table{Writer: csv.NewWriter(w), zone: b.Zone}
	t.UseCRLF = true
	if err := t.Write(columns); err != nil {
		return err
	}
	if err := b.settled(t, from, until); err != nil {
		return err
	}
	var open []store.DaySale
	if err := b.Look(func(tx *store.Tx) (err error) {
		open, err = tx.Unsettled(from, until)
		return err
	}); err != nil {
		return err
	}
	for _, s := range open {
		if err := t.sale(s.Sale, s.CreatedAt); err != nil {
			return err
		}
	}
	if err := b.refunds(t, from, until); err != nil {
		return err
	}
	if err := t.Write([]string{"total", date, "", "", "", "", "", "", "", "", "", yuan(t.paid), yuan(t.refunded), "",
		strconv.Itoa(t.sales) + " paid, " + strconv.Itoa(t.refunds) + " refunded"}); err != nil {
		return err
	}
	t.Flush()
	return t.Error()
}

func (b *Books) settled(t *table, from, until time.Time) error {
	for at := (store.Place{At: from}); ; {
		var list []store.DaySale
		if err := b.Look(func(tx *store.Tx) (err error) {
			list, err = tx.Settled(at, until, page)
			return err
		}); err != nil {
			return err
		}
		for _, s := range list {
			if err := t.sale(s.Sale, *s.FinishedAt); err != nil {
				return err
			}
			at = s.Place
		}
		if len(list) < page {
			return nil
		}
	}
}

func (b *Books) refunds(t *table, from, until time.Time) error {
	for at := (store.Place{At: from}); ; {
		var list []store.DayRefund
		if err := b.Look(func(tx *store.Tx) (err error) {
			list, err = tx.SettledRefunds(at, until, page)
			return err
		}); err != nil {
			return err
		}
		for _, r := range list {
			if err := t.refund(r); err != nil {
				return err
			}
			at = r.Place
		}
		if len(list) < page {
			return nil
		}
	}
}

func (t *table) sale(s localapi.Sale, at time.Time) error {
	paid, count := "", ""
	if s.Outcome == pay.Paid {
		paid, count = yuan(s.Amount), "1"
		t.paid, t.sales = t.paid+s.Amount, t.sales+1
	}
	return t.row("sale", at, []string{text(s.ID), text(s.OrderNo), text(s.Subject), string(s.Tender), string(s.Wallet), text(s.WalletRef),
		string(s.Outcome), string(s.State), paid, "", "", count})
}

func (t *table) refund(r store.DayRefund) error {
	t.refunded, t.refunds = t.refunded+r.Amount, t.refunds+1
	return t.row("refund", r.Place.At, []string{text(r.Sale), text(r.OrderNo), "", string(r.Tender), string(r.Wallet), text(r.WalletRef),
		string(r.Outcome), string(r.State), "", yuan(r.Amount), text(r.RefundNo), "1"})
}

// row writes a record.
func (t *table) row(record string, at time.Time, rest []string) error {
	local := at.In(t.zone)
	return t.Write(append([]string{record, local.Format(dateForm), local.Format("15:04:05")}, rest...))
}

// text keeps a number a text: without the tab a spreadsheet makes 4200002713202511 out of a longer one, and a
// formula out of what begins with an equals sign.
func text(s string) string {
	if s == "" {
		return ""
	}
	return "\t" + s
}

func yuan(fen int64) string { return money.Fen(fen).Yuan() }
