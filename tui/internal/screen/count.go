package screen

import (
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// Count is the drawer being counted: note by note, or as a sum.
type Count struct {
	Lang   words.Lang
	Done   func(sum int64, notes []localapi.Denomination) tea.Cmd
	shift  int64
	pieces [len(notes)]string
	sum    string
	bySum  bool
	at     int
}

// notes are the coins and notes that are counted, in fen.
var notes = [...]int64{10000, 5000, 2000, 1000, 500, 100, 50, 10}

// Stale is never: only its keys end it.
func (c *Count) Stale() bool { return false }

// Press handles a key. Enter goes from line to line; behind the last it is the answer.
func (c *Count) Press(k Key) (cmd tea.Cmd, done bool) {
	field := &c.pieces[c.at]
	if c.bySum {
		field = &c.sum
	}
	sign, number := amountSign(k)
	switch {
	case k == "esc":
		return nil, true
	case k == "tab":
		c.bySum = !c.bySum
	case k == "up" && !c.bySum:
		c.at = max(c.at-1, 0)
	case k == "down" && !c.bySum, k == "enter" && !c.bySum && c.at < len(notes)-1:
		c.at = min(c.at+1, len(notes)-1)
	case k == "enter":
		if sum, list, ok := c.total(); ok {
			return c.Done(sum, list), true
		}
	case k == "backspace":
		*field = (*field)[:max(len(*field)-1, 0)]
	case number && c.bySum && len(c.sum) < 12, number && sign != '.' && !c.bySum && len(*field) < 5:
		*field += string(sign)
	}
	return nil, false
}

// total is what was counted; ok is false for a sum that is none.
func (c *Count) total() (sum int64, list []localapi.Denomination, ok bool) {
	if c.bySum {
		a, err := money.ParseYuan(strings.TrimSuffix(c.sum, "."))
		return a.Fen(), nil, err == nil && a.Fen() <= money.Max
	}
	for i, text := range c.pieces {
		if n, _ := strconv.ParseInt(text, 10, 64); n > 0 {
			sum += n * notes[i]
			list = append(list, localapi.Denomination{Value: notes[i], Count: n})
		}
	}
	return sum, list, true
}

// Hints are the keys of the count.
func (c *Count) Hints() []Hint {
	other := words.CountBySum
	if c.bySum {
		other = words.CountNotes
	}
	return []Hint{{"Enter", c.Lang.Say(words.KeyShiftNext)}, {"Tab", c.Lang.Say(other)}, {"Esc", c.Lang.Say(words.KeyBack)}}
}

// View draws the count in h lines of w cells.
func (c *Count) View(t widget.Theme, w, h int) string {
	inner := min(w-4, reportCells)
	say := c.Lang.Say
	lines := []string{t.Band(widget.Notice, widget.Center(say(words.CountTitle), inner))}
	if c.bySum {
		lines = append(lines, "", say(words.CountSum), "> "+c.sum+"_", "")
	} else {
		for i, text := range c.pieces {
			mark, end := "  ", ""
			if i == c.at {
				mark, end = "> ", "_"
			}
			n, _ := strconv.ParseInt(text, 10, 64)
			lines = append(lines, pair(mark+widget.Right(yuan(notes[i]), 6)+" x "+text+end, yuan(n*notes[i]), inner))
		}
		sum, _, _ := c.total()
		lines = append(lines, pair(say(words.CountTotal), t.Yuan(sum), inner))
	}
	lines = append(lines, widget.Wrap(say(words.CountHint), inner)...)
	pad := widget.Fit("", (w-inner)/2)
	for i, line := range lines {
		lines[i] = pad + line
	}
	return join(widget.Page(lines, w, h))
}
