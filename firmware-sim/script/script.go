// Package script reads what shall happen on a pretended till's counter, a line for each thing:
//
//	scan CODE             a customer's code, or a product, is held before the scanner
//	noise SHARE           so many of the scans are spoilt on the line, 0 to 1
//	paper out             the paper ends now; "paper after N": N lines from now; "paper low"; "paper in"
//	cover open            or "cover close"
//	drawer close          a person pushes it shut
//	unplug DEVICE         scanner, printer, display or speaker; "plug DEVICE" puts it back
//	stick display         it hangs; "free display" lets it go on
//	wait printed [N]      until N more slips are cut (1 when not said)
//	wait spoken [N]       until N more announcements were made
//	wait drawer [N]       until the drawer got N more pulses
//	wait shown TEXT       until the customer sees the text
//	sleep DURATION        such as 200ms
//
// Blank lines and lines that begin with # say nothing.
//
// It refuses every line that it does not understand to the last word, by its number and before anything
// is done: half a script tells half a story. Newcomers get one thing wrong: the waits count from the
// wait before, not from zero, so that a script may be run again on the same board.
package script

import (
	"strconv"
	"strings"
	"time"

	"cloudcashier/shared/fault"
)

// Verb is what happens.
type Verb string

// The verbs.
const (
	Scan        Verb = "scan"         // Text
	Noise       Verb = "noise"        // N of 1000 scans
	PaperAfter  Verb = "paper after"  // N lines
	PaperLow    Verb = "paper low"    //
	PaperIn     Verb = "paper in"     //
	CoverOpen   Verb = "cover open"   //
	CoverClose  Verb = "cover close"  //
	DrawerClose Verb = "drawer close" //
	Unplug      Verb = "unplug"       // Text: a device
	Plug        Verb = "plug"         // Text: a device
	Stick       Verb = "stick"        // the display
	Free        Verb = "free"         // the display
	WaitPrinted Verb = "wait printed" // N
	WaitSpoken  Verb = "wait spoken"  // N
	WaitDrawer  Verb = "wait drawer"  // N
	WaitShown   Verb = "wait shown"   // Text
	Sleep       Verb = "sleep"        // For
)

// The devices that may be unplugged.
var devices = map[string]bool{"scanner": true, "printer": true, "display": true, "speaker": true}

// Step is one line.
type Step struct {
	Line int // from 1
	Verb Verb
	Text string
	N    int
	For  time.Duration
}

const (
	linesMost = 10_000
	sleepMost = time.Hour
	waitMost  = 10_000 // slips, announcements, pulses
)

// Parse reads a script (Invalid, with the line's number).
func Parse(text string) (steps []Step, err error) {
	line := 0
	for raw := range strings.Lines(text) {
		if line++; line > linesMost {
			return nil, fault.New(fault.Invalid, "script.long", "a script has at most %d lines", linesMost)
		}
		raw = strings.TrimSpace(raw)
		if raw == "" || raw[0] == '#' {
			continue
		}
		step, why := parse(raw)
		if why != "" {
			return nil, fault.New(fault.Invalid, "script.line", "line %d: %s", line, why)
		}
		step.Line = line
		steps = append(steps, step)
	}
	return steps, nil
}

// plain are the lines that are nothing but their words.
var plain = map[string]Step{
	"paper out": {Verb: PaperAfter}, "paper low": {Verb: PaperLow}, "paper in": {Verb: PaperIn}, "cover open": {Verb: CoverOpen},
	"cover close": {Verb: CoverClose}, "drawer close": {Verb: DrawerClose}, "stick display": {Verb: Stick}, "free display": {Verb: Free},
	"wait printed": {Verb: WaitPrinted, N: 1}, "wait spoken": {Verb: WaitSpoken, N: 1}, "wait drawer": {Verb: WaitDrawer, N: 1},
}

// parse reads one line; why is "" for a good one.
func parse(line string) (s Step, why string) {
	words := strings.Fields(line)
	if step, ok := plain[strings.Join(words, " ")]; ok {
		return step, ""
	}
	first := words[0]
	rest := strings.TrimSpace(strings.TrimPrefix(line, first))
	switch {
	case first == "scan" && len(words) == 2:
		return Step{Verb: Scan, Text: words[1]}, ""
	case first == "scan":
		return s, "scan takes one code without blanks"
	case first == "noise" && len(words) == 2:
		n, ok := share(words[1])
		if !ok {
			return s, "noise takes a share from 0 to 1, such as 0.1"
		}
		return Step{Verb: Noise, N: n}, ""
	case first == "sleep" && len(words) == 2:
		d, err := time.ParseDuration(words[1])
		if err != nil || d < 0 || d > sleepMost {
			return s, "sleep takes a time up to an hour, such as 200ms"
		}
		return Step{Verb: Sleep, For: d}, ""
	case (first == "unplug" || first == "plug") && len(words) == 2:
		if !devices[words[1]] {
			return s, first + " takes scanner, printer, display or speaker"
		}
		return Step{Verb: Verb(first), Text: words[1]}, ""
	case first == "wait" && len(words) > 2 && words[1] == "shown":
		return Step{Verb: WaitShown, Text: strings.TrimSpace(strings.TrimPrefix(rest, "shown"))}, ""
	case len(words) == 3:
		return counted(words)
	}
	return s, strconv.Quote(line) + " is nothing that can happen: see firmware-sim board --help"
}

// counted reads the lines that end in a number.
func counted(words []string) (s Step, why string) {
	verb := Verb(words[0] + " " + words[1])
	n, err := strconv.Atoi(words[2])
	switch verb {
	case PaperAfter, WaitPrinted, WaitSpoken, WaitDrawer:
		if err != nil || n < 1 || n > waitMost {
			return s, string(verb) + " takes a number from 1 to " + strconv.Itoa(waitMost)
		}
		return Step{Verb: verb, N: n}, ""
	}
	return s, strconv.Quote(strings.Join(words, " ")) + " is nothing that can happen: see firmware-sim board --help"
}

// share reads a share of one, to the thousandth.
func share(text string) (perMille int, ok bool) {
	whole, part, pointed := strings.Cut(text, ".")
	if whole != "0" && whole != "1" || pointed && (part == "" || len(part) > 3) || strings.Trim(part, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(whole + part + strings.Repeat("0", 3-len(part)))
	return n, err == nil && n <= 1000
}
