package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
)

const hourMS = int64(time.Hour / time.Millisecond)

// Day adds up what was settled from one moment until before another, and what was begun then and is not
// settled. SQL adds, over the indexes of the ends; what comes back is a few dozen rows whatever was sold.
func (t *Tx) Day(from, until time.Time) (localapi.Day, error) {
	d := localapi.Day{From: clean(from), Until: clean(until), Lines: []localapi.DayLine{}, Hours: []localapi.DayHour{}}
	lo, hi := from.UnixMilli(), until.UnixMilli()
	if err := t.daySales(&d, lo, hi); err != nil {
		return d, fmt.Errorf("add up sales: %w", err)
	}
	if err := t.dayRefunds(&d, lo, hi); err != nil {
		return d, fmt.Errorf("add up refunds: %w", err)
	}
	err := t.tx.QueryRow(`SELECT coalesce(sum(deferred_at IS NULL), 0), coalesce(sum(amount) FILTER (WHERE deferred_at IS NULL), 0),
		coalesce(sum(deferred_at IS NOT NULL), 0), coalesce(sum(amount) FILTER (WHERE deferred_at IS NOT NULL), 0)
		FROM sale WHERE finished_at IS NULL AND state <> 'waiting' AND created_at >= ? AND created_at < ?`, lo, hi).
		Scan(&d.Open, &d.OpenAmount, &d.Deferred, &d.DeferredAmount)
	if err != nil {
		return d, fmt.Errorf("add up open sales: %w", err)
	}
	err = t.tx.QueryRow(`SELECT count(*), coalesce(sum(amount), 0) FROM refund
		WHERE finished_at IS NULL AND created_at >= ? AND created_at < ?`, lo, hi).Scan(&d.OpenRefunds, &d.OpenRefundsAmount)
	if err != nil {
		return d, fmt.Errorf("add up open refunds: %w", err)
	}
	d.Net = d.Gross - d.Refunded
	for i := range d.Lines {
		d.Lines[i].Net = d.Lines[i].Gross - d.Lines[i].Refunded
	}
	slices.SortFunc(d.Lines, func(a, b localapi.DayLine) int {
		return cmp.Or(-cmp.Compare(a.Tender, b.Tender), cmp.Compare(a.Wallet, b.Wallet))
	})
	return d, nil
}

func (t *Tx) daySales(d *localapi.Day, lo, hi int64) error {
	return t.tx.Query(func(rows sqlite.Rows) error {
		var hour, n int
		var sum int64
		var tender localapi.Tender
		var wallet pay.Wallet
		var paid bool
		if err := rows.Scan(&paid, &hour, &tender, &wallet, &n, &sum); err != nil {
			return err
		}
		if !paid {
			d.NotPaid += n
			return nil
		}
		d.Paid, d.Gross = d.Paid+n, d.Gross+sum
		line := lineOf(d, tender, wallet)
		line.Paid, line.Gross = line.Paid+n, line.Gross+sum
		if len(d.Hours) == 0 || d.Hours[len(d.Hours)-1].Hour != hour {
			d.Hours = append(d.Hours, localapi.DayHour{Hour: hour})
		}
		last := &d.Hours[len(d.Hours)-1]
		last.Paid, last.Gross = last.Paid+n, last.Gross+sum
		return nil
	}, `SELECT state = 'paid', (finished_at - ?) / ?, tender, wallet, count(*), sum(amount) FROM sale
		WHERE finished_at >= ? AND finished_at < ? GROUP BY 1, 2, 3, 4 ORDER BY 1, 2`, lo, hourMS, lo, hi)
}

func (t *Tx) dayRefunds(d *localapi.Day, lo, hi int64) error {
	return t.tx.Query(func(rows sqlite.Rows) error {
		var n int
		var sum int64
		var tender localapi.Tender
		var wallet pay.Wallet
		if err := rows.Scan(&tender, &wallet, &n, &sum); err != nil {
			return err
		}
		d.Refunds, d.Refunded = d.Refunds+n, d.Refunded+sum
		line := lineOf(d, tender, wallet)
		line.Refunds, line.Refunded = line.Refunds+n, line.Refunded+sum
		return nil
	}, `SELECT r.tender, s.wallet, count(*), sum(r.amount) FROM refund r JOIN sale s ON s.id = r.sale
		WHERE r.finished_at >= ? AND r.finished_at < ? AND r.state = 'succeeded' GROUP BY 1, 2`, lo, hi)
}

func lineOf(d *localapi.Day, tender localapi.Tender, wallet pay.Wallet) *localapi.DayLine {
	i := slices.IndexFunc(d.Lines, func(l localapi.DayLine) bool { return l.Tender == tender && l.Wallet == wallet })
	if i < 0 {
		i = len(d.Lines)
		d.Lines = append(d.Lines, localapi.DayLine{Tender: tender, Wallet: wallet})
	}
	return &d.Lines[i]
}

// Place is how far a reader of one day has come: the last row it has had.
type Place struct {
	At  time.Time
	Seq int64
}

// DaySale is a sale with its place in the day.
type DaySale struct {
	localapi.Sale
	Place Place
}

// DayRefund is a refund with its place in the day, and what is told of its sale.
type DayRefund struct {
	localapi.Refund
	OrderNo string
	Wallet  pay.Wallet
	Place   Place
}

// numbered reads the seq that stands before the columns of a row.
type numbered struct {
	rows sqlite.Rows
	seq  *int64
}

func (n numbered) Scan(to ...any) error { return n.rows.Scan(append([]any{n.seq}, to...)...) }

// Settled reads the sales that ended before until, behind a place, oldest first. A settled sale does not
// change, so that a reader who comes back for the next page misses none and has none twice.
func (t *Tx) Settled(after Place, until time.Time, limit int) (list []DaySale, err error) {
	return t.daySalesOf(`SELECT s.seq, `+columns+` WHERE s.finished_at < ? AND (s.finished_at, s.seq) > (?, ?)
		ORDER BY s.finished_at, s.seq LIMIT ?`, until.UnixMilli(), after.At.UnixMilli(), after.Seq, limit)
}

// Unsettled reads the sales that were begun in a span, had something sent for them, and are not settled.
func (t *Tx) Unsettled(from, until time.Time) ([]DaySale, error) {
	return t.daySalesOf(`SELECT s.seq, `+columns+` WHERE s.finished_at IS NULL AND s.state <> 'waiting'
		AND s.created_at >= ? AND s.created_at < ? ORDER BY s.seq`, from.UnixMilli(), until.UnixMilli())
}

func (t *Tx) daySalesOf(query string, args ...any) (list []DaySale, err error) {
	err = t.tx.Query(func(rows sqlite.Rows) error {
		var seq int64
		r, err := scan(numbered{rows, &seq})
		list = append(list, DaySale{View(r.Sale), Place{r.Finished, seq}})
		return err
	}, query, args...)
	return list, err
}

// SettledRefunds reads the refunds that succeeded before until, behind a place, oldest first.
func (t *Tx) SettledRefunds(after Place, until time.Time, limit int) (list []DayRefund, err error) {
	err = t.tx.Query(func(rows sqlite.Rows) error {
		var seq int64
		r, err := scanRefund(numbered{rows, &seq})
		list = append(list, DayRefund{Refund: ViewRefund(r.Refund), Place: Place{r.Finished, seq}})
		return err
	}, `SELECT r.seq, `+refundColumns+` WHERE r.state = 'succeeded' AND r.finished_at < ? AND (r.finished_at, r.seq) > (?, ?)
		ORDER BY r.finished_at, r.seq LIMIT ?`, until.UnixMilli(), after.At.UnixMilli(), after.Seq, limit)
	if err != nil {
		return nil, err
	}
	for i := range list {
		of, err := t.Sale(list[i].Sale)
		if err != nil {
			return nil, err
		}
		list[i].OrderNo, list[i].Wallet = of.OrderNo, of.Wallet
	}
	return list, nil
}
