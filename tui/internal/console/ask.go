package console

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/words"
)

// due reports that it is time to look again.
func (m *Model) due() bool {
	pause := refreshIdle
	switch {
	case m.desk.Away():
		pause = refreshAway
	case !m.till.Settled():
		pause = refreshBusy
	}
	return m.desk.Now.Sub(m.looked) >= pause
}

// refresh asks the agent for everything the screen shows; one at a time.
func (m *Model) refresh() tea.Cmd {
	if m.refreshing {
		m.again = true
		return nil
	}
	m.refreshing, m.again, m.looked = true, false, m.desk.Now
	agent, mark := m.desk.Agent, m.desk.Book.Mark()
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, refreshTime)
		defer cancel()
		status, err := agent.Status(ctx)
		if err != nil {
			return refreshed{mark: mark, err: err}
		}
		sales, err := agent.Sales(ctx, refreshLimit)
		return refreshed{mark: mark, status: status, sales: sales, err: err}
	}
}

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
