package screen

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/widget"
)

// Confirm is a question laid over a screen. A key that a scanner may send (Enter, Tab, a digit)
// never says yes.
type Confirm struct {
	Title, Body string
	YesText     string
	NoText      string
	YesKey      Key      // says yes, beside "y"
	Choices     []Choice // in the place of one yes
	Yes         func() tea.Cmd
	Answered    func() bool // elsewhere; nil: only by a key
}

// Stale reports that the question has answered itself.
func (c *Confirm) Stale() bool { return c.Answered != nil && c.Answered() }

// Choice is one of several answers, with its letter.
type Choice struct {
	Key  Key
	Text string
	Do   func() tea.Cmd
}

// Press handles a key; done closes the dialog.
func (c *Confirm) Press(k Key) (cmd tea.Cmd, done bool) {
	for _, one := range c.Choices {
		if k == one.Key || k == Key(strings.ToUpper(string(one.Key))) {
			return one.Do(), true
		}
	}
	switch k {
	case "y", "Y", c.YesKey:
		if c.Choices == nil {
			return c.Yes(), true
		}
	case "n", "N", "enter", "esc":
		return nil, true
	}
	return nil, false
}

// View draws the question in h lines of w cells.
func (c *Confirm) View(t widget.Theme, w, h int) string {
	inner := min(w-4, 56)
	body := []string{"", t.Band(widget.Notice, widget.Center(c.Title, inner)), ""}
	body = append(body, widget.Wrap(c.Body, inner)...)
	body = append(body, "")
	for _, hint := range c.Hints()[:len(c.Hints())-1] {
		body = append(body, t.Text(widget.Notice, widget.Fit(hint.Key, 6)+hint.Text))
	}
	body = append(body, "Enter "+c.NoText)
	pad := widget.Fit("", (w-inner)/2)
	for i, line := range body {
		body[i] = pad + line
	}
	for range max(0, (h-len(body))/3) {
		body = append([]string{""}, body...)
	}
	return join(widget.Page(body, w, h))
}

// Hints are the keys of the dialog.
func (c *Confirm) Hints() []Hint {
	if c.Choices == nil {
		return []Hint{{"y", c.YesText}, {"Enter", c.NoText}}
	}
	var hints []Hint
	for _, one := range c.Choices {
		hints = append(hints, Hint{string(one.Key), one.Text})
	}
	return append(hints, Hint{"Enter", c.NoText})
}
