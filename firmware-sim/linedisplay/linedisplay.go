// Package linedisplay is a customer display's controller, pretended: it takes the bytes of one command set
// and keeps what stands on the glass.
//
// It refuses to be forgiving: a command of another set, a text beside the glass and a figure too long are
// kept as complaints. Newcomers get one thing wrong: a display has no newline and no reply; where the
// cursor stands is all the state there is, and a byte lost on the line moves everything behind it.
package linedisplay

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// The command sets.
const (
	CD5220 = "cd5220" // 2 lines of 20, string commands
	ESCPOS = "escpos" // 2 lines of 20, the line display's part of ESC/POS
	LED8   = "led8"   // 8 digits and four lamps
)

// Sets lists the command sets.
var Sets = []string{CD5220, ESCPOS, LED8}

// The glass of a display with lines.
const (
	Columns = 20
	Rows    = 2
	digits  = 8
)

const (
	complaintsMost = 100
	commandMost    = 64 // bytes of a command; beyond it its end was lost
)

// lamps of a display with figures, by ESC s n.
var lamps = map[byte]string{'0': "", '1': "price", '2': "total", '3': "received", '4': "change"}

// Machine is the controller.
type Machine struct {
	Complaints []string
	set        string
	glass      [Rows][Columns]byte
	x, y       int
	inString   bool   // CD5220: only a clear leaves it (handbook, p. 28)
	command    []byte // of which bytes are missing
	figures    string
	lamp       string
}

// New makes a controller of a set; ok is false for a set that is not known.
func New(set string) (m *Machine, ok bool) {
	m = &Machine{set: set}
	m.clear()
	return m, slices.Contains(Sets, set)
}

// PowerCut clears the glass and forgets half a command.
func (m *Machine) PowerCut() {
	m.command = nil
	m.clear()
}

// Screen is what a customer sees: two lines, or the figures and the lamp that burns.
func (m *Machine) Screen() []string {
	if m.set == LED8 {
		return []string{m.figures, m.lamp}
	}
	out := make([]string, Rows)
	for i, line := range m.glass {
		text, err := simplifiedchinese.GB18030.NewDecoder().Bytes(line[:])
		if err != nil {
			text = []byte("?")
		}
		out[i] = strings.TrimRight(string(text), " ")
	}
	return out
}

func (m *Machine) clear() {
	for i := range m.glass {
		for j := range m.glass[i] {
			m.glass[i][j] = ' '
		}
	}
	m.x, m.y, m.inString, m.figures, m.lamp = 0, 0, false, "", ""
}

func (m *Machine) complain(format string, args ...any) {
	if len(m.Complaints) < complaintsMost {
		m.Complaints = append(m.Complaints, fmt.Sprintf(format, args...))
	}
}

// Put takes one byte.
func (m *Machine) Put(b byte) {
	if len(m.command) > 0 {
		m.command = append(m.command, b)
		if m.run(m.command) {
			m.command = nil
		}
		return
	}
	switch {
	case b == 0x0c:
		m.clear()
	case b == 0x1b, b == 0x1f && m.set == ESCPOS:
		m.command = []byte{b}
	case b == 0x0b && m.set == ESCPOS:
		m.x, m.y = 0, 0
	case b < ' ', b == 0x7f:
		m.complain("the byte %02x means nothing to %s", b, m.set)
	case m.set == LED8, m.inString:
		m.complain("%q outside of a command", b)
	default:
		m.glass[m.y][m.x] = b
		if m.x++; m.x == Columns {
			m.x, m.y = 0, (m.y+1)%Rows
		}
	}
}

// run looks at a command; done when it is carried out, or is none.
func (m *Machine) run(c []byte) (done bool) {
	if len(c) == 1 {
		return false
	}
	switch {
	case c[0] == 0x1b && c[1] == '@':
		m.clear()
		return true
	case c[0] == 0x1b && c[1] == 'Q' && m.set != ESCPOS:
		return m.text(c)
	case c[0] == 0x1b && c[1] == 's' && m.set == LED8:
		return m.light(c)
	case c[0] == 0x1b && c[1] == 'l' && m.set == CD5220, c[0] == 0x1f && c[1] == '$':
		return m.move(c)
	case c[0] == 0x1b && c[1] >= 0x11 && c[1] <= 0x13 && m.set == CD5220: // modes: overwriting is the one shown here
		return true
	}
	m.complain("the command % x means nothing to %s", c, m.set)
	return true
}

// text is ESC Q A, B: a line, or the figures, ended by CR.
func (m *Machine) text(c []byte) (done bool) {
	if len(c) == 2 {
		return false
	}
	row := int(c[2]) - 'A'
	if row < 0 || row >= Rows || m.set == LED8 && row > 0 {
		m.complain("there is no line %q", c[2])
		return true
	}
	if len(c) > commandMost {
		m.complain("a line of %d bytes has no end", len(c))
		return true
	}
	if c[len(c)-1] != 0x0d || len(c) == 3 {
		return false
	}
	text := c[3 : len(c)-1]
	if m.set == LED8 {
		if n := len(strings.ReplaceAll(string(text), ".", "")); n > digits || strings.Trim(string(text), "0123456789.- ") != "" {
			m.complain("%q is not up to eight digits", text)
			return true
		}
		m.figures = string(text)
		return true
	}
	if len(text) > Columns {
		m.complain("a line of %d columns does not fit", len(text))
		text = text[:Columns]
	}
	m.inString = true
	for i := range m.glass[row] {
		m.glass[row][i] = ' '
	}
	copy(m.glass[row][:], text)
	return true
}

// light is ESC s n.
func (m *Machine) light(c []byte) (done bool) {
	if len(c) < 3 {
		return false
	}
	lamp, ok := lamps[c[2]]
	if !ok {
		m.complain("there is no lamp %q", c[2])
	}
	m.lamp = lamp
	return true
}

// move is ESC l x y or US $ x y, counted from 1.
func (m *Machine) move(c []byte) (done bool) {
	if len(c) < 4 {
		return false
	}
	if x, y := int(c[2])-1, int(c[3])-1; m.inString || x < 0 || x >= Columns || y < 0 || y >= Rows {
		m.complain("the cursor cannot go to %d, %d", c[2], c[3])
	} else {
		m.x, m.y = x, y
	}
	return true
}
