package console

import (
	"context"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/screen"
)

// newPrefs makes the screen's habits of what was saved.
func newPrefs(cfg Config) *screen.Prefs {
	p := screen.NewPrefs(cfg.Settings, cfg.Theme)
	p.Chinese, p.Save = cfg.Chinese, cfg.Save
	if cfg.Trouble != "" {
		p.Trouble = cfg.Trouble
	}
	return p
}

// named writes the keys of hints as this shop has them.
func (m *Model) named(hints []screen.Hint) []screen.Hint {
	for i, h := range hints {
		hints[i].Key = m.desk.KeyOf(m.desk.On(), h.Key)
	}
	return hints
}

// tested gives a scan to a dialog that asked for one: it is shown, and nothing is charged.
func (m *Model) tested(s screen.Scan) bool {
	n := len(m.desk.Dialogs)
	if n == 0 {
		return false
	}
	test, ok := m.desk.Dialogs[n-1].(interface{ Scanned(screen.Scan) })
	if ok {
		test.Scanned(s)
	}
	return ok
}

// lock signs off whoever is on duty, which asks for a PIN, when nobody has pressed a key for as long as the shop says. Never over a sale: the
// customer stands there.
func (m *Model) lock() tea.Cmd {
	d := m.desk
	if d.Status.Operator == nil || d.Prefs.LockAfter == 0 || !m.till.Settled() || len(d.Dialogs) > 0 ||
		d.Now.Sub(m.touched) < time.Duration(d.Prefs.LockAfter)*time.Minute {
		return nil
	}
	m.touched = d.Now
	return m.menu.Duty.Lock()
}

// resume takes the terminal back when the process was stopped and goes on: a shell has used it meanwhile.
func resume(ctx context.Context, continued <-chan os.Signal, p *tea.Program) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-continued:
			if p.ReleaseTerminal() == nil {
				_ = p.RestoreTerminal() // a terminal that cannot be had ends the program by its own reader
			}
		}
	}
}
