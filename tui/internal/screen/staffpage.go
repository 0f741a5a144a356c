package screen

import (
	"context"
	"io"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Office is what the screens of store staff ask of the agent.
type Office interface {
	Day(ctx context.Context, date string) (localapi.Day, error)
	Health(ctx context.Context) (localapi.Health, error)
	SelfTest(ctx context.Context, part string) (localapi.SelfTested, error)
	Export(ctx context.Context, date string, w io.Writer) error
}

// scroll is a text longer than the window.
type scroll struct{ top int }

// press moves; the view keeps it in bounds.
func (s *scroll) press(k Key) bool {
	switch k {
	case "up":
		s.top = max(s.top-1, 0)
	case "down":
		s.top++
	default:
		return false
	}
	return true
}

// show gives h lines of a title and a body, and says when there is more.
func (s *scroll) show(d *Desk, title string, body []string, w, h int) string {
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+title, w))}
	room := h - 1
	if len(body) <= room {
		s.top = 0
		return join(widget.Page(append(lines, body...), w, h))
	}
	room--
	s.top = min(s.top, len(body)-room)
	left := len(body) - room - s.top
	lines = append(lines, body[s.top:s.top+room]...)
	more := d.Lang.Say(words.MoreAbove)
	if left > 0 {
		more = d.Lang.Say(words.MoreBelow, left)
	}
	return join(widget.Page(append(lines, d.Theme.Text(widget.Dim, more)), w, h))
}

// list is a scroll that keeps the selected line in sight.
type list struct {
	at int
	scroll
}

// press moves the selection among n lines.
func (l *list) press(k Key, n int) bool {
	switch k {
	case "up":
		l.at = max(l.at-1, 0)
	case "down":
		l.at = min(l.at+1, max(n-1, 0))
	default:
		return false
	}
	return true
}

// show draws the lines, with the place of the selected one in the body.
func (l *list) show(d *Desk, title string, body []string, here, w, h int) string {
	if room := h - 2; len(body) > h-1 {
		l.top = min(max(l.top, here-room+1), here)
	}
	return l.scroll.show(d, title, body, w, h)
}

// arrow marks the selected line.
func arrow(here bool) string {
	if here {
		return "> "
	}
	return "  "
}

// told is a line of its own when there is something to tell.
func told(d *Desk, notice func(words.Lang) string, w int) []string {
	if notice == nil {
		return nil
	}
	lines := []string{""}
	for _, line := range widget.Wrap(notice(d.Lang), w) {
		lines = append(lines, d.Theme.Text(widget.Notice, line))
	}
	return lines
}

// leaves goes back to the menu.
func (d *Desk) leaves() tea.Cmd {
	if d.Menu != nil {
		return d.Show(d.Menu)
	}
	return d.Show(d.Home)
}

// askErrorText says why a question of these screens has no answer.
func askErrorText(l words.Lang, err error) string {
	if verdictOf(err) == refused {
		return refusal(l, err)
	}
	return l.Say(words.AwayShort)
}
