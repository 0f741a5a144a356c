package console

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// mode turns everything over when another till is in force: no sale of the one may stand under the head of the
// other, and no question about one be answered by the other.
func (m *Model) mode() tea.Cmd {
	d := m.desk
	if d.Status.Training == m.training {
		return nil
	}
	m.training = d.Status.Training
	d.Book, d.Returns, d.Dialogs = screen.NewBook(), screen.NewReturns(), nil
	*m.till = *screen.NewTill(d)
	return tea.Batch(d.Show(m.till), m.refresh())
}

// inner is the window without the frame of training: a line above and below, a column on each side.
func (m *Model) inner() (w, h int) {
	if !m.training {
		return m.w, m.h
	}
	return m.w - 4, m.h - 2
}

// framed puts training's frame around a view. Its words and its letters are there without any colour.
func (m *Model) framed(view string) string {
	if !m.training {
		return view
	}
	d := m.desk
	text := d.Lang.Say(words.TrainingBand)
	if !m.cfg.Chinese {
		text = d.Lang.Say(words.TrainingBandOnly)
	}
	band := d.Theme.Band(widget.Notice, widget.Center(text, m.w))
	edge := d.Theme.Band(widget.Notice, "T")
	lines := strings.Split(view, "\n")
	for i, line := range lines {
		lines[i] = edge + " " + widget.Fit(line, m.w-4) + " " + edge
	}
	return band + "\n" + strings.Join(lines, "\n") + "\n" + band
}
