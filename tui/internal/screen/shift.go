package screen

import (
	"context"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/tui/internal/words"
)

// Reports is what the screens ask of the agent about shifts.
type Reports interface {
	Shift(ctx context.Context, number string) (localapi.Shift, error)
	Shifts(ctx context.Context, limit int) ([]localapi.Shift, error)
	ReportShift(ctx context.Context, n localapi.ReportShift) (localapi.Shift, error)
}

// Drawer is what they ask about the cash in it.
type Drawer interface {
	OpenShift(ctx context.Context, n localapi.NewShift) (localapi.Shift, error)
	MoveCash(ctx context.Context, n localapi.NewMovement) (localapi.CashMovement, error)
	CloseShift(ctx context.Context, n localapi.CloseShift) (localapi.Shift, error)
}

// Shifts is the screen of the open shift, its cash and its end, and of the reports of those before.
type Shifts struct {
	d      *Desk
	now    localapi.Shift  // the open one
	report *localapi.Shift // the X or Z that is looked at
	list   []localapi.Shift
	listed bool // the list is looked at
	at     int  // in the list
	top    int  // first line shown
	busy   bool
	notice func(words.Lang) string

	count  *Count                // of the drawer, kept when the flow is left half-way
	ending *localapi.CloseShift  // asked for and not answered: asked again as it was
	moving *localapi.NewMovement // likewise
}

// NewShifts makes the screen.
func NewShifts(d *Desk) *Shifts { return &Shifts{d: d} }

// The answers to this screen's questions.
type (
	shiftRead struct {
		report bool // it was asked with the money in the drawer
		shift  localapi.Shift
		err    error
	}
	shiftsRead struct {
		list []localapi.Shift
		err  error
	}
	shiftBegun   struct{ err error }
	shiftPrinted struct{ err error }
	cashMoved    struct {
		move localapi.CashMovement
		err  error
	}
	shiftEnded struct {
		shift localapi.Shift
		err   error
	}
)

// Update handles keys, answers, and news while it is shown.
func (s *Shifts) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Key:
		return s.press(msg)
	case Entered:
		s.report, s.listed, s.top, s.notice = nil, false, 0, nil
		return s.read()
	case Changed:
		return s.read()
	case shiftRead:
		switch {
		case msg.err != nil && msg.report:
			s.refused(msg.err)
		case msg.err != nil: // the frame says that the agent is away
		case msg.report:
			s.report, s.top = &msg.shift, 0
		default:
			s.now = msg.shift
		}
	case shiftsRead:
		if msg.err != nil {
			s.refused(msg.err)
			return nil
		}
		s.list, s.at = msg.list, 0
	case shiftBegun:
		s.busy = false
		s.told(msg.err)
		return s.read()
	case shiftPrinted:
		if msg.err != nil {
			s.refused(msg.err)
		}
	case cashMoved:
		return s.moved(msg)
	case shiftEnded:
		return s.ended(msg)
	}
	return nil
}

func (s *Shifts) tell(k words.Key) { s.notice = func(l words.Lang) string { return l.Say(k) } }

func (s *Shifts) refused(err error) {
	s.notice = func(l words.Lang) string { return l.Say(words.NoticeShiftRefused, fault.MessageOf(err)) }
}

func (s *Shifts) told(err error) {
	if err != nil {
		s.refused(err)
		return
	}
	s.tell(words.NoticeShiftDone)
}

// read asks for the open shift.
func (s *Shifts) read() tea.Cmd {
	agent := s.d.Reports
	return ask(func(ctx context.Context) tea.Msg {
		x, err := agent.Shift(ctx, "current")
		return shiftRead{shift: x, err: err}
	})
}

// press handles a key of the open shift; reports and the list have fewer.
func (s *Shifts) press(k Key) tea.Cmd {
	s.notice = nil
	k = Key(strings.ToLower(string(k)))
	if k == "p" && s.d.prints() && (s.report != nil || !s.listed) {
		return s.print()
	}
	if s.report != nil || s.listed {
		return s.look(k)
	}
	switch {
	case k == "up", k == "down":
		s.scroll(k)
	case k == "esc":
		return s.d.Show(s.d.Home)
	case s.busy:
	case k == "o":
		s.askFloat()
	case k == "i":
		s.askMove(localapi.CashIn, words.AskIn)
	case k == "u":
		s.askMove(localapi.CashOut, words.AskOut)
	case k == "d":
		s.askMove(localapi.CashDrop, words.AskDrop)
	case k == "x":
		agent := s.d.Reports
		return ask(func(ctx context.Context) tea.Msg {
			x, err := agent.ReportShift(ctx, localapi.ReportShift{})
			return shiftRead{report: true, shift: x, err: err}
		})
	case k == "c", k == "h":
		return s.askEnd(k == "h")
	case k == "z":
		s.listed, s.at = true, 0
		agent := s.d.Reports
		return ask(func(ctx context.Context) tea.Msg {
			list, err := agent.Shifts(ctx, listed)
			return shiftsRead{list: list, err: err}
		})
	}
	return nil
}

// print asks for the report that is shown. A Z that may lie on paper already says so on its face.
func (s *Shifts) print() tea.Cmd {
	number := "current"
	if s.report != nil && s.report.Closed {
		number = strconv.FormatInt(s.report.Number, 10)
	}
	s.tell(words.NoticePrinting)
	agent := s.d.Receipts
	return ask(func(ctx context.Context) tea.Msg {
		_, err := agent.PrintShift(ctx, number)
		return shiftPrinted{err}
	})
}

// look handles a key of a report or of the list.
func (s *Shifts) look(k Key) tea.Cmd {
	switch {
	case k == "esc" && s.report != nil:
		s.report, s.top = nil, 0
	case k == "esc":
		s.listed, s.top = false, 0
	case s.report != nil:
		s.scroll(k)
	case k == "up":
		s.at = max(s.at-1, 0)
	case k == "down":
		s.at = max(min(s.at+1, len(s.list)-1), 0)
	case k == "enter" && s.at < len(s.list):
		z := s.list[s.at]
		s.report, s.top = &z, 0
	}
	return nil
}

func (s *Shifts) scroll(k Key) {
	switch k {
	case "up":
		s.top = max(s.top-1, 0)
	case "down":
		s.top++ // the view holds it back
	}
}

// prompt asks for an amount, and hands it on once it is one.
func (s *Shifts) prompt(title words.Key, least int64, then func(fen int64) tea.Cmd) {
	s.d.Open(&Prompt{Title: s.d.Lang.Say(title), Digits: true, Most: 12, Lang: s.d.Lang, Done: func(text string) tea.Cmd {
		a, err := money.ParseYuan(strings.TrimSuffix(text, "."))
		if err != nil || a.Fen() < least || a.Fen() > money.Max {
			s.tell(words.NoticeShiftAmount)
			return nil
		}
		return then(a.Fen())
	}})
}

// askFloat opens the shift, unless money has done that.
func (s *Shifts) askFloat() {
	if s.now.OpenedAt != nil {
		s.tell(words.NoticeShiftBegun)
		return
	}
	s.prompt(words.AskFloat, 0, func(fen int64) tea.Cmd {
		s.busy = true
		agent := s.d.Drawer
		return ask(func(ctx context.Context) tea.Msg {
			_, err := agent.OpenShift(ctx, localapi.NewShift{Float: fen})
			return shiftBegun{err}
		})
	})
}

// askMove notes cash. Its number stays the same until the agent has answered.
func (s *Shifts) askMove(kind localapi.MovementKind, title words.Key) {
	if s.moving != nil && s.moving.Kind == kind {
		s.d.Open(s.sendAgain())
		return
	}
	s.prompt(title, 1, func(fen int64) tea.Cmd {
		n := localapi.NewMovement{Kind: kind, Amount: fen, No: s.d.NewOrder()}
		if kind == localapi.CashDrop {
			return s.move(n)
		}
		s.d.Open(&Prompt{Title: s.d.Lang.Say(words.AskWhy), Most: 20, Lang: s.d.Lang, Done: func(why string) tea.Cmd {
			n.Why = why
			return s.move(n)
		}})
		return nil
	})
}

// sendAgain asks whether a movement without an answer is to be sent once more.
func (s *Shifts) sendAgain() *Confirm {
	n, say := *s.moving, s.d.Lang.Say
	return &Confirm{Title: say(words.NoticeShiftMoved, s.d.Theme.Yuan(n.Amount)), Body: say(words.NoticeCashUnsure), YesText: say(words.KeyDone),
		NoText: say(words.KeyBack), Yes: func() tea.Cmd { return s.move(n) }}
}

func (s *Shifts) move(n localapi.NewMovement) tea.Cmd {
	s.busy, s.moving = true, &n
	agent := s.d.Drawer
	return ask(func(ctx context.Context) tea.Msg {
		m, err := agent.MoveCash(ctx, n)
		return cashMoved{m, err}
	})
}

func (s *Shifts) moved(m cashMoved) tea.Cmd {
	s.busy = false
	switch {
	case m.err == nil:
		s.moving = nil
		s.notice = func(l words.Lang) string { return l.Say(words.NoticeShiftMoved, s.d.Theme.Yuan(m.move.Amount)) }
	case verdictOf(m.err) == refused:
		s.moving = nil
		s.refused(m.err)
	default:
		s.tell(words.NoticeCashUnsure)
	}
	return s.read()
}

// askEnd begins the end of the shift: count, at a hand-over what goes to the safe, and the question. Nothing is closed
// before the last yes, and the count is there when the flow is begun again. An end without an answer is sent as it was.
func (s *Shifts) askEnd(over bool) tea.Cmd {
	if s.ending != nil {
		return s.end(*s.ending)
	}
	if s.count == nil || s.count.shift != s.now.Number {
		s.count = &Count{shift: s.now.Number}
	}
	s.count.Lang = s.d.Lang
	s.count.Done = func(sum int64, notes []localapi.Denomination) tea.Cmd {
		n := localapi.CloseShift{Number: s.now.Number, Denominations: notes, HandOver: over}
		if len(notes) == 0 {
			n.Counted = &sum
		}
		if !over {
			s.confirmEnd(n, sum)
			return nil
		}
		s.prompt(words.AskHandDrop, 0, func(fen int64) tea.Cmd {
			if fen > sum {
				s.tell(words.NoticeShiftAmount)
				return nil
			}
			n.Drop = fen
			s.confirmEnd(n, sum)
			return nil
		})
		return nil
	}
	s.d.Open(s.count)
	return nil
}

func (s *Shifts) confirmEnd(n localapi.CloseShift, sum int64) {
	say, yuan := s.d.Lang.Say, s.d.Theme.Yuan
	body := say(words.ConfirmCloseBody, yuan(sum), s.now.PendingCount)
	if n.HandOver {
		body = say(words.ConfirmHandBody, yuan(sum), yuan(n.Drop), yuan(sum-n.Drop), s.now.PendingCount)
	}
	s.d.Open(&Confirm{Title: say(words.ConfirmCloseTitle, n.Number), Body: body, YesText: say(words.ConfirmCloseYes), NoText: say(words.ConfirmCloseNo),
		Yes: func() tea.Cmd { return s.end(n) }})
}

func (s *Shifts) end(n localapi.CloseShift) tea.Cmd {
	s.busy, s.ending = true, &n
	agent := s.d.Drawer
	return ask(func(ctx context.Context) tea.Msg {
		z, err := agent.CloseShift(ctx, n)
		return shiftEnded{z, err}
	})
}

func (s *Shifts) ended(m shiftEnded) tea.Cmd {
	s.busy = false
	switch {
	case m.err == nil:
		s.ending, s.count, s.report, s.top = nil, nil, &m.shift, 0
		s.tell(words.NoticeShiftDone)
	case verdictOf(m.err) == refused:
		s.ending = nil
		s.refused(m.err)
	case verdictOf(m.err) == notSent:
		s.tell(words.NoticeShiftNotSent)
	default:
		s.tell(words.NoticeShiftUnsure)
	}
	return s.read()
}

// Hints are the keys of what is shown.
func (s *Shifts) Hints() []Hint {
	say := s.d.Lang.Say
	back := Hint{"Esc", say(words.KeyBack)}
	switch {
	case s.report != nil && s.d.prints():
		return []Hint{{"P", say(words.KeyShiftPrint)}, back}
	case s.report != nil:
		return []Hint{back}
	case s.listed:
		return []Hint{{"Enter", say(words.KeyOpen)}, back}
	}
	hints := []Hint{{"C", say(words.KeyShiftClose)}, {"H", say(words.KeyShiftHand)}, {"X", say(words.KeyShiftX)}, {"Z", say(words.KeyShiftOld)},
		{"I", say(words.KeyShiftIn)}, {"U", say(words.KeyShiftOut)}, {"D", say(words.KeyShiftDrop)}, back}
	if s.now.Number > 0 && s.now.OpenedAt == nil {
		hints = slices.Insert(hints, 0, Hint{"O", say(words.KeyShiftOpen)})
	}
	return hints
}
