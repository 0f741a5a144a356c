package scanner

import (
	"strings"
	"time"
)

// The packets of Zebra's Simple Serial Interface: length, opcode, source, status, payload, and a checksum of two
// bytes, which the length does not count (handbook: terminal, 1.1).
const (
	ssiAck     byte = 0xd0
	ssiNak     byte = 0xd1
	ssiStart   byte = 0xe4
	ssiStop    byte = 0xe5
	ssiBeep    byte = 0xe6
	ssiScanOn  byte = 0xe9
	ssiScanOff byte = 0xea
	ssiDecode  byte = 0xf3
	ssiEvent   byte = 0xf6

	ssiHost    byte = 0x04 // the source of our packets; the scanner's is 0
	ssiAgain   byte = 1 << 0
	ssiMore    byte = 1 << 1
	ssiResend  byte = 0x01 // why a NAK is sent
	ssiHeader       = 4
	ssiSumSize      = 2
)

// ssiPacket builds a packet of the till's.
func ssiPacket(opcode byte, payload ...byte) []byte {
	p := append([]byte{byte(ssiHeader + len(payload)), opcode, ssiHost, 0}, payload...)
	sum := ssiSum(p)
	return append(p, byte(sum>>8), byte(sum))
}

// ssiCommand is a packet behind the byte that wakes a sleeping scanner: there are no RTS and CTS, so that it would
// lose the first byte of the packet instead.
func ssiCommand(opcode byte, payload ...byte) []byte {
	return append([]byte{0}, ssiPacket(opcode, payload...)...)
}

// ssiSum is the two's complement of the bytes' sum in 16 bits.
func ssiSum(p []byte) (sum uint16) {
	for _, b := range p {
		sum -= uint16(b)
	}
	return sum
}

// packets cuts what an SSI scanner sends. Like framer it does no I/O and reads no clock; what must be answered it
// gives to answer.
type packets struct {
	yield  func(frame)
	answer func(packet []byte)

	buf    []byte
	data   []byte // of a message whose last packet has not come
	aim    string
	again  bool // a packet of the message was marked as a repetition
	broken bool // the message is too long
}

func (p *packets) feed(raw []byte) {
	p.buf = append(p.buf, raw...)
	for len(p.buf) > 0 {
		n := int(p.buf[0])
		switch {
		case n == 0: // no packet begins with it: a wake-up, or the line's own noise
			p.buf = p.buf[1:]
			continue
		case n < ssiHeader:
			p.refuse()
			return
		case len(p.buf) < n+ssiSumSize:
			return
		}
		packet := p.buf[:n]
		if got := uint16(p.buf[n])<<8 | uint16(p.buf[n+1]); got != ssiSum(packet) {
			p.refuse()
			return
		}
		p.take(packet[1], packet[2], packet[3], packet[ssiHeader:])
		clear(packet) // it may have held a payment code
		p.buf = p.buf[n+ssiSumSize:]
	}
	p.buf = nil
}

// refuse throws away what came, as nobody knows where the next packet begins, and asks for it again.
func (p *packets) refuse() {
	p.reset()
	p.answer(ssiPacket(ssiNak, ssiResend))
	p.yield(frame{flaw: garbled, retry: true})
}

func (p *packets) take(opcode, source, status byte, payload []byte) {
	switch {
	case source == ssiHost: // an echo of our own
	case opcode == ssiEvent:
		p.answer(ssiPacket(ssiAck))
	case opcode == ssiDecode && len(payload) < 2:
		p.answer(ssiPacket(ssiNak, ssiResend))
		p.yield(frame{flaw: garbled, retry: true})
	case opcode == ssiDecode:
		p.answer(ssiPacket(ssiAck))
		p.decoded(status, payload)
	}
}

// decoded takes one packet of a reading: the kind of barcode, then its text. UNVERIFIED: that each packet of a long
// reading repeats the kind. Were it not so, one character would be missing, and the code's own form refuses it.
func (p *packets) decoded(status byte, payload []byte) {
	p.again = p.again || status&ssiAgain != 0
	p.broken = p.broken || len(p.data)+len(payload) > frameMax
	if !p.broken {
		p.data = append(p.data, payload[1:]...)
		p.aim = ssiKinds[payload[0]]
	}
	if status&ssiMore == 0 {
		done := frame{flaw: oversize}
		if !p.broken {
			done = p.frame()
		}
		p.drop()
		p.yield(done)
	}
}

func (p *packets) frame() frame {
	text := strings.TrimRight(string(p.data), "\r\n\t") // a suffix that somebody set as well
	n := aimLen([]byte(text))
	f := frame{text: text[n:], aim: p.aim, again: p.again}
	if n > 0 {
		f.aim = text[:n]
	}
	for i := range len(f.text) {
		b := f.text[i]
		if (b < ' ' || b > '~') && (b != gs || !gs1([]byte(f.aim))) {
			return frame{flaw: garbled}
		}
	}
	return f
}

// idle: a packet comes in one go, so that its rest does not come after longGap.
func (p *packets) idle(d time.Duration) {
	switch {
	case d < longGap:
	case len(p.buf) > 0:
		p.refuse()
	case len(p.data) > 0 || p.broken:
		p.drop()
		p.yield(frame{flaw: cut})
	}
}

func (p *packets) underWay() bool { return len(p.buf) > 0 || len(p.data) > 0 || p.broken }

func (p *packets) reset() {
	clear(p.buf)
	p.buf = nil
	p.drop()
}

func (p *packets) drop() {
	clear(p.data)
	p.data, p.aim, p.again, p.broken = nil, "", false, false
}

// ssiKinds gives the AIM identifier for the barcode kinds of SSI that tills meet; any other is judged by its text.
var ssiKinds = map[byte]string{
	0x01: "]A0", 0x02: "]F0", 0x03: "]C0", 0x06: "]I0", 0x07: "]G0", 0x08: "]E0", 0x0a: "]E4", 0x0b: "]E0",
	0x0f: "]C1", 0x11: "]L0", 0x1b: "]d1", 0x1c: "]Q1", 0x2d: "]z0",
}
