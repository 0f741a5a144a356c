package screen

import (
	"fmt"
	"strconv"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// reportCells is how wide a report is: its figures stand in a column that the eye can follow.
const reportCells = 40

// View shows the open shift, a report, or the list of those before.
func (s *Shifts) View(w, h int) string {
	d := s.d
	var title string
	var lines []string
	switch {
	case s.report != nil:
		k := words.ShiftX
		if s.report.Closed {
			k = words.ShiftZ
		}
		title, lines = d.Lang.Say(k, s.report.Number), s.figures(*s.report, min(w, reportCells))
	case s.listed:
		title, lines = d.Lang.Say(words.ShiftList), s.rows(w)
	case s.now.Number > 0:
		title, lines = d.Lang.Say(words.ShiftTitle, s.now.Number), s.figures(s.now, min(w, reportCells))
	}
	head := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+title, w))}
	if s.notice != nil {
		for _, line := range widget.Wrap(s.notice(d.Lang), w) {
			head = append(head, d.Theme.Text(widget.Notice, line))
		}
	}
	room := h - len(head)
	if len(lines) > room {
		room--
		s.top = max(min(s.top, len(lines)-room), 0)
		lines = append(lines[s.top:min(s.top+room, len(lines)):len(lines)], d.Theme.Text(widget.Dim, d.Lang.Say(words.ShiftMore)))
	} else {
		s.top = 0
	}
	return join(widget.Page(append(head, lines...), w, h))
}

func (s *Shifts) moment(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.In(s.d.Zone).Format("01-02 15:04")
}

// pair is a name and a figure at the two ends of a line. A figure is never cut.
func pair(name, figure string, w int) string {
	return widget.Fit(name, max(w-widget.Width(figure)-1, 0)) + " " + figure
}

// figures are the lines of a report, the drawer first: it is what somebody stands there for.
func (s *Shifts) figures(x localapi.Shift, w int) (lines []string) {
	say, yuan := s.d.Lang.Say, s.d.Theme.Yuan
	add := func(name words.Key, fen *int64) {
		if fen != nil && (*fen != 0 || name == words.ShiftDiff || name == words.ShiftExpected || name == words.ShiftCounted) {
			lines = append(lines, pair(say(name), yuan(*fen), w))
		}
	}
	lines = append(lines, s.life(x)...)
	add(words.ShiftFloat, &x.Float)
	add(words.ShiftIn, &x.PaidIn)
	add(words.ShiftOut, &x.PaidOut)
	add(words.ShiftDropped, &x.Dropped)
	add(words.ShiftExpected, x.Expected)
	add(words.ShiftCounted, x.Counted)
	if x.Difference != nil {
		tone := widget.Good
		if *x.Difference != 0 {
			tone = widget.Doubt
		}
		lines = append(lines, s.d.Theme.Text(tone, pair(say(words.ShiftDiff), yuan(*x.Difference), w)))
	}
	for _, one := range x.Tenders {
		lines = append(lines, pair(fmt.Sprintf("%s x%d", s.tender(one), one.Count), yuan(one.Gross), w))
		if one.Refunds > 0 {
			lines = append(lines, pair("  "+say(words.ShiftBack, one.Refunds), yuan(-one.Refunded), w))
		}
	}
	if x.Blind {
		lines = append(lines, s.d.Theme.Text(widget.Dim, say(words.ShiftBlind)))
	}
	return append(lines, s.carried(x, w)...)
}

// life tells when and by whom the shift was opened and closed.
func (s *Shifts) life(x localapi.Shift) (lines []string) {
	say := s.d.Lang.Say
	switch {
	case x.OpenedAt == nil:
		return []string{say(words.ShiftNothing)}
	case x.Closed:
		lines = append(lines, say(words.ShiftFromTo, s.moment(x.OpenedAt), s.moment(x.ClosedAt)))
	default:
		lines = append(lines, say(words.ShiftSince, s.moment(x.OpenedAt)))
	}
	if x.ByItself {
		lines = append(lines, say(words.ShiftItself))
	}
	if who := x.OpenedBy; who != "" || x.ClosedBy != "" {
		if x.ClosedBy != "" && x.ClosedBy != who {
			who += ", " + x.ClosedBy
		}
		lines = append(lines, say(words.ShiftBy, who))
	}
	if x.FirstSale > 0 {
		lines = append(lines, say(words.ShiftSales, x.FirstSale, x.LastSale))
	}
	return lines
}

// carried names what is open, and what of earlier shifts settled in this one.
func (s *Shifts) carried(x localapi.Shift, w int) (lines []string) {
	say := s.d.Lang.Say
	if x.PendingCount > 0 {
		k := words.ShiftOpenNow
		if x.Closed {
			k = words.ShiftPending
		}
		for _, line := range widget.Wrap(say(k, x.PendingCount, s.d.Theme.Yuan(x.PendingAmount)), w) {
			lines = append(lines, s.d.Theme.Text(widget.Doubt, line))
		}
		for _, l := range x.Pending {
			lines = append(lines, s.line("?", l, l.Shift != x.Number, w)...)
		}
	}
	if x.CarriedCount > 0 {
		lines = append(lines, widget.Wrap(say(words.ShiftCarried, x.CarriedCount), w)...)
		for _, l := range x.Carried {
			lines = append(lines, s.line("-", l, true, w)...)
		}
	}
	return lines
}

// line is one sale or refund, in one line of its own and one for where it is from.
func (s *Shifts) line(sign string, l localapi.ShiftLine, from bool, w int) []string {
	what := words.ShiftSale
	if l.Kind == "refund" {
		what = words.ShiftRefund
	}
	name := sign + " " + s.d.Lang.Say(what) + " " + tail(l.ID, 6) + " " + s.d.Lang.Line(l)
	lines := []string{pair(name, s.d.Theme.Yuan(l.Amount), w)}
	if from {
		lines = append(lines, "  "+s.d.Lang.Say(words.ShiftFrom, l.Shift))
	}
	return lines
}

func (s *Shifts) tender(one localapi.ShiftTender) string {
	switch one.Tender {
	case localapi.TenderCash:
		return s.d.Lang.Say(words.TenderCash)
	case localapi.TenderOther:
		return s.d.Lang.Say(words.ShiftOther)
	}
	return s.d.Lang.WalletName(one.Wallet)
}

// rows lists the shifts that are closed.
func (s *Shifts) rows(w int) (lines []string) {
	if len(s.list) == 0 {
		return []string{s.d.Lang.Say(words.ShiftNone)}
	}
	for i, z := range s.list {
		mark := "  "
		if i == s.at {
			mark = "> "
		}
		var net int64
		for _, one := range z.Tenders {
			net += one.Net
		}
		text := pair(mark+strconv.FormatInt(z.Number, 10)+"  "+s.moment(z.ClosedAt), s.d.Theme.Yuan(net), min(w, reportCells))
		if w >= wide {
			text += "  " + s.d.Lang.Say(words.ShiftDiff) + " " + s.d.Theme.Yuan(*z.Difference)
		}
		lines = append(lines, text)
	}
	return lines
}
