package books_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/books"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

var zone = time.FixedZone("CST", 8*3600)

const today = "2026-11-25"

// shop is a journal with sales of three days.
type shop struct {
	t    *testing.T
	path string
	s    *store.Store
	tx   *store.Tx // one for many steps: a disk syncs a few hundred times a second
	n    int
}

func open(t *testing.T) *shop {
	t.Helper()
	path := filepath.Join(t.TempDir(), store.FileName)
	s, err := store.Open(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &shop{t: t, path: path, s: s}
}

func (s *shop) books() *books.Books { return &books.Books{Look: s.s.View, Zone: zone} }

func (s *shop) update(fn func(tx *store.Tx) error) {
	s.t.Helper()
	err := errors.New("no transaction")
	if s.tx != nil {
		err = fn(s.tx)
	} else {
		err = s.s.Update(fn)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// atOnce makes what fn makes in one transaction.
func (s *shop) atOnce(fn func()) {
	s.t.Helper()
	s.update(func(tx *store.Tx) error {
		s.tx = tx
		fn()
		s.tx = nil
		return nil
	})
}

// sell makes a sale and plays news at a moment.
func (s *shop) sell(order string, fen int64, at time.Time, news ...sale.News) sale.Sale {
	s.t.Helper()
	s.n++
	row := store.Row{Sale: sale.New(fmt.Sprintf("sale_%05d", s.n), order, "tea", money.Fen(fen), at)}
	s.update(func(tx *store.Tx) (err error) {
		if row, err = tx.Insert(row.Sale, at); err != nil {
			return err
		}
		for _, n := range news {
			after, err := sale.Default.Step(row.Sale, n, at)
			if err != nil {
				return err
			}
			if row, err = tx.Change(row, after, n.Event, at); err != nil {
				return err
			}
		}
		return nil
	})
	return row.Sale
}

func (s *shop) paid(order string, fen int64, wallet pay.Wallet, at time.Time) sale.Sale {
	return s.sell(order, fen, at, sale.News{Event: sale.Scan, Wallet: wallet},
		sale.News{Event: sale.Approved, PaymentID: "pay_" + order, WalletRef: "4200002713202511236719284455", Amount: fen})
}

func (s *shop) refund(of sale.Sale, fen int64, at time.Time, news ...sale.RefundNews) {
	s.t.Helper()
	s.n++
	x, err := sale.NewRefund(of, sale.Refund{ID: fmt.Sprintf("ref_%05d", s.n), RefundNo: fmt.Sprintf("R-%d", s.n), Amount: money.Fen(fen)}, nil, at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.update(func(tx *store.Tx) error {
		row, err := tx.InsertRefund(x, at)
		for _, n := range news {
			if err != nil {
				break
			}
			var after sale.Refund
			if after, err = sale.Default.StepRefund(row.Refund, n, at); err == nil {
				row, err = tx.ChangeRefund(row, after, n.Event, at)
			}
		}
		return err
	})
}

func moment(date, clock string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04:05", date+" "+clock, zone)
	if err != nil {
		panic(err)
	}
	return at
}

func (s *shop) day(date string) localapi.Day {
	s.t.Helper()
	d, err := s.books().Day(date)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *shop) table(date string) [][]string {
	s.t.Helper()
	var out bytes.Buffer
	if err := s.books().Export(date, &out); err != nil {
		s.t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff"))).ReadAll()
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

func refunded(fen int64) []sale.RefundNews {
	return []sale.RefundNews{{Event: sale.RefundTaken, RefundID: "hub", Amount: fen}, {Event: sale.RefundDone, RefundID: "hub", Amount: fen}}
}

func TestADay(t *testing.T) {
	s := open(t)
	before := s.paid("B-1", 99, pay.WeChat, moment("2026-11-24", "23:59:59"))
	a := s.paid("0012345678901234567890", 1280, pay.WeChat, moment(today, "00:00:00"))
	s.paid("=1+1", 20, pay.Alipay, moment(today, "09:30:00"))
	s.paid("A-3", 3, pay.WeChat, moment(today, "23:59:59"))
	s.paid("N-1", 5000, pay.WeChat, moment("2026-11-26", "00:00:00"))
	s.sell("A-4", 700, moment(today, "10:00:00"), sale.News{Event: sale.Scan, Wallet: pay.Alipay},
		sale.News{Event: sale.Declined, PaymentID: "pay_4", Reason: "balance_low", Message: "no"})
	s.sell("A-5", 100000, moment(today, "11:00:00"), sale.News{Event: sale.Scan, Wallet: pay.WeChat}, sale.News{Event: sale.Leave}, sale.News{Event: sale.Restart})
	s.sell("A-6", 444, moment(today, "12:00:00")) // waits for a scan: nobody was asked for money
	s.refund(a, 280, moment(today, "13:00:00"), refunded(280)...)
	s.refund(before, 99, moment(today, "14:00:00"), refunded(99)...)
	s.refund(a, 500, moment(today, "15:00:00"))

	d := s.day(today)
	if d.Paid != 3 || d.Gross != 1303 || d.Refunds != 2 || d.Refunded != 379 || d.Net != 924 || d.NotPaid != 1 {
		t.Errorf("sums %+v", d)
	}
	if d.Open != 1 || d.OpenAmount != 100000 || d.Deferred != 0 || d.OpenRefunds != 1 || d.OpenRefundsAmount != 500 {
		t.Errorf("what is open %+v", d)
	}
	if fmt.Sprint(d.Lines) != "[{wallet alipay 1 20 0 0 20} {wallet wechat 2 1283 2 379 904}]" {
		t.Errorf("lines %v", d.Lines)
	}
	if fmt.Sprint(d.Hours) != "[{0 1 1280} {9 1 20} {23 1 3}]" {
		t.Errorf("hours %v", d.Hours)
	}
	if y := s.day("2026-11-24"); y.Paid != 1 || y.Gross != 99 || y.Refunds != 0 || y.Open != 0 {
		t.Errorf("the day before %+v", y)
	}
	if y := s.day("2026-11-20"); y.Paid != 0 || y.Lines == nil || y.Hours == nil {
		t.Errorf("an empty day %+v", y)
	}

	rows := s.table(today)
	if len(rows) != 9 || strings.Join(rows[8], "|") != "total|2026-11-25||||||||||13.03|3.79||3 paid, 2 refunded" {
		t.Errorf("the table %q", rows)
	}
	if rows[1][4] != "\t0012345678901234567890" || rows[2][4] != "\t=1+1" || rows[1][11] != "12.80" || rows[1][2] != "00:00:00" {
		t.Errorf("the first rows %q", rows[1:3])
	}
	if rows[5][9] != "unknown" || rows[5][11] != "" {
		t.Errorf("an unknown sale stands among what is paid: %q", rows[5])
	}
	for _, bad := range []string{"2026-11-31", "2026-1-2", "today", "", "2026-11-25 "} {
		if _, err := s.books().Day(bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("day %q: %v", bad, err)
		}
	}
	if err := s.books().Export("2026-13-01", failing{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a wrong day was begun: %v", err)
	}
	if err := s.books().Export(today, failing{}); !errors.Is(err, errFull) {
		t.Errorf("a full stick: %v", err)
	}
}

var errFull = errors.New("no space left on device")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

// many makes sales and refunds of three days.
func (s *shop) many(rnd *mathrand.Rand) {
	wallets := []pay.Wallet{pay.WeChat, pay.Alipay, pay.UnionPay, pay.StoredValue}
	var sold []sale.Sale
	for i := range 450 {
		at := moment("2026-11-24", "00:00:00").Add(time.Duration(rnd.Int64N(int64(48 * time.Hour)))).Truncate(time.Hour) // many at one moment
		switch order, fen := fmt.Sprintf("O-%d", i), 1+rnd.Int64N(100000); rnd.IntN(8) {
		case 0:
			s.sell(order, fen, at, sale.News{Event: sale.Scan, Wallet: pay.WeChat}, sale.News{Event: sale.Leave}, sale.News{Event: sale.Restart})
		case 1:
			s.sell(order, fen, at, sale.News{Event: sale.Cancel})
		default:
			sold = append(sold, s.paid(order, fen, wallets[rnd.IntN(4)], at))
		}
	}
	for range 250 {
		of := sold[0]
		sold = sold[1:]
		fen := 1 + rnd.Int64N(of.Amount.Fen())
		s.refund(of, fen, of.Finished.Add(time.Duration(rnd.IntN(30))*time.Hour), refunded(fen)...)
	}
}

// TestSumsAgree holds the sums of days against the table and against the journal's own lines, over more
// sales than a page has.
func TestSumsAgree(t *testing.T) {
	s := open(t)
	rnd := mathrand.New(mathrand.NewPCG(7, 7))
	s.atOnce(func() { s.many(rnd) })
	type sum struct{ paid, gross, refunds, refunded int64 }
	lines := map[string]sum{}
	var whole bytes.Buffer
	if err := s.books().Export("", &whole); err != nil {
		t.Fatal(err)
	}
	for text := bufio.NewScanner(&whole); text.Scan(); {
		var l struct {
			Type, State string
			Amount      int64
			FinishedAt  *time.Time `json:"finished_at"`
		}
		if err := json.Unmarshal(text.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if l.FinishedAt == nil {
			continue
		}
		date := l.FinishedAt.In(zone).Format("2006-01-02")
		of := lines[date]
		switch l.Type + " " + l.State {
		case "sale paid":
			of.paid, of.gross = of.paid+1, of.gross+l.Amount
		case "refund succeeded":
			of.refunds, of.refunded = of.refunds+1, of.refunded+l.Amount
		}
		lines[date] = of
	}
	if len(lines) < 3 {
		t.Fatalf("%d days", len(lines))
	}
	for date, want := range lines {
		d := s.day(date)
		if got := (sum{int64(d.Paid), d.Gross, int64(d.Refunds), d.Refunded}); got != want {
			t.Errorf("%s: the sums are %+v, the journal's lines make %+v", date, got, want)
		}
		var byLine, byHour sum
		for _, l := range d.Lines {
			byLine = sum{byLine.paid + int64(l.Paid), byLine.gross + l.Gross, byLine.refunds + int64(l.Refunds), byLine.refunded + l.Refunded}
			if l.Net != l.Gross-l.Refunded {
				t.Errorf("%s: %+v", date, l)
			}
		}
		for _, h := range d.Hours {
			byHour.paid, byHour.gross = byHour.paid+int64(h.Paid), byHour.gross+h.Gross
		}
		if byLine != want || byHour.paid != want.paid || byHour.gross != want.gross {
			t.Errorf("%s: by line %+v, by hour %+v, want %+v", date, byLine, byHour, want)
		}
		rows := s.table(date)
		last := rows[len(rows)-1]
		if last[11] != money.Fen(want.gross).Yuan() || last[12] != money.Fen(want.refunded).Yuan() {
			t.Errorf("%s: the table's totals are %q, want %+v", date, last, want)
		}
		var column sum
		for _, row := range rows[1 : len(rows)-1] {
			for i, to := range map[int]*int64{11: &column.gross, 12: &column.refunded} {
				if row[i] != "" {
					a, err := money.ParseYuan(row[i])
					if err != nil {
						t.Fatal(err)
					}
					*to += a.Fen()
				}
			}
		}
		if column.gross != want.gross || column.refunded != want.refunded {
			t.Errorf("%s: the table's columns make %+v, want %+v", date, column, want)
		}
	}
}

// TestTheJournalInPages proves that a running journal is written to the letter as a resting one.
func TestTheJournalInPages(t *testing.T) {
	s := open(t)
	s.atOnce(func() {
		for i := range 230 {
			x := s.paid(fmt.Sprintf("O-%d", i), 100, pay.WeChat, moment(today, "10:00:00"))
			if i%10 == 0 {
				s.refund(x, 40, moment(today, "11:00:00"), refunded(40)...)
			}
		}
	})
	var running, resting bytes.Buffer
	if err := s.books().Export("", &running); err != nil {
		t.Fatal(err)
	}
	if err := store.Export(s.path, &resting); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(running.Bytes(), resting.Bytes()) || resting.Len() == 0 {
		t.Errorf("%d bytes differ from %d", running.Len(), resting.Len())
	}
	if h, err := store.Check(s.path); err != nil || h.Sales != 230 || h.Events < 700 {
		t.Errorf("%+v, %v", h, err)
	}
}
