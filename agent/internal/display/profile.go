package display

import (
	"bytes"
	"slices"
	"strings"

	"cloudcashier/agent/internal/gbtext"
)

// Profile is a make of displays, as data: what it is sent for each picture. The command sets are those of
// the field's handbooks; which make speaks which one is set by its switches, and no make has been seen here.
type Profile struct {
	Name    string
	Baud    int
	Columns int  // of each of two lines; 0: eight digits and lamps
	Chinese bool // shows GB18030
	Init    []byte
	Clear   []byte // before each picture
	Lines   [2]wrap
	Number  wrap // of eight digits
	Lamp    []byte
	Lamps   map[Kind]byte
}

// wrap is what comes before and behind a text.
type wrap struct{ before, behind []byte }

func (w wrap) around(text []byte) []byte { return slices.Concat(w.before, text, w.behind) }

// cd5220 has string commands that only a clear ends (CD5220 handbook, p. 28).
func cd5220(name string, chinese bool) Profile {
	return Profile{Name: name, Baud: 9600, Columns: 20, Chinese: chinese, Init: []byte{0x1b, '@'}, Clear: []byte{0x0c},
		Lines: [2]wrap{{[]byte{0x1b, 'Q', 'A'}, []byte{0x0d}}, {[]byte{0x1b, 'Q', 'B'}, []byte{0x0d}}}}
}

// escpos is the line display's part of ESC/POS: US $ x y places the cursor.
func escpos(name string, chinese bool) Profile {
	return Profile{Name: name, Baud: 9600, Columns: 20, Chinese: chinese, Init: []byte{0x1b, '@'}, Clear: []byte{0x0c},
		Lines: [2]wrap{{[]byte{0x1f, '$', 1, 1}, nil}, {[]byte{0x1f, '$', 1, 2}, nil}}}
}

// Profiles are the displays we know. Lamps of led8: 1 price, 2 total, 3 received, 4 change (UNVERIFIED: as
// digits, as most sheets have it).
var Profiles = []Profile{
	cd5220("cd5220", false), cd5220("cd5220-gb", true), escpos("escpos", false), escpos("escpos-gb", true),
	{Name: "led8", Baud: 2400, Init: []byte{0x1b, '@'}, Clear: []byte{0x0c}, Number: wrap{[]byte{0x1b, 'Q', 'A'}, []byte{0x0d}},
		Lamp: []byte{0x1b, 's'}, Lamps: map[Kind]byte{Due: '2', Working: '2', Password: '2', Code: '2', Accepted: '2', Paid: '3', Change: '4'}},
}

// ProfileNames lists them for people.
func ProfileNames() string {
	names := make([]string, len(Profiles))
	for i, p := range Profiles {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

func profileOf(name string) (Profile, bool) {
	i := slices.IndexFunc(Profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return Profiles[i], true
}

// words are a sentence where Chinese can be shown, and where it cannot. No one of them is longer than a line.
type words struct{ both, ascii string }

var (
	wordDue, wordCash, wordChange = words{"应付 Due", "TOTAL"}, words{"实收 Cash", "CASH"}, words{"找零 Change", "CHANGE"}
	wordWelcome, wordTest         = words{"欢迎光临 Welcome", "WELCOME"}, words{"测试 TEST", "TEST"}
	wordYuan                      = words{"￥", "CNY "}
)

// told is what each kind says beside the amount.
var told = map[Kind]words{
	Due:      {"请付款 Please pay", "PLEASE PAY"},
	Working:  {"请稍候 Please wait", "PLEASE WAIT"},
	Password: {"请输入密码 Password", "ENTER PASSWORD"},
	Code:     {"请扫码 Scan the code", "SCAN THE CODE"},
	Accepted: {"已受理 ACCEPTED", "ACCEPTED"},
	Paid:     {"已付款 PAID", "PAID"},
	NotPaid:  {"未付款 NOT PAID", "NOT PAID"},
}

// testPattern shows a column that is dead.
const (
	testPattern = "0123456789 ABCDEFGHI"
	testDigits  = "88888888"
	tooMany     = "--------"
)

// Picture is the bytes that show a scene, whatever was shown before.
func (p Profile) Picture(s Scene, title string) []byte {
	if p.Columns == 0 {
		return p.number(s)
	}
	var upper, lower []byte
	amount := s.Amount.Yuan()
	switch s.Kind {
	case Due, Working, Password, Code:
		upper, lower = p.pair(p.say(wordDue), p.text(amount)), p.say(told[s.Kind])
	case Accepted, Paid, NotPaid:
		upper, lower = p.say(told[s.Kind]), p.pair(nil, append(p.say(wordYuan), p.text(amount)...))
	case Change:
		upper, lower = p.pair(p.say(wordCash), p.text(s.Received.Yuan())), p.pair(p.say(wordChange), p.text(s.Change.Yuan()))
	case Test:
		upper, lower = p.say(wordTest), p.text(testPattern)
	default:
		upper, lower = p.center(p.title(title)), p.center(p.say(wordWelcome))
	}
	out := slices.Clone(p.Clear)
	for i, line := range [][]byte{upper, lower} {
		line = gbtext.Cut(line, p.Columns)
		out = append(out, p.Lines[i].around(append(line[:len(line):len(line)], bytes.Repeat([]byte(" "), p.Columns-len(line))...))...)
	}
	return out
}

// say picks the sentence that the display can show.
func (p Profile) say(w words) []byte {
	if p.Chinese {
		return gbtext.Encode(w.both)
	}
	return []byte(w.ascii)
}

// text is a plain text; what the display cannot show is a question mark.
func (p Profile) text(text string) []byte {
	raw := gbtext.Encode(text)
	if p.Chinese {
		return raw
	}
	return bytes.Map(func(r rune) rune {
		if r >= 0x80 {
			return '?'
		}
		return r
	}, []byte(text))
}

// title is the shop's name, where the display can show it.
func (p Profile) title(title string) []byte {
	raw := gbtext.Encode(title)
	if !p.Chinese && bytes.ContainsFunc(raw, func(r rune) bool { return r >= 0x80 }) {
		return nil
	}
	return gbtext.Cut(raw, p.Columns)
}

// pair puts two texts at the ends of a line; the right one is never cut.
func (p Profile) pair(left, right []byte) []byte {
	left = gbtext.Cut(left, max(p.Columns-len(right), 0))
	return slices.Concat(left, bytes.Repeat([]byte(" "), max(p.Columns-len(left)-len(right), 0)), right)
}

func (p Profile) center(text []byte) []byte {
	return append(bytes.Repeat([]byte(" "), max(p.Columns-len(text), 0)/2), text...)
}

// number is the picture of a display that knows figures alone: it tells by its lamp what they are.
func (p Profile) number(s Scene) []byte {
	lamp, lit := p.Lamps[s.Kind]
	figures := s.Amount.Yuan()
	switch {
	case s.Kind == Test:
		figures = testDigits
	case s.Kind == Change:
		figures = s.Change.Yuan()
	case !lit:
		return slices.Concat(p.Clear, p.Lamp, []byte{'0'})
	}
	if len(strings.ReplaceAll(figures, ".", "")) > len(testDigits) {
		figures = tooMany // half an amount is another amount
	}
	if !lit {
		lamp = '0'
	}
	return slices.Concat(p.Clear, p.Lamp, []byte{lamp}, p.Number.around([]byte(figures)))
}
