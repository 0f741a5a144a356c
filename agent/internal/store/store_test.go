package store_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
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

var start = time.UnixMilli(1_700_000_000_123).UTC()

const secret = "134567890123456742"

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func code(t *testing.T) pay.Code {
	t.Helper()
	c, err := pay.ParseCode(secret)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// take applies an event to a stored sale.
func take(t *testing.T, s *store.Store, id string, n sale.News, at time.Time) store.Row {
	t.Helper()
	var row store.Row
	err := s.Update(func(tx *store.Tx) error {
		before, err := tx.Sale(id)
		if err != nil {
			return err
		}
		after, err := sale.Default.Step(before.Sale, n, at)
		if err != nil {
			return err
		}
		row, err = tx.Change(before, after, n.Event, at)
		return err
	})
	if err != nil {
		t.Fatalf("%s of %s: %v", n.Event, id, err)
	}
	return row
}

func insert(t *testing.T, s *store.Store, id, orderNo string) {
	t.Helper()
	if err := s.Update(func(tx *store.Tx) error {
		_, err := tx.Insert(sale.New(id, orderNo, "tea", money.Fen(1280), start), start)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestASaleSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	insert(t, s, "sale_1", "A-1")
	take(t, s, "sale_1", sale.News{Event: sale.Scan, Wallet: pay.WeChat}, start.Add(time.Second))
	row := take(t, s, "sale_1", sale.News{Event: sale.Leave}, start.Add(2*time.Second))
	if row.Seq != 1 || row.Asking != wire.KindPay {
		t.Fatalf("the charge is not in the outbox: %+v", row)
	}
	if err := s.Update(func(tx *store.Tx) error { return tx.SetDownSeq(7) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, path)
	if err := s.View(func(tx *store.Tx) error {
		rows, err := tx.Open()
		if err != nil {
			return err
		}
		want := row
		want.Left, want.Heard = false, time.Time{}
		if len(rows) != 1 || rows[0] != want {
			t.Errorf("after a restart: %+v, want %+v", rows, want)
		}
		if n, err := tx.DownSeq(); n != 7 || err != nil {
			t.Errorf("down_seq %d, %v", n, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	fenced := take(t, s, "sale_1", sale.News{Event: sale.Restart}, start.Add(time.Minute))
	if fenced.Seq != 2 || fenced.Asking != wire.KindFence {
		t.Errorf("the fence did not replace the charge: %+v", fenced)
	}
	done := take(t, s, "sale_1", sale.News{Event: sale.Fenced}, start.Add(time.Minute))
	if done.Seq != 0 || done.State != localapi.StateLapsed {
		t.Errorf("%+v", done)
	}
}

func TestImpossibleRowsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	insert(t, s, "sale_1", "A-1")
	insert(t, s, "sale_2", "A-2")
	take(t, s, "sale_2", sale.News{Event: sale.Scan, Wallet: pay.Alipay}, start)
	take(t, s, "sale_2", sale.News{Event: sale.Approved, PaymentID: "pay_2", Amount: 1280}, start)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(path, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const into = `INSERT INTO sale (id, order_no, subject, amount, currency, tender, state, reason, message, refusal_reason,
		refusal_message, wallet, wallet_ref, payment_id, created_at, scanned_at, finished_at) VALUES `
	for name, statement := range map[string]string{
		"paid without a time":            `UPDATE sale SET state = 'paid', payment_id = 'p', wallet = 'alipay', scanned_at = 1 WHERE id = 'sale_1'`,
		"waiting with a time":            `UPDATE sale SET finished_at = 1 WHERE id = 'sale_1'`,
		"waiting with a scan":            `UPDATE sale SET scanned_at = 1, wallet = 'alipay' WHERE id = 'sale_1'`,
		"sending without a scan":         `UPDATE sale SET state = 'sending' WHERE id = 'sale_1'`,
		"a scan of no wallet":            `UPDATE sale SET state = 'sending', scanned_at = 1 WHERE id = 'sale_1'`,
		"accepted without a payment":     `UPDATE sale SET state = 'accepted', scanned_at = 1, wallet = 'alipay' WHERE id = 'sale_1'`,
		"a state of no law":              `UPDATE sale SET state = 'refunded' WHERE id = 'sale_1'`,
		"an amount of nothing":           `UPDATE sale SET amount = 0 WHERE id = 'sale_1'`,
		"an amount above all":            `UPDATE sale SET amount = 10000000001 WHERE id = 'sale_1'`,
		"a text for an amount":           `UPDATE sale SET amount = 'much' WHERE id = 'sale_1'`,
		"a settled sale changed":         `UPDATE sale SET state = 'declined' WHERE id = 'sale_2'`,
		"a sale deleted":                 `DELETE FROM sale WHERE id = 'sale_1'`,
		"a second open sale of an order": into + `('sale_3', 'A-1', '', 1, 'CNY', 'wallet', 'waiting', 'r', 'm', '', '', '', '', '', 1, NULL, NULL)`,
		"a sale of a paid order":         into + `('sale_3', 'A-2', '', 1, 'CNY', 'wallet', 'waiting', 'r', 'm', '', '', '', '', '', 1, NULL, NULL)`,
		"an event changed":               `UPDATE event SET body = '{}'`,
		"an event deleted":               `DELETE FROM event`,
		"deferred without a claim":       `UPDATE sale SET state = 'deferred', scanned_at = 1, wallet = 'storedvalue', deferred_at = 1 WHERE id = 'sale_1'`,
		"deferred without a time":        `UPDATE sale SET state = 'deferred', scanned_at = 1, wallet = 'storedvalue', claim = 'c' WHERE id = 'sale_1'`,
		"deferred and at the hub":        `UPDATE sale SET state = 'deferred', scanned_at = 1, wallet = 'storedvalue', claim = 'c', deferred_at = 1, payment_id = 'p' WHERE id = 'sale_1'`,
		"deferred and sent with a code":  `UPDATE sale SET state = 'sending', scanned_at = 1, wallet = 'storedvalue', claim = 'c', deferred_at = 1 WHERE id = 'sale_1'`,
		"waiting and deferred":           `UPDATE sale SET claim = 'c', deferred_at = 1, wallet = 'storedvalue' WHERE id = 'sale_1'`,
		"a message of no kind":           `INSERT INTO outbox (kind, key, body) VALUES ('query', 'sale_1', '{}')`,
		"a message of no sale":           `INSERT INTO outbox (kind, key, body) VALUES ('pay', 'sale_9', '{}')`,
	} {
		err := db.Update(func(tx *sqlite.Tx) error {
			return tx.Exec(statement)
		})
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := db.Update(func(tx *sqlite.Tx) error {
		return tx.Exec(`UPDATE sale SET state = 'deferred', scanned_at = 1, wallet = 'storedvalue', claim = 'c', deferred_at = 1 WHERE id = 'sale_1'`)
	}); err != nil {
		t.Error(err)
	}
	if err := db.Update(func(tx *sqlite.Tx) error { // the same statement with nothing wrong in it is taken
		return tx.Exec(into + `('sale_4', 'A-4', '', 1, 'CNY', 'wallet', 'waiting', 'r', 'm', '', '', '', '', '', 1, NULL, NULL)`)
	}); err != nil {
		t.Error(err)
	}
}

func TestAStaleChangeIsRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), store.FileName))
	insert(t, s, "sale_1", "A-1")
	var before store.Row
	if err := s.View(func(tx *store.Tx) (err error) {
		before, err = tx.Sale("sale_1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	take(t, s, "sale_1", sale.News{Event: sale.Scan, Wallet: pay.Alipay}, start)
	err := s.Update(func(tx *store.Tx) error {
		after, err := sale.Default.Step(before.Sale, sale.News{Event: sale.Cancel}, start)
		if err != nil {
			return err
		}
		_, err = tx.Change(before, after, sale.Cancel, start)
		return err
	})
	if err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("a change of what is no more was taken: %v", err)
	}
}

func TestACodeIsRememberedForADayAndNeverWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, store.FileName)
	s := open(t, path)
	insert(t, s, "sale_1", "A-1")
	digest := s.Digest(code(t))
	use := func(at time.Time, d []byte) {
		if err := s.Update(func(tx *store.Tx) error { return tx.UseCode(d, "sale_1", at) }); err != nil {
			t.Fatal(err)
		}
	}
	used := func(s *store.Store) (by string) {
		if err := s.View(func(tx *store.Tx) (err error) {
			by, err = tx.CodeUsed(s.Digest(code(t)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return by
	}
	use(start, digest)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if by := used(s); by != "sale_1" {
		t.Errorf("after a restart the code was used by %q", by)
	}
	other := open(t, filepath.Join(t.TempDir(), store.FileName))
	if bytes.Equal(digest, other.Digest(code(t))) {
		t.Error("two tills have one key")
	}
	use(start.Add(24*time.Hour), bytes.Repeat([]byte{1}, 32))
	if by := used(s); by != "sale_1" {
		t.Errorf("within the day: %q", by)
	}
	use(start.Add(24*time.Hour+time.Millisecond), bytes.Repeat([]byte{2}, 32))
	if by := used(s); by != "" {
		t.Errorf("after a day the code is still kept for %q", by)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the code", f)
		}
	}
}

type line struct {
	Type, ID, State, Sale, Event, Prev string
	Amount                             int64
	Seq                                int64
	Body                               json.RawMessage
}

func export(t *testing.T, path string) (lines []line, err error) {
	t.Helper()
	var out bytes.Buffer
	err = store.Export(path, &out)
	for text := bufio.NewScanner(&out); text.Scan(); {
		var l line
		if err := json.Unmarshal(text.Bytes(), &l); err != nil {
			t.Fatalf("%s: %v", text.Text(), err)
		}
		lines = append(lines, l)
	}
	return lines, err
}

func TestExportReadsARunningAndACopiedJournal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, store.FileName)
	s := open(t, path)
	insert(t, s, "sale_1", "A-1")
	insert(t, s, "sale_2", "A-2")
	take(t, s, "sale_1", sale.News{Event: sale.Scan, Wallet: pay.WeChat}, start)
	take(t, s, "sale_1", sale.News{Event: sale.Approved, PaymentID: "pay_1", Amount: 1280, WalletRef: "42"}, start)

	copied := t.TempDir() // while it runs: the file and its log, not the index readers share
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, filepath.Join(copied, store.FileName+suffix), path+suffix)
	}
	before := names(t, copied)
	for _, from := range []string{path, filepath.Join(copied, store.FileName)} {
		lines, err := export(t, from)
		if err != nil {
			t.Fatal(err)
		}
		var story []string
		for _, l := range lines {
			story = append(story, l.Type+" "+l.ID+l.Sale+" "+l.State+l.Event)
		}
		want := "sale sale_1 paid, sale sale_2 waiting, event sale_1 new, event sale_2 new, event sale_1 scan, event sale_1 approved"
		if got := strings.Join(story, ", "); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", from, got, want)
		}
		if h, err := store.Check(from); err != nil || h != (store.Health{Sales: 2, Open: 1, Events: 4}) {
			t.Errorf("%+v, %v", h, err)
		}
	}
	if after := names(t, copied); after != before {
		t.Errorf("reading changed the folder: %s, before %s", after, before)
	}
}

func TestAnEditedJournalShows(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := open(t, path)
	insert(t, s, "sale_1", "A-1")
	take(t, s, "sale_1", sale.News{Event: sale.Cancel}, start)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(path, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *sqlite.Tx) error {
		if err := tx.Exec(`DROP TRIGGER event_fixed`); err != nil {
			return err
		}
		return tx.Exec(`UPDATE event SET at = at + 1 WHERE seq = 1`)
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	lines, err := export(t, path)
	if fault.CodeOf(err) != "journal.chain" || len(lines) != 3 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if _, err := store.Check(path); fault.CodeOf(err) != "journal.chain" {
		t.Errorf("check: %v", err)
	}
}

func TestExportOfNothing(t *testing.T) {
	if err := store.Export(filepath.Join(t.TempDir(), store.FileName), io.Discard); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o400); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		all = append(all, f.Name())
	}
	return strings.Join(all, " ")
}
