package screen

import (
	"fmt"
	"strconv"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/money"
	"cloudcashier/tui/internal/settings"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Settings is the screen of this screen's habits.
type Settings struct {
	d      *Desk
	list   list
	notice func(words.Lang) string
}

// NewSettings makes the screen.
func NewSettings(d *Desk) *Settings { return &Settings{d: d} }

func (s *Settings) where() Where { return OnSettings }

// setting is one line: what it is, how it stands, and what Enter does.
type setting struct {
	name  words.Key
	value string
	enter func() tea.Cmd
}

// Update moves and changes.
func (s *Settings) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Entered:
		s.notice = nil
	case Key:
		s.notice = nil
		rows := s.rows()
		switch {
		case msg == "esc":
			return s.d.leaves()
		case msg == "enter":
			return rows[s.list.at].enter()
		}
		s.list.press(msg, len(rows))
	}
	return nil
}

func (s *Settings) rows() []setting {
	d, say, now := s.d, s.d.Lang.Say, s.d.Prefs.Settings
	set := func(change func(*settings.Settings)) func() tea.Cmd {
		return func() tea.Cmd {
			next := now
			change(&next)
			s.notice = d.change(next)
			return nil
		}
	}
	above, lock := say(words.SetNever), say(words.SetNever)
	if now.ConfirmAbove > 0 {
		above = say(words.SetFrom, d.Theme.Yuan(now.ConfirmAbove))
	}
	if now.LockAfter > 0 {
		lock = say(words.SetMinutes, now.LockAfter)
	}
	return []setting{
		{words.SetLanguage, s.language(now.Lang), set(func(n *settings.Settings) { n.Lang = follow(n.Lang, "", "zh", "en") })},
		{words.SetTheme, say(themes[now.Theme]), set(func(n *settings.Settings) {
			n.Theme = follow(n.Theme, settings.ThemeColour, settings.ThemeMono, settings.ThemeContrast)
		})},
		{words.SetSound, say(map[bool]words.Key{true: words.SetOn, false: words.SetOff}[now.Sound]), set(func(n *settings.Settings) { n.Sound = !n.Sound })},
		{words.SetAbove, above, s.askAbove},
		{words.SetLock, lock, s.askLock},
		{words.SetKeys, say(words.SetMoved, len(now.Keys)), func() tea.Cmd { return d.Show(d.KeyList) }},
	}
}

// themes name the themes.
var themes = map[string]words.Key{settings.ThemeColour: words.ThemeColour, settings.ThemeMono: words.ThemeMono, settings.ThemeContrast: words.ThemeContrast}

func (s *Settings) language(chosen string) string {
	switch words.Lang(chosen) {
	case words.ZH:
		return "中文"
	case words.EN:
		return "English"
	}
	return s.d.Lang.Say(words.SetByLocale)
}

// follow is the value behind another one, round and round.
func follow(now string, values ...string) string {
	for i, v := range values {
		if v == now {
			return values[(i+1)%len(values)]
		}
	}
	return values[0]
}

func (s *Settings) askAbove() tea.Cmd {
	l := s.d.Lang
	s.d.Open(&Prompt{Title: l.Say(words.SetAbove), Body: l.Say(words.SetAboveBody), Digits: true, Most: 12, Lang: l, Done: func(text string) tea.Cmd {
		a, err := money.ParseYuan(text)
		if err != nil || a.Fen() > money.Max {
			s.notice = func(l words.Lang) string { return l.Say(words.AmountBad) }
			return nil
		}
		next := s.d.Prefs.Settings
		next.ConfirmAbove = a.Fen()
		s.notice = s.d.change(next)
		return nil
	}})
	return nil
}

func (s *Settings) askLock() tea.Cmd {
	l := s.d.Lang
	s.d.Open(&Prompt{Title: l.Say(words.SetLock), Body: l.Say(words.SetLockBody), Digits: true, Most: 4, Lang: l, Done: func(text string) tea.Cmd {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 24*60 {
			s.notice = func(l words.Lang) string { return l.Say(words.SetLockBad) }
			return nil
		}
		next := s.d.Prefs.Settings
		next.LockAfter = n
		s.notice = s.d.change(next)
		return nil
	}})
	return nil
}

// Hints are the keys of this screen.
func (s *Settings) Hints() []Hint {
	say := s.d.Lang.Say
	return []Hint{{"Enter", say(words.KeyChange)}, {"Up", say(words.KeyChoose)}, {"Esc", say(words.KeyBack)}}
}

// View lists the settings.
func (s *Settings) View(w, h int) string {
	d := s.d
	var body []string
	for i, row := range s.rows() {
		body = append(body, fmt.Sprintf("%s%s %s", arrow(i == s.list.at), widget.Fit(d.Lang.Say(row.name), 18), row.value))
	}
	if d.Status.Operator == nil && d.Prefs.LockAfter > 0 {
		body = append(body, told(d, func(l words.Lang) string { return l.Say(words.SetLockNobody) }, w)...)
	}
	if why := d.Prefs.Trouble; why != "" {
		body = append(body, told(d, func(l words.Lang) string { return l.Say(words.SetDamaged, why) }, w)...)
	}
	body = append(body, told(d, s.notice, w)...)
	return s.list.show(d, d.Lang.Say(words.SettingsTitle), body, s.list.at, w, h)
}
