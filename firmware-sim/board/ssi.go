package board

import (
	"fmt"
	"strings"
	"time"
)

// The packets of Zebra's SSI: length, opcode, source (0: scanner, 4: host), status, payload, checksum of two bytes.
const (
	ssiDecode byte = 0xf3
	ssiAgain  byte = 1 << 0
	ssiMore   byte = 1 << 1
	ssiHeader      = 4
	ssiLoad        = 240 // bytes of text in one packet
	ssiTries       = 3   // a packet is sent so often when the host stays silent
)

// ssiNames are the host's opcodes.
var ssiNames = map[byte]string{0xd0: cmdAck, 0xd1: cmdNak, 0xe4: cmdStart, 0xe5: cmdStop, 0xe9: cmdOn, 0xea: cmdOff}

func ssiPacket(opcode, status byte, payload ...byte) []byte {
	p := append([]byte{byte(ssiHeader + len(payload)), opcode, 0, status}, payload...)
	sum := ssiSum(p)
	return append(p, byte(sum>>8), byte(sum))
}

func ssiSum(p []byte) (sum uint16) {
	for _, b := range p {
		sum -= uint16(b)
	}
	return sum
}

// ssiCommand is command for packets. A zero in front only wakes the scanner.
func ssiCommand(heard []byte) (name string, size int) {
	n := int(heard[0])
	switch {
	case n == 0:
		return "wake", 1
	case n < ssiHeader:
		return fmt.Sprintf("%02x", n), 1
	case len(heard) < n+2:
		return "", 0
	}
	if got := uint16(heard[n])<<8 | uint16(heard[n+1]); got != ssiSum(heard[:n]) || heard[2] != 4 {
		return "broken", n + 2
	}
	if name = ssiNames[heard[1]]; heard[1] == 0xe6 && n > ssiHeader { // 5 to 9 are low tones
		name = cmdGood
		if heard[4] >= 5 {
			name = cmdBad
		}
	}
	if name == "" {
		name = fmt.Sprintf("%02x", heard[1])
	}
	return name, n + 2
}

// ssiKind is the kind of barcode that a code is shown as.
func ssiKind(code string) byte {
	digits := strings.Trim(code, "0123456789") == ""
	switch {
	case digits && len(code) == 8:
		return 0x0a
	case digits && (len(code) == 12 || len(code) == 13):
		return 0x0b
	case digits && len(code) >= 16 && len(code) <= 24:
		return 0x03
	}
	return 0x1c
}

// packets sends a code in packets and repeats each, marked, until the host has acknowledged it.
func (s *Scanner) packets(code string) error {
	kind := ssiKind(code)
	for rest := code; rest != ""; {
		part := rest[:min(len(rest), ssiLoad)]
		rest = rest[len(part):]
		var status byte
		if rest != "" {
			status = ssiMore
		}
		if err := s.packet(status, append([]byte{kind}, part...)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scanner) packet(status byte, payload []byte) error {
	for try := range ssiTries {
		if try > 0 {
			status |= ssiAgain
		}
		select { // what was said before is no answer to this
		case <-s.heard:
		default:
		}
		raw := ssiPacket(ssiDecode, status, payload...)
		if s.dice.IntN(1000) < s.opts.BadSum {
			raw[len(raw)-1] ^= 0x55
		}
		raw = s.opts.spoil(raw, 0, len(raw), s.dice)
		if err := s.send(raw); err != nil {
			return err
		}
		if s.acknowledged() {
			return nil
		}
	}
	return errUnheard
}

// acknowledged waits for the host's word about a packet.
func (s *Scanner) acknowledged() bool {
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	wait := s.opts.AckWait
	if wait == 0 {
		wait = 2 * time.Second
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case ack := <-s.heard:
		return ack
	case <-timer.C:
	case <-gone:
	}
	return false
}
