package screen

import (
	"slices"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

const (
	// wide is the width from which the list of sales stands beside the till instead of below it.
	wide = 76
	// listCells is the width of that list.
	listCells = 36
)

// Hints are the keys that do something now.
func (t *Till) Hints() []Hint {
	say := t.d.Lang.Say
	switch t.face() {
	case faceEntry:
		return t.entryHints()
	case faceUnsure:
		return []Hint{{"Enter", say(words.KeyAskAgain)}, {"Esc", say(words.KeyGiveUp)}}
	case faceWaiting:
		return []Hint{{"Esc", say(words.KeyStop)}, {"F4", say(words.KeyShow)}}
	case faceShown:
		return []Hint{{"Esc", say(words.KeyStop)}}
	case faceRunning:
		if t.showingCode() {
			return []Hint{{"Esc", say(words.KeyStop)}}
		}
		return []Hint{{"Esc", say(words.KeyStop)}, {"F6", say(words.KeyNextCustomer)}}
	case faceUnknown:
		hints := []Hint{{"Enter", say(words.KeyNextCustomer)}}
		if s, _ := t.d.Book.Sale(t.sale); s.State != localapi.StateCancelling && !t.d.Away() {
			hints = append(hints, Hint{"Esc", say(words.KeyUndo)})
		}
		return hints
	case faceDeferred:
		return []Hint{{"Enter", say(words.KeyNextCustomer)}, {"Esc", say(words.KeyUndo)}}
	case facePaid:
		return []Hint{{"Enter", say(words.KeyNext)}}
	case faceNotPaid:
		return []Hint{{"Enter", say(words.KeyNext)}, {"F5", say(words.KeyAgain)}}
	}
	return nil
}

// View draws the till in h lines of w cells: what must be known first, the sale, then the list.
func (t *Till) View(w, h int) string {
	lines := t.alerts(w)
	if t.face() == faceShown {
		return t.shown(lines, w, h)
	}
	left, listWidth := w, w
	if w >= wide {
		listWidth = listCells
		left = w - listWidth - 1
	}
	panel := t.panel(left)
	if t.notice != nil {
		panel = append(panel, "")
		for _, line := range widget.Wrap(t.notice(t.d.Lang), left) {
			panel = append(panel, t.d.Theme.Text(widget.Notice, line))
		}
	}
	if len(panel) > h-len(lines) { // a low window keeps the words and gives up the blanks
		panel = slices.DeleteFunc(panel, func(line string) bool { return line == "" })
	}
	if w >= wide {
		side := recent(t.d, listWidth, h-len(lines)-1)
		return join(widget.Page(append(lines, widget.Beside(panel, left+1, side)...), w, h))
	}
	lines = append(lines, panel...)
	if room := h - len(lines) - 1; room >= 2 {
		lines = append(append(lines, ""), recent(t.d, w, room)...)
	}
	return join(widget.Page(lines, w, h))
}

// alerts are the lines above everything: no agent, no link, sales not settled, late results.
func (t *Till) alerts(w int) []string {
	d, say := t.d, t.d.Lang.Say
	var texts []string
	switch {
	case d.Away():
		if d.Hung {
			texts = append(texts, say(words.AgentHung, d.Clock(d.AwaySince), say(words.AgentWait)))
			break
		}
		texts = append(texts, say(words.AgentAway, d.Clock(d.AwaySince), say(words.AgentRestart)))
	case !d.Connected:
		texts = append(texts, say(words.AgentConnecting))
	case d.Status.Link == "down":
		texts = append(texts, say(words.LinkDownBanner, d.Clock(d.Status.LinkSince)))
		if count, sum, ok := t.left(); ok {
			limits := d.Status.Offline.Limits
			texts = append(texts, say(words.OfflineBanner, d.Theme.Yuan(limits.PerSale), count, d.Theme.Yuan(sum), limits.ExpiresAt.In(d.Zone).Format("01-02 15:04")))
		}
	}
	if n := len(t.parked); n > 0 {
		s, _ := d.Book.Sale(t.parked[n-1])
		which := d.Theme.Yuan(s.Amount) + " " + d.Clock(s.CreatedAt)
		if n == 1 {
			texts = append(texts, say(words.ParkedOne, which))
		} else {
			texts = append(texts, say(words.ParkedMany, n, which))
		}
	}
	if len(t.late) > 0 {
		s, _ := d.Book.Sale(t.late[0])
		texts = append(texts, say(words.LateSettled, d.Theme.Sign(s.State.Outcome())+" "+d.Lang.State(s.State),
			d.Theme.Yuan(s.Amount)+" "+d.Clock(s.CreatedAt)))
	}
	var lines []string
	for _, text := range texts {
		for _, line := range widget.Wrap(text, w) {
			lines = append(lines, d.Theme.Band(widget.Notice, widget.Fit(line, w)))
		}
	}
	return lines
}

// left is what may still be accepted offline; ok is false when the hub allows nothing.
func (t *Till) left() (count int, fen int64, ok bool) {
	o := t.d.Status.Offline
	if o.Limits == nil {
		return 0, 0, false
	}
	return max(o.Limits.Count-o.Count, 0), max(o.Limits.Sum-o.Sum, 0), true
}

// panel is the sale, or the amount being typed.
func (t *Till) panel(w int) []string {
	d, say := t.d, t.d.Lang.Say
	s, _ := d.Book.Sale(t.sale)
	switch t.face() {
	case faceEntry:
		return t.entry(w)
	case faceStarting:
		return t.progress(w, widget.Plain, say(words.Starting), t.asked())
	case faceUnsure:
		lines := t.banner(w, pay.Unknown, say(words.TitleUnknown), t.asked())
		return append(lines, paragraphs(w, say(words.UnsureWhy), say(words.UnsureNext))...)
	case faceWaiting:
		lines := t.progress(w, widget.Notice, say(words.Waiting), yuan(s.Amount))
		switch t.work {
		case stopping:
			return append(lines, say(words.Stopping))
		case changing:
			return append(lines, say(words.AskingCode))
		}
		return append(lines, widget.Wrap(say(words.WaitingHint), w)...)
	case faceRunning:
		return t.running(w, s)
	case faceUnknown:
		return t.unknown(w, s)
	case faceDeferred:
		return t.deferred(w, s)
	}
	return t.result(w, s)
}

// asked is the amount of a sale the agent has not confirmed yet.
func (t *Till) asked() string {
	a, err := t.amount()
	if err != nil {
		return t.text
	}
	return a.Yuan()
}

func (t *Till) entry(w int) []string {
	d, say := t.d, t.d.Lang.Say
	shown, tone := t.text, widget.Plain
	if shown == "" {
		shown, tone = "0.00", widget.Dim
	}
	label, hint := words.LabelAmount, words.HintEnterAmount
	if t.bill.number != "" {
		label, hint = words.LabelPart, words.HintEnterPart
	}
	lines := append(t.billLines(w), d.Theme.Text(widget.Notice, say(label)), "")
	lines = append(lines, d.Theme.Block(tone, shown+"_", w)...)
	lines = append(lines, "")
	if armed := t.armedLines(w); armed != nil {
		return append(lines, armed...)
	}
	if t.cash != 0 {
		return append(lines, widget.Wrap(say(words.CashAgain, d.Theme.Yuan(t.cash)), w)...)
	}
	return append(lines, widget.Wrap(say(hint), w)...)
}

// armedLines tell that a code waits for its amount; none when there is no such code.
func (t *Till) armedLines(w int) []string {
	if t.armed.IsZero() || !t.d.Now.Before(t.armedUntil) {
		return nil
	}
	wallet, _ := t.armed.Wallet()
	left := int((t.armedUntil.Sub(t.d.Now) + time.Second - 1) / time.Second)
	var lines []string
	for _, line := range widget.Wrap(t.d.Lang.Say(words.Armed, t.d.Lang.WalletName(wallet), left), w) {
		lines = append(lines, t.d.Theme.Text(widget.Notice, line))
	}
	return lines
}

// progress is a title and the amount.
func (t *Till) progress(w int, tone widget.Tone, title, amount string) []string {
	lines := []string{t.d.Theme.Band(tone, widget.Fit(" "+title, w)), ""}
	return append(append(lines, t.d.Theme.Block(widget.Plain, amount, w)...), "")
}

func (t *Till) running(w int, s localapi.Sale) []string {
	say := t.d.Lang.Say
	title := map[localapi.State]words.Key{localapi.StateSending: words.Sending,
		localapi.StateAccepted: words.Accepted, localapi.StatePassword: words.Password}[s.State]
	if t.showingCode() {
		title = words.AskingCode
	}
	began := s.CreatedAt
	if s.ScannedAt != nil {
		began = *s.ScannedAt
	}
	took := t.d.Now.Sub(began)
	lines := t.progress(w, widget.Notice, say(title), yuan(s.Amount))
	lines = append(lines, say(words.Elapsed, widget.Lasted(took))+"  "+t.d.Lang.Wallet(s))
	if t.work == stopping {
		return append(lines, say(words.Stopping))
	}
	if s.State == localapi.StatePassword {
		lines = append(lines, t.passwordLeft(took))
	}
	if s.Reason == "link_down" {
		lines = append(lines, widget.Wrap(say(words.WaitingForLink), w)...)
		if s.SendUntil != nil {
			lines = append(lines, t.d.Theme.Text(widget.Notice, say(words.LapsesIn, widget.Lasted(s.SendUntil.Sub(t.d.Now)))))
		}
	}
	if took >= askAfter {
		lines = append(lines, widget.Wrap(say(words.TakingLong), w)...)
	}
	return lines
}

func (t *Till) unknown(w int, s localapi.Sale) []string {
	say := t.d.Lang.Say
	title, why, next := words.TitleUnknown, words.UnknownWhy, t.unknownNext(s)
	switch {
	case t.d.Away():
		why, next = words.AwayWhy, words.AwayNext
	case s.State == localapi.StateCancelling:
		title, why, next = words.TitleCancelling, words.CancellingWhy, words.CancellingNext
	}
	lines := t.banner(w, pay.Unknown, say(title), yuan(s.Amount))
	lines = append(lines, paragraphs(w, say(why), say(next))...)
	lines = append(lines, t.cause(w, s)...)
	if t.work == stopping {
		lines = append(lines, say(words.Stopping))
	}
	return append(lines, t.numbers(w, s)...)
}

// deferred is no result: the goods may go, the money comes later.
func (t *Till) deferred(w int, s localapi.Sale) []string {
	say := t.d.Lang.Say
	lines := t.progress(w, widget.Notice, say(words.TitleDeferred), yuan(s.Amount))
	lines = append(lines, paragraphs(w, say(words.DeferredHint), say(words.DeferredNext))...)
	if count, sum, ok := t.left(); ok {
		lines = append(lines, widget.Wrap(say(words.DeferredLeft, count, t.d.Theme.Yuan(sum)), w)...)
	}
	if t.work == stopping {
		lines = append(lines, say(words.Stopping))
	}
	lines = append(lines, t.armedLines(w)...)
	return append(lines, t.numbers(w, s)...)
}

func (t *Till) result(w int, s localapi.Sale) []string {
	say := t.d.Lang.Say
	if s.State.Outcome() == pay.Paid {
		lines := t.banner(w, pay.Paid, say(words.TitlePaid), yuan(s.Amount))
		if s.Change > 0 {
			lines = t.paidCash(w, s)
		}
		hint := words.PaidHint
		if t.trains(s) {
			hint = words.TrainingPaidHint
		}
		lines = append(append(append(lines, say(hint)), t.billLines(w)...), t.armedLines(w)...)
		return append(lines, t.numbers(w, s)...)
	}
	title := words.TitleNotPaid
	if words.Lost(s) {
		title = words.TitleNotCollected
	}
	lines := t.banner(w, pay.NotPaid, say(title), yuan(s.Amount))
	lines = append(lines, paragraphs(w, t.d.Lang.Why(s), t.d.Lang.Next(s))...)
	lines = append(append(lines, t.billLines(w)...), t.armedLines(w)...)
	return append(lines, t.numbers(w, s)...)
}

// banner tells one of the three outcomes by sign, word and shape; colour only adds to them.
func (t *Till) banner(w int, o pay.Outcome, title, amount string) []string {
	theme := t.d.Theme
	tone := map[pay.Outcome]widget.Tone{pay.Paid: widget.Good, pay.NotPaid: widget.Bad, pay.Unknown: widget.Doubt}[o]
	if s, _ := t.d.Book.Sale(t.sale); t.trains(s) {
		title = t.d.Lang.Say(words.TrainingTitle, title)
	}
	heading := " " + theme.Sign(o) + " " + title
	if t.earlier {
		if s, ok := t.d.Book.Sale(t.sale); ok {
			heading += "  (" + t.d.Lang.Say(words.EarlierSale, t.d.Clock(s.CreatedAt)) + ")"
		}
	}
	lines := []string{theme.Band(tone, widget.Fit(heading, w)), ""}
	return append(append(lines, theme.Block(tone, string(widget.BigSign(o))+" "+amount, w)...), "")
}

// numbers are what two people read to each other when they look for a sale.
func (t *Till) numbers(w int, s localapi.Sale) []string {
	at := s.CreatedAt
	if s.FinishedAt != nil {
		at = *s.FinishedAt
	}
	items := []string{t.d.Lang.Say(words.PaidAt, t.d.Theme.Yuan(s.Amount), t.d.Clock(at)+" "+t.d.Lang.Wallet(s))}
	if s.WalletRef != "" {
		items = append(items, t.d.Lang.Say(words.WalletNumber, tail(s.WalletRef, 8)))
	}
	if s.OrderNo != "" {
		items = append(items, t.d.Lang.Say(words.OrderNo, tail(s.OrderNo, 8)))
	}
	lines := widget.Flow(items, w, 2)
	for i, line := range lines {
		lines[i] = t.d.Theme.Text(widget.Dim, line)
	}
	return lines
}

func paragraphs(w int, texts ...string) []string {
	var lines []string
	for _, text := range texts {
		lines = append(lines, widget.Wrap(text, w)...)
	}
	return lines
}

func yuan(fen int64) string { return money.Fen(fen).Yuan() }
