package screen

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// healthEvery is how often the doctor is asked for while his screen is shown; the agent looks once a minute.
const healthEvery = 20 * time.Second

// Health is the screen of the till's own state, and of what to do about each trouble.
type Health struct {
	d      *Desk
	last   localapi.Health
	asked  time.Time
	busy   bool
	failed error
	scroll scroll
}

// NewHealth makes the screen.
func NewHealth(d *Desk) *Health { return &Health{d: d} }

func (s *Health) where() Where { return OnHealth }

// examined answers the question for the agent's health.
type examined struct {
	health localapi.Health
	err    error
}

// healthTime bounds the question: the agent itself waits six seconds for its doctor.
const healthTime = 9 * time.Second

// Update handles keys, answers, and time while it is shown.
func (s *Health) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Entered:
		s.scroll = scroll{}
		return s.look()
	case Ticked:
		if s.d.Now.Sub(s.asked) >= healthEvery || s.last.Running {
			return s.look()
		}
	case Key:
		switch {
		case msg == "esc":
			return s.d.leaves()
		case msg == "f5":
			return s.look()
		}
		s.scroll.press(msg)
	case examined:
		s.busy = false
		if s.failed = msg.err; msg.err == nil {
			s.last = msg.health
		}
	}
	return nil
}

func (s *Health) look() tea.Cmd {
	if s.busy {
		return nil
	}
	s.busy, s.asked = true, s.d.Now
	agent := s.d.Office
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), healthTime)
		defer cancel()
		h, err := agent.Health(ctx)
		return examined{h, err}
	}
}

// Hints are the keys of this screen.
func (s *Health) Hints() []Hint {
	say := s.d.Lang.Say
	return []Hint{{"Esc", say(words.KeyBack)}, {"Up", say(words.KeyScroll)}, {"F5", say(words.KeyRefresh)}}
}

// View lists what is known, troubles first, each with what to do.
func (s *Health) View(w, h int) string {
	d, say := s.d, s.d.Lang.Say
	var troubles, fine []string
	for _, c := range s.last.Checks {
		lines := s.check(c, w)
		if c.Verdict == localapi.CheckOK {
			fine = append(fine, lines...)
		} else {
			troubles = append(troubles, lines...)
		}
	}
	var body []string
	switch {
	case s.failed != nil:
		body = told(d, func(l words.Lang) string { return askErrorText(l, s.failed) }, w)
	case s.last.At.IsZero():
		body = []string{say(words.Asking)}
	case len(troubles) == 0:
		body = []string{d.Theme.Text(widget.Good, say(words.HealthGood))}
	}
	body = append(body, troubles...)
	body = append(append(body, ""), s.facts(w)...)
	if len(fine) > 0 {
		body = append(append(body, ""), fine...)
		body = append(body, "", d.Theme.Text(widget.Dim, say(words.HealthAt, s.last.At.In(d.Zone).Format("15:04:05"))))
	}
	return s.scroll.show(d, say(words.HealthTitle), body, w, h)
}

// check is one thing the doctor looked at: a sign, its name, what was found, and what to do.
func (s *Health) check(c localapi.Check, w int) []string {
	d, l := s.d, s.d.Lang
	sign, tone := "OK", widget.Plain
	switch c.Verdict {
	case localapi.CheckWarn:
		sign, tone = "! ", widget.Notice
	case localapi.CheckFail:
		sign, tone = "X ", widget.Bad
	}
	name, path, _ := strings.Cut(c.Name, " ")
	label, do := l.Check(name, c)
	if path != "" {
		label += " " + path
	}
	if c.Verdict == localapi.CheckOK {
		return []string{widget.Cut(sign+" "+widget.Fit(label, 12)+" "+c.Found, w)}
	}
	lines := []string{d.Theme.Text(tone, sign+" "+label)}
	for _, line := range widget.Wrap(c.Found, w-3) {
		lines = append(lines, "   "+line)
	}
	for i, line := range widget.Wrap(do, w-6) {
		lines = append(lines, d.Theme.Text(widget.Notice, map[bool]string{true: "   -> ", false: "      "}[i == 0]+line))
	}
	return lines
}

// facts are what the status says by itself, as far as there is an agent.
func (s *Health) facts(w int) []string {
	d, say, st := s.d, s.d.Lang.Say, s.d.Status
	if !d.Connected {
		return nil
	}
	var lines []string
	fact := func(k words.Key, value string) {
		if value != "" {
			lines = append(lines, widget.Cut(widget.Fit(say(k), 16)+" "+value, w))
		}
	}
	link := words.FactLinkUp
	if st.Link != "up" {
		link = words.FactLinkDown
	}
	fact(words.FactLink, say(link, st.LinkSince.In(d.Zone).Format("01-02 15:04")))
	fact(words.FactQueue, fmt.Sprint(st.Queue))
	if st.OldestWaiting != nil {
		fact(words.FactOldest, widget.Lasted(d.Now.Sub(*st.OldestWaiting)))
	}
	unsynced := fmt.Sprint(st.Unsynced)
	if st.UnsyncedSince != nil {
		unsynced += "  (" + widget.Lasted(d.Now.Sub(*st.UnsyncedSince)) + ")"
	}
	fact(words.FactUnsynced, unsynced)
	fact(words.FactClock, seconds(st.ClockOffsetMS))
	if until := s.last.CertificateUntil; until != nil {
		fact(words.FactCertificate, say(words.FactDays, int(until.Sub(d.Now)/(24*time.Hour)), until.In(d.Zone).Format("2006-01-02")))
	}
	if !s.last.At.IsZero() {
		fact(words.FactJournal, fmt.Sprintf("%d KiB", s.last.JournalBytes>>10))
		fact(words.FactDisk, fmt.Sprintf("%d MiB", s.last.DiskFree>>20))
	}
	s.devices(fact)
	fact(words.FactTerminal, st.Terminal)
	fact(words.FactVersion, st.Version)
	return lines
}

func (s *Health) devices(fact func(words.Key, string)) {
	say, st := s.d.Lang.Say, s.d.Status
	for _, one := range st.Scanners {
		state := say(words.DeviceOK)
		if !one.Connected {
			state = say(words.DeviceGone)
		}
		fact(words.FactScanner, state+"  "+one.Path)
	}
	if p := st.Printer; p != nil {
		fact(words.FactPrinter, device(s.d, p.State == localapi.PrinterReady, p.State == localapi.PrinterAbsent, string(p.State))+"  "+say(words.FactSlips, p.Waiting, p.Failed))
	}
	if v := st.Display; v != nil {
		fact(words.FactDisplay, device(s.d, v.State == localapi.DisplayReady, v.State == localapi.DisplayAbsent, string(v.State))+"  "+v.Path)
	}
	if v := st.Voice; v != nil {
		fact(words.FactVoice, device(s.d, v.State == localapi.VoiceReady, false, string(v.State))+"  "+say(words.FactSpoken, v.Said, v.Missed))
	}
}

// device names a state: the two that every device has in words, others by their own word.
func device(d *Desk, ok, absent bool, state string) string {
	switch {
	case ok:
		return d.Lang.Say(words.DeviceOK)
	case absent:
		return d.Lang.Say(words.DeviceGone)
	}
	return "! " + strings.ReplaceAll(state, "_", " ")
}

// seconds writes an offset in milliseconds.
func seconds(ms int64) string {
	sign := "+"
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Sprintf("%s%d.%03d s", sign, ms/1000, ms%1000)
}
