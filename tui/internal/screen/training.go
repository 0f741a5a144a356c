package screen

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Trainer switches training mode.
type Trainer interface {
	Train(ctx context.Context, on bool) (localapi.Status, error)
}

// Training is the page that begins and ends it, and says which amount brings which fate.
type Training struct {
	d      *Desk
	busy   bool
	notice func(words.Lang) string
}

// trained is the agent's answer.
type trained struct {
	status localapi.Status
	err    error
}

// NewTraining makes the page.
func NewTraining(d *Desk) *Training { return &Training{d: d} }

// Update switches with "y" alone: no scanner sends that by itself.
func (p *Training) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case Entered:
		p.notice = nil
	case trained:
		p.busy = false
		p.answered(msg)
	case Key:
		switch {
		case msg == "esc":
			return p.d.Show(p.d.Home)
		case (msg == "y" || msg == "Y") && !p.busy:
			p.busy, p.notice = true, nil
			on := !p.d.Status.Training
			return ask(func(ctx context.Context) tea.Msg {
				status, err := p.d.Trainer.Train(ctx, on)
				return trained{status, err}
			})
		}
	}
	return nil
}

func (p *Training) answered(a trained) {
	switch {
	case a.err == nil:
		p.d.Status = a.status
	case fault.CodeOf(a.err) == "training.sale_open":
		p.notice = func(l words.Lang) string { return l.Say(words.TrainingNot, l.Say(words.TrainingOpen)) }
	case verdictOf(a.err) == refused:
		p.notice = func(l words.Lang) string { return l.Say(words.TrainingNot, fault.MessageOf(a.err)) }
	default:
		p.notice = func(l words.Lang) string { return l.Say(words.TrainingUnsure) }
	}
}

// Hints are the keys of the page.
func (p *Training) Hints() []Hint {
	what := words.TrainingBegin
	if p.d.Status.Training {
		what = words.TrainingEnd
	}
	return []Hint{{"y", p.d.Lang.Say(what)}, {"Esc", p.d.Lang.Say(words.KeyBack)}}
}

// View says how it stands.
func (p *Training) View(w, h int) string {
	d, say := p.d, p.d.Lang.Say
	lines := []string{d.Theme.Band(widget.Plain, widget.Fit(" "+say(words.MenuTraining), w))}
	stands := words.TrainingOff
	if d.Status.Training {
		stands = words.TrainingOn
	}
	lines = append(lines, paragraphs(w, say(stands))...)
	if p.notice != nil {
		for _, line := range widget.Wrap(p.notice(d.Lang), w) {
			lines = append(lines, d.Theme.Text(widget.Notice, line))
		}
	}
	lines = append(lines, paragraphs(w, say(words.TrainingFates))...)
	for _, fate := range words.TrainingFate {
		lines = append(lines, paragraphs(w, say(fate))...)
	}
	if rest := paragraphs(w, say(words.TrainingWhat)); len(lines)+len(rest) <= h {
		lines = append(lines, rest...)
	}
	return join(widget.Page(lines, w, h))
}

// trains reports that a result is none: the agent says so of the till, or of the sale, whichever came first.
func (t *Till) trains(s localapi.Sale) bool { return t.d.Status.Training || s.Training }
