package escpos

import "strings"

// name is the two bytes that begin a command.
type name [2]byte

// commands are those of a fixed length: how many bytes in all, and what they do.
var commands = map[name]struct {
	size int
	do   func(m *Machine, c []byte)
}{
	{0x1b, '@'}: {2, func(m *Machine, _ []byte) { m.reset() }},
	{0x1b, 'a'}: {3, func(m *Machine, c []byte) { m.align = Align(c[2] % '0' % 3) }},
	{0x1b, 'E'}: {3, func(m *Machine, c []byte) { m.bold = c[2]&1 == 1 }},
	{0x1b, 'd'}: {3, func(m *Machine, c []byte) {
		for range c[2] {
			m.print()
		}
	}},
	{0x1b, 'p'}: {5, func(m *Machine, _ []byte) { m.Pulses++ }},
	{0x1c, '&'}: {2, func(m *Machine, _ []byte) { m.plain = false }},
	{0x1c, '.'}: {2, func(m *Machine, _ []byte) { m.plain = true }},
	{0x1c, 'W'}: {3, func(m *Machine, c []byte) { m.big = c[2]&1 == 1 }},
	{0x1d, '!'}: {3, func(m *Machine, c []byte) { m.w, m.h = int(c[2]>>4&7)+1, int(c[2]&7)+1 }},
	{0x1d, 'h'}: {3, func(m *Machine, c []byte) { m.bars.Height = int(c[2]) }},
	{0x1d, 'w'}: {3, func(m *Machine, c []byte) { m.bars.Module = int(c[2]) }},
	{0x1d, 'H'}: {3, func(m *Machine, c []byte) { m.bars.Digits = c[2]%'0' == 2 }},
	{0x1d, 'a'}: {3, func(m *Machine, c []byte) { m.complain("GS a: this printer reports by itself to nobody") }},
	{0x1d, 'r'}: {3, nil},
	{0x1d, 'V'}: {3, nil},
	{0x1d, 'k'}: {4, nil},
	{0x1d, '('}: {5, nil},
}

// size is how long the command under way is in all, so far as its bytes tell; 0 for an unknown one.
func size(c []byte) int {
	if len(c) < 2 {
		return 2
	}
	known, ok := commands[name(c[:2])]
	if !ok {
		return 0
	}
	n := known.size
	switch name(c[:2]) {
	case name{0x1d, 'V'}:
		if len(c) >= 3 && c[2] >= 65 {
			return 4
		}
	case name{0x1d, 'k'}:
		if len(c) >= 4 {
			return n + int(c[3])
		}
	case name{0x1d, '('}:
		if len(c) >= 5 {
			return n + int(c[3]) + int(c[4])<<8
		}
	}
	return n
}

// advance does the command under way once it is whole.
func (m *Machine) advance() (reply []byte) {
	switch n := size(m.command); {
	case n == 0:
		m.complain("unknown command % x", m.command)
		m.command = nil
		return nil
	case len(m.command) < n:
		return nil
	}
	c := m.command
	m.command = nil
	if do := commands[name(c[:2])].do; do != nil {
		do(m, c)
		return nil
	}
	switch c[1] {
	case 'r':
		return []byte{0} // paper and drawer as they should be
	case 'V':
		m.cut()
	case 'k':
		m.barcode(c[2], c[4:])
	case '(':
		return m.extended(c[2], c[5:])
	}
	return nil
}

func (m *Machine) barcode(kind byte, data []byte) {
	text, set := "", byte(0)
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '{' && i+1 < len(data):
			i++
			set = data[i]
		case set == 'C' && data[i] < 100:
			text += string([]byte{'0' + data[i]/10, '0' + data[i]%10})
		case set == 'B' && data[i] >= 0x20 && data[i] < 0x7f:
			text += string(rune(data[i]))
		default:
			m.complain("byte %#02x in a barcode of set %q", data[i], set)
			return
		}
	}
	if kind != 73 || text == "" {
		m.complain("barcode of kind %d with %q: this printer has Code 128", kind, text)
		return
	}
	e := m.bars
	e.Data, e.Align = text, m.align
	m.put(e)
}

// extended is GS ( k, a QR in steps, and GS ( H, the echo that tells how far the printer is.
func (m *Machine) extended(which byte, p []byte) (reply []byte) {
	switch {
	case which == 'H' && len(p) == 6 && p[0] == '0' && p[1] == '0':
		return append(append([]byte{0x37, 0x22}, p[2:]...), 0)
	case which == 'k' && len(p) >= 3 && p[0] == '1':
		switch f := p[1]; {
		case f == 'A' && p[2] == '2':
		case f == 'C' && p[2] >= 1 && p[2] <= 16:
			m.qr.Module = int(p[2])
		case f == 'E' && p[2] >= '0' && p[2] <= '3':
			m.qr.Level = p[2]
		case f == 'P':
			m.stored = string(p[3:])
		case f == 'Q' && m.stored != "" && strings.Trim(m.stored, "\x00") != "":
			e := m.qr
			e.Data, e.Align = m.stored, m.align
			m.put(e)
		default:
			m.complain("QR step % x", p)
		}
	default:
		m.complain("unknown command GS ( %q % x", which, p)
	}
	return nil
}
