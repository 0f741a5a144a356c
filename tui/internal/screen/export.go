package screen

import (
	"context"
	"fmt"
	"sync/atomic"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/saving"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Export is the screen that takes the books out of the till: to a stick, or to a folder.
type Export struct {
	d      *Desk
	list   list
	back   int // days before today, of the table
	folder string
	stop   context.CancelFunc // ends the export under way; nil when there is none
	done   *atomic.Int64      // its bytes
	notice func(words.Lang) string
}

// NewExport makes the screen.
func NewExport(d *Desk) *Export { return &Export{d: d} }

func (s *Export) where() Where { return OnExport }

// exported answers an export.
type exported struct {
	path  string
	bytes int64
	err   error
}

// Update handles keys, and the end of an export.
func (s *Export) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Entered:
		if s.stop == nil {
			s.notice, s.back = nil, 0
		}
	case Key:
		return s.press(msg)
	case exported:
		s.stop, s.done = nil, nil
		s.notice = func(l words.Lang) string {
			if msg.err != nil {
				return l.Say(words.ExportFailed, askErrorText(l, msg.err))
			}
			return l.Say(words.ExportDone, msg.path, size(msg.bytes))
		}
	}
	return nil
}

func (s *Export) press(k Key) tea.Cmd {
	switch {
	case s.stop != nil:
		if k == "esc" {
			s.stop() // the answer comes, and says so
		}
		return nil
	case k == "esc":
		return s.d.leaves()
	case k == "left":
		s.back++
	case k == "right":
		s.back = max(s.back-1, 0)
	case k == "enter":
		s.askFolder()
		return nil
	}
	s.notice = nil
	s.list.press(k, 2)
	return nil
}

// date is the day of the table; "" for the journal.
func (s *Export) date() string {
	if s.list.at == 1 {
		return ""
	}
	return s.d.Now.In(s.d.Zone).AddDate(0, 0, -s.back).Format("2006-01-02")
}

// askFolder asks where to, and offers the first stick it finds, or what was taken last.
func (s *Export) askFolder() {
	l, date := s.d.Lang, s.date()
	offer := s.folder
	if sticks := s.d.Files.Sticks(); offer == "" && len(sticks) > 0 {
		offer = sticks[0]
	}
	s.d.Open(&Prompt{Title: l.Say(words.ExportWhere), Body: l.Say(words.ExportWhereBody), Most: 200, Lang: l, text: offer,
		Done: func(text string) tea.Cmd {
			s.folder = text
			return s.run(text, date)
		}})
}

// run writes the file in a command. It may take minutes and may be stopped; the screen goes on meanwhile.
func (s *Export) run(folder, date string) tea.Cmd {
	name := "cashier-" + tail(s.d.Status.Terminal, 6) + "-" + date + ".csv"
	if date == "" {
		name = "cashier-" + tail(s.d.Status.Terminal, 6) + "-journal-" + s.d.Now.In(s.d.Zone).Format("2006-01-02") + ".ndjson"
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.done, s.notice = cancel, new(atomic.Int64), nil
	agent, files, done := s.d.Office, s.d.Files, s.done
	return func() tea.Msg {
		defer cancel()
		path, err := files.Save(folder, name, func(w saving.Writer) error { return agent.Export(ctx, date, counted{w, done}) })
		return exported{path, done.Load(), err}
	}
}

// counted tells how much was written.
type counted struct {
	saving.Writer
	done *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.done.Add(int64(n))
	return n, err
}

func size(n int64) string {
	if n < 10<<10 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// Hints are the keys of this screen.
func (s *Export) Hints() []Hint {
	say := s.d.Lang.Say
	if s.stop != nil {
		return []Hint{{"Esc", say(words.KeyStop)}}
	}
	hints := []Hint{{"Enter", say(words.KeyWrite)}, {"Up", say(words.KeyChoose)}}
	if s.list.at == 0 {
		hints = append(hints, Hint{"Left", say(words.KeyDayBefore)}, Hint{"Right", say(words.KeyDayAfter)})
	}
	return append(hints, Hint{"Esc", say(words.KeyBack)})
}

// View shows the choices, and how far it is.
func (s *Export) View(w, h int) string {
	d, say := s.d, s.d.Lang.Say
	day := d.Now.In(d.Zone).AddDate(0, 0, -s.back).Format("2006-01-02")
	body := []string{
		arrow(s.list.at == 0) + say(words.ExportDay, day),
		arrow(s.list.at == 1) + say(words.ExportJournal),
		"",
	}
	for _, line := range widget.Wrap(say(words.ExportBody), w) {
		body = append(body, d.Theme.Text(widget.Dim, line))
	}
	if s.stop != nil {
		body = append(body, "", d.Theme.Text(widget.Notice, say(words.ExportRuns, size(s.done.Load()))))
	}
	body = append(body, told(d, s.notice, w)...)
	return s.list.show(d, say(words.ExportTitle), body, s.list.at, w, h)
}
