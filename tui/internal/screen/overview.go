package screen

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// overviewEvery is how often the shown day is asked for again while it is on the screen.
const overviewEvery = 15 * time.Second

// Overview is the screen of one day: what came in, what went back, what is in doubt, beside the day before.
type Overview struct {
	d      *Desk
	back   int // days before today
	days   map[string]localapi.Day
	asked  time.Time
	failed error
	scroll scroll
}

// NewOverview makes the screen.
func NewOverview(d *Desk) *Overview { return &Overview{d: d, days: map[string]localapi.Day{}} }

func (o *Overview) where() Where { return OnOverview }

// dayLooked answers the question for a day.
type dayLooked struct {
	day localapi.Day
	err error
}

// Update handles keys, answers, and time while it is shown.
func (o *Overview) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Entered:
		o.back, o.scroll = 0, scroll{}
		return o.look()
	case Ticked:
		if o.d.Now.Sub(o.asked) >= overviewEvery {
			return o.look()
		}
	case Key:
		return o.press(msg)
	case dayLooked:
		if o.failed = msg.err; msg.err == nil {
			o.days[msg.day.Date] = msg.day
		}
	}
	return nil
}

func (o *Overview) press(k Key) tea.Cmd {
	switch {
	case k == "esc":
		return o.d.leaves()
	case k == "f5":
		return o.look()
	case k == "left":
		o.back++
		return o.look()
	case k == "right" && o.back > 0:
		o.back--
		return o.look()
	}
	o.scroll.press(k)
	return nil
}

// date is the day shown, or so many days before it.
func (o *Overview) date(before int) string {
	return o.d.Now.In(o.d.Zone).AddDate(0, 0, -o.back-before).Format("2006-01-02")
}

// look asks for the day and the one before.
func (o *Overview) look() tea.Cmd {
	o.asked = o.d.Now
	clear(o.days)
	return tea.Batch(o.lookAt(o.date(0)), o.lookAt(o.date(1)))
}

func (o *Overview) lookAt(date string) tea.Cmd {
	agent := o.d.Office
	return ask(func(ctx context.Context) tea.Msg {
		day, err := agent.Day(ctx, date)
		return dayLooked{day, err}
	})
}

// Hints are the keys of this screen.
func (o *Overview) Hints() []Hint {
	say := o.d.Lang.Say
	return []Hint{{"Esc", say(words.KeyBack)}, {"Left", say(words.KeyDayBefore)}, {"Right", say(words.KeyDayAfter)}, {"F5", say(words.KeyRefresh)}}
}

// View draws the day.
func (o *Overview) View(w, h int) string {
	d, say := o.d, o.d.Lang.Say
	title := say(words.OverviewOf, o.date(0))
	day, ok := o.days[o.date(0)]
	switch {
	case ok:
		before, known := o.days[o.date(1)]
		return o.scroll.show(d, title, o.body(day, before, known, w, h), w, h)
	case o.failed != nil:
		return o.scroll.show(d, title, told(d, func(l words.Lang) string { return askErrorText(l, o.failed) }, w), w, h)
	}
	return o.scroll.show(d, title, []string{"", say(words.Asking)}, w, h)
}

func (o *Overview) body(day, before localapi.Day, known bool, w, h int) []string {
	lines := o.sums(day, before, known, w)
	lines = append(lines, o.doubts(day, w)...)
	ways, chart := o.ways(day, w), o.chart(day, w, h)
	if w >= wide { // the chart beside the ways of paying
		return append(append(lines, ""), widget.Beside(ways, w-24*o.cells(w), chart)...)
	}
	return append(append(append(append(lines, ""), chart...), ""), ways...)
}

// sums is a small table: what came in and went back, and the day before.
func (o *Overview) sums(day, before localapi.Day, known bool, w int) []string {
	d, say := o.d, o.d.Lang.Say
	row := func(name words.Key, count int, fen int64, was int64) string {
		n := ""
		if count >= 0 {
			n = fmt.Sprint(count)
		}
		line := widget.Fit(say(name), 8) + widget.Right(n, 5) + widget.Right(d.Theme.Yuan(fen), 14)
		if known {
			line += " " + widget.Right(change(fen, was), 7)
			if w >= wide {
				line += "  " + say(words.DayBeforeWas, d.Theme.Yuan(was))
			}
		}
		return line
	}
	lines := []string{
		row(words.DayPaid, day.Paid, day.Gross, before.Gross),
		row(words.DayRefunded, day.Refunds, day.Refunded, before.Refunded),
		d.Theme.Text(widget.Good, row(words.DayNet, -1, day.Net, before.Net)),
	}
	if day.NotPaid > 0 {
		lines = append(lines, widget.Fit(say(words.DayNotPaid), 8)+widget.Right(fmt.Sprint(day.NotPaid), 5))
	}
	return lines
}

// change compares with the day before in whole percent.
func change(now, was int64) string {
	switch {
	case now == was:
		return "="
	case was <= 0:
		return "-"
	}
	percent := (now - was) * 100 / was
	if percent > 999 {
		return ">+999%"
	}
	return fmt.Sprintf("%+d%%", percent)
}

// doubts are named apart: nobody may take them for money that is there.
func (o *Overview) doubts(day localapi.Day, w int) []string {
	d, say := o.d, o.d.Lang.Say
	var lines []string
	add := func(k words.Key, n int, fen int64) {
		if n > 0 {
			for _, line := range widget.Wrap("? "+say(k, n, d.Theme.Yuan(fen)), w) {
				lines = append(lines, d.Theme.Text(widget.Doubt, line))
			}
		}
	}
	add(words.DayOpen, day.Open, day.OpenAmount)
	add(words.DayDeferred, day.Deferred, day.DeferredAmount)
	add(words.DayOpenRefunds, day.OpenRefunds, day.OpenRefundsAmount)
	return lines
}

func (o *Overview) ways(day localapi.Day, w int) []string {
	d := o.d
	lines := []string{d.Theme.Text(widget.Dim, d.Lang.Say(words.DayWays))}
	for _, l := range day.Lines {
		name := d.Lang.Wallet(localapi.Sale{Tender: l.Tender, Wallet: l.Wallet})
		if l.Tender == localapi.TenderOther {
			name = d.Lang.Say(words.TenderOther)
		}
		lines = append(lines, widget.Fit(name, 12)+widget.Right(fmt.Sprint(l.Paid), 5)+widget.Right(d.Theme.Yuan(l.Net), 14))
	}
	if len(day.Lines) == 0 {
		lines = append(lines, d.Lang.Say(words.DayNothing))
	}
	return lines
}

// cells is how wide an hour is drawn.
func (o *Overview) cells(w int) int {
	switch {
	case w >= 120:
		return 3
	case w >= 48:
		return 2
	}
	return 1
}

// chart shows at what hours the money came.
func (o *Overview) chart(day localapi.Day, w, h int) []string {
	values := make([]int64, 24)
	var most int64
	for _, hour := range day.Hours {
		if hour.Hour >= 0 && hour.Hour < len(values) {
			values[hour.Hour] = hour.Gross
			most = max(most, hour.Gross)
		}
	}
	rows := 4
	if h >= 30 {
		rows = 10
	}
	head := o.d.Theme.Text(widget.Dim, o.d.Lang.Say(words.DayHours, o.d.Theme.Yuan(most)))
	return append([]string{head}, widget.Bars(values, o.cells(w), rows)...)
}
