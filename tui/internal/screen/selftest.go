package screen

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// The parts that this screen tests by itself; the others are the agent's.
const (
	partKeyboard = "keyboard"
	partSound    = "sound"
	partScreen   = "screen"
)

// selfTestTime bounds one test: a printer may be slow.
const selfTestTime = 15 * time.Second

// SelfTest is the screen on which each part of the till shows that it works.
type SelfTest struct {
	d      *Desk
	list   list
	busy   string
	result map[string]outcome
	notice func(words.Lang) string
}

// outcome is what became of one test.
type outcome struct {
	ok   bool
	text string
}

// part is one line of the screen.
type part struct {
	name string
	text words.Key
}

var parts = []part{
	{localapi.PartScanner, words.PartScanner}, {partKeyboard, words.PartKeyboard}, {localapi.PartPrinter, words.PartPrinter},
	{localapi.PartDrawer, words.PartDrawer}, {localapi.PartDisplay, words.PartDisplay}, {localapi.PartVoice, words.PartVoice},
	{partSound, words.PartSound}, {partScreen, words.PartScreen},
}

// NewSelfTest makes the screen.
func NewSelfTest(d *Desk) *SelfTest { return &SelfTest{d: d, result: map[string]outcome{}} }

func (s *SelfTest) where() Where { return OnSelfTest }

// selfTested answers a test of the agent's.
type selfTested struct {
	part string
	done localapi.SelfTested
	err  error
}

// Update handles keys, answers, and scans that the agent saw.
func (s *SelfTest) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Entered:
		s.notice = nil
	case Key:
		s.notice = nil
		switch {
		case msg == "esc":
			return s.d.leaves()
		case msg == "enter":
			return s.test(parts[s.list.at].name)
		}
		s.list.press(msg, len(parts))
	case Noticed:
		for _, one := range s.d.Dialogs {
			if x, ok := one.(*scanTest); ok {
				x.noticed(msg.Notice)
			}
		}
	case selfTested:
		s.busy = ""
		s.result[msg.part] = outcome{msg.err == nil && msg.done.OK, msg.done.Message}
		if msg.err != nil {
			s.result[msg.part] = outcome{false, askErrorText(s.d.Lang, msg.err)}
		}
	}
	return nil
}

// test begins one. What only this screen can test it tests at once.
func (s *SelfTest) test(name string) tea.Cmd {
	if s.busy != "" {
		return nil
	}
	switch name {
	case localapi.PartScanner:
		for _, sale := range s.d.Book.Open() {
			if sale.State == localapi.StateWaiting { // a code scanned now would be charged for it
				s.notice = func(l words.Lang) string { return l.Say(words.TestSaleWaits) }
				return nil
			}
		}
		s.d.Open(&scanTest{d: s.d})
		return nil
	case partKeyboard:
		s.d.Open(&keyTest{d: s.d})
		return nil
	case partScreen:
		s.d.Open(&screenTest{d: s.d})
		return nil
	case partSound:
		s.d.Ring(ringUnknown)
		s.notice = func(l words.Lang) string { return l.Say(words.TestSound) }
		if !s.d.Prefs.Sound {
			s.notice = func(l words.Lang) string { return l.Say(words.TestSoundOff) }
		}
		return nil
	}
	s.busy = name
	delete(s.result, name)
	agent := s.d.Office
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), selfTestTime)
		defer cancel()
		done, err := agent.SelfTest(ctx, name)
		return selfTested{name, done, err}
	}
}

// Hints are the keys of this screen.
func (s *SelfTest) Hints() []Hint {
	say := s.d.Lang.Say
	return []Hint{{"Enter", say(words.KeyTest)}, {"Up", say(words.KeyChoose)}, {"Esc", say(words.KeyBack)}}
}

// View lists the parts and what became of their tests.
func (s *SelfTest) View(w, h int) string {
	d, say := s.d, s.d.Lang.Say
	var body []string
	here := 0
	for i, p := range parts {
		state, tone := "", widget.Plain
		r, done := s.result[p.name]
		switch {
		case s.busy == p.name:
			state = say(words.TestRuns)
		case done && r.ok:
			state, tone = "OK", widget.Good
		case done:
			state, tone = "X", widget.Bad
		}
		if i == s.list.at {
			here = len(body)
		}
		body = append(body, arrow(i == s.list.at)+widget.Fit(say(p.text), 18)+d.Theme.Text(tone, state))
		if done && i == s.list.at {
			for _, line := range widget.Wrap(r.text, w-4) {
				body = append(body, "    "+line)
			}
		}
	}
	body = append(body, told(d, s.notice, w)...)
	return s.list.show(d, say(words.TestTitle), body, here, w, h)
}

// keyTest shows the names of keys, and what the terminal sends for them.
type keyTest struct {
	d    *Desk
	seen []string
	last Key
}

// Stale is never: only Esc, twice, ends it.
func (x *keyTest) Stale() bool { return false }

// Press shows a key; Esc shows itself the first time.
func (x *keyTest) Press(k Key) (cmd tea.Cmd, done bool) {
	if k == "esc" && x.last == "esc" {
		return nil, true
	}
	x.last = k
	name := keyName(k)
	if k == " " {
		name = "Space"
	}
	if x.seen = append(x.seen, name); len(x.seen) > 12 {
		x.seen = x.seen[1:]
	}
	return nil, false
}

// Hints are the keys of this dialog.
func (x *keyTest) Hints() []Hint { return []Hint{{"Esc Esc", x.d.Lang.Say(words.KeyBack)}} }

// View shows the newest keys, the last in a band.
func (x *keyTest) View(t widget.Theme, w, h int) string {
	say := x.d.Lang.Say
	lines := []string{t.Band(widget.Notice, widget.Fit(" "+say(words.PartKeyboard), w)), ""}
	lines = append(lines, widget.Wrap(say(words.TestKeys), w)...)
	lines = append(lines, "")
	if n := len(x.seen); n > 0 {
		lines = append(lines, t.Band(widget.Plain, " "+x.seen[n-1]+" "), "")
		lines = append(lines, widget.Flow(x.seen[:n-1], w, 3)...)
	}
	return join(widget.Page(lines, w, h))
}

// scanTest shows what a scanner reads. It takes scans in the place of the till, so that nothing of it is money.
type scanTest struct {
	d    *Desk
	seen []string
}

// Stale is never.
func (x *scanTest) Stale() bool { return false }

// Press ends it with Esc; what else a scanner types is no key.
func (x *scanTest) Press(k Key) (cmd tea.Cmd, done bool) { return nil, k == "esc" }

// Scanned shows what a scanner typed.
func (x *scanTest) Scanned(s Scan) {
	look := s.Look()
	x.add(fmt.Sprintf("%s  %s  %s", x.d.Lang.ScanKind(look.Kind), look.Symbology, x.d.Lang.Say(words.TestLength, look.Length)))
	x.add("  " + look.Shown)
}

// noticed shows what a serial scanner read, as far as the agent tells it.
func (x *scanTest) noticed(n localapi.Notice) {
	look := NewScan(n.Text).Look()
	switch {
	case n.Text == "" && (n.Kind == "no_sale" || n.Kind == "duplicate"):
		x.add(x.d.Lang.ScanKind("payment") + "  " + x.d.Lang.Say(words.TestSerial))
	case n.Text == "":
		x.add(x.d.Lang.ScanKind(n.Kind) + "  " + x.d.Lang.Say(words.TestSerial))
	default:
		x.add(fmt.Sprintf("%s  %s  %s  %s", x.d.Lang.ScanKind(look.Kind), look.Symbology, x.d.Lang.Say(words.TestLength, look.Length),
			x.d.Lang.Say(words.TestSerial)))
		x.add("  " + look.Shown)
	}
}

func (x *scanTest) add(line string) {
	if x.seen = append(x.seen, line); len(x.seen) > 8 {
		x.seen = x.seen[len(x.seen)-8:]
	}
}

// Hints are the keys of this dialog.
func (x *scanTest) Hints() []Hint { return []Hint{{"Esc", x.d.Lang.Say(words.KeyBack)}} }

// View shows the newest scans.
func (x *scanTest) View(t widget.Theme, w, h int) string {
	say := x.d.Lang.Say
	lines := []string{t.Band(widget.Notice, widget.Fit(" "+say(words.PartScanner), w)), ""}
	lines = append(lines, widget.Wrap(say(words.TestScan), w)...)
	lines = append(lines, "")
	return join(widget.Page(append(lines, x.seen...), w, h))
}

// screenTest shows everything a screen of this program may draw.
type screenTest struct{ d *Desk }

// Stale is never.
func (x *screenTest) Stale() bool { return false }

// Press ends it with any key.
func (x *screenTest) Press(Key) (cmd tea.Cmd, done bool) { return nil, true }

// Hints are the keys of this dialog.
func (x *screenTest) Hints() []Hint { return []Hint{{"Esc", x.d.Lang.Say(words.KeyBack)}} }

// View draws a frame that must be straight, every tone, and the three signs with their words.
func (x *screenTest) View(t widget.Theme, w, h int) string {
	say := x.d.Lang.Say
	frame := "+" + strings.Repeat("-", 30) + "+"
	lines := []string{t.Band(widget.Plain, widget.Fit(" "+say(words.PartScreen), w))}
	lines = append(lines, widget.Wrap(say(words.TestScreen), w)...)
	for _, text := range []string{frame, "|" + widget.Fit("0123456789 abcXYZ "+t.Yuan(1280), 30) + "|", frame} {
		lines = append(lines, text)
	}
	if x.d.Prefs.Chinese {
		lines = append(lines, "|"+widget.Fit("收款成功 微信支付 云闪付 储值", 30)+"|", frame)
	}
	for _, one := range []struct {
		tone widget.Tone
		name words.Key
	}{{widget.Good, words.TitlePaid}, {widget.Bad, words.TitleNotPaid}, {widget.Doubt, words.TitleUnknown}, {widget.Plain, words.WordWaiting}, {widget.Dim, words.TestDim}} {
		sign := map[widget.Tone]string{widget.Good: t.Sign("paid"), widget.Bad: t.Sign("not_paid"), widget.Doubt: t.Sign("unknown")}[one.tone]
		lines = append(lines, t.Text(one.tone, widget.Fit(sign, 2)+say(one.name))+"  "+t.Band(one.tone, " "+say(one.name)+" "))
	}
	return join(widget.Page(lines, w, h))
}
