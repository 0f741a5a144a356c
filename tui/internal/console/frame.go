package console

import (
	"fmt"
	"strings"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// The smallest window in which every state can be read, in both languages.
const (
	minWidth  = 40
	minHeight = 20
)

func tooSmall(d *screen.Desk, w, h int) string {
	lines := append(widget.Wrap(d.Lang.Say(words.TooSmall, minWidth, minHeight), w),
		widget.Wrap(d.Lang.Say(words.TooSmallNow, w, h), w)...)
	return strings.Join(widget.Page(lines, w, h), "\n")
}

// header names the program, the till and the time.
func header(d *screen.Desk, w int) string {
	name := " " + d.Lang.Say(words.AppName)
	if d.Status.Store != "" {
		name += "  " + d.Status.Store
	}
	clock := d.Now.In(d.Zone).Format("15:04:05") + " "
	return d.Theme.Band(widget.Plain, widget.Fit(name, w-len(clock))+clock)
}

// statusLines are always there: whether the till can sell, and what still waits.
func statusLines(d *screen.Desk, w int) []string {
	say, s := d.Lang.Say, d.Status
	link, up := say(words.StatusLinkUnknown), false
	if d.Connected && !d.Away() {
		switch s.Link {
		case "up":
			link, up = say(words.StatusLinkUp, d.Clock(s.LinkSince)), true
		case "down":
			link = say(words.StatusLinkDown, d.Clock(s.LinkSince))
		}
	}
	items := []string{link}
	if o := s.Operator; o != nil && d.Connected {
		items = append(items, say(words.StatusDuty, o.Name))
	}
	if d.Connected {
		items = append(items, say(words.StatusQueue, s.Queue))
		if s.OldestWaiting != nil {
			items = append(items, say(words.StatusOldest, widget.Lasted(d.Now.Sub(*s.OldestWaiting))))
		}
		if s.OpenSales > 0 || s.PendingAmount != 0 {
			items = append(items, say(words.StatusPending, s.OpenSales, d.Theme.Yuan(s.PendingAmount)))
		}
		if o := s.Offline; o.Count > 0 {
			items = append(items, say(words.StatusDeferred, o.Count, d.Theme.Yuan(o.Sum)))
		}
		if s.OpenRefunds > 0 {
			items = append(items, say(words.StatusRefunds, s.QueuedRefunds, s.OpenRefunds, d.Theme.Yuan(s.PendingRefundsAmount)))
		}
		lapses := ""
		if s.SendUntil != nil && !up {
			lapses = say(words.StatusLapses, widget.Lasted(s.SendUntil.Sub(d.Now)))
		}
		items = append(items, scanners(d), printer(d), d.Lang.Display(s.Display), d.Lang.Voice(s.Voice), clockOffset(d), lapses, say(words.StatusTerminal, short(s.Terminal)),
			say(words.StatusVersion, s.Version))
	}
	lines := widget.Flow(items, w, statusHeight(w))
	lines = widget.Page(lines, w, statusHeight(w))
	if !up {
		lines[0] = d.Theme.Text(widget.Notice, lines[0])
	}
	return lines
}

// statusHeight is fixed for a width, so that nothing above jumps when an item appears.
func statusHeight(w int) int {
	switch {
	case w >= 120:
		return 1
	case w >= 76:
		return 2
	}
	return 4
}

func scanners(d *screen.Desk) string {
	if len(d.Status.Scanners) == 0 {
		return d.Lang.Say(words.StatusScannerNone)
	}
	for _, s := range d.Status.Scanners {
		if !s.Connected {
			return d.Lang.Say(words.StatusScannerGone)
		}
	}
	for _, s := range d.Status.Scanners {
		switch {
		case s.SpeedWrong:
			return d.Lang.Say(words.StatusScannerSpeed)
		case s.Stuck:
			return d.Lang.Say(words.StatusScannerStuck)
		}
	}
	return d.Lang.Say(words.StatusScannerOK)
}

// printer is how the receipt printer is; nothing where there is none.
func printer(d *screen.Desk) string {
	p := d.Status.Printer
	if p == nil {
		return ""
	}
	switch p.State {
	case localapi.PrinterReady:
		if p.NearEnd {
			return d.Lang.Say(words.StatusPrinterNearEnd)
		}
		return d.Lang.Say(words.StatusPrinter)
	case localapi.PrinterPaperOut:
		return d.Lang.Say(words.StatusPrinterPaper, p.Waiting)
	case localapi.PrinterCoverOpen:
		return d.Lang.Say(words.StatusPrinterCover, p.Waiting)
	case localapi.PrinterError, localapi.PrinterSilent:
		return d.Lang.Say(words.StatusPrinterError, p.Waiting)
	}
	return d.Lang.Say(words.StatusPrinterAbsent, p.Waiting)
}

// clockOffset warns when the till's clock is more than two seconds off the hub's.
func clockOffset(d *screen.Desk) string {
	ms, key := d.Status.ClockOffsetMS, words.StatusClockBehind
	if ms < 0 {
		ms, key = -ms, words.StatusClockAhead
	}
	if ms <= 2000 {
		return ""
	}
	return d.Lang.Say(key, fmt.Sprintf("%d.%d", ms/1000, ms%1000/100))
}

// short keeps the ends of an identifier: its kind, and the part that tells two apart.
func short(id string) string {
	if len(id) <= 16 {
		return id
	}
	return id[:4] + ".." + id[len(id)-6:]
}

func hintLines(hints []screen.Hint, w int) []string {
	items := make([]string, len(hints))
	for i, h := range hints {
		items[i] = h.Key + " " + h.Text
	}
	n := 1
	if w < 76 {
		n = 2
	}
	return widget.Page(widget.Flow(items, w, n), w, n)
}
