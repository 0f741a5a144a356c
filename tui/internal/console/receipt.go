package console

import (
	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/words"
)

// receipt opens the sale of a receipt that was scanned, on a till that does nothing else.
func (m *Model) receipt(number string) tea.Cmd {
	if len(m.desk.Dialogs) > 0 || !m.till.Idle() {
		m.till.Refuse(words.NoticeReceiptBusy)
		return nil
	}
	return m.sales.OpenReceipt(number)
}
