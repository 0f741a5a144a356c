package widget

import (
	"fmt"
	"strings"
	"time"

	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// Rows is the height of block figures.
const Rows = 5

// figures are drawn in a grid; '#' is ink. The three signs are as tall as the digits, so that
// an outcome is told across the counter by its shape.
var figures = map[rune][Rows]string{
	'0': {"###", "# #", "# #", "# #", "###"},
	'1': {" # ", "## ", " # ", " # ", "###"},
	'2': {"###", "  #", "###", "#  ", "###"},
	'3': {"###", "  #", "###", "  #", "###"},
	'4': {"# #", "# #", "###", "  #", "  #"},
	'5': {"###", "#  ", "###", "  #", "###"},
	'6': {"###", "#  ", "###", "# #", "###"},
	'7': {"###", "  #", "  #", "  #", "  #"},
	'8': {"###", "# #", "###", "# #", "###"},
	'9': {"###", "# #", "###", "  #", "###"},
	'.': {" ", " ", " ", " ", "#"},
	'_': {"   ", "   ", "   ", "   ", "###"},
	' ': {"  ", "  ", "  ", "  ", "  "},
	'y': {"      #", "     # ", "#   #  ", " # #   ", "  #    "}, // paid: a check mark
	'n': {"#   #", " # # ", "  #  ", " # # ", "#   #"},           // not paid: a cross
	'u': {" ### ", "#   #", "   # ", "     ", "  #  "},           // unknown: a question mark
}

// Sign is the small sign of an outcome.
func (t Theme) Sign(o pay.Outcome) string {
	switch o {
	case pay.Paid:
		if t.ASCII {
			return "OK"
		}
		return "✓"
	case pay.NotPaid:
		if t.ASCII {
			return "X"
		}
		return "✗"
	}
	return "?"
}

// BigSign is the rune that [Theme.Block] draws as the sign of an outcome.
func BigSign(o pay.Outcome) rune {
	switch o {
	case pay.Paid:
		return 'y'
	case pay.NotPaid:
		return 'n'
	}
	return 'u'
}

// Block draws a text as tall figures in at most w cells: twice as wide when there is room, as a
// plain line when there is not.
func (t Theme) Block(tone Tone, text string, w int) []string {
	for _, scale := range []int{2, 1} {
		if blockWidth(text, scale) <= w {
			return t.block(tone, text, scale)
		}
	}
	plain := strings.Map(func(r rune) rune {
		if r == 'y' || r == 'n' || r == 'u' {
			return -1
		}
		return r
	}, text)
	return []string{t.Text(tone, Cut(strings.TrimSpace(plain), w))}
}

func blockWidth(text string, scale int) int {
	n := 0
	for _, r := range text {
		n += len(figures[r][0])*scale + scale
	}
	return n - scale
}

func (t Theme) block(tone Tone, text string, scale int) []string {
	lines := make([]string, Rows)
	for row := range lines {
		var b strings.Builder
		for i, r := range text {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", scale))
			}
			b.WriteString(t.ink(tone, figures[r][row], scale))
		}
		lines[row] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// ink draws one row of one figure: reversed blanks where the terminal can, "#" elsewhere. The
// block elements of Unicode would be two cells wide in some Chinese terminals.
func (t Theme) ink(tone Tone, row string, scale int) string {
	var b strings.Builder
	for i := 0; i < len(row); {
		j := i
		for j < len(row) && row[j] == row[i] {
			j++
		}
		n := (j - i) * scale
		switch {
		case row[i] != '#':
			b.WriteString(strings.Repeat(" ", n))
		case t.Attr:
			b.WriteString(t.Band(tone, strings.Repeat(" ", n)))
		default:
			b.WriteString(strings.Repeat("#", n))
		}
		i = j
	}
	return b.String()
}

// Yuan writes an amount for people: "¥12.80".
func (t Theme) Yuan(fen int64) string {
	if t.ASCII {
		return "CNY " + money.Fen(fen).Yuan()
	}
	return "¥" + money.Fen(fen).Yuan()
}

// Lasted writes how long something has lasted, to the second: "00:42", "1:02:03". A clock set
// back shows nothing below zero.
func Lasted(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}
