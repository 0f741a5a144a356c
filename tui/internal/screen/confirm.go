package screen

import (
	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/widget"
)

// Confirm is a question laid over a screen. A key that a scanner may send (Enter, Tab, a digit)
// never says yes.
type Confirm struct {
	Title, Body string
	YesText     string
	NoText      string
	YesKey      Key // says yes, beside "y"
	Yes         func() tea.Cmd
	Stale       func() bool // the question has answered itself: the dialog goes away
}

// Update handles a key; done closes the dialog.
func (c *Confirm) Update(k Key) (cmd tea.Cmd, done bool) {
	switch k {
	case "y", "Y", c.YesKey:
		return c.Yes(), true
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
	body = append(body, "", t.Text(widget.Notice, "y     "+c.YesText), "Enter "+c.NoText)
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
	return []Hint{{"y", c.YesText}, {"Enter", c.NoText}}
}
