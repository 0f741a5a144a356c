package screen

import (
	"strings"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Prompt asks for one line: a PIN, an amount, a reason. A scan never fills it: the arbiter keeps scans
// from dialogs.
type Prompt struct {
	Title, Body string
	Secret      bool // shown as stars
	Digits      bool // only the signs of an amount
	Most        int  // signs
	Done        func(text string) tea.Cmd
	Lang        words.Lang
	text        string
}

// Stale is never: only its keys end it.
func (p *Prompt) Stale() bool { return false }

// Press handles a key; Enter with a text is the answer, Esc goes away without one.
func (p *Prompt) Press(k Key) (cmd tea.Cmd, done bool) {
	sign, number := amountSign(k)
	switch {
	case k == "esc":
		return nil, true
	case k == "enter":
		if p.text == "" {
			return nil, false
		}
		return p.Done(p.text), true
	case k == "backspace":
		_, n := utf8.DecodeLastRuneInString(p.text)
		p.text = p.text[:len(p.text)-n]
	case utf8.RuneCountInString(p.text) >= p.Most:
	case number:
		p.text += string(sign)
	case !p.Digits && utf8.RuneCountInString(string(k)) == 1:
		p.text += string(k)
	}
	return nil, false
}

// Hints are the keys of the prompt.
func (p *Prompt) Hints() []Hint {
	return []Hint{{"Enter", p.Lang.Say(words.KeyDone)}, {"Esc", p.Lang.Say(words.KeyBack)}}
}

// View draws the question and what was typed in h lines of w cells.
func (p *Prompt) View(t widget.Theme, w, h int) string {
	inner := min(w-4, 56)
	shown := p.text
	if p.Secret {
		shown = strings.Repeat("*", utf8.RuneCountInString(p.text))
	}
	body := []string{"", t.Band(widget.Notice, widget.Center(p.Title, inner)), ""}
	if p.Body != "" {
		body = append(body, append(widget.Wrap(p.Body, inner), "")...)
	}
	body = append(body, "> "+shown+"_")
	pad := widget.Fit("", (w-inner)/2)
	for i, line := range body {
		body[i] = pad + line
	}
	for range max(0, (h-len(body))/3) {
		body = append([]string{""}, body...)
	}
	return join(widget.Page(body, w, h))
}
