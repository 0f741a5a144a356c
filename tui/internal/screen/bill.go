package screen

import (
	"context"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// billAge is how old an unfinished bill may be that a restarted screen offers again.
const billAge = 12 * time.Hour

// bill is what is being paid in parts. How it stands is read from the book, like everything about sales.
type bill struct {
	number string // "" when there is none
	total  int64
	backs  map[string]string // the refund number of each part, kept until the agent has answered
}

// standing is one look at a bill in the book.
type standing struct {
	paid, open, left int64
	parts            []localapi.Sale // the paid ones, newest first
	at               time.Time       // of the newest part
}

func (d *Desk) standing(number string, total int64) (s standing) {
	for _, sale := range d.Book.Newest(kept) {
		if sale.Bill != number || number == "" {
			continue
		}
		if sale.CreatedAt.After(s.at) {
			s.at = sale.CreatedAt
		}
		switch {
		case sale.State == localapi.StatePaid:
			s.paid += sale.Amount
			s.parts = append(s.parts, sale)
		case !sale.State.Final():
			s.open += sale.Amount
		}
	}
	s.left = total - s.paid - s.open
	return s
}

func (t *Till) stands() standing { return t.d.standing(t.bill.number, t.bill.total) }

// deskKey handles the keys of the amount that are about cash and bills; ok is false for any other.
func (t *Till) deskKey(k Key) (cmd tea.Cmd, ok bool) {
	switch {
	case k == "+":
		if t.bill.number == "" || t.text != "" || t.rest() {
			t.takeCash()
		}
	case k == "*":
		t.split()
	case t.bill.number == "" || t.text != "":
		return nil, false
	case k == "enter":
		if t.rest() {
			return t.start(), true
		}
	case k == "f4":
		if t.rest() {
			t.wantCode()
		}
	case k == "esc":
		t.leaveBill()
	default:
		return nil, false
	}
	return cmd, true
}

// split begins a bill over the typed amount.
func (t *Till) split() {
	switch {
	case t.bill.number != "":
		t.Refuse(words.BillRuns)
		return
	case t.text == "":
		t.Refuse(words.BillNoAmount)
		return
	}
	a, ok := t.readAmount()
	if !ok {
		return
	}
	t.clear()
	t.bill = bill{number: t.d.NewOrder(), total: a.Fen(), backs: map[string]string{}}
}

// rest types all that is left; false when that is nothing.
func (t *Till) rest() bool {
	left := t.stands().left
	if left <= 0 {
		t.Refuse(words.BillNothingLeft)
		return false
	}
	t.edit(yuan(left))
	return true
}

// fits reports a part that the bill has room for; any amount when there is no bill. A part that was asked for already
// stands in the book and has its place: the agent knows it by its order number.
func (t *Till) fits(fen int64) bool {
	if t.bill.number == "" || t.order != "" {
		return true
	}
	if left := t.stands().left; fen > left {
		t.d.Ring(ringRefusal)
		t.tell(func(l words.Lang) string { return l.Say(words.BillTooMuch, t.d.Theme.Yuan(max(left, 0))) })
		return false
	}
	return true
}

// ofBill makes a request one for a part of the bill.
func (t *Till) ofBill(n localapi.NewSale) localapi.NewSale {
	if t.bill.number != "" {
		n.Bill, n.BillTotal = t.bill.number, t.bill.total
	}
	return n
}

// closeBill puts a bill away that is paid to the end.
func (t *Till) closeBill() {
	if s := t.stands(); t.bill.number != "" && s.paid == t.bill.total {
		t.bill = bill{}
	}
}

// leaveBill asks what becomes of the paid parts.
func (t *Till) leaveBill() {
	s := t.stands()
	if s.paid == 0 && s.open == 0 {
		t.bill = bill{}
		return
	}
	l := t.d.Lang
	body := l.Say(words.BillLeaveBody, t.d.Theme.Yuan(s.paid), len(s.parts))
	if s.open > 0 {
		body += " " + l.Say(words.BillLeaveOpen, t.d.Theme.Yuan(s.open))
	}
	c := &Confirm{Title: l.Say(words.BillLeaveTitle, t.d.Theme.Yuan(t.bill.total)), Body: body, NoText: l.Say(words.BillGoOn)}
	if slices.ContainsFunc(s.parts, func(p localapi.Sale) bool { return left(p) > 0 }) {
		c.Choices = append(c.Choices, Choice{Key: "r", Text: l.Say(words.BillRefundAll), Do: t.refundParts})
	}
	c.Choices = append(c.Choices, Choice{Key: "k", Text: l.Say(words.BillKeep), Do: func() tea.Cmd {
		t.bill = bill{}
		return nil
	}})
	t.d.Open(c)
}

// partsBack answers the question for the refunds of a bill's parts.
type partsBack struct {
	number string
	mark   uint64
	list   []localapi.Refund
	err    error
}

// refundParts asks for the refund of each paid part. Each has one number until the agent has answered, so that asking
// again gives nothing twice.
func (t *Till) refundParts() tea.Cmd {
	type one struct {
		sale string
		n    localapi.NewRefund
	}
	var wanted []one
	for _, p := range t.stands().parts {
		if left(p) <= 0 {
			continue
		}
		if t.bill.backs[p.ID] == "" {
			t.bill.backs[p.ID] = t.d.NewOrder()
		}
		wanted = append(wanted, one{p.ID, localapi.NewRefund{Amount: left(p), RefundNo: t.bill.backs[p.ID]}})
	}
	t.Tell(words.BillRefunding)
	agent, mark, number := t.d.Refunds, t.d.Returns.Mark(), t.bill.number
	return ask(func(ctx context.Context) tea.Msg {
		m := partsBack{number: number, mark: mark}
		for _, w := range wanted {
			x, err := agent.NewRefund(ctx, w.sale, w.n)
			if err != nil {
				m.err = err
				return m
			}
			m.list = append(m.list, x)
		}
		return m
	})
}

func (t *Till) partsBack(m partsBack) {
	t.d.Returns.Answer(m.mark, m.list)
	if m.number != t.bill.number {
		return
	}
	if m.err != nil {
		t.d.Ring(ringRefusal)
		t.tell(func(l words.Lang) string {
			why := t.errorText(l, m.err)
			if verdictOf(m.err) == refused {
				why = fault.MessageOf(m.err)
			}
			return l.Say(words.BillRefundFail, why)
		})
		return
	}
	t.bill = bill{}
	t.tell(func(l words.Lang) string { return l.Say(words.BillRefunded, len(m.list)) })
}

// offerBill finds a bill that an earlier run of the screen left unfinished, and offers to go on.
func (t *Till) offerBill() {
	for _, s := range t.d.Book.Newest(kept) {
		if s.Bill == "" || t.d.Now.Sub(s.CreatedAt) > billAge {
			continue
		}
		b := t.d.standing(s.Bill, s.BillTotal)
		kept := slices.ContainsFunc(b.parts, func(p localapi.Sale) bool { return left(p) > 0 })
		if b.left <= 0 && b.open == 0 || !kept && b.open == 0 {
			continue
		}
		l := t.d.Lang
		t.d.Open(&Confirm{Title: l.Say(words.BillFoundTitle, t.d.Theme.Yuan(s.BillTotal)),
			Body:    l.Say(words.BillFoundBody, t.d.Theme.Yuan(b.paid), t.d.Theme.Yuan(b.left)),
			YesText: l.Say(words.BillFoundYes), NoText: l.Say(words.BillFoundNo), Yes: func() tea.Cmd {
				if t.free() || t.Idle() {
					t.leave()
				}
				t.bill = bill{number: s.Bill, total: s.BillTotal, backs: map[string]string{}}
				return nil
			}})
		return
	}
}

// billLines tell how the bill stands; none when there is none.
func (t *Till) billLines(w int) (lines []string) {
	if t.bill.number == "" {
		return nil
	}
	d, say, s := t.d, t.d.Lang.Say, t.stands()
	texts := []string{say(words.BillStands, d.Theme.Yuan(t.bill.total), d.Theme.Yuan(s.paid), d.Theme.Yuan(max(s.left, 0)))}
	switch {
	case s.paid == t.bill.total:
		texts = []string{say(words.BillDone, d.Theme.Yuan(t.bill.total))}
	case s.open > 0:
		texts = append(texts, say(words.BillOpen, d.Theme.Yuan(s.open)))
	}
	for _, text := range texts {
		for _, line := range widget.Wrap(text, w) {
			lines = append(lines, d.Theme.Text(widget.Notice, line))
		}
	}
	return lines
}

// Idle reports a till that somebody may turn to something else: no amount, no code, no sale under way.
func (t *Till) Idle() bool {
	s, ok := t.d.Book.Sale(t.sale)
	return (!ok && t.sale == "" || ok && s.State.Final()) && t.text == "" && t.armed.IsZero() && !t.unsure && t.work == idle && t.bill.number == ""
}

// entryHints are the keys of the amount.
func (t *Till) entryHints() []Hint {
	say := t.d.Lang.Say
	hints := []Hint{{"Enter", say(words.KeyStart)}, {"+", say(words.KeyCash)}, {"F4", say(words.KeyQR)}}
	switch {
	case t.bill.number == "":
		hints = append(hints, Hint{"*", say(words.KeySplit)})
	case t.text == "":
		hints[0].Text = say(words.KeyRest)
		return append(hints, Hint{"Esc", say(words.KeyLeave)})
	}
	if t.text != "" {
		hints = append(hints, Hint{"Esc", say(words.KeyClear)})
	}
	return hints
}
