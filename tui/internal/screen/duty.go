package screen

import (
	"context"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// mostPIN is how long a PIN can be.
const mostPIN = 8

// Staff is what the screens ask of the agent about who works here.
type Staff interface {
	Operators(ctx context.Context) (localapi.Operators, error)
	SignOn(ctx context.Context, n localapi.SignOn) (localapi.Operators, error)
	SignOff(ctx context.Context) (localapi.Operators, error)
}

// Duty is the page where operators sign on and off.
type Duty struct {
	d      *Desk
	list   localapi.Operators
	at     int
	busy   bool
	notice func(words.Lang) string
}

// NewDuty makes the page.
func NewDuty(d *Desk) *Duty { return &Duty{d: d} }

// staffed answers a question about who works here. who is the operator it was about; none of a mere look.
type staffed struct {
	list localapi.Operators
	who  localapi.Operator
	off  bool // somebody signed off
	look bool // asked to say why a PIN was refused
	was  error
	err  error
}

// Update handles the keys of the page, and the answers to its questions.
func (p *Duty) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Key:
		return p.press(msg)
	case Entered:
		p.notice = nil
		return p.ask(staffed{}, Staff.Operators)
	case staffed:
		return p.staffed(msg)
	}
	return nil
}

// ask puts one question; the answer carries what it was about.
func (p *Duty) ask(about staffed, question func(Staff, context.Context) (localapi.Operators, error)) tea.Cmd {
	p.busy = true
	agent := p.d.Staff
	return ask(func(ctx context.Context) tea.Msg {
		about.list, about.err = question(agent, ctx)
		return about
	})
}

func (p *Duty) press(k Key) tea.Cmd {
	n := len(p.list.Operators)
	switch {
	case k == "esc":
		return p.d.Show(p.d.Home)
	case p.busy:
	case k == "f6" && p.d.Status.Operator != nil:
		return p.ask(staffed{off: true}, Staff.SignOff)
	case k == "up":
		p.at = max(p.at-1, 0)
	case k == "down":
		p.at = min(p.at+1, max(n-1, 0))
	case k == "enter":
		p.prompt(p.at)
	case len(k) == 1 && k[0] >= '1' && k[0] <= '9':
		p.prompt(int(k[0] - '1'))
	}
	return nil
}

// Lock takes whoever is on duty off it, and turns to the page where the next signs on.
func (p *Duty) Lock() tea.Cmd {
	p.d.Page, p.notice = p, nil
	return p.ask(staffed{off: true}, Staff.SignOff)
}

// prompt asks for the PIN of one of the list.
func (p *Duty) prompt(i int) {
	if i >= len(p.list.Operators) || p.locked(p.list.Operators[i]) {
		return
	}
	p.at, p.notice = i, nil
	o := p.list.Operators[i].Operator
	p.d.Open(pinOf(p.d, o, "", func(pin string) tea.Cmd {
		return p.ask(staffed{who: o}, func(s Staff, ctx context.Context) (localapi.Operators, error) {
			return s.SignOn(ctx, localapi.SignOn{Operator: o.ID, PIN: pin})
		})
	}))
}

func (p *Duty) locked(o localapi.Listed) bool {
	return o.LockedUntil != nil && p.d.Now.Before(*o.LockedUntil)
}

func (p *Duty) staffed(m staffed) tea.Cmd {
	p.busy = false
	if m.err != nil && m.who.ID != "" && verdictOf(m.err) == refused && !m.look { // how many tries are left, or until when
		about := m
		about.look, about.was = true, m.err
		return p.ask(about, Staff.Operators)
	}
	if m.err == nil {
		p.list = m.list
		p.at = min(p.at, max(len(p.list.Operators)-1, 0))
		p.d.Status.Operator = m.list.OnDuty // the event may be on its way
	}
	switch {
	case m.was != nil:
		p.notice = pinRefused(p.d, m.was, m.who, m.list)
	case m.err != nil && verdictOf(m.err) == refused:
		p.notice = func(l words.Lang) string { return refusal(l, m.err) }
	case m.err != nil && (m.off || m.who.ID != ""):
		p.notice = func(l words.Lang) string { return l.Say(words.DutyUnsure) }
	case m.err != nil:
		p.notice = func(l words.Lang) string { return l.Say(words.AwayShort) }
	case m.off:
		p.notice = func(l words.Lang) string { return l.Say(words.DutyOff) }
	case m.who.ID != "":
		p.notice = func(l words.Lang) string { return l.Say(words.DutyOn, m.who.Name) }
	}
	return nil
}

// pinOf asks for an operator's PIN.
func pinOf(d *Desk, o localapi.Operator, body string, done func(pin string) tea.Cmd) *Prompt {
	return &Prompt{Title: d.Lang.Say(words.PINTitle, o.Name), Body: body, Secret: true, Digits: true, Most: mostPIN, Done: done, Lang: d.Lang}
}

// pinRefused says why a PIN was not taken: how many tries are left, or until when nobody may try.
func pinRefused(d *Desk, err error, o localapi.Operator, list localapi.Operators) func(words.Lang) string {
	i := slices.IndexFunc(list.Operators, func(x localapi.Listed) bool { return x.ID == o.ID })
	code := fault.CodeOf(err)
	if i < 0 || code != "operator.pin" && code != "operator.locked" {
		return func(l words.Lang) string { return refusal(l, err) }
	}
	x := list.Operators[i]
	if x.LockedUntil != nil {
		until := d.clockWhole(*x.LockedUntil)
		return func(l words.Lang) string { return l.Say(words.PINLocked, x.Name, until) }
	}
	return func(l words.Lang) string { return l.Say(words.PINWrong, x.Name, x.TriesLeft) }
}

// Hints are the keys of the page.
func (p *Duty) Hints() []Hint {
	say := p.d.Lang.Say
	hints := []Hint{{"Esc", say(words.KeyBack)}}
	if len(p.list.Operators) > 0 {
		hints = append(hints, Hint{"Enter", say(words.KeySignOn)})
	}
	if p.d.Status.Operator != nil {
		hints = append(hints, Hint{"F6", say(words.KeyDuty)})
	}
	return hints
}

// View lists the people, with who is on duty above and what was said last below.
func (p *Duty) View(w, h int) string {
	d, say := p.d, p.d.Lang.Say
	now := say(words.DutyNobody)
	if o := d.Status.Operator; o != nil {
		now = say(words.DutyNow, o.Name)
	}
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+say(words.DutyTitle), w)), "", now}
	if p.list.Required {
		lines = append(lines, widget.Wrap(say(words.DutyRequired), w)...)
	}
	if at := p.list.ExpiresAt; at != nil && !d.Now.Before(*at) {
		for _, line := range widget.Wrap(say(words.DutyExpired), w) {
			lines = append(lines, d.Theme.Text(widget.Notice, line))
		}
	}
	lines = append(lines, "")
	var below []string
	switch {
	case p.busy:
		below = []string{"", say(words.DutyAsking)}
	case p.notice != nil:
		below = []string{""}
		for _, line := range widget.Wrap(p.notice(d.Lang), w) {
			below = append(below, d.Theme.Text(widget.Notice, line))
		}
	case len(p.list.Operators) == 0:
		below = widget.Wrap(say(words.DutyEmpty), w)
	}
	room := max(h-len(lines)-len(below), 1)
	for i := max(0, p.at-room+1); i < min(len(p.list.Operators), max(0, p.at-room+1)+room); i++ {
		lines = append(lines, operatorLine(d, p.list.Operators[i], i, i == p.at, w))
	}
	return join(widget.Page(append(lines, below...), w, h))
}

// operatorLine is one person of a list; the role is the first that a narrow screen does without.
func operatorLine(d *Desk, o localapi.Listed, i int, here bool, w int) string {
	mark, number := "  ", "  "
	if here {
		mark = "> "
	}
	if i < 9 {
		number = string(rune('1'+i)) + " "
	}
	state := d.Lang.Say(words.DutyLimit, d.Theme.Yuan(o.Refund))
	if o.LockedUntil != nil && d.Now.Before(*o.LockedUntil) {
		state = d.Lang.Say(words.DutyLocked, d.clockWhole(*o.LockedUntil))
	}
	line := mark + number + widget.Fit(o.Name, 10) + " " + widget.Fit(state, 22)
	if w >= wide {
		line += "  " + d.Lang.Role(o.Role)
	}
	return widget.Cut(line, w)
}
