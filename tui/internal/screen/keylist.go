package screen

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// KeyList is the screen of every key of every screen, made from the table of actions, where keys are moved.
type KeyList struct {
	d      *Desk
	list   list
	notice func(words.Lang) string
}

// NewKeyList makes the screen.
func NewKeyList(d *Desk) *KeyList { return &KeyList{d: d} }

func (s *KeyList) where() Where { return OnKeys }

// Update moves, and moves keys.
func (s *KeyList) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Entered:
		s.list, s.notice = list{}, nil
	case Key:
		s.notice = nil
		a := Actions[s.list.at]
		switch {
		case msg == "esc":
			return s.d.leaves()
		case (msg == "enter" || msg == "backspace") && a.Fixed:
			s.notice = func(l words.Lang) string { return l.Say(words.KeysFixed) }
		case msg == "enter":
			s.d.Open(&capture{list: s, a: a})
		case msg == "backspace":
			s.bind(a, a.Key)
		}
		s.list.press(msg, len(Actions))
	}
	return nil
}

// bind moves a key, or says why not.
func (s *KeyList) bind(a Action, k Key) {
	d := s.d
	moved, other, ok := d.Prefs.Keys.Bind(a, k)
	switch {
	case !ok && other.Name != "":
		s.notice = func(l words.Lang) string { return l.Say(words.KeysTaken, keyName(k), l.Say(other.Text)) }
		return
	case !ok:
		s.notice = func(l words.Lang) string { return l.Say(words.KeysNever, keyName(k)) }
		return
	}
	d.Prefs.Keys = moved
	next := d.Prefs.Settings
	next.Keys = moved.Moved()
	if s.notice = d.change(next); s.notice == nil {
		s.notice = func(l words.Lang) string { return l.Say(words.KeysNow, l.Say(a.Text), keyName(k)) }
	}
}

// Hints are the keys of this screen.
func (s *KeyList) Hints() []Hint {
	say := s.d.Lang.Say
	return []Hint{{"Enter", say(words.KeyMove)}, {"Backspace", say(words.KeyUsual)}, {"Up", say(words.KeyChoose)}, {"Esc", say(words.KeyBack)}}
}

// View lists the actions, screen by screen.
func (s *KeyList) View(w, h int) string {
	d, say := s.d, s.d.Lang.Say
	var body []string
	here := 0
	for _, p := range places {
		body = append(body, d.Theme.Text(widget.Dim, say(p.name)))
		for i, a := range Actions {
			if a.Where != p.where {
				continue
			}
			if i == s.list.at {
				here = len(body)
			}
			key := string(a.Key)
			if !a.Fixed {
				key = keyName(d.Prefs.Keys.Of(a))
			}
			line := arrow(i == s.list.at) + widget.Fit(key, 13) + " " + say(a.Text)
			if a.Name != "" && d.Prefs.Keys.Of(a) != a.Key {
				line += "  (" + say(words.KeysUsually, keyName(a.Key)) + ")"
			}
			body = append(body, widget.Cut(line, w))
		}
	}
	note := told(d, s.notice, w)
	view := s.list.show(d, say(words.KeysTitle), body, here, w, h-len(note))
	return strings.Join(append([]string{view}, note...), "\n")
}

// capture waits for the key that an action shall be on. It sees keys as they are pressed, unmoved.
type capture struct {
	list *KeyList
	a    Action
}

// Stale is never.
func (x *capture) Stale() bool { return false }

// Press takes the key; Esc leaves all as it was.
func (x *capture) Press(k Key) (cmd tea.Cmd, done bool) {
	if k != "esc" {
		x.list.bind(x.a, k)
	}
	return nil, true
}

// Hints are the keys of this dialog.
func (x *capture) Hints() []Hint { return []Hint{{"Esc", x.list.d.Lang.Say(words.KeyBack)}} }

// View asks for the key.
func (x *capture) View(t widget.Theme, w, h int) string {
	say := x.list.d.Lang.Say
	lines := []string{t.Band(widget.Notice, widget.Fit(" "+say(words.KeysPress), w)), "", say(x.a.Text), ""}
	return join(widget.Page(append(lines, widget.Wrap(say(words.KeysWhich), w)...), w, h))
}
