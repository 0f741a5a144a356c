// Package escpos is a receipt printer's head and paper, pretended: it takes ESC/POS byte by byte and
// keeps what stands on the paper, as text and as a picture.
//
// It refuses to be forgiving: what a strict printer of the field would not understand (an unknown
// command, a character of four bytes, a line wider than the paper) is kept as a complaint. Newcomers get
// one thing wrong: a command that lost a byte on the line swallows what follows, text or command, just
// as on a real printer; nothing here looks for the next sane byte.
package escpos

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Align is where a line stands.
type Align byte

// The alignments, as ESC a has them.
const (
	Left Align = iota
	Center
	Right
)

// Span is text of one size.
type Span struct {
	Text string
	W, H int // how many times the normal size
	Bold bool
}

// Kind is what an element on the paper is.
type Kind int

// The kinds of elements.
const (
	Line Kind = iota
	QR
	Barcode
)

// Element is one thing on the paper, top to bottom.
type Element struct {
	Kind   Kind
	Align  Align
	Spans  []Span // Line
	Data   string // QR and Barcode
	Module int    // dots of a module, QR and Barcode
	Height int    // dots, Barcode
	Level  byte   // QR: '0' to '3'
	Digits bool   // Barcode: its text below
}

// Slip is a piece of paper between two cuts.
type Slip []Element

// Text is the paper as lines of text.
func (s Slip) Text(columns int) string {
	var out strings.Builder
	for _, e := range s {
		line := e.text()
		pad := 0
		switch gap := columns - e.columns(); e.Align {
		case Center:
			pad = gap / 2
		case Right:
			pad = gap
		}
		out.WriteString(strings.TrimRight(strings.Repeat(" ", max(pad, 0))+line, " ") + "\n")
	}
	return out.String()
}

func (e Element) text() string {
	switch e.Kind {
	case QR:
		return "[QR " + e.Data + "]"
	case Barcode:
		return "[CODE128 " + e.Data + "]"
	}
	var out strings.Builder
	for _, s := range e.Spans {
		out.WriteString(s.Text)
	}
	return out.String()
}

// columns is how wide a line is.
func (e Element) columns() (n int) {
	if e.Kind != Line {
		return len(e.text())
	}
	for _, s := range e.Spans {
		n += width(s.Text) * s.W
	}
	return n
}

// width counts the columns of a text: one for ASCII, two for the rest, as the printer's fonts have it.
func width(text string) (n int) {
	for _, r := range text {
		if n++; r >= 0x80 {
			n++
		}
	}
	return n
}

// Machine is the printer behind its buffer.
type Machine struct {
	columns int

	command []byte // of which bytes are still missing
	trail   byte   // the first half of a Chinese character
	line    Element
	align   Align
	w, h    int // of GS !
	big     bool
	bold    bool
	plain   bool // Chinese is off
	bars    Element
	qr      Element
	stored  string
	spooled Slip // since the last cut

	Slips      []Slip
	Pulses     int
	Used       int // elements printed since it was made: what paper is counted in
	Complaints []string
}

// New makes a machine with paper of so many columns, switched on.
func New(columns int) *Machine {
	m := &Machine{columns: columns}
	m.reset()
	return m
}

func (m *Machine) reset() {
	m.line, m.align, m.w, m.h, m.big, m.bold, m.plain, m.trail = Element{}, Left, 1, 1, false, false, false, 0
	m.bars, m.qr = Element{Kind: Barcode, Module: 3, Height: 162}, Element{Kind: QR, Module: 3, Level: '0'}
	m.stored = ""
}

// PowerCut forgets what was not on the paper yet.
func (m *Machine) PowerCut() {
	m.command = nil
	m.reset()
}

// Current is what stands on the paper since the last cut.
func (m *Machine) Current() Slip { return m.spooled }

func (m *Machine) complain(format string, args ...any) {
	if len(m.Complaints) < 100 {
		m.Complaints = append(m.Complaints, fmt.Sprintf(format, args...))
	}
}

// Put takes one byte and gives what the printer answers to it.
func (m *Machine) Put(b byte) (reply []byte) {
	if len(m.command) > 0 {
		m.command = append(m.command, b)
		return m.advance()
	}
	if m.trail != 0 {
		m.chinese(m.trail, b)
		return nil
	}
	switch {
	case b == 0x1b || b == 0x1c || b == 0x1d:
		m.command = []byte{b}
	case b == '\n':
		m.print()
	case b == 0 || b == '\r':
	case b >= 0x20 && b < 0x7f:
		m.add(string(rune(b)))
	case b >= 0x81 && b <= 0xfe && !m.plain:
		m.trail = b
	default:
		m.complain("byte %#02x is no text and no command", b)
	}
	return nil
}

func (m *Machine) chinese(lead, trail byte) {
	m.trail = 0
	if trail >= '0' && trail <= '9' {
		m.complain("a character of four bytes (%#02x %#02x): this printer has only those of two", lead, trail)
		return
	}
	text, err := simplifiedchinese.GB18030.NewDecoder().Bytes([]byte{lead, trail})
	if err != nil || strings.ContainsRune(string(text), '\uFFFD') {
		m.complain("%#02x %#02x is no character", lead, trail)
		return
	}
	m.add(string(text))
}

// add puts a character on the line, and the line on the paper when it is full.
func (m *Machine) add(text string) {
	span := Span{Text: text, W: m.w, H: m.h, Bold: m.bold}
	if m.big && text[0] >= 0x80 {
		span.W, span.H = 2, 2
	}
	if m.line.columns()+width(text)*span.W > m.columns {
		m.complain("the line %q goes on beyond %d columns", m.line.text(), m.columns)
		m.print()
	}
	m.line.Align = m.align
	if n := len(m.line.Spans) - 1; n >= 0 && m.line.Spans[n].W == span.W && m.line.Spans[n].H == span.H && m.line.Spans[n].Bold == span.Bold {
		m.line.Spans[n].Text += text
		return
	}
	m.line.Spans = append(m.line.Spans, span)
}

// print puts the line on the paper.
func (m *Machine) print() {
	m.line.Kind = Line
	m.put(m.line)
	m.line = Element{}
}

func (m *Machine) put(e Element) {
	m.spooled = append(m.spooled, e)
	m.Used++
}

func (m *Machine) cut() {
	if len(m.line.Spans) > 0 {
		m.print()
	}
	m.Slips = append(m.Slips, m.spooled)
	m.spooled = nil
}
