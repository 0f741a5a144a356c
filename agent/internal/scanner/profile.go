package scanner

import (
	"slices"
	"strconv"
	"strings"

	"cloudcashier/shared/fault"
)

// AutoBaud as a Spec's Baud looks for the scanner's speed when it reads nothing but garbage.
const AutoBaud = -1

// probeList are the speeds that scanners are set to, the commonest first (handbook: terminal, 1.3).
var probeList = []int{9600, 115200, 19200, 38400}

// Spec is one scanner of the configuration.
type Spec struct {
	Path    string // a device or a pattern
	Profile string // "generic" when none was named
	Baud    int    // 0: the Config's; AutoBaud: find it
}

// ParseSpec reads PATH[,profile=NAME][,baud=N|auto]. What has none of these options is a path as it stands,
// commas and all.
func ParseSpec(text string) (Spec, error) {
	spec := Spec{Path: text, Profile: generic.name}
	cut := len(text)
	for _, option := range []string{",profile=", ",baud="} {
		if i := strings.Index(text, option); i >= 0 {
			cut = min(cut, i)
		}
	}
	if cut == len(text) {
		return spec, nil
	}
	spec.Path = text[:cut]
	for option := range strings.SplitSeq(text[cut+1:], ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "profile":
			if _, known := profileOf(value); !known {
				return Spec{}, fault.New(fault.Invalid, "scanner.profile", "no scanner profile %q: there are %s", value, strings.Join(Profiles(), ", "))
			}
			spec.Profile = value
		case "baud":
			n, err := strconv.Atoi(value)
			if value == "auto" {
				n, err = AutoBaud, nil
			} else if err != nil || n < 300 || n > 4_000_000 {
				return Spec{}, fault.New(fault.Invalid, "scanner.baud", "scanner speed %q: a number such as 9600, or auto", value)
			}
			spec.Baud = n
		default:
			return Spec{}, fault.New(fault.Invalid, "scanner.option", "scanner option %q: write PATH[,profile=NAME][,baud=N|auto]", option)
		}
	}
	return spec, nil
}

// profile is what the till must know of a family of scanners: all of it is data, but for the packets of SSI. A
// command that is nil does not exist for the family, and is never guessed: bytes that one make takes for a beep
// switch another off.
type profile struct {
	name    string
	packets bool // Zebra's SSI: packets with checksums, each to be acknowledged

	start, stop []byte // host trigger: read until a code was read or stop comes
	off, on     []byte // reads nothing at all, whatever its trigger says, and reads again
	good, bad   []byte // beeps

	acks    bool // answers a command with the single byte ACK, NAK or ENQ
	replies bool // answers a command with STX SOH … ETX
	chatter []string
}

// usual is what devices of any make say on their own: a failed read, an answer to a setup command. A "*" stands for
// whatever follows.
var usual = []string{"%%noread", "noread", "$$%*"}

// generic is any scanner: it is listened to and told nothing.
var generic = profile{name: "generic", chatter: usual}

// profiles are the families of handbook: terminal, section 1.1. UNVERIFIED on real devices, all of them.
var profiles = []profile{
	generic,
	{ // Honeywell and Metrologic imagers; the trigger works where TRGMOD is set to serial, and is ignored elsewhere
		name: "honeywell", acks: true, chatter: usual,
		start: []byte("\x16T\r"), stop: []byte("\x16U\r"),
		good: []byte("\x1b7"), bad: []byte("\x1b5"), // of the 2020 class
	},
	{
		name: "ssi", packets: true, chatter: usual,
		start: ssiCommand(ssiStart), stop: ssiCommand(ssiStop), off: ssiCommand(ssiScanOff), on: ssiCommand(ssiScanOn),
		good: ssiCommand(ssiBeep, 0x00), bad: ssiCommand(ssiBeep, 0x06), // one high; two low
	},
	{ // its E and D are no trigger: with D the gun is dead in the cashier's hand
		name: "datalogic", chatter: usual,
		off: []byte("D"), on: []byte("E"), good: []byte("B"), bad: []byte("F"),
	},
	{
		name: "newland", replies: true, chatter: usual,
		start: newland("SCNTRG1"), stop: newland("SCNTRG0"),
	},
	{ // one-byte boxes of the ZKTeco kind: what they could not read they say in words
		name: "box", chatter: usual,
		start: []byte("T"), stop: []byte("P"),
	},
}

// newland is a command that holds until the power goes: "#" for temporary, so that nothing wears out its flash.
func newland(tag string) []byte { return []byte("\x7e\x010000#" + tag + ";\x03") }

func profileOf(name string) (profile, bool) {
	i := slices.IndexFunc(profiles, func(p profile) bool { return p.name == name })
	if i < 0 {
		return profile{}, false
	}
	return profiles[i], true
}

// Profiles lists the names that a Spec may have.
func Profiles() (names []string) {
	for _, p := range profiles {
		names = append(names, p.name)
	}
	return names
}

// babble reports what such a scanner says on its own, and nobody scanned.
func (p profile) babble(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	for _, c := range p.chatter {
		start, prefix := strings.CutSuffix(c, "*")
		if text == c || prefix && strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}
