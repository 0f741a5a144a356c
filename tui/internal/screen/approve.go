package screen

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// clockWhole writes a time of day to the second, in the shop's zone.
func (d *Desk) clockWhole(at time.Time) string { return at.In(d.Zone).Format("15:04:05") }

// Chooser asks which person of a list; their PIN is asked for next.
type Chooser struct {
	d           *Desk
	Title, Body string
	list        []localapi.Listed
	at          int
	chosen      func(o localapi.Operator) tea.Cmd
}

// Stale is never: only its keys end it.
func (c *Chooser) Stale() bool { return false }

// Press handles a key; Esc goes away without a choice.
func (c *Chooser) Press(k Key) (cmd tea.Cmd, done bool) {
	switch {
	case k == "esc":
		return nil, true
	case k == "up":
		c.at = max(c.at-1, 0)
	case k == "down":
		c.at = min(c.at+1, max(len(c.list)-1, 0))
	case k == "enter":
		return c.choose(c.at)
	case len(k) == 1 && k[0] >= '1' && k[0] <= '9':
		return c.choose(int(k[0] - '1'))
	}
	return nil, false
}

func (c *Chooser) choose(i int) (cmd tea.Cmd, done bool) {
	if i >= len(c.list) || c.list[i].LockedUntil != nil && c.d.Now.Before(*c.list[i].LockedUntil) {
		return nil, false
	}
	return c.chosen(c.list[i].Operator), true
}

// Hints are the keys of the dialog.
func (c *Chooser) Hints() []Hint {
	return []Hint{{"Enter", c.d.Lang.Say(words.KeyChoose)}, {"Esc", c.d.Lang.Say(words.KeyBack)}}
}

// View draws the question in h lines of w cells.
func (c *Chooser) View(t widget.Theme, w, h int) string {
	lines := []string{"", t.Band(widget.Notice, widget.Fit(" "+c.Title, w)), ""}
	lines = append(lines, widget.Wrap(c.Body, w)...)
	lines = append(lines, "")
	for i, o := range c.list {
		lines = append(lines, operatorLine(c.d, o, i, i == c.at, w))
	}
	return join(widget.Page(lines, w, h))
}

// approvers answers the question who may approve a refund that was refused.
type approvers struct {
	asking
	who  localapi.Operator // whose PIN was refused; none at first
	was  error             // the refusal
	list localapi.Operators
	err  error
}

// needsApproval reports that a supervisor's PIN may make a refusal of a refund an agreement.
func needsApproval(err error) bool {
	switch fault.CodeOf(err) {
	case "operator.limit", "operator.required", "operator.pin", "operator.locked", "operator.role", "operator.pin_form", "operator.busy":
		return true
	}
	return false
}

// approve looks who may approve the refund. The number stays: it is the same refund that is asked for again.
func (s *Sales) approve(want asking, who localapi.Operator, was error) tea.Cmd {
	s.busy = true
	agent := s.d.Staff
	return ask(func(ctx context.Context) tea.Msg {
		list, err := agent.Operators(ctx)
		return approvers{asking: want, who: who, was: was, list: list, err: err}
	})
}

// approvers opens the choice of who approves, and then the prompt for the PIN.
func (s *Sales) approvers(m approvers) {
	s.busy = false
	said := pinRefused(s.d, m.was, m.who, m.list)
	if m.err != nil {
		s.notice = func(l words.Lang) string { return l.Say(words.NoticeRefundFailed, refusal(l, m.was)) }
		return
	}
	var list []localapi.Listed
	for _, o := range m.list.Operators {
		if o.Role == localapi.RoleSupervisor {
			list = append(list, o)
		}
	}
	s.notice = func(l words.Lang) string { return l.Say(words.ApproveNot) }
	if len(list) == 0 {
		s.tell(words.ApproveNone)
		return
	}
	l := s.d.Lang
	s.d.Open(&Chooser{d: s.d, Title: l.Say(words.ApproveTitle, s.d.Theme.Yuan(m.amount)), Body: said(l), list: list,
		chosen: func(o localapi.Operator) tea.Cmd {
			s.d.Open(pinOf(s.d, o, "", func(pin string) tea.Cmd {
				return s.refund(m.asking, &localapi.Approval{Operator: o.ID, PIN: pin}, o)
			}))
			return nil
		}})
}
