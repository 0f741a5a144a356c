package screen

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/words"
)

// Receipts is what the screens ask of the agent about paper.
type Receipts interface {
	Reprint(ctx context.Context, saleID string) (localapi.PrintJob, error)
	PrintShift(ctx context.Context, number string) (localapi.PrintJob, error)
}

// reprinted answers the question for a receipt.
type reprinted struct{ err error }

// prints reports a till with a receipt printer.
func (d *Desk) prints() bool { return d.Status.Printer != nil }

// reprint asks for the selected sale's receipt. Asked twice it is two slips, both marked: it is paper,
// not money.
func (s *Sales) reprint() tea.Cmd {
	sale, ok := s.selected()
	if !ok || !s.d.prints() {
		return nil
	}
	if sale.State != localapi.StatePaid {
		s.tell(words.NoticePrintUnpaid)
		return nil
	}
	s.tell(words.NoticePrinting)
	agent := s.d.Receipts
	return ask(func(ctx context.Context) tea.Msg {
		_, err := agent.Reprint(ctx, sale.ID)
		return reprinted{err}
	})
}

func (s *Sales) reprinted(m reprinted) {
	if m.err != nil {
		s.notice = func(l words.Lang) string { return l.Say(words.NoticePrintFailed, fault.MessageOf(m.err)) }
	}
}
