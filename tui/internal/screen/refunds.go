package screen

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/tui/internal/words"
)

// Refunds is what the screens ask of the agent about money that goes back.
type Refunds interface {
	NewRefund(ctx context.Context, saleID string, n localapi.NewRefund) (localapi.Refund, error)
	Void(ctx context.Context, saleID string, n localapi.NewVoid) (localapi.Refund, error)
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

// asking is a refund that the cashier has in mind. Its number stays the same until the agent has
// answered, so that asking twice gives back once.
type asking struct {
	sale, no string
	amount   int64
	why      string
	void     bool // all of it, on its day
	sent     bool // the agent may have it: nothing of it changes any more
}

// asked answers the question for a refund.
type asked struct {
	asking
	by     localapi.Operator // whose PIN went with it; none when it went without
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
	switch {
	case s.open.sale != sale.ID:
		s.open = asking{sale: sale.ID, no: s.d.NewOrder(), amount: left(sale)}
	case !s.open.sent: // nothing stands under its number
		s.open = asking{sale: sale.ID, no: s.open.no, amount: left(sale)}
	} // else its answer was lost: the same question again
	s.confirm(sale)
}

// confirm asks about the refund in mind. Until it was sent its amount and reason can be changed.
func (s *Sales) confirm(sale localapi.Sale) {
	l, want := s.d.Lang, s.open
	body := words.ConfirmRefundBody
	switch {
	case sale.Tender != localapi.TenderWallet:
		body = words.ConfirmRefundByHand
	case s.d.Status.Link == "down":
		body = words.ConfirmRefundOffline
	}
	text := l.Say(body)
	if want.why != "" {
		text = l.Say(words.RefundReason, want.why) + " " + text
	}
	choices := []Choice{{"y", l.Say(words.RefundAll), func() tea.Cmd { return s.refund(want, nil, localapi.Operator{}) }}}
	if !want.sent {
		choices = append(choices, Choice{"p", l.Say(words.RefundPart), func() tea.Cmd { return s.part(sale) }},
			Choice{"r", l.Say(words.RefundWhy), func() tea.Cmd { return s.reason(sale) }})
		if sale.RefundedAmount == 0 && sale.RefundingAmount == 0 && s.today(sale) {
			choices = append(choices, Choice{"v", l.Say(words.RefundVoid), func() tea.Cmd {
				s.open.void, s.open.amount = true, sale.Amount
				return s.refund(s.open, nil, localapi.Operator{})
			}})
		}
	}
	s.d.Open(&Confirm{
		Title:   l.Say(words.ConfirmRefundTitle, s.d.Theme.Yuan(want.amount), s.d.Clock(sale.CreatedAt)),
		Body:    text,
		NoText:  l.Say(words.ConfirmRefundNo),
		Choices: choices,
		Answered: func() bool {
			now, ok := s.d.Book.Sale(want.sale)
			return ok && left(now) != left(sale)
		},
	})
}

// today reports that a sale was paid on the shop's day that it is now.
func (s *Sales) today(sale localapi.Sale) bool {
	return sale.FinishedAt != nil && sale.FinishedAt.In(s.d.Zone).Format(time.DateOnly) == s.d.Now.In(s.d.Zone).Format(time.DateOnly)
}

// part asks how much goes back, and then asks about that.
func (s *Sales) part(sale localapi.Sale) tea.Cmd {
	l := s.d.Lang
	most := s.d.Theme.Yuan(left(sale))
	s.d.Open(&Prompt{Title: l.Say(words.RefundAmountTitle, most), Digits: true, Most: 12, Lang: l, Done: func(text string) tea.Cmd {
		amount, err := money.ParseYuan(strings.TrimSuffix(text, "."))
		if err != nil || amount.Fen() <= 0 || amount.Fen() > left(sale) {
			s.notice = func(l words.Lang) string { return l.Say(words.RefundAmountBad, most) }
			return nil
		}
		s.open.amount = amount.Fen()
		s.confirm(sale)
		return nil
	}})
	return nil
}

// reason asks why, and then asks about the refund again.
func (s *Sales) reason(sale localapi.Sale) tea.Cmd {
	l := s.d.Lang
	s.d.Open(&Prompt{Title: l.Say(words.RefundReasonTitle), Most: 24, Lang: l, Done: func(text string) tea.Cmd {
		s.open.why = text
		s.confirm(sale)
		return nil
	}})
	return nil
}

// refund asks for it, with the PIN of whoever approves.
func (s *Sales) refund(want asking, a *localapi.Approval, by localapi.Operator) tea.Cmd {
	want.sent = true
	s.busy, s.open, s.notice = true, want, nil
	agent, mark := s.d.Refunds, s.d.Returns.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		m := asked{asking: want, by: by, mark: mark}
		if want.void {
			m.refund, m.err = agent.Void(ctx, want.sale, localapi.NewVoid{RefundNo: want.no, Reason: want.why, Approval: a})
		} else {
			m.refund, m.err = agent.NewRefund(ctx, want.sale, localapi.NewRefund{Amount: want.amount, RefundNo: want.no, Reason: want.why, Approval: a})
		}
		return m
	})
}

func (s *Sales) asked(m asked) tea.Cmd {
	s.busy = false
	if m.err == nil {
		s.open, s.notice = asking{}, nil
		s.d.Returns.Answer(m.mark, []localapi.Refund{m.refund})
		return nil
	}
	switch verdictOf(m.err) {
	case refused:
		if needsApproval(m.err) {
			s.open.sent = false // the agent has nothing of it
			return s.approve(m.asking, m.by, m.err)
		}
		s.open = asking{}
		s.notice = func(l words.Lang) string { return l.Say(words.NoticeRefundFailed, refusal(l, m.err)) }
	case notSent:
		s.open.sent = false
		s.tell(words.NoticeRefundNotSent)
	case unsure:
		s.notice = func(l words.Lang) string { return l.Say(words.NoticeRefundUnsure, s.d.KeyOf(OnSales, "F7")) }
	}
	return nil
}
