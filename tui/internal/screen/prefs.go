package screen

import (
	"cloudcashier/tui/internal/settings"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Prefs are the habits of this screen, and how they are kept.
type Prefs struct {
	settings.Settings
	Keys     Keys
	Terminal widget.Theme                  // what the terminal can show, whatever was chosen
	Chinese  bool                          // it can show Chinese
	Save     func(settings.Settings) error // nil: nowhere
	Trouble  string                        // why the file's settings are not used
}

// NewPrefs makes habits of settings. Keys that make no sense are left where they usually are, and told.
func NewPrefs(s settings.Settings, terminal widget.Theme) *Prefs {
	p := &Prefs{Settings: s, Terminal: terminal}
	var err error
	if p.Keys, err = NewKeys(s.Keys); err != nil {
		p.Trouble = err.Error()
	}
	return p
}

// Theme is what was chosen, as far as the terminal can show it.
func (p *Prefs) Theme() widget.Theme {
	t := p.Terminal
	switch p.Settings.Theme {
	case settings.ThemeMono:
		t.Colour = false
	case settings.ThemeContrast:
		t.Colour, t.Contrast = false, t.Attr
	}
	return t
}

// change takes new settings over at once and keeps them; what is told when they cannot be kept says so.
func (d *Desk) change(s settings.Settings) (notice func(words.Lang) string) {
	p := d.Prefs
	p.Settings = s
	d.Theme = p.Theme()
	switch {
	case s.Lang == "":
	case words.Lang(s.Lang) == words.ZH && !p.Chinese:
		notice = func(l words.Lang) string { return l.Say(words.NoticeConsoleEnglish) }
	default:
		d.Lang = words.Lang(s.Lang)
	}
	if p.Save == nil {
		return func(l words.Lang) string { return l.Say(words.NotKept) }
	}
	if err := p.Save(s); err != nil {
		return func(l words.Lang) string { return l.Say(words.NotSaved, err) }
	}
	p.Trouble = ""
	return notice
}
