package screen

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// listed is how many sales the lists show.
const listed = 10

// Sales is the screen of the last sales with their numbers and reasons.
type Sales struct{ d *Desk }

// NewSales makes the screen.
func NewSales(d *Desk) *Sales { return &Sales{d: d} }

// Init starts nothing: the book is filled already.
func (s *Sales) Init() tea.Cmd { return nil }

// Update has nothing to do: leaving is the console's key.
func (s *Sales) Update(tea.Msg) tea.Cmd { return nil }

// Hints are the keys of this screen.
func (s *Sales) Hints() []Hint { return []Hint{{"Esc", s.d.Lang.Say(words.KeyBack)}} }

// View lists the sales; a narrow screen gives each two lines.
func (s *Sales) View(w, h int) string {
	d, say := s.d, s.d.Lang.Say
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+say(words.ListTitle), w))}
	list := d.Book.Newest(listed)
	if len(list) == 0 {
		lines = append(lines, "", say(words.ListEmpty))
	}
	for _, sale := range list {
		line := saleLine(d, sale)
		why := ""
		if sale.State.Final() && sale.State != localapi.StatePaid {
			why = d.Lang.Why(sale)
		}
		if w >= 76 {
			lines = append(lines, widget.Fit(line, listCells)+"  "+widget.Fit(tail(sale.OrderNo, 8), 8)+"  "+why)
			continue
		}
		lines = append(lines, line)
		if why != "" && h >= 2*listed+2 {
			lines = append(lines, "      "+why)
		}
	}
	lines = append(lines, "", d.Theme.Text(widget.Dim, say(words.ListOnlyHere, listed)))
	return join(widget.Page(lines, w, h))
}

// saleLine is one sale in 36 cells: time, amount, wallet, sign and word of the outcome.
func saleLine(d *Desk, s localapi.Sale) string {
	sign := d.Theme.Sign(s.State.Outcome())
	if s.State == localapi.StateWaiting {
		sign = "-" // nothing was sent, so there is nothing to doubt
	}
	return d.Clock(s.CreatedAt) + " " + widget.Right(d.Theme.Yuan(s.Amount), 10) + " " +
		widget.Fit(d.Lang.Wallet(s), 8) + " " + d.Theme.Text(toneOf(s.State), sign+" "+d.Lang.State(s.State))
}

// recent is the short list beside or below the till: a title and up to n-1 sales.
func recent(d *Desk, w, n int) []string {
	if n < 2 {
		return nil
	}
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+d.Lang.Say(words.ListTitle), w))}
	for _, s := range d.Book.Newest(min(listed, n-1)) {
		lines = append(lines, widget.Cut(saleLine(d, s), w))
	}
	if len(lines) == 1 {
		lines = append(lines, d.Lang.Say(words.ListEmpty))
	}
	return lines
}

func toneOf(s localapi.State) widget.Tone {
	switch {
	case s == localapi.StatePaid:
		return widget.Good
	case s.Final():
		return widget.Bad
	case s == localapi.StateWaiting:
		return widget.Plain
	}
	return widget.Doubt
}

// tail is the end of a number, which is the part people read to each other.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[len(s)-n:]
}

func join(lines []string) string { return strings.Join(lines, "\n") }
