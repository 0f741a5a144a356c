package screen

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/words"
)

// started answers a question for a new sale.
type started struct {
	order string
	mark  uint64
	sale  localapi.Sale
	err   error
}

// stopped answers a question to stop a sale.
type stopped struct {
	id   string
	mark uint64
	sale localapi.Sale
	err  error
}

// replaced answers the stop of a waiting sale and, when that was proven, the start of its heir.
type replaced struct {
	old     stopped
	began   bool
	started started
}

// amount reads the typed text.
func (t *Till) amount() (money.Amount, error) {
	return money.ParseYuan(strings.TrimSuffix(t.text, "."))
}

// start asks for the typed sale, with the armed code when there is one. It may be asked again:
// the order number is the same until the agent has answered.
func (t *Till) start() tea.Cmd {
	if t.work != idle || t.text == "" {
		return nil
	}
	a, ok := t.readAmount()
	if !ok {
		return nil
	}
	if !t.sure(a) {
		return nil
	}
	if t.order == "" {
		t.order = t.d.NewOrder()
	}
	if t.wallet != "" {
		t.work = starting
		return t.d.begin(localapi.NewSale{Amount: a.Fen(), OrderNo: t.order, Mode: modeQR, Wallet: t.wallet, Again: t.insist})
	}
	t.work = starting
	return t.d.newSale(t.order, a.Fen(), t.fresh(), t.insist)
}

// readAmount reads the typed amount, and tells what is wrong with one that cannot be charged.
func (t *Till) readAmount() (a money.Amount, ok bool) {
	a, err := t.amount()
	switch {
	case err != nil || a.Fen() <= 0:
		t.Refuse(words.AmountBad)
	case a.Charge() != nil:
		t.tell(func(l words.Lang) string { return l.Say(words.AmountTooLarge, t.d.Theme.Yuan(money.Max)) })
	default:
		return a, true
	}
	return a, false
}

// again starts a sale of the same amount after one that was proven not paid.
func (t *Till) again() tea.Cmd {
	s, _ := t.d.Book.Sale(t.sale)
	t.leave()
	t.text, t.order, t.wallet, t.insist = money.Fen(s.Amount).Yuan(), "", "", false
	return t.start()
}

func (d *Desk) newSale(order string, fen int64, code pay.Code, again bool) tea.Cmd {
	return d.begin(localapi.NewSale{Amount: fen, OrderNo: order, Code: code.Reveal(), Again: again})
}

func (d *Desk) begin(n localapi.NewSale) tea.Cmd {
	agent, mark := d.Agent, d.Book.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		s, err := agent.NewSale(ctx, n)
		return started{order: n.OrderNo, mark: mark, sale: s, err: err}
	})
}

func (t *Till) started(m started) {
	if m.err == nil {
		t.d.Book.Answer(m.mark, m.sale)
	}
	if m.order != t.order || t.work != starting {
		return // an event showed the sale first
	}
	t.work = idle
	if m.err == nil {
		t.show(m.sale.ID)
		return
	}
	switch verdictOf(m.err) {
	case refused:
		if fault.CodeOf(m.err) == "sale.like_unknown" {
			t.unsure = false
			t.confirmLike()
			return
		}
		t.unsure, t.order, t.except, t.wallet, t.armed = false, "", "", "", pay.Code{}
		t.tell(func(l words.Lang) string { return l.Say(words.NoticeStartFailed, refusal(l, m.err)) })
	case notSent:
		sentence := words.NoticeNotStarted
		if t.unsure { // an earlier try may still have arrived
			sentence = words.AwayShort
		}
		t.Refuse(sentence)
	case unsure:
		t.unsure = true
	}
}

// confirmLike asks whether this is another customer: a sale over the same amount is in doubt, and
// nobody may be charged twice to find out.
func (t *Till) confirmLike() {
	l, order := t.d.Lang, t.order
	t.d.Open(&Confirm{
		Title:   l.Say(words.ConfirmLikeTitle, t.asked()),
		Body:    l.Say(words.ConfirmLikeBody),
		YesText: l.Say(words.ConfirmLikeYes),
		NoText:  l.Say(words.ConfirmLikeNo),
		Yes: func() tea.Cmd {
			t.insist = true
			return t.start()
		},
		Answered: func() bool { return t.order != order || t.sale != "" },
	})
}

// returned tells the end of a refund, which may come days after it was asked for.
func (t *Till) returned(x localapi.Refund) {
	if x.State.Final() && x.Tender == localapi.TenderWallet {
		t.tell(func(l words.Lang) string { return l.Say(words.RefundOf, t.d.Theme.Yuan(x.Amount), l.Refund(x)) })
	}
}

// stop asks the agent to stop a sale.
func (t *Till) stop(id string) tea.Cmd {
	if t.work != idle {
		return nil
	}
	t.work = stopping
	agent, mark := t.d.Agent, t.d.Book.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		s, err := agent.Cancel(ctx, id)
		return stopped{id: id, mark: mark, sale: s, err: err}
	})
}

func (t *Till) stopped(m stopped) {
	if t.work == stopping && t.sale == m.id {
		t.work = idle
	}
	switch {
	case m.err == nil:
		t.d.Book.Answer(m.mark, m.sale)
	case verdictOf(m.err) == refused:
		t.tell(func(l words.Lang) string { return l.Say(words.NoticeStopFailed, fault.MessageOf(m.err)) })
	default:
		t.Refuse(words.NoticeStopUnsure)
	}
}

// confirmStop asks first: something was sent, and a sale being undone keeps everybody waiting.
func (t *Till) confirmStop() {
	s, ok := t.d.Book.Sale(t.sale)
	if !ok || t.work != idle {
		return
	}
	l, id := t.d.Lang, s.ID
	t.d.Open(&Confirm{
		Title:   l.Say(words.ConfirmStopTitle, t.d.Theme.Yuan(s.Amount)),
		Body:    l.Say(words.ConfirmStopBody),
		YesText: l.Say(words.ConfirmStopYes),
		NoText:  l.Say(words.ConfirmStopNo),
		Yes:     func() tea.Cmd { return t.stop(id) },
		Answered: func() bool {
			now, _ := t.d.Book.Sale(id)
			return t.sale != id || now.State.Final() || now.State == localapi.StateCancelling
		},
	})
}

// replace charges a code that was typed here for the sale that waits for a scan. The agent takes
// a code only with a new sale, and two sales must never run for one customer: the waiting one is
// stopped first, and only the proof that nothing was sent for it lets the code go out, under the
// same order number.
func (t *Till) replace(code pay.Code) tea.Cmd {
	old, ok := t.d.Book.Sale(t.sale)
	if !ok || t.work != idle {
		t.Refuse(words.NoticeScanBusy)
		return nil
	}
	order := old.OrderNo
	if order == "" {
		order = t.d.NewOrder()
	}
	t.clear()
	t.armed, t.armedUntil = code, t.d.Now.Add(armedFor)
	t.sale, t.work = "", starting
	t.text, t.order, t.except = money.Fen(old.Amount).Yuan(), order, old.ID
	t.Refuse(words.NoticeScanReplaced)
	// The waiting sale was let through beside whatever is in doubt, and this is the same customer's.
	agent, mark, begin := t.d.Agent, t.d.Book.Mark(), t.d.newSale(order, old.Amount, code, true)
	return ask(func(ctx context.Context) tea.Msg {
		s, err := agent.Cancel(ctx, old.ID)
		m := replaced{old: stopped{id: old.ID, mark: mark, sale: s, err: err}}
		if err != nil || s.State != localapi.StateCancelled {
			return m
		}
		m.began = true
		m.started, _ = begin().(started)
		return m
	})
}

func (t *Till) replaced(m replaced) {
	if m.old.err == nil {
		t.d.Book.Answer(m.old.mark, m.old.sale)
	}
	if m.began {
		t.started(m.started)
		return
	}
	t.show(m.old.id) // the code goes with it: nothing was sent, or a serial scanner was first
	if m.old.err != nil {
		t.tell(func(l words.Lang) string { return l.Say(words.NoticeStopBefore, t.errorText(l, m.old.err)) })
		return
	}
	t.Refuse(words.NoticeScanAlready)
}

// errorText says an error in the cashier's language when it is one of ours to say.
func (t *Till) errorText(l words.Lang, err error) string {
	if verdictOf(err) != refused {
		return l.Say(words.AwayShort)
	}
	return refusal(l, err)
}

// refusal is the agent's reason in the cashier's language, when it has one there.
func refusal(l words.Lang, err error) string {
	return l.Notice(localapi.Notice{Kind: fault.CodeOf(err), Message: fault.MessageOf(err)})
}
