package screen

import (
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// listed is how many sales the lists show.
const listed = 10

// Sales is the screen of the last sales with their numbers and reasons, and of what goes back of them.
type Sales struct {
	d      *Desk
	at     string // the selected sale; "" for the newest
	busy   bool   // a refund is being asked for
	open   asking // the refund in question; none when its sale is ""
	notice func(words.Lang) string

	pin    localapi.Sale // the sale of the page of details while that is open; none otherwise
	found  *Found
	detail *Detail
}

// NewSales makes the screen.
func NewSales(d *Desk) *Sales {
	s := &Sales{d: d}
	s.found, s.detail = &Found{s: s}, &Detail{s: s}
	return s
}

// Pages are what the list leads to.
func (s *Sales) Pages() []Page { return []Page{s.found, s.detail} }

// Update handles the keys this screen takes, answers of the agent, and news while it is shown.
func (s *Sales) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Key:
		return s.press(msg)
	case Entered:
		s.at, s.notice, s.pin = "", nil, localapi.Sale{}
		return s.look()
	case Changed:
		return s.look()
	case looked:
		if msg.err == nil {
			s.d.Returns.Answer(msg.mark, msg.list)
		}
	case asked:
		return s.asked(msg)
	case approvers:
		s.approvers(msg)
	case reprinted:
		s.reprinted(msg)
	}
	return nil
}

// press handles a key. One that means nothing here leads back, and an amount begins at once.
func (s *Sales) press(k Key) tea.Cmd {
	s.notice = nil
	switch {
	case k == "up":
		s.move(-1)
	case k == "down":
		s.move(1)
	case k == "f7":
		s.confirmRefund()
		return nil
	case k == "f9" && s.d.prints():
		return s.reprint()
	case k == "/":
		s.askSearch()
		return nil
	case k == "enter":
		if sale, ok := s.selected(); ok {
			return s.detail.open(sale, s)
		}
		return s.d.Show(s.d.Home)
	case IsAmount(k):
		return tea.Batch(s.d.Show(s.d.Home), s.d.Home.Update(k))
	default:
		return s.d.Show(s.d.Home)
	}
	return s.look()
}

func (s *Sales) tell(k words.Key) { s.notice = func(l words.Lang) string { return l.Say(k) } }

// place finds the selected sale in the list; the newest when it is not there any more.
func (s *Sales) place(list []localapi.Sale) int {
	return max(0, slices.IndexFunc(list, func(x localapi.Sale) bool { return x.ID == s.at }))
}

func (s *Sales) selected() (localapi.Sale, bool) {
	if s.pin.ID != "" {
		if now, ok := s.d.Book.Sale(s.pin.ID); ok {
			return now, true
		}
		return s.pin, true // older than what the book keeps
	}
	list := s.d.Book.Newest(listed)
	if len(list) == 0 {
		return localapi.Sale{}, false
	}
	return list[s.place(list)], true
}

func (s *Sales) move(by int) {
	list := s.d.Book.Newest(listed)
	if len(list) > 0 {
		s.at = list[min(max(s.place(list)+by, 0), len(list)-1)].ID
	}
}

// Hints are the keys of this screen.
func (s *Sales) Hints() []Hint {
	say := s.d.Lang.Say
	hints := []Hint{{"Esc", say(words.KeyBack)}}
	if sale, ok := s.selected(); ok && sale.State == localapi.StatePaid && left(sale) > 0 {
		hints = append(hints, Hint{"F7", say(words.KeyRefund)})
	}
	if sale, ok := s.selected(); ok && sale.State == localapi.StatePaid && s.d.prints() {
		hints = append(hints, Hint{"F9", say(words.KeyReprint)})
	}
	if s.pin.ID == "" {
		hints = append(hints, Hint{"Enter", say(words.KeyDetails)}, Hint{"/", say(words.KeySearch)})
	}
	return hints
}

// View lists the sales, and below them what goes back of the selected one. A narrow screen gives a
// sale two lines when it is high enough; a low one shows those around the selected.
func (s *Sales) View(w, h int) string {
	d, say := s.d, s.d.Lang.Say
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+say(words.ListTitle), w))}
	list := d.Book.Newest(listed)
	end := []string{"", d.Theme.Text(widget.Dim, say(words.ListOnlyHere, listed))}
	if len(list) == 0 {
		return join(widget.Page(append(append(lines, "", say(words.ListEmpty)), end...), w, h))
	}
	below := s.below(w)
	here, room := s.place(list), h-1-len(below)
	rows := make([][]string, len(list))
	used := 0
	for i, sale := range list {
		rows[i] = s.row(sale, i == here, w, h)
		used += len(rows[i])
	}
	for first := 0; used > room && first < here; first++ {
		used -= len(rows[first])
		rows[first] = nil
	}
	for _, row := range rows {
		lines = append(lines, row...)
	}
	lines = append(lines[:min(len(lines), 1+max(room, 1))], below...)
	return join(widget.Page(append(lines, end...), w, h))
}

func (s *Sales) row(sale localapi.Sale, here bool, w, h int) []string {
	mark := "  "
	if here {
		mark = "> "
	}
	line, why := mark+saleLine(s.d, sale), s.why(sale)
	if w >= wide {
		return []string{widget.Fit(line, listCells+2) + "  " + widget.Fit(tail(sale.OrderNo, 8), 8) + "  " + why}
	}
	if why != "" && h >= 2*listed+2 {
		return []string{line, "        " + why}
	}
	return []string{line}
}

// why is what a list tells beside the outcome: why a sale is not paid, or what went back of it.
func (s *Sales) why(sale localapi.Sale) string {
	d := s.d
	switch {
	case sale.State.Final() && sale.State != localapi.StatePaid:
		return d.Lang.Why(sale)
	case sale.RefundingAmount > 0:
		return d.Lang.Say(words.BackOpen, d.Theme.Yuan(sale.RefundingAmount))
	case sale.RefundedAmount > 0:
		return d.Lang.Say(words.BackDone, d.Theme.Yuan(sale.RefundedAmount))
	}
	return ""
}

// below is what stands under the list: what was just refused, or the selected sale's newest refund.
func (s *Sales) below(w int) []string {
	d := s.d
	text := ""
	if sale, ok := s.selected(); ok {
		if list := d.Returns.Of(sale.ID); len(list) > 0 {
			text = refundText(d, list[0])
		}
	}
	switch {
	case s.notice != nil:
		text = s.notice(d.Lang)
	case s.busy:
		text = d.Lang.Say(words.RefundAsking)
	}
	if text == "" {
		return nil
	}
	lines := []string{""}
	for _, line := range widget.Wrap(text, w) {
		lines = append(lines, d.Theme.Text(widget.Notice, line))
	}
	return lines
}

// refundText tells how a refund stands.
func refundText(d *Desk, x localapi.Refund) string {
	return d.Lang.Say(words.RefundOf, d.Theme.Yuan(x.Amount), d.Lang.Refund(x))
}

// saleLine is one sale in 36 cells: time, amount, wallet, sign and word of the outcome.
func saleLine(d *Desk, s localapi.Sale) string {
	sign, word, tone := d.Theme.Sign(s.State.Outcome()), d.Lang.State(s.State), toneOf(s.State)
	switch {
	case s.State == localapi.StateWaiting:
		sign = "-" // nothing was sent, so there is nothing to doubt
	case s.RefundingAmount > 0:
		sign, word, tone = "?", d.Lang.Say(words.WordRefunding), widget.Doubt
	case s.RefundedAmount > 0 && s.RefundedAmount == s.Amount:
		word, tone = d.Lang.Say(words.WordRefunded), widget.Plain
	}
	return d.Clock(s.CreatedAt) + " " + widget.Right(d.Theme.Yuan(s.Amount), 10) + " " +
		widget.Fit(d.Lang.Wallet(s), 8) + " " + d.Theme.Text(tone, sign+" "+word)
}

// recent is the short list beside or below the till: a title and up to n-1 sales.
func recent(d *Desk, w, n int) []string {
	if n < 2 {
		return nil
	}
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+d.Lang.Say(words.ListTitle), w))}
	for _, s := range d.Book.Newest(min(listed, n-1)) {
		lines = append(lines, widget.Cut(saleLine(d, s), w))
	}
	if len(lines) == 1 {
		lines = append(lines, d.Lang.Say(words.ListEmpty))
	}
	return lines
}

func toneOf(s localapi.State) widget.Tone {
	switch {
	case s == localapi.StatePaid:
		return widget.Good
	case s.Final():
		return widget.Bad
	case s == localapi.StateWaiting:
		return widget.Plain
	}
	return widget.Doubt
}

// tail is the end of a number, which is the part people read to each other.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[len(s)-n:]
}

func join(lines []string) string { return strings.Join(lines, "\n") }
