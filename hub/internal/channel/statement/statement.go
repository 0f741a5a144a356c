// Package statement is what the readers of all wallets' bills share: unpacking within bounds, lines within bounds,
// columns found by their names, amounts in fen, China's time.
//
// It refuses what would cost memory, disk or belief: a file that unpacks to more than its bounds, an archive with other
// names than the wallet's, a column that comes twice, an amount that is no whole fen. Newcomers get one thing wrong: a
// bill that is cut off still reads well up to the cut, so a reader is not done before it has seen the bill's own sums
// and then the end.
package statement

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
)

// Bounds are how large a bill may be.
type Bounds struct {
	Packed   int64 // bytes as they travel
	Unpacked int64 // bytes of the bill itself
	Ratio    int64 // of the two, once more than a MiB is unpacked
	MaxLines int   // of the bill
	MaxLine  int   // bytes of one
}

// Day bounds one merchant's day: three million lines of 300 bytes, which is far beyond any merchant we serve. The text
// of a bill packs to about a tenth, UnionPay's blanks to a thirtieth.
var Day = Bounds{Packed: 64 << 20, Unpacked: 1 << 30, Ratio: 200, MaxLines: 3_000_000, MaxLine: 32 << 10}

func refuse(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "bill."+code, format, args...)
}

// Lines reads a bill line by line. Each ends with LF or CRLF; the last one may end with the file.
type Lines struct {
	r      *bufio.Reader
	bounds Bounds
	count  int
	read   int64
	held   []byte // put back by Unread
	again  bool
}

// Lines reads within the bounds.
func (b Bounds) Lines(r io.Reader) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 64<<10), bounds: b}
}

// Next gives a line without its end; io.EOF after the last. The bytes are the reader's until the next call.
func (l *Lines) Next() ([]byte, error) {
	if l.again {
		l.again = false
		return l.held, nil
	}
	l.held = l.held[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.held = append(l.held, part...)
		l.read += int64(len(part))
		switch {
		case len(l.held) > l.bounds.MaxLine:
			return nil, refuse("line_too_long", "line %d is longer than %d bytes", l.count+1, l.bounds.MaxLine)
		case l.read > l.bounds.Unpacked:
			return nil, refuse("too_large", "the bill is larger than %d bytes", l.bounds.Unpacked)
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(l.held) == 0:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			return nil, err
		}
		break
	}
	if l.count++; l.count > l.bounds.MaxLines {
		return nil, refuse("too_many_lines", "the bill has more than %d lines", l.bounds.MaxLines)
	}
	l.held = bytes.TrimSuffix(bytes.TrimSuffix(l.held, []byte("\n")), []byte("\r"))
	return l.held, nil
}

// Unread lets Next give the last line again.
func (l *Lines) Unread() { l.again = true }

// Number is the last line's, from 1.
func (l *Lines) Number() int { return l.count }

// Ended reports an error unless nothing but empty lines is left.
func (l *Lines) Ended() error {
	for {
		line, err := l.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case len(line) > 0:
			return refuse("more", "line %d stands after the bill's own end", l.count)
		}
	}
}

// Text is a line as UTF-8; what is none is refused.
func Text(line []byte) (string, error) {
	if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 || bytes.ContainsRune(line, utf8.RuneError) {
		return "", refuse("encoding", "a line is no UTF-8 text")
	}
	return string(line), nil
}

// Columns are where a bill's columns stand, by name.
type Columns struct {
	at    map[string]int
	count int
}

// Header finds the columns. One that comes twice is refused, for of the two nobody knows which is meant; so is a header
// without one of those that must be there. Others may be there, for wallets add some.
func Header(names []string, must ...string) (Columns, error) {
	c := Columns{at: make(map[string]int, len(names)), count: len(names)}
	for i, name := range names {
		if _, twice := c.at[name]; twice || name == "" {
			return c, refuse("columns", "column %q comes twice, or has no name", name)
		}
		c.at[name] = i
	}
	for _, name := range must {
		if _, there := c.at[name]; !there {
			return c, refuse("columns", "column %q is missing", name)
		}
	}
	return c, nil
}

// Count is how many columns there are.
func (c Columns) Count() int { return c.count }

// Row is one line's cells under their columns.
type Row struct {
	columns Columns
	cells   []string
}

// Row puts cells under the columns; another number of cells is refused.
func (c Columns) Row(cells []string) (Row, error) {
	if len(cells) != c.count {
		return Row{}, refuse("columns", "a line has %d cells under %d columns", len(cells), c.count)
	}
	return Row{c, cells}, nil
}

// Get gives a cell; empty when there is no such column.
func (r Row) Get(name string) string {
	if i, there := r.columns.at[name]; there {
		return r.cells[i]
	}
	return ""
}

// Fen reads a cell of yuan exactly.
func (r Row) Fen(name string) (int64, error) {
	fen, err := Fen(r.Get(name))
	if err != nil {
		return 0, fault.Wrap(err, fault.Invalid, "bill.amount", "column %q", name)
	}
	return fen, nil
}

// Fen reads yuan as bills write them, in whole fen: "12.80", "-0.06000". More decimals than two must be zeros.
func Fen(text string) (int64, error) {
	whole, cents, pointed := strings.Cut(text, ".")
	if pointed && len(cents) > 2 && len(cents) <= 8 && strings.Trim(cents[2:], "0") == "" {
		cents = cents[:2]
	}
	if pointed {
		whole += "." + cents
	}
	amount, err := money.ParseYuan(whole)
	if err != nil {
		return 0, refuse("amount", "a cell is no amount in yuan and whole fen")
	}
	return amount.Fen(), nil
}

// Sum adds amounts of one bill; one that leaves 64 bits is refused.
type Sum struct {
	fen      int64
	overflow bool
}

// Add counts an amount in.
func (s *Sum) Add(fen int64) {
	next := s.fen + fen
	if (fen > 0) != (next > s.fen) && fen != 0 {
		s.overflow = true
	}
	s.fen = next
}

// Must compares with what the bill says.
func (s *Sum) Must(what string, said int64) error {
	if s.overflow || s.fen != said {
		return refuse("totals", "the bill says %s is %d fen, its lines sum up to %d", what, said, s.fen)
	}
	return nil
}

// Count compares a number of lines with what the bill says.
func Count(what, said string, is int) error {
	if said != fmt.Sprint(is) {
		return refuse("totals", "the bill says %s is %.24q, it is %d", what, said, is)
	}
	return nil
}

// china is the zone of every bill; it has had no summer time since 1991.
var china = time.FixedZone("CST", 8*60*60)

// At reads a bill's time, "2026-01-01 12:00:03" in China, as UTC.
func At(text string) (time.Time, error) {
	at, err := time.ParseInLocation(time.DateTime, text, china)
	if err != nil || len(text) != len(time.DateTime) {
		return at, refuse("time", "a cell is no time")
	}
	return at.UTC(), nil
}

// Number reports that text may be an order's or a refund's number at a wallet: letters, digits and signs that no
// spreadsheet takes for a formula at the beginning.
func Number(text string, most int) bool {
	for i := 0; i < len(text); i++ {
		b := text[i]
		letter := '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || b == '_'
		if !letter && (i == 0 || !slices.Contains([]byte("-|*@."), b)) {
			return false
		}
	}
	return text != "" && len(text) <= most
}
