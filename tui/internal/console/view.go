package console

import (
	"slices"
	"strings"

	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/words"
)

// View frames the screen shown.
func (m *Model) View() string {
	d := m.desk
	if m.w == 0 {
		return ""
	}
	if m.w < minWidth || m.h < minHeight {
		return tooSmall(d, m.w, m.h)
	}
	own := []screen.Hint{{Key: "F3", Text: d.Lang.Say(words.KeySales)}, {Key: "F12", Text: d.Lang.Say(words.KeyMenu)}, {Key: "F2", Text: d.Lang.Say(words.KeyLanguage)},
		{Key: "F10", Text: d.Lang.Say(words.KeyQuit)}, {Key: "F1", Text: d.Lang.Say(words.KeyKeys)}}
	if d.Lang == words.EN && !m.cfg.Chinese {
		own = slices.Delete(own, 2, 3)
	}
	if d.Connected && (d.Status.Queue > 0 || d.Status.OpenRefunds > 0 || d.Status.Link == "down") {
		own = slices.Insert(own, 1, screen.Hint{Key: "F8", Text: d.Lang.Say(words.KeySendNow)})
	}
	if d.Status.Operator != nil {
		own = append(own, screen.Hint{Key: "F11", Text: d.Lang.Say(words.KeyDuty)})
	}
	if full, ok := m.full(); ok {
		return m.framed(full)
	}
	w, h := m.inner()
	hints := m.named(append(d.Page.Hints(), own...))
	view := d.Page.View
	if n := len(d.Dialogs); n > 0 {
		hints = d.Dialogs[n-1].Hints()
		view = func(w, h int) string { return d.Dialogs[n-1].View(d.Theme, w, h) }
	}
	foot := append([]string{strings.Repeat("-", w)}, statusLines(d, w)...)
	foot = append(foot, hintLines(hints, w)...)
	return m.framed(header(d, w) + "\n" + view(w, h-1-len(foot)) + "\n" + strings.Join(foot, "\n"))
}

// full is a code that needs the whole window: a customer must be able to scan it.
func (m *Model) full() (string, bool) {
	if m.desk.Page != m.till || len(m.desk.Dialogs) > 0 {
		return "", false
	}
	w, h := m.inner()
	frame := h - 2 - statusHeight(w) - len(hintLines(nil, w)) // header and rule
	return m.till.Full(w, h, frame)
}
