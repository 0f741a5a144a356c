package store

import (
	"bufio"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/sqlite"
	"cloudcashier/shared/wire"
)

// View is a sale as others see it.
func View(s sale.Sale) localapi.Sale {
	v := localapi.Sale{Operator: s.Operator, ID: s.ID, OrderNo: s.OrderNo, Amount: s.Amount.Fen(), Tender: s.Tender, State: s.State,
		Outcome: s.State.Outcome(), Reason: s.Reason, Message: s.Message, Wallet: s.Wallet, WalletRef: s.WalletRef,
		PaymentID: s.PaymentID, Subject: s.Subject, Mode: s.Mode, CreatedAt: clean(s.Created)}
	if s.Mode != wire.ModeQR { // else nobody scanned anything here
		v.ScannedAt = pointer(s.Scanned)
	}
	v.Received, v.Change, v.Bill, v.BillTotal = s.Received.Fen(), s.Change().Fen(), s.Bill.Number, s.Bill.Total.Fen()
	v.FinishedAt, v.DeferredAt = pointer(s.Finished), pointer(s.Deferred)
	return v
}

// clean is a time as the journal has it, so that a sale shows the same before and after a restart.
func clean(at time.Time) time.Time { return fromMillis(at.UnixMilli()) }

type saleLine struct {
	Type string `json:"type"` // "sale"
	localapi.Sale
	Asking wire.Kind `json:"asking,omitempty"` // what the hub owes an answer to
}

type eventLine struct {
	Type  string          `json:"type"` // "event"
	Seq   int64           `json:"seq"`
	Sale  string          `json:"sale,omitempty"`
	Event string          `json:"event"`
	At    time.Time       `json:"at"`
	Body  json.RawMessage `json:"body"`
	Prev  string          `json:"prev"` // hash of the sale's previous event, hex
}

// Export writes the journal as NDJSON, sales first, then refunds, then events in their order. It reads only,
// also a copied journal in a folder it may not write to, and it ends in an error, after the last
// line, when the events' chain is broken.
func Export(path string, w io.Writer) error {
	return reading(path, func(db *sql.DB) error {
		buffered := bufio.NewWriter(w)
		lines := json.NewEncoder(buffered)
		back, err := refundSums(db)
		if err != nil {
			return err
		}
		if err := eachSale(db, func(r Row) error {
			v := View(r.Sale)
			v.RefundedAmount, v.RefundingAmount = back[r.ID][0], back[r.ID][1]
			return lines.Encode(saleLine{"sale", v, r.Asking})
		}); err != nil {
			return err
		}
		if err := eachRefund(db, func(r RefundRow) error {
			return lines.Encode(refundLine{"refund", ViewRefund(r.Refund), r.Asking})
		}); err != nil {
			return err
		}
		var broken error
		links := chain{}
		err = eachEvent(db, "seq", func(e Event) error {
			if err := links.follow(e); err != nil && broken == nil {
				broken = err
			}
			return lines.Encode(eventLine{"event", e.Seq, e.Sale, e.Type, e.At, e.Body, hex.EncodeToString(e.Prev)})
		})
		return errors.Join(err, buffered.Flush(), broken)
	})
}

func eachSale(db *sql.DB, on func(Row) error) error {
	rows, err := db.Query(`SELECT ` + columns + ` ORDER BY s.seq`)
	if err != nil {
		return fmt.Errorf("read sales: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return fmt.Errorf("read sale: %w", err)
		}
		if err := on(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Health is what a look at the journal found.
type Health struct {
	Sales, Open, Events  int
	Deferred             int // of the open ones: accepted without a connection
	Refunds, OpenRefunds int
}

// Check looks at a journal without changing it: the file's own check, and the events' chain.
func Check(path string) (h Health, err error) {
	err = reading(path, func(db *sql.DB) error {
		var verdict string
		if err := db.QueryRow(`PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
			return fmt.Errorf("check journal: %w", err)
		}
		if verdict != "ok" {
			return fault.New(fault.Internal, "journal.damaged", "the journal is damaged (%s)", verdict)
		}
		if err := db.QueryRow(`SELECT count(*), count(*) - count(finished_at),
			coalesce(sum(deferred_at IS NOT NULL AND finished_at IS NULL), 0) FROM sale`).Scan(&h.Sales, &h.Open, &h.Deferred); err != nil {
			return fmt.Errorf("count sales: %w", err)
		}
		if err := db.QueryRow(`SELECT count(*), count(*) - count(finished_at) FROM refund`).Scan(&h.Refunds, &h.OpenRefunds); err != nil {
			return fmt.Errorf("count refunds: %w", err)
		}
		links, of := chain{}, ""
		return eachEvent(db, "sale, seq", func(e Event) error { // sale after sale: one hash is in memory, not one of each
			if h.Events++; e.Sale != of {
				clear(links)
				of = e.Sale
			}
			return links.follow(e)
		})
	})
	return h, err
}

// reading opens a journal for reading and leaves its folder as it is. Beside an agent it reads in
// place, through the index that readers share. Without that file SQLite would have to make it:
// then a copy is read.
func reading(path string, fn func(*sql.DB) error) error {
	if _, err := os.Stat(path + "-shm"); err == nil {
		return readAt(path, fn)
	}
	if _, err := os.Stat(path); err != nil {
		return fault.Wrap(err, fault.NotFound, "journal.missing", "there is no journal at %s", path)
	}
	dir, err := os.MkdirTemp("", "journal-")
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(filepath.Join(dir, FileName+suffix), path+suffix); err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return fault.Wrap(err, fault.Internal, "journal.unreadable", "cannot read the journal at %s: look at its owner and mode", path)
		}
	}
	return readAt(filepath.Join(dir, FileName), fn)
}

func readAt(path string, fn func(*sql.DB) error) error {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

func copyFile(to, from string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
