package screen

import (
	"cmp"
	"context"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/words"
)

// Refunds is what the screens ask of the agent about money that goes back.
type Refunds interface {
	NewRefund(ctx context.Context, saleID string, n localapi.NewRefund) (localapi.Refund, error)
	Refunds(ctx context.Context, saleID string) ([]localapi.Refund, error)
}

// Returns is what the screen knows of refunds. What it does not know it asks for, so it forgets the
// oldest; and as in the [Book], an answer that events overtook does not count.
type Returns struct {
	all     map[string]localapi.Refund
	changed map[string]uint64
	clock   uint64
}

// NewReturns makes an empty list.
func NewReturns() *Returns {
	return &Returns{all: map[string]localapi.Refund{}, changed: map[string]uint64{}}
}

// Event takes a refund from the agent's stream.
func (r *Returns) Event(x localapi.Refund) {
	r.clock++
	r.all[x.ID], r.changed[x.ID] = x, r.clock
	for len(r.all) > kept {
		oldest := slices.MinFunc(r.list(""), byAge)
		delete(r.all, oldest.ID)
		delete(r.changed, oldest.ID)
	}
}

// Answer takes refunds from an answer to a question asked at the mark.
func (r *Returns) Answer(mark uint64, list []localapi.Refund) {
	for _, x := range list {
		if x.ID != "" && r.changed[x.ID] <= mark {
			r.Event(x)
		}
	}
}

// Mark is the moment a question is asked.
func (r *Returns) Mark() uint64 { return r.clock }

// Of lists the refunds of a sale, newest first.
func (r *Returns) Of(saleID string) []localapi.Refund {
	list := r.list(saleID)
	slices.SortFunc(list, func(x, y localapi.Refund) int { return byAge(y, x) })
	return list
}

func (r *Returns) list(saleID string) (list []localapi.Refund) {
	for _, x := range r.all {
		if saleID == "" || x.Sale == saleID {
			list = append(list, x)
		}
	}
	return list
}

func byAge(x, y localapi.Refund) int {
	return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
}

// asking is a refund that the cashier confirmed. Its number stays the same until the agent has
// answered, so that asking twice gives back once.
type asking struct {
	sale, no string
	amount   int64
}

// asked answers the question for a refund.
type asked struct {
	asking
	mark   uint64
	refund localapi.Refund
	err    error
}

// looked answers the question for a sale's refunds.
type looked struct {
	mark uint64
	list []localapi.Refund
	err  error
}

// look asks for the refunds of the selected sale, which an earlier run of the screen may have begun.
func (s *Sales) look() tea.Cmd {
	sale, ok := s.selected()
	if !ok || sale.State != localapi.StatePaid {
		return nil
	}
	agent, mark := s.d.Refunds, s.d.Returns.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		list, err := agent.Refunds(ctx, sale.ID)
		return looked{mark: mark, list: list, err: err}
	})
}

// left is what may still go back of a sale.
func left(s localapi.Sale) int64 { return s.Amount - s.RefundedAmount - s.RefundingAmount }

// confirmRefund asks first: money that went back does not come again.
func (s *Sales) confirmRefund() {
	sale, ok := s.selected()
	switch {
	case !ok || s.busy:
		return
	case sale.State != localapi.StatePaid:
		s.tell(words.NoticeRefundUnpaid)
		return
	case left(sale) <= 0 && s.open.sale != sale.ID:
		s.tell(words.NoticeRefundNothing)
		return
	}
	if s.open.sale != sale.ID { // else its answer was lost: the same question again
		s.open = asking{sale: sale.ID, no: s.d.NewOrder(), amount: left(sale)}
	}
	l, want := s.d.Lang, s.open
	body := words.ConfirmRefundBody
	switch {
	case sale.Tender != localapi.TenderWallet:
		body = words.ConfirmRefundByHand
	case s.d.Status.Link == "down":
		body = words.ConfirmRefundOffline
	}
	s.d.Open(&Confirm{
		Title:   l.Say(words.ConfirmRefundTitle, s.d.Theme.Yuan(want.amount), s.d.Clock(sale.CreatedAt)),
		Body:    l.Say(body),
		YesText: l.Say(words.ConfirmRefundYes),
		NoText:  l.Say(words.ConfirmRefundNo),
		Yes:     func() tea.Cmd { return s.refund(want) },
		Answered: func() bool {
			now, _ := s.d.Book.Sale(want.sale)
			return left(now) != left(sale)
		},
	})
}

func (s *Sales) refund(want asking) tea.Cmd {
	s.busy = true
	agent, mark := s.d.Refunds, s.d.Returns.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		x, err := agent.NewRefund(ctx, want.sale, localapi.NewRefund{Amount: want.amount, RefundNo: want.no})
		return asked{asking: want, mark: mark, refund: x, err: err}
	})
}

func (s *Sales) asked(m asked) {
	s.busy = false
	if m.err == nil {
		s.open, s.notice = asking{}, nil
		s.d.Returns.Answer(m.mark, []localapi.Refund{m.refund})
		return
	}
	switch verdictOf(m.err) {
	case refused:
		s.open = asking{}
		s.notice = func(l words.Lang) string { return l.Say(words.NoticeRefundFailed, fault.MessageOf(m.err)) }
	case notSent:
		s.tell(words.NoticeRefundNotSent)
	case unsure:
		s.notice = func(l words.Lang) string { return l.Say(words.NoticeRefundUnsure, s.d.KeyOf(OnSales, "F7")) }
	}
}
