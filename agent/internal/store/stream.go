package store

import (
	"bytes"
	"cloudcashier/shared/sqlite"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// The parts of a journal, in the order of an export.
const (
	partSales = iota
	partRefunds
	partEvents
	partEnd
)

// Mark is how far a reader of the whole journal has come; the zero one is its beginning.
type Mark struct {
	part int
	seq  int64
}

// End reports that everything was read.
func (m Mark) End() bool { return m.part == partEnd }

// Lines gives the next page of the journal in the lines of [Export], and the mark behind it. Each page
// is one moment of the journal: a reader that dawdles keeps no moment alive, so that the log beside the
// journal does not grow. Lines written meanwhile come too. The events' chain is not followed here.
func (t *Tx) Lines(from Mark, most int) (text []byte, next Mark, err error) {
	var page bytes.Buffer
	lines, n := json.NewEncoder(&page), 0
	next = from
	line := func(seq int64, v any) error {
		n, next.seq = n+1, seq
		return lines.Encode(v)
	}
	switch from.part {
	case partSales:
		err = t.saleLines(from.seq, most, line)
	case partRefunds:
		err = t.refundLines(from.seq, most, line)
	case partEvents:
		err = t.eventLines(from.seq, most, line)
	}
	if err != nil {
		return nil, from, fmt.Errorf("read the journal: %w", err)
	}
	if n < most {
		next = Mark{part: from.part + 1}
	}
	return page.Bytes(), next, nil
}

func (t *Tx) saleLines(after int64, most int, line func(int64, any) error) error {
	var list []Row
	var seqs []int64
	if err := t.tx.Query(func(rows sqlite.Rows) error {
		var seq int64
		r, err := scan(numbered{rows, &seq})
		list, seqs = append(list, r), append(seqs, seq)
		return err
	}, `SELECT s.seq, `+columns+` WHERE s.seq > ? ORDER BY s.seq LIMIT ?`, after, most); err != nil {
		return err
	}
	for i, r := range list {
		v := View(r.Sale)
		if err := t.AddRefunds(&v); err != nil {
			return err
		}
		if err := line(seqs[i], saleLine{"sale", v, r.Asking}); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) refundLines(after int64, most int, line func(int64, any) error) error {
	return t.tx.Query(func(rows sqlite.Rows) error {
		var seq int64
		r, err := scanRefund(numbered{rows, &seq})
		if err != nil {
			return err
		}
		return line(seq, refundLine{"refund", ViewRefund(r.Refund), r.Asking})
	}, `SELECT r.seq, `+refundColumns+` WHERE r.seq > ? ORDER BY r.seq LIMIT ?`, after, most)
}

func (t *Tx) eventLines(after int64, most int, line func(int64, any) error) error {
	return t.tx.Query(func(rows sqlite.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		return line(e.Seq, eventLine{"event", e.Seq, e.Sale, e.Type, e.At, e.Body, hex.EncodeToString(e.Prev)})
	}, `SELECT `+eventColumns+` WHERE seq > ? ORDER BY seq LIMIT ?`, after, most)
}
