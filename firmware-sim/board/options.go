package board

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"cloudcashier/shared/fault"
)

// Suffix ends a scan.
type Suffix string

// The suffixes scanners are set to in the field.
const (
	CR   Suffix = "cr"
	LF   Suffix = "lf"
	CRLF Suffix = "crlf"
	TAB  Suffix = "tab"
	None Suffix = "none"
)

var suffixes = map[Suffix]string{CR: "\r", LF: "\n", CRLF: "\r\n", TAB: "\t", None: "", "": "\r"}

// AutoAIM picks the AIM prefix that fits a code: EAN for a product, QR or Code 128 for the rest.
const AutoAIM = "auto"

// Options say how a scanner frames what it reads and how badly its line behaves. The zero value
// is a well-behaved USB scanner that ends a scan with CR.
type Options struct {
	Suffix Suffix // "" is CR
	STX    bool   // wraps the code in STX and ETX, before the suffix
	AIM    string // symbology prefix such as "]Q1", or AutoAIM; "" sends none

	Split      int           // sends pieces of so many bytes; 0 sends a scan in one write
	SplitPause time.Duration // between the pieces

	Repeat      int           // how often a scan is sent, as by a gun that reads twice; 0 is once
	RepeatEvery time.Duration // between the repeats

	Baud  int  // the line's speed: a reader at another speed gets garbage; 0 takes any, like USB
	Paced bool // sends byte by byte at Baud

	Noise int    // of 1000 scans, how many have one byte replaced by line noise
	NUL   int    // of 1000 scans, how many have a NUL put in, as a break or a framing error does
	Seed  uint64 // of the dice for Noise, NUL and BadSum

	Dialect     Dialect       // the commands it obeys; SSI also changes what it sends
	HostTrigger bool          // it reads only when the host has triggered it, once each time
	BadSum      int           // SSI: of 1000 packets, how many have a wrong checksum
	AckWait     time.Duration // SSI: how long it waits for the host before it repeats a packet; 0 is 2 s
}

func (o Options) check() error {
	_, known := suffixes[o.Suffix]
	switch {
	case !known:
		return fault.New(fault.Invalid, "board.suffix", "suffix %q: use cr, lf, crlf, tab or none", o.Suffix)
	case o.AIM != "" && o.AIM != AutoAIM && (len(o.AIM) != 3 || o.AIM[0] != ']'):
		return fault.New(fault.Invalid, "board.aim", "AIM prefix %q: use auto, or ] and two characters such as ]Q1", o.AIM)
	case o.Split < 0 || o.Repeat < 0 || o.Repeat > 1000 || o.Baud < 0 || o.SplitPause < 0 || o.RepeatEvery < 0:
		return fault.New(fault.Invalid, "board.range", "split, repeat (at most 1000), baud and pauses must not be negative")
	case o.Paced && o.Baud == 0:
		return fault.New(fault.Invalid, "board.paced", "pacing needs the line's speed: give a baud rate")
	case o.Dialect != Deaf && !slices.Contains(Dialects, o.Dialect):
		return fault.New(fault.Invalid, "board.dialect", "dialect %q: use one of %v", o.Dialect, Dialects)
	case o.HostTrigger && (o.Dialect == Deaf || o.Dialect == Datalogic):
		return fault.New(fault.Invalid, "board.trigger", "a scanner that the host triggers needs a dialect with a trigger: honeywell, ssi, newland or box")
	case o.BadSum < 0 || o.BadSum > 1000 || o.AckWait < 0:
		return fault.New(fault.Invalid, "board.dice", "wrong checksums are a count out of 1000 packets, and no wait is negative")
	case o.Noise < 0 || o.Noise > 1000 || o.NUL < 0 || o.NUL > 1000:
		return fault.New(fault.Invalid, "board.dice", "noise and NUL are counts out of 1000 scans: use 0 to 1000")
	}
	return nil
}

// frame builds the bytes of one scan.
func (o Options) frame(code string, dice *rand.Rand) []byte {
	var raw []byte
	if o.STX {
		raw = append(raw, 0x02)
	}
	start := len(raw)
	raw = append(raw, o.aim(code)...)
	raw = append(raw, code...)
	raw = o.spoil(raw, start, len(raw), dice) // the code, not its frame
	if o.STX {
		raw = append(raw, 0x03)
	}
	return append(raw, suffixes[o.Suffix]...)
}

// spoil throws the dice over the bytes from start to end.
func (o Options) spoil(raw []byte, start, end int, dice *rand.Rand) []byte {
	if end <= start {
		return raw
	}
	if dice.IntN(1000) < o.Noise {
		raw[start+dice.IntN(end-start)] = 0x80 | byte(dice.IntN(128))
	}
	if dice.IntN(1000) < o.NUL {
		raw = slices.Insert(raw, start+dice.IntN(end-start), 0)
	}
	return raw
}

func (o Options) aim(code string) string {
	if o.AIM != AutoAIM {
		return o.AIM
	}
	digits := strings.Trim(code, "0123456789") == ""
	switch {
	case digits && len(code) == 8:
		return "]E4"
	case digits && (len(code) == 12 || len(code) == 13):
		return "]E0"
	case digits && len(code) >= 16 && len(code) <= 24:
		return "]C0" // wallets show the digits as Code 128 and as QR; guns prefer the bars
	}
	return "]Q1"
}

// garble is what a listener at the wrong speed makes of a frame: no byte and no end comes through.
func garble(raw []byte) []byte {
	out := make([]byte, len(raw))
	for i, b := range raw {
		out[i] = [...]byte{0x00, 0xf8, 0xfe, 0x80}[b%4]
	}
	return out
}
