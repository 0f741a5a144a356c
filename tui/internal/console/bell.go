package console

import (
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// bellGap is the pause between two bells: short, and long enough to be counted.
const bellGap = 180 * time.Millisecond

// struck tells that a bell was rung, and its pause is over.
type struck struct{}

// ring rings the bell so often. What is rung already is replaced: the newest says what counts.
func (m *Model) ring(times int) tea.Cmd {
	if m.bells > 0 {
		m.bells = times + 1 // behind the one that sounds
		return nil
	}
	m.bells = times
	return m.strike()
}

// strike writes one bell. It is one write, which lies between two frames and never inside one.
func (m *Model) strike() tea.Cmd {
	if m.cfg.Out == nil {
		m.bells = 0
		return nil
	}
	out, pause := m.cfg.Out, tea.Tick(bellGap, func(time.Time) tea.Msg { return struck{} })
	return func() tea.Msg {
		_, _ = io.WriteString(out, "\a") // a terminal that is gone needs no bell
		return pause()
	}
}

// struck rings the next one.
func (m *Model) struck() tea.Cmd {
	if m.bells = max(m.bells-1, 0); m.bells == 0 {
		return nil
	}
	return m.strike()
}
