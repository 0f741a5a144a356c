package screen

import (
	"context"
	"fmt"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Archive is what the screens ask of the agent about sales of any age, and about barcodes that are no payment codes.
type Archive interface {
	FindSales(ctx context.Context, f localapi.Find) ([]localapi.Sale, error)
	Details(ctx context.Context, id string) (localapi.Details, error)
	SaleOfReceipt(ctx context.Context, number string) (localapi.Sale, error)
	Barcode(ctx context.Context, digits string) (localapi.Notice, error)
}

// foundMost is how many sales a search shows.
const foundMost = 50

// Found is the page of a search's results.
type Found struct {
	s    *Sales
	text string
	list []localapi.Sale
	at   int
	err  error
	busy bool
}

// found answers a search.
type found struct {
	text string
	list []localapi.Sale
	err  error
}

// askSearch asks what to look for.
func (s *Sales) askSearch() {
	l := s.d.Lang
	s.d.Open(&Prompt{Title: l.Say(words.SearchTitle), Body: l.Say(words.SearchBody), Most: 64, Lang: l, Done: s.found.search})
}

// search looks through the whole journal.
func (f *Found) search(text string) tea.Cmd {
	*f = Found{s: f.s, text: text, busy: true}
	f.s.d.Page = f
	agent := f.s.d.Archive
	return ask(func(ctx context.Context) tea.Msg {
		list, err := agent.FindSales(ctx, localapi.Find{Text: text, Limit: foundMost})
		return found{text: text, list: list, err: err}
	})
}

// Update moves and opens.
func (f *Found) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case found:
		if f.busy && msg.text == f.text {
			f.busy, f.list, f.err = false, msg.list, msg.err
		}
	case Key:
		return f.press(msg)
	}
	return nil
}

func (f *Found) press(k Key) tea.Cmd {
	d := f.s.d
	switch {
	case k == "up":
		f.at = max(f.at-1, 0)
	case k == "down":
		f.at = min(f.at+1, max(len(f.list)-1, 0))
	case k == "/":
		f.s.askSearch()
	case k == "enter" && f.at < len(f.list):
		return f.s.detail.open(f.list[f.at], f)
	case k == "esc":
		return d.Show(f.s)
	case IsAmount(k):
		return tea.Batch(d.Show(d.Home), d.Home.Update(k))
	}
	return nil
}

// Hints are its keys.
func (f *Found) Hints() []Hint {
	say := f.s.d.Lang.Say
	hints := []Hint{{"Esc", say(words.KeyBack)}, {"/", say(words.KeySearch)}}
	if len(f.list) > 0 {
		hints = append(hints, Hint{"Enter", say(words.KeyDetails)})
	}
	return hints
}

// View lists what was found, around the selected one.
func (f *Found) View(w, h int) string {
	d, say := f.s.d, f.s.d.Lang.Say
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+say(words.SearchFound, f.text), w))}
	switch {
	case f.busy:
		lines = append(lines, "", say(words.SearchAsking))
	case f.err != nil:
		lines = append(append(lines, ""), widget.Wrap(say(words.SearchFailed, refusal(d.Lang, f.err)), w)...)
	case len(f.list) == 0:
		lines = append(append(lines, ""), widget.Wrap(say(words.SearchNone), w)...)
	}
	room := h - 3
	first := max(0, min(f.at-room/2, len(f.list)-room))
	for i := first; i < len(f.list) && i < first+room; i++ {
		mark := "  "
		if i == f.at {
			mark = "> "
		}
		line := mark + f.list[i].CreatedAt.In(d.Zone).Format("01-02 ") + saleLine(d, f.list[i])
		if w >= wide {
			line = widget.Fit(line, listCells+10) + "  " + tail(f.list[i].OrderNo, 12)
		}
		lines = append(lines, widget.Cut(line, w))
	}
	if len(f.list) == foundMost {
		lines = append(lines, d.Theme.Text(widget.Dim, say(words.SearchMore, foundMost)))
	}
	return join(widget.Page(lines, w, h))
}

// Detail is the page of one sale: its numbers, what happened, what can be done with it.
type Detail struct {
	s    *Sales
	back Page // where it was opened
	all  localapi.Details
	err  error
	busy bool
	top  int // first line shown
}

// detailed answers the question for a sale's details. It opens the page when a receipt asked for it.
type detailed struct {
	id   string // of the sale that was asked for; "" for a receipt
	all  localapi.Details
	err  error
	mark uint64
}

// open turns to a sale.
func (p *Detail) open(sale localapi.Sale, back Page) tea.Cmd {
	*p = Detail{s: p.s, back: back, all: localapi.Details{Sale: sale}, busy: true}
	p.s.pin, p.s.notice = sale, nil
	p.s.d.Page = p
	return tea.Batch(p.look(), p.s.look())
}

// look asks for everything about the sale.
func (p *Detail) look() tea.Cmd {
	id, agent, mark := p.s.pin.ID, p.s.d.Archive, p.s.d.Returns.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		all, err := agent.Details(ctx, id)
		return detailed{id: id, all: all, err: err, mark: mark}
	})
}

// OpenReceipt looks for the sale of a receipt and opens it. Only the number is believed.
func (s *Sales) OpenReceipt(number string) tea.Cmd {
	agent, mark := s.d.Archive, s.d.Returns.Mark()
	return ask(func(ctx context.Context) tea.Msg {
		sale, err := agent.SaleOfReceipt(ctx, number)
		if err != nil {
			return detailed{err: err}
		}
		all, err := agent.Details(ctx, sale.ID)
		return detailed{all: all, err: err, mark: mark}
	})
}

// Update shows and scrolls.
func (p *Detail) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case detailed:
		return p.detailed(msg)
	case Changed:
		return tea.Batch(p.look(), p.s.look())
	case Key:
		return p.press(msg)
	}
	return nil
}

func (p *Detail) detailed(m detailed) tea.Cmd {
	d := p.s.d
	switch {
	case m.id == "" && m.err != nil: // a receipt that is none of ours
		d.Page = d.Home
		return d.Home.Update(Noticed{Notice: localapi.Notice{Kind: fault.CodeOf(m.err), Message: fault.MessageOf(m.err)}})
	case m.id == "":
		cmd := p.open(m.all.Sale, d.Home)
		p.all, p.busy = m.all, false
		return cmd
	case m.id != p.s.pin.ID:
		return nil
	}
	p.busy, p.err = false, m.err
	if m.err == nil {
		p.all, p.s.pin = m.all, m.all.Sale
		d.Returns.Answer(m.mark, m.all.Refunds)
	}
	return nil
}

func (p *Detail) press(k Key) tea.Cmd {
	d := p.s.d
	p.s.notice = nil
	switch {
	case k == "up":
		p.top = max(p.top-1, 0)
	case k == "down":
		p.top++ // the view knows where it ends
	case k == "f7":
		p.s.confirmRefund()
	case k == "f9" && d.prints():
		return p.s.reprint()
	case k == "esc":
		p.s.pin = localapi.Sale{}
		return d.Show(p.back)
	case IsAmount(k):
		p.s.pin = localapi.Sale{}
		return tea.Batch(d.Show(d.Home), d.Home.Update(k))
	}
	return nil
}

// Hints are its keys.
func (p *Detail) Hints() []Hint {
	return slices.DeleteFunc(p.s.Hints(), func(h Hint) bool { return h.Key == "/" || h.Key == "Enter" })
}

// View tells everything about the sale, as far as there are lines.
func (p *Detail) View(w, h int) string {
	d, say := p.s.d, p.s.d.Lang.Say
	sale, _ := p.s.selected()
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+say(words.DetailTitle)+"  "+d.Theme.Yuan(sale.Amount), w)), saleLine(d, sale)}
	var body []string
	for _, text := range p.facts(sale) {
		body = append(body, widget.Wrap(text, w)...)
	}
	switch {
	case p.busy:
		body = append(body, say(words.DetailLoading))
	case p.err != nil:
		body = append(body, widget.Wrap(refusal(d.Lang, p.err), w)...)
	}
	below := p.s.below(w)
	room := max(h-len(lines)-len(below), 1)
	p.top = max(0, min(p.top, len(body)-room))
	lines = append(lines, body[p.top:min(len(body), p.top+room)]...)
	return join(widget.Page(append(lines, below...), w, h))
}

// facts are the numbers of a sale, then what happened to it.
func (p *Detail) facts(sale localapi.Sale) (texts []string) {
	d, say := p.s.d, p.s.d.Lang.Say
	add := func(when bool, k words.Key, args ...any) {
		if when {
			texts = append(texts, say(k, args...))
		}
	}
	add(p.all.Number != 0, words.DetailReceipt, p.all.Number)
	add(true, words.DetailOrder, sale.OrderNo)
	add(sale.WalletRef != "", words.DetailWallet, sale.WalletRef)
	if sale.Subject != "" {
		texts = append(texts, sale.Subject)
	}
	add(sale.Received != 0, words.DetailCash, d.Theme.Yuan(sale.Received), d.Theme.Yuan(sale.Change))
	add(sale.Bill != "", words.DetailBill, tail(sale.Bill, 8), d.Theme.Yuan(sale.BillTotal))
	add(sale.RefundedAmount+sale.RefundingAmount > 0, words.DetailBack, d.Theme.Yuan(sale.RefundedAmount), d.Theme.Yuan(sale.RefundingAmount), d.Theme.Yuan(left(sale)))
	if why := p.s.why(sale); why != "" && sale.State != localapi.StatePaid {
		texts = append(texts, why)
	}
	texts = append(texts, "", say(words.DetailTimeline))
	for _, e := range p.all.Events {
		texts = append(texts, p.happened(e))
	}
	for _, j := range p.all.Prints {
		what := j.State
		if j.Reprint {
			what += ", " + say(words.PrintReprint)
		}
		texts = append(texts, j.CreatedAt.In(d.Zone).Format("01-02 15:04:05")+"  "+say(words.EventPrint, j.ID, what))
	}
	return texts
}

// happened is one line of the timeline.
func (p *Detail) happened(e localapi.Happening) string {
	d, say := p.s.d, p.s.d.Lang.Say
	what := e.Event
	switch {
	case e.Refund != "":
		what = say(words.EventRefund, d.Theme.Yuan(e.Amount), e.State)
		for _, x := range p.all.Refunds {
			if x.ID == e.Refund && string(x.State) == e.State {
				what = say(words.EventRefund, d.Theme.Yuan(e.Amount), d.Lang.Refund(x))
			}
		}
	case e.Event == "receipt.requested":
		what = say(words.EventReceipt)
	case e.Event == "drawer.opened":
		what = say(words.EventDrawer)
	case e.State == "":
	case e.Event == "new" && e.State == string(localapi.StateWaiting):
		what = say(words.EventBegun) + ", " + d.Lang.State(localapi.StateWaiting)
	case e.State == string(localapi.StateSending):
		what = say(words.EventScanned) + ", " + d.Lang.State(localapi.StateSending)
	default:
		what = d.Lang.State(localapi.State(e.State))
		if why := d.Lang.Why(localapi.Sale{Reason: e.Reason}); why != "" && localapi.State(e.State).Final() && e.State != string(localapi.StatePaid) {
			what += ": " + why
		}
	}
	if e.Operator != "" {
		what += "  " + say(words.EventBy, e.Operator)
	}
	return fmt.Sprintf("%s  %s", e.At.In(d.Zone).Format("01-02 15:04:05"), what)
}
