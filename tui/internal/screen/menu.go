package screen

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Menu is the list of what store staff do beside selling; each entry is a page of its own.
type Menu struct {
	d     *Desk
	items []item
	at    int
	Duty  *Duty // also behind a key of its own
}

// item is one line of the menu.
type item struct {
	name words.Key
	page Page
}

// NewMenu makes the menu and its pages.
func NewMenu(d *Desk) *Menu {
	m := &Menu{d: d, Duty: NewDuty(d)}
	m.items = []item{
		{words.MenuShift, NewShifts(d)},
		{words.MenuOperators, m.Duty},
		{words.OverviewTitle, NewOverview(d)},
		{words.HealthTitle, NewHealth(d)},
		{words.TestTitle, NewSelfTest(d)},
		{words.SettingsTitle, NewSettings(d)},
		{words.KeysTitle, NewKeyList(d)},
		{words.ExportTitle, NewExport(d)},
		{words.MenuTraining, NewTraining(d)},
	}
	return m
}

// Pages are what the menu leads to.
func (m *Menu) Pages() []Page {
	pages := make([]Page, len(m.items))
	for i, one := range m.items {
		pages[i] = one.page
	}
	return pages
}

// Update moves and opens.
func (m *Menu) Update(msg tea.Msg) tea.Cmd {
	k, ok := msg.(Key)
	if !ok {
		return nil
	}
	switch {
	case k == "esc":
		return m.d.Show(m.d.Home)
	case k == "up":
		m.at = max(m.at-1, 0)
	case k == "down":
		m.at = min(m.at+1, max(len(m.items)-1, 0))
	case k == "enter":
		return m.open(m.at)
	case len(k) == 1 && k[0] >= '1' && k[0] <= '9':
		return m.open(int(k[0] - '1'))
	}
	return nil
}

func (m *Menu) open(i int) tea.Cmd {
	if i >= len(m.items) {
		return nil
	}
	m.at = i
	return m.d.Show(m.items[i].page)
}

// Hints are the keys of the menu.
func (m *Menu) Hints() []Hint {
	say := m.d.Lang.Say
	return []Hint{{"Enter", say(words.KeyOpen)}, {"Esc", say(words.KeyBack)}}
}

// View lists the entries.
func (m *Menu) View(w, h int) string {
	d := m.d
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+d.Lang.Say(words.MenuTitle), w)), ""}
	for i, one := range m.items {
		mark := "  "
		if i == m.at {
			mark = "> "
		}
		lines = append(lines, fmt.Sprintf("%s%d  %s", mark, i+1, d.Lang.Say(one.name)))
	}
	lines = append(lines, "")
	for _, line := range widget.Wrap(d.Lang.Say(words.MenuHint, d.KeyOf(Anywhere, "F12")), w) {
		lines = append(lines, d.Theme.Text(widget.Dim, line))
	}
	return join(widget.Page(lines, w, h))
}
