// Package books is what store staff take out of a till's journal: the sums of a day, its sales as a table for
// a spreadsheet, and the journal itself.
//
// It refuses to mix what is settled with what is not: an unknown sale is in no sum, and stands in a line of its
// own. It reads in pages, so that neither the size of a journal nor a slow reader costs memory or holds the
// journal's log. Newcomers get one thing wrong: a sale belongs to the day on which it was proven paid, which for
// one accepted offline may be another than the day it was made.
package books

import (
	"io"
	"time"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
)

// page is how many rows are read at once: some hundred KiB in memory.
const page = 200

// dateForm is how a day is written.
const dateForm = "2006-01-02"

// Books reads one till's journal.
type Books struct {
	Look func(fn func(*store.Tx) error) error // one moment of the journal
	Zone *time.Location                       // the shop's
}

// span reads a day of the shop (Invalid).
func (b *Books) span(date string) (from, until time.Time, err error) {
	from, err = time.ParseInLocation(dateForm, date, b.Zone)
	if err != nil || len(date) != len(dateForm) {
		return from, until, fault.New(fault.Invalid, "books.day", "a day is written 2026-11-25")
	}
	return from, from.AddDate(0, 0, 1), nil
}

// Day adds up a day.
func (b *Books) Day(date string) (d localapi.Day, err error) {
	from, until, err := b.span(date)
	if err != nil {
		return d, err
	}
	err = b.Look(func(tx *store.Tx) error {
		d, err = tx.Day(from, until)
		return err
	})
	d.Date = date
	return d, err
}

// Export writes a day's sales as a table ([Books.Table]), or for an empty date the whole journal in the lines
// of cashier-agent journal export. Nothing is written when the date is wrong.
func (b *Books) Export(date string, w io.Writer) error {
	if date != "" {
		return b.Table(date, w)
	}
	for at := (store.Mark{}); !at.End(); {
		var text []byte
		if err := b.Look(func(tx *store.Tx) (err error) {
			text, at, err = tx.Lines(at, page)
			return err
		}); err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}
