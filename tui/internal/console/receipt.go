package console

import (
	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/words"
)

// notice takes a scan of the agent's that is no payment of an open sale. A receipt and a price lead to their page, but
// never past a question on the screen.
func (m *Model) notice(n localapi.Notice) tea.Cmd {
	switch {
	case n.Kind == "receipt":
		return m.receipt(n.Text)
	case n.Kind == "price" && len(m.desk.Dialogs) > 0:
		m.till.Refuse(words.NoticeAnswerFirst)
		return nil
	case n.Kind == "price":
		m.desk.Page = m.till
	}
	return m.tell(screen.Noticed{Notice: n})
}

// receipt opens the sale of a receipt that was scanned, on a till that does nothing else.
func (m *Model) receipt(number string) tea.Cmd {
	if len(m.desk.Dialogs) > 0 || !m.till.Idle() {
		m.till.Refuse(words.NoticeReceiptBusy)
		return nil
	}
	return m.sales.OpenReceipt(number)
}
