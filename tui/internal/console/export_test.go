package console

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/screen"
)

// Post puts events where the agent's stream puts them.
func (m *Model) Post(events ...localapi.Event) {
	for _, e := range events {
		m.box.put(e)
	}
}

// Hints are the keys shown now, as the screens call them.
func (m *Model) Hints() []screen.Hint {
	if n := len(m.desk.Dialogs); n > 0 {
		return m.desk.Dialogs[n-1].Hints()
	}
	return m.desk.Page.Hints()
}

// Resize is the message of a changed window.
func Resize(w, h int) tea.Msg { return tea.WindowSizeMsg{Width: w, Height: h} }

// Mailbox and Follow show the feed to its tests.
type Mailbox = mailbox

// NewMailbox makes a mailbox.
func NewMailbox() *Mailbox { return newMailbox() }

// Put is put.
func (m *mailbox) Put(e localapi.Event) { m.put(e) }

// Take waits for news and gives its parts.
func (m *mailbox) Take(ctx context.Context) (sales []localapi.Sale, status *localapi.Status, notices []localapi.Notice, lost bool) {
	n, _ := m.wait(ctx)
	return n.sales, n.status, n.notices, n.lost
}

// Follow is follow.
func Follow(ctx context.Context, events func(context.Context, func(localapi.Event)) error, m *Mailbox) {
	follow(ctx, events, m)
}
