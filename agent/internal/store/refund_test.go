package store_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// paid makes a sale of 1280 fen that a wallet paid.
func paid(t *testing.T, s *store.Store, id, orderNo string) store.Row {
	t.Helper()
	insert(t, s, id, orderNo)
	take(t, s, id, sale.News{Event: sale.Scan, Wallet: pay.WeChat}, start)
	return take(t, s, id, sale.News{Event: sale.Approved, PaymentID: "pay_" + id, Amount: 1280}, start)
}

// refund stores a new refund of a sale.
func refund(t *testing.T, s *store.Store, of sale.Sale, id string, fen int64) store.RefundRow {
	t.Helper()
	x, err := sale.NewRefund(of, sale.Refund{ID: id, RefundNo: "R-" + id, Amount: money.Fen(fen), Why: "cold"}, nil, start)
	if err != nil {
		t.Fatal(err)
	}
	var row store.RefundRow
	if err := s.Update(func(tx *store.Tx) (err error) {
		row, err = tx.InsertRefund(x, start)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return row
}

// hear applies an event to a stored refund.
func hear(t *testing.T, s *store.Store, before store.RefundRow, n sale.RefundNews) (row store.RefundRow) {
	t.Helper()
	if err := s.Update(func(tx *store.Tx) error {
		after, err := sale.Default.StepRefund(before.Refund, n, start.Add(time.Minute))
		if err == nil {
			row, err = tx.ChangeRefund(before, after, n.Event, start.Add(time.Minute))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return row
}

func TestARefundSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	of := paid(t, s, "sale_1", "A-1")
	queued := refund(t, s, of.Sale, "ref_1", 500)
	first := refund(t, s, of.Sale, "ref_2", 300)
	if queued.Seq == 0 || first.Seq != queued.Seq+1 || queued.Asking != wire.KindRefund {
		t.Fatalf("the requests are not in the outbox: %+v, %+v", queued, first)
	}
	pending := hear(t, s, first, sale.RefundNews{Event: sale.RefundTaken, RefundID: "hub_2", Amount: 300})
	if pending.Seq != 0 {
		t.Errorf("an answered request stays in the outbox: %+v", pending)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, path)
	if err := s.View(func(tx *store.Tx) error {
		rows, err := tx.OpenRefunds()
		pending.Heard = time.Time{}
		if err != nil || len(rows) != 2 || rows[0] != queued || rows[1] != pending {
			t.Errorf("after a restart: %+v, %v; want %+v, %+v", rows, err, queued, pending)
		}
		before, after := store.RefundMessage(queued.Refund), store.RefundMessage(rows[0].Refund)
		if before != after || after.Key != "ref_1" || after.Sale != "sale_1" || after.Reason != "cold" || after.Amount != 500 {
			t.Errorf("it asks %+v, asked %+v", after, before)
		}
		v := store.View(of.Sale)
		if err := tx.AddRefunds(&v); err != nil || v.RefundedAmount != 0 || v.RefundingAmount != 800 {
			t.Errorf("%+v, %v", v, err)
		}
		_, err = tx.Refund("ref_9")
		if fault.CodeOf(err) != "refund.unknown" || fault.KindOf(err) != fault.NotFound {
			t.Error(err)
		}
		_, ok, err := tx.RefundByNo("R-ref_9")
		if ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	hear(t, s, queued, sale.RefundNews{Event: sale.RefundDone, RefundID: "hub_1", Amount: 500, WalletRef: "42"})
	hear(t, s, pending, sale.RefundNews{Event: sale.RefundUndone, RefundID: "hub_2", Amount: 300})
	var stories []string
	for _, l := range exported(t, path) {
		stories = append(stories, strings.Trim(strings.Join([]string{l.Type, l.ID, l.State, l.Event}, " "), " "))
	}
	want := "sale sale_1 paid, refund ref_1 succeeded, refund ref_2 failed, event   new, event   scan, event   approved, " +
		"event   refund.new, event   refund.new, event   refund.taken, event   refund.succeeded, event   refund.failed"
	if got := strings.Join(stories, ", "); got != want {
		t.Errorf("the export is\n%s\nwant\n%s", got, want)
	}
	var shown localapi.Sale
	if err := json.Unmarshal(exported(t, path)[0].raw, &shown); err != nil || shown.RefundedAmount != 500 || shown.RefundingAmount != 0 {
		t.Errorf("the exported sale: %+v, %v", shown, err)
	}
	if h, err := store.Check(path); err != nil || h.Refunds != 2 || h.OpenRefunds != 0 || h.Open != 0 {
		t.Errorf("%+v, %v", h, err)
	}
}

// raw is a line of the export with its text.
type raw struct {
	line
	raw json.RawMessage
}

func exported(t *testing.T, path string) (all []raw) {
	t.Helper()
	var out strings.Builder
	if err := store.Export(path, &out); err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		l := raw{raw: json.RawMessage(text)}
		if err := json.Unmarshal(l.raw, &l.line); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

func TestImpossibleRefundsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	of := paid(t, s, "sale_1", "A-1")
	insert(t, s, "sale_2", "A-2")
	refund(t, s, of.Sale, "ref_1", 500)
	done := refund(t, s, of.Sale, "ref_2", 400)
	hear(t, s, done, sale.RefundNews{Event: sale.RefundDone, RefundID: "hub_2", Amount: 400})
	failed := refund(t, s, of.Sale, "ref_3", 380)
	hear(t, s, failed, sale.RefundNews{Event: sale.RefundUndone, RefundID: "hub_3"})
	if err := s.Update(func(tx *store.Tx) error {
		_, err := tx.Insert(sale.Taken("sale_3", "A-3", "", money.Fen(700), localapi.TenderCash, start), start)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(path, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const into = `INSERT INTO refund (id, sale, refund_no, amount, currency, tender, why, state, reason, message, refund_id,
		wallet_ref, created_at, finished_at) VALUES `
	run := func(statement string) error {
		return db.Update(func(tx *sqlite.Tx) error {
			return tx.Exec(statement)
		})
	}
	for name, statement := range map[string]string{
		"more than was paid":           into + `('ref_9', 'sale_1', 'R-9', 381, 'CNY', 'wallet', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		"of a sale that is not paid":   into + `('ref_9', 'sale_2', 'R-9', 1, 'CNY', 'wallet', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		"of no sale":                   into + `('ref_9', 'sale_9', 'R-9', 1, 'CNY', 'wallet', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		"in another tender":            into + `('ref_9', 'sale_1', 'R-9', 1, 'CNY', 'cash', '', 'succeeded', 'r', 'm', '', '', 1, 1)`,
		"of nothing":                   into + `('ref_9', 'sale_1', 'R-9', 0, 'CNY', 'wallet', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		"of less than nothing":         into + `('ref_9', 'sale_1', 'R-9', -1, 'CNY', 'wallet', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		"a number twice":               into + `('ref_9', 'sale_1', 'R-ref_1', 1, 'CNY', 'wallet', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		"cash that waits":              into + `('ref_9', 'sale_3', 'R-9', 1, 'CNY', 'cash', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		"cash with a name at the hub":  into + `('ref_9', 'sale_3', 'R-9', 1, 'CNY', 'cash', '', 'succeeded', 'r', 'm', 'hub', '', 1, 1)`,
		"succeeded without a time":     `UPDATE refund SET state = 'succeeded', refund_id = 'h' WHERE id = 'ref_1'`,
		"succeeded without the hub":    `UPDATE refund SET state = 'succeeded', finished_at = 1 WHERE id = 'ref_1'`,
		"queued with a time":           `UPDATE refund SET finished_at = 1 WHERE id = 'ref_1'`,
		"queued with a name":           `UPDATE refund SET refund_id = 'h' WHERE id = 'ref_1'`,
		"a state of no law":            `UPDATE refund SET state = 'unknown' WHERE id = 'ref_1'`,
		"another amount":               `UPDATE refund SET amount = 1 WHERE id = 'ref_1'`,
		"another sale":                 `UPDATE refund SET sale = 'sale_3' WHERE id = 'ref_1'`,
		"a settled one that fails":     `UPDATE refund SET state = 'failed' WHERE id = 'ref_2'`,
		"a failed one that succeeds":   `UPDATE refund SET state = 'succeeded' WHERE id = 'ref_3'`,
		"a deleted one":                `DELETE FROM refund WHERE id = 'ref_1'`,
		"a message of no refund":       `INSERT INTO outbox (kind, key, body) VALUES ('refund', 'ref_9', '{}')`,
		"a refund's message of a sale": `INSERT INTO outbox (kind, key, body) VALUES ('refund', 'sale_1', '{}')`,
		"a sale's message of a refund": `INSERT INTO outbox (kind, key, body) VALUES ('cancel', 'ref_3', '{}')`,
		"two messages of one refund":   `INSERT INTO outbox (kind, key, body) VALUES ('refund', 'ref_1', '{}')`,
	} {
		if run(statement) == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, statement := range []string{ // the same with nothing wrong
		into + `('ref_8', 'sale_1', 'R-8', 380, 'CNY', 'wallet', '', 'queued', 'r', 'm', '', '', 1, NULL)`,
		into + `('ref_7', 'sale_3', 'R-7', 700, 'CNY', 'cash', '', 'succeeded', 'r', 'm', '', '', 1, 1)`,
		`INSERT INTO outbox (kind, key, body) VALUES ('refund', 'ref_8', '{}')`,
	} {
		if err := run(statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
