package console

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/words"
)

// sync has the agent send now what the hub does not have.
func (m *Model) sync() tea.Cmd {
	ask := m.cfg.Sync
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, refreshTime)
		defer cancel()
		status, err := ask(ctx)
		return synced{status, err}
	}
}

func (m *Model) synced(s synced) {
	switch {
	case s.err != nil:
		m.till.Refuse(words.AwayShort)
	case s.status.Link == "up":
		m.desk.Status = s.status
		m.till.Tell(words.NoticeSendNow)
	default:
		m.desk.Status = s.status
		m.till.Tell(words.NoticeSendLater)
	}
}
