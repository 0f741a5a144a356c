package board

import (
	"bytes"
	"encoding/hex"
	"slices"
	"time"

	"cloudcashier/shared/fault"
)

// Dialect is the language of the commands that a scanner obeys.
type Dialect string

// The dialects. A scanner without one obeys nothing and writes down the bytes it was sent.
const (
	Deaf      Dialect = ""
	Honeywell Dialect = "honeywell" // SYN T CR, SYN U CR, ESC 4 to 7
	SSI       Dialect = "ssi"       // Zebra's packets, in both directions
	Datalogic Dialect = "datalogic" // E, D, B, F, R, 01
	Newland   Dialect = "newland"   // 7E 01 0000 # tag ; 03, answered
	Box       Dialect = "box"       // T, P, R
)

// Dialects lists those that have a name.
var Dialects = []Dialect{Honeywell, SSI, Datalogic, Newland, Box}

// commandsMax is how many commands a scanner remembers.
const commandsMax = 200

// The words for what a host may say.
const (
	cmdStart = "start"
	cmdStop  = "stop"
	cmdGood  = "good"
	cmdBad   = "bad"
	cmdOff   = "off"
	cmdOn    = "on"
	cmdReset = "reset"
	cmdAck   = "ack"
	cmdNak   = "nak"
)

// fixed are the commands that are always the same bytes.
var fixed = map[Dialect]map[string]string{
	Honeywell: {"\x16T\r": cmdStart, "\x16U\r": cmdStop, "\x1b7": cmdGood, "\x1b4": cmdBad, "\x1b5": cmdBad, "\x1b6": cmdBad},
	Datalogic: {"E": cmdOn, "D": cmdOff, "B": cmdGood, "\x01": cmdGood, "F": cmdBad, "R": cmdReset},
	Newland:   {"\x7e\x010000#SCNTRG1;\x03": cmdStart, "\x7e\x010000#SCNTRG0;\x03": cmdStop},
	Box:       {"T": cmdStart, "P": cmdStop, "R": cmdStart},
}

// hear reads what the host says until the line goes.
func (s *Scanner) hear(line *pair) {
	buf := make([]byte, 512)
	var rest []byte
	for {
		n, err := line.master.Read(buf)
		if err != nil {
			return
		}
		if !s.sameSpeed(line) {
			continue // it would be noise to the scanner, too
		}
		rest = append(rest, buf[:n]...)
		for len(rest) > 0 {
			name, size := s.opts.Dialect.command(rest)
			if size == 0 {
				break // not whole yet
			}
			s.obey(name)
			rest = rest[size:]
			if s.opts.Dialect == Newland && (name == cmdStart || name == cmdStop) {
				s.reply("\x02\x010000#" + map[string]string{cmdStart: "SCNTRG1", cmdStop: "SCNTRG0"}[name] + "\x06;\x03")
			}
		}
	}
}

// command finds the first command in what was heard and its size; 0 when more must come. Bytes that are none are
// one command each, by their hexadecimal.
func (d Dialect) command(heard []byte) (name string, size int) {
	if d == SSI {
		return ssiCommand(heard)
	}
	for text, name := range fixed[d] {
		switch {
		case bytes.HasPrefix(heard, []byte(text)):
			return name, len(text)
		case bytes.HasPrefix([]byte(text), heard):
			size = -1 // the beginning of one
		}
	}
	if size < 0 {
		return "", 0
	}
	return hex.EncodeToString(heard[:1]), 1
}

// obey does what a command says.
func (s *Scanner) obey(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, name)
	if len(s.commands) > commandsMax {
		s.commands = slices.Delete(s.commands, 0, len(s.commands)-commandsMax)
	}
	switch name {
	case cmdStart:
		s.lit = true
	case cmdStop:
		s.lit = false
	case cmdOff:
		s.off = true
	case cmdOn, cmdReset:
		s.off = false
	case cmdGood:
		s.good++
	case cmdBad:
		s.bad++
	case cmdAck, cmdNak:
		select {
		case s.heard <- name == cmdAck:
		default: // nobody waits for it
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// reply answers a command, between two scans. A host that is gone hears nothing.
func (s *Scanner) reply(text string) {
	s.sending.Lock()
	defer s.sending.Unlock()
	_ = s.write([]byte(text))
}

// mayRead refuses a scan of a scanner that does not look.
func (s *Scanner) mayRead() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.off:
		return fault.New(fault.Conflict, "board.off", "the host has switched the scanner off: it reads nothing")
	case s.opts.HostTrigger && !s.lit:
		return fault.New(fault.Conflict, "board.dark", "the host has not triggered the scanner: it reads nothing")
	}
	return nil
}

// Stick lets the trigger stick: the code is read every so often until Free, the plug, or the host's stop and off.
// It returns when it does.
func (s *Scanner) Stick(code string, every time.Duration) error {
	s.mu.Lock()
	s.stuck = true
	s.mu.Unlock()
	for {
		s.mu.Lock()
		stuck := s.stuck
		s.mu.Unlock()
		if !stuck {
			return nil
		}
		if err := s.Glue(code); err != nil && fault.CodeOf(err) != "board.off" && fault.CodeOf(err) != "board.dark" {
			return err
		}
		if err := s.pause(every); err != nil {
			return err
		}
	}
}

// Free lets a stuck trigger go.
func (s *Scanner) Free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = false
}

// Fail is a reading that did not succeed, as boxes tell of it.
func (s *Scanner) Fail() error { return s.Glue("%%NoRead") }

// Half sends the first half of a code's frame, and then nothing.
func (s *Scanner) Half(code string) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	raw := s.opts.frame(code, s.dice)
	return s.write(raw[:len(raw)/2])
}

// Heard waits until the scanner's state is as wanted; false when the time is over.
func (s *Scanner) Heard(wanted func(State) bool, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if wanted(s.State()) {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		}
	}
}
