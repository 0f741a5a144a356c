package printer

// answers sorts what a printer says: single status bytes that were asked for, groups of four that it may
// send unasked, echoes of seven bytes, and single bytes that answer in the order of printing.
type answers struct {
	frame []byte // an echo or a group under way
	want  int    // its length

	status  []byte           // answers to DLE EOT, in order
	ordered int              // answers to GS r
	echoes  map[[4]byte]bool // every echo since the line was opened
}

// take sorts one byte. The fixed bits tell the kinds apart (Epson's tables of DLE EOT, GS a and GS r).
func (a *answers) take(b byte) {
	if a.want > 0 {
		if a.frame = append(a.frame, b); len(a.frame) < a.want {
			return
		}
		if a.want == echoSize && b == 0 && a.frame[1] == 0x22 {
			a.echoes[[4]byte(a.frame[2:6])] = true
		}
		a.frame, a.want = nil, 0
		return
	}
	switch {
	case b == 0x37:
		a.frame, a.want = []byte{b}, echoSize
	case b&0x93 == 0x12:
		a.status = append(a.status, b)
	case b&0x93 == 0x10: // a report that another program asked for: it holds nothing that we do not ask ourselves
		a.frame, a.want = []byte{b}, 4
	case b&0x90 == 0:
		a.ordered++
	}
}

const echoSize = 7

// echoID puts a number into the four printable bytes that GS ( H gives back.
func echoID(kind byte, n int64) (id [4]byte) {
	id[0] = kind
	for i := 3; i > 0; i-- {
		id[i] = byte('!' + n%90)
		n /= 90
	}
	return id
}

func echoCommand(id [4]byte) []byte {
	return append([]byte{0x1d, '(', 'H', 6, 0, '0', '0'}, id[:]...)
}

// health is what the four status bytes say together.
type health struct {
	offline, cover, paperOut, nearEnd, fault bool
}

func readHealth(b [4]byte) health {
	return health{offline: b[0]&0x08 != 0, cover: b[1]&0x04 != 0, paperOut: b[1]&0x20 != 0 || b[3]&0x60 == 0x60,
		nearEnd: b[3]&0x0c == 0x0c, fault: b[1]&0x40 != 0 || b[2]&0x68 != 0}
}

func (h health) ready() bool { return !h.offline && !h.cover && !h.paperOut && !h.fault }
