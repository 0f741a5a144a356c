package scanner

import "time"

const (
	// frameMax is far above any payment code (512 characters at most) and any retail barcode; a longer
	// run of bytes without an end is noise or a scanner without a suffix.
	frameMax = 4 << 10
	// shortGap is forty characters at 9600 baud: a scanner that pauses so long has sent all it had.
	// It closes a frame only when what came is a whole payment code.
	shortGap = 40 * time.Millisecond
	// longGap closes whatever came. A busy till may let bytes lie for a tenth of a second and more;
	// a cashier takes longer than this to aim again.
	longGap = 500 * time.Millisecond
)

const (
	soh byte = 0x01
	stx byte = 0x02
	etx byte = 0x03
	enq byte = 0x05
	ack byte = 0x06
	nak byte = 0x15
	gs  byte = 0x1d
)

// replyMax bounds a device's answer to a command, of which a few dozen bytes are usual.
const replyMax = 256

// flaw is why a frame must not be used.
type flaw int

const (
	sound    flaw = iota
	garbled       // holds a byte that no barcode holds: a framing error, another speed, line noise
	oversize      // longer than frameMax
	cut           // ended in silence although this scanner ends its frames
)

// frame is what a scanner sent between two ends. The text of a flawed frame is not kept.
type frame struct {
	text string
	aim  string // the symbology's AIM identifier such as "]Q1", when the scanner sends one
	flaw flaw

	again bool // the device marked it as a repetition, because it had not heard that the first one came
	retry bool // it was told to send it again
}

// framer cuts a scanner's bytes into frames. It does no I/O and reads no clock: its reader feeds it
// bytes as they come, however split, and tells it of silence.
//
// A frame with a single bad byte is rejected whole. To drop the byte and keep the rest would turn
// one code into another.
type framer struct {
	whole func(frame) bool // is this a complete payment code?
	yield func(frame)

	replies bool // the device answers commands by STX SOH … ETX
	asked   bool // a command was sent a moment ago: ACK, NAK and ENQ between frames are its answer

	buf     []byte
	started bool // the last byte was an STX outside of a frame
	reply   int  // bytes of an answer under way
	open    bool // bytes of a frame have come
	flaw    flaw
	ends    bool // this scanner has ended a frame by a terminator, so silence is no end
}

// feed takes bytes in any portions; the frames do not depend on where they were split.
func (f *framer) feed(p []byte) {
	for _, b := range p {
		f.take(b)
	}
}

func (f *framer) take(b byte) {
	if f.answers(b) {
		return
	}
	switch {
	case b == '\r' || b == '\n' || b == '\t' || b == etx:
		if f.open { // else the second byte of CR LF, or CR behind ETX: an empty frame, no scan
			f.ends = true
			f.close()
		}
	case b == stx && !f.open:
		// Opens a frame that the next terminator closes. Scanners set to STX and CR without ETX exist.
		f.started = true
	case f.flaw != sound:
		// Skipping to the end of a frame already lost.
	case len(f.buf) == frameMax:
		f.open, f.flaw = true, oversize
	case b >= ' ' && b <= '~', b == gs && gs1(f.buf):
		f.open = true
		f.buf = append(f.buf, b)
	default:
		f.open, f.flaw = true, garbled
	}
}

// answers swallows what a device answers to a command. An answer has no end of its own in a code's
// digits: one that does not stop is a frame that went wrong.
func (f *framer) answers(b byte) bool {
	begins := f.started && f.replies && b == soh
	f.started = false
	switch {
	case begins:
		f.reply = 1
		return true
	case f.reply > 0 && b == etx:
		f.reply = 0
		return true
	case f.reply > replyMax:
		f.reply, f.open, f.flaw = 0, true, garbled
		return false
	case f.reply > 0:
		f.reply++
		return true
	}
	return f.asked && !f.open && (b == ack || b == nak || b == enq)
}

// underWay reports a frame that has begun.
func (f *framer) underWay() bool { return f.open || f.reply > 0 }

// idle tells that nothing has come for d, counted from the last byte.
func (f *framer) idle(d time.Duration) {
	if d >= longGap && f.reply > 0 { // an answer that lost its end
		f.reply = 0
	}
	if !f.open || d < shortGap {
		return
	}
	whole := f.flaw == sound && f.whole(f.frame())
	switch {
	case d >= longGap:
		if f.ends && !whole && f.flaw == sound {
			f.flaw = cut
		}
		f.ends = false // perhaps somebody switched its suffix off: believe silence again
		f.close()
	case whole && !f.ends:
		f.close()
	}
}

// reset forgets the frame under way and the scanner's habits: the port is gone, and the other half
// of a frame never comes.
func (f *framer) reset() {
	clear(f.buf)
	f.buf, f.open, f.flaw, f.ends = f.buf[:0], false, sound, false
	f.started, f.reply, f.asked = false, 0, false
}

func (f *framer) close() {
	done := frame{flaw: f.flaw}
	if f.flaw == sound {
		done = f.frame()
	}
	clear(f.buf) // it may have held a payment code
	f.buf, f.open, f.flaw = f.buf[:0], false, sound
	f.yield(done)
}

func (f *framer) frame() frame {
	n := aimLen(f.buf)
	return frame{text: string(f.buf[n:]), aim: string(f.buf[:n])}
}

// aimLen is 3 when p begins with an AIM identifier: "]", a letter, a letter or digit.
func aimLen(p []byte) int {
	if len(p) >= 3 && p[0] == ']' && letter(p[1]) && (letter(p[2]) || p[2] >= '0' && p[2] <= '9') {
		return 3
	}
	return 0
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// gs1 reports whether a frame that begins so may hold GS, the separator of GS1 element strings.
func gs1(p []byte) bool {
	switch string(p[:aimLen(p)]) {
	case "]C1", "]Q3", "]d2", "]e0":
		return true
	}
	return false
}
