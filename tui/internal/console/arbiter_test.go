package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/screen"
)

// press is one key of a scripted keyboard: signs or a name, and the pause before it.
type press struct {
	after time.Duration
	signs string
	name  string
	paste bool
}

const ms = time.Millisecond

// each types every sign by itself.
func each(text string, gap time.Duration) []press {
	var list []press
	for _, r := range text {
		list = append(list, press{after: gap, signs: string(r)})
	}
	return list
}

func signs(text string) press { return press{signs: text} }

func name(k string) press { return press{name: k} }

func seq(parts ...any) []press {
	var list []press
	for _, p := range parts {
		switch p := p.(type) {
		case press:
			list = append(list, p)
		case []press:
			list = append(list, p...)
		}
	}
	return list
}

// drive plays a keyboard: between two keys Idle is called when Wait says so.
func drive(list []press) string {
	a := console.Arbiter{Amount: true}
	now := time.Unix(0, 0)
	var out []string
	note := func(events []any) {
		for _, e := range events {
			switch e := e.(type) {
			case screen.Key:
				out = append(out, string(e))
			case screen.Unread:
				out = append(out, "<unread>")
			case screen.Scan:
				code, kind := e.Read()
				if kind == "" {
					kind = fmt.Sprintf("%d", len(code.Reveal()))
				}
				out = append(out, "<"+kind+">")
			}
		}
	}
	idleUntil := func(until time.Time) {
		for wait := a.Wait(now); wait > 0 && !now.Add(wait).After(until); wait = a.Wait(now) {
			now = now.Add(wait)
			note(a.Idle(now))
		}
		now = until
	}
	for _, p := range list {
		idleUntil(now.Add(p.after))
		var r []rune
		if p.signs != "" {
			r = []rune(p.signs)
		}
		note(a.Press(p.name, r, p.paste, now))
	}
	idleUntil(now.Add(time.Second))
	return strings.Join(out, " ")
}

func TestArbiter(t *testing.T) {
	const code = wechatCode
	for title, c := range map[string]struct {
		keys []press
		want string
	}{
		"burst and Enter":              {seq(signs(code), name("enter")), "<18>"},
		"burst, CR and LF":             {seq(signs(code), name("enter"), name("ctrl+j")), "<18>"},
		"burst and LF":                 {seq(signs(code), name("ctrl+j")), "<18>"},
		"burst and Tab":                {seq(signs(code), name("tab")), "<18>"},
		"burst without suffix":         {seq(signs(code)), "<18>"},
		"burst, its Enter late":        {seq(signs(code), press{after: 120 * ms, name: "enter"}), "<18>"},
		"burst, a person's Enter":      {seq(signs(code), name("enter"), press{after: 120 * ms, name: "enter"}), "<18> enter"},
		"burst in two reads":           {seq(signs(code[:10]), press{after: 40 * ms, signs: code[10:]}, name("enter")), "<18>"},
		"two scans":                    {seq(signs(code), name("enter"), signs(code), name("enter")), "<18> <18>"},
		"framed by STX and ETX":        {seq(name("ctrl+b"), signs(code), name("ctrl+c")), "<18>"},
		"framed, then Enter":           {seq(name("ctrl+b"), signs(code), name("ctrl+c"), name("enter")), "<18>"},
		"1 ms between signs":           {seq(each(code, ms), name("enter")), "<18>"},
		"8 ms between signs, no end":   {seq(each(code, 8*ms)), "<18>"},
		"8 ms, one hiccup of 50 ms":    {seq(each(code[:9], 8*ms), press{after: 50 * ms, signs: code[9:10]}, each(code[10:], 8*ms)), "<18>"},
		"product by wedge":             {seq(each("6901234567892", 2*ms), name("enter")), "<product>"},
		"group separator inside":       {seq(signs("0106901234567892"), name("ctrl+]"), signs("10AB"), name("enter")), "<product>"},
		"group separator, byte a ms":   {seq(each("0106901234567892", ms), name("ctrl+]"), each("10AB", ms), name("enter")), "<product>"},
		"NUL inside":                   {seq(signs(code[:9]), name("ctrl+@"), signs(code[9:]), name("enter")), "<unreadable>"},
		"ESC and a digit inside":       {seq(signs(code[:9]), name("alt+3"), signs(code[9:]), name("enter")), "<unreadable>"},
		"AIM prefix":                   {seq(signs("]C1"+code), name("enter")), "<18>"},
		"pasted":                       {seq(press{signs: code + "\n", paste: true}), "<18>"},
		"pasted amount":                {seq(press{signs: "12.80", paste: true}, name("enter")), "1 2 . 8 0 enter"},
		"too long":                     {seq(signs(strings.Repeat("1", 700)), name("enter")), "<unreadable>"},
		"slow typing":                  {seq(each("12.80", 120*ms), press{after: 200 * ms, name: "enter"}), "1 2 . 8 0 enter"},
		"slow typing of many digits":   {seq(each("12345678901", 40*ms)), "1 2 3 4 5 6 7 8 9 0 1"},
		"two keys rolled over":         {seq(each("12", 5*ms), press{after: 90 * ms, signs: "3"}), "1 2 3"},
		"a sign and Enter at once":     {seq(each("7", 50*ms), press{after: 5 * ms, name: "enter"}), "7 enter"},
		"an amount in one read":        {seq(signs("12.80"), name("enter")), "1 2 . 8 0 enter"},
		"wide digits of an IME":        {seq(signs("１２。８"), name("enter")), "１ ２ 。 ８ enter"},
		"Chinese of an IME":            {seq(signs("收款abc")), ""},
		"a short label presses no key": {seq(signs("y12n"), name("enter")), "1 2 enter"},
		"a letter":                     {seq(signs("y")), "y"},
		"slow scanner, 80 ms":          {seq(each(code, 80*ms), press{after: 80 * ms, name: "enter"}), "1 3 4 5 6 7 8 9 0 1 2 <unread> <18>"},
		"slow scanner, 100 ms":         {seq(each(code, 100*ms), press{after: 100 * ms, name: "enter"}), "1 3 4 5 6 7 8 9 0 1 2 <unread> <18>"},
		"slow scanner, Tab":            {seq(each(code, 90*ms), press{after: 90 * ms, name: "tab"}), "1 3 4 5 6 7 8 9 0 1 2 <unread> <18>"},
		"slow scanner, Enter at once":  {seq(each(code, 90*ms), press{after: 5 * ms, name: "enter"}), "1 3 4 5 6 7 8 9 0 1 2 <unread> <18>"},
		"slow scanner, no end":         {seq(each(code, 90*ms)), "1 3 4 5 6 7 8 9 0 1 2 <unread> <18>"},
		"slow scanner, a product":      {seq(each("6901234567892", 90*ms), press{after: 90 * ms, name: "enter"}), "6 9 0 1 2 3 4 5 6 7 8 <unread> <product>"},
		"an amount, then slow scanner": {seq(each("12.8", 200*ms), press{after: 400 * ms, signs: code[:1]}, each(code[1:], 90*ms), press{after: 90 * ms, name: "enter"}), "1 2 . 8 1 3 4 5 6 7 8 9 0 1 2 <unread> <18>"},
		"slow scanner, two at once":    {seq(each(code[:5], 90*ms), press{after: 90 * ms, signs: code[5:7]}, each(code[7:], 90*ms), press{after: 90 * ms, name: "enter"}), "1 3 4 5 6 7 8 9 0 1 2 <unread> <18>"},
		"a fast typist":                {seq(each("99999.99", 90*ms), press{after: 90 * ms, name: "enter"}), "9 9 9 9 9 . 9 9 enter"},
		"backspace amid typing":        {seq(each("12", 100*ms), press{after: 5 * ms, name: "backspace"}), "1 2 backspace"},
		"ctrl+h is backspace":          {seq(name("ctrl+h")), "backspace"},
		"ctrl+c never":                 {seq(name("ctrl+c"), name("ctrl+j"), name("ctrl+b"), name("ctrl+]"), name("alt+3")), ""},
		"quit key":                     {seq(name("ctrl+q")), "ctrl+q"},
		"quit key amid a scan":         {seq(signs(code[:9]), name("ctrl+q"), signs(code[9:])), "<unreadable>"},
		"function key":                 {seq(name("f2"), name("")), "f2"},
		"Enter after typing":           {seq(signs(code), each("5", 100*ms), press{after: 50 * ms, name: "enter"}), "<18> 5 enter"},
	} {
		t.Run(title, func(t *testing.T) {
			if got := drive(c.keys); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzArbiter(f *testing.F) {
	f.Add([]byte("134567890123456742\r\n"), byte(1))
	f.Add([]byte("12.80\r"), byte(100))
	f.Add([]byte("\x02]C1690\x1d1\x03\t"), byte(20))
	f.Fuzz(func(t *testing.T, text []byte, gap byte) {
		var list []press
		fed := 0
		for _, b := range text[:min(len(text), 2000)] {
			p := press{after: time.Duration(gap) * ms, signs: string(rune(b))}
			switch {
			case b == '\r':
				p.signs, p.name = "", "enter"
			case b < ' ':
				p.signs, p.name = "", "ctrl+"+string(rune(b+'a'-1))
			default:
				fed++
			}
			list = append(list, p)
		}
		for _, k := range strings.Fields(drive(list)) {
			if strings.HasPrefix(k, "ctrl+") && k != "ctrl+q" {
				t.Fatalf("%s came through", k)
			}
			if len([]rune(k)) == 1 {
				fed--
			}
		}
		if fed < 0 {
			t.Fatal("more keys came out than were pressed")
		}
	})
}
