// Package widget draws: cells that fit, block digits, the three signs of an outcome, amounts and
// durations in one place.
//
// It refuses signs whose width depends on the locale, colour as the only difference, and text
// cut by runes instead of cells. Newcomers get one thing wrong: len and utf8.RuneCountInString
// are not widths; "付款" takes four cells.
package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Theme is what the terminal can show.
type Theme struct {
	Attr   bool // bold and reverse video
	Colour bool // the sixteen colours; never without Attr
	ASCII  bool // the font lacks the check mark and the yuan sign

	Contrast bool // everything bold and nothing faint; colours are off with it
}

// Tone is the meaning a line carries; it always comes with a sign and a word too.
type Tone int

// The tones.
const (
	Plain  Tone = iota
	Good        // paid
	Bad         // not paid
	Doubt       // unknown
	Notice      // something to read
	Dim         // less important
)

// Band styles a whole line, in reverse video: a heading that is seen across the counter.
func (t Theme) Band(tone Tone, s string) string { return t.styled(tone, true, s) }

// Text styles words.
func (t Theme) Text(tone Tone, s string) string { return t.styled(tone, false, s) }

func (t Theme) styled(tone Tone, reverse bool, s string) string {
	if !t.Attr || s == "" {
		return s
	}
	var st ansi.Style
	if reverse {
		st = st.Reverse(true)
	}
	if tone != Plain && tone != Dim || t.Contrast {
		st = st.Bold()
	}
	if tone == Dim && !t.Contrast {
		st = st.Faint()
	}
	if t.Colour {
		switch tone {
		case Good:
			st = st.ForegroundColor(ansi.Green)
		case Bad:
			st = st.ForegroundColor(ansi.Red)
		case Doubt, Notice:
			st = st.ForegroundColor(ansi.Yellow)
		}
	}
	return st.Styled(s)
}

// Width is the number of cells a text takes.
func Width(s string) int { return ansi.StringWidth(s) }

// Fit cuts or pads a text to exactly w cells.
func Fit(s string, w int) string {
	if w <= 0 {
		return ""
	}
	s = Cut(s, w)
	return s + strings.Repeat(" ", w-Width(s))
}

// Cut shortens a text to at most w cells; what was cut shows as "~".
func Cut(s string, w int) string {
	if w <= 0 {
		return ""
	}
	return ansi.Truncate(s, w, "~")
}

// Right pads on the left to w cells. It cuts nothing: a shortened figure is a wrong figure.
func Right(s string, w int) string {
	return strings.Repeat(" ", max(0, w-Width(s))) + s
}

// Center puts a text in the middle of w cells.
func Center(s string, w int) string {
	s = Cut(s, w)
	return Fit(strings.Repeat(" ", (w-Width(s))/2)+s, w)
}

// Wrap breaks a plain text into lines of at most w cells: between words, and between Chinese
// signs, but never before a sign that closes or after one that opens.
func Wrap(s string, w int) []string {
	if s == "" || w <= 0 {
		return nil
	}
	var lines []string
	line, gap := "", ""
	for _, p := range pieces(s) {
		if p == " " {
			gap = " "
			continue
		}
		if line != "" && Width(line)+len(gap)+Width(p) > w {
			lines, line, gap = append(lines, line), "", ""
		}
		if line != "" {
			line += gap
		}
		line, gap = line+p, ""
		for Width(line) > w { // a word wider than a line
			head := ansi.Truncate(line, w, "")
			if head == "" {
				return append(lines, line) // not even one sign fits
			}
			lines, line = append(lines, head), line[len(head):]
		}
	}
	return append(lines, line)
}

// pieces are what a line may be broken between; " " stands for any white space.
func pieces(s string) []string {
	const closing, opening = "，。：；！？）、", "（"
	var list []string
	glue := false // the next sign belongs to the last piece
	for _, r := range s {
		switch {
		case r == ' ' || r == '\n':
			list, glue = append(list, " "), false
			continue
		case len(list) > 0 && list[len(list)-1] != " " && (glue || strings.ContainsRune(closing, r)):
			list[len(list)-1] += string(r)
		default:
			list = append(list, string(r))
		}
		glue = strings.ContainsRune(opening, r) || r < 0x2e80 // signs of Western words stay together
	}
	return list
}

// Flow sets items one after the other, two blanks apart, into at most n lines of w cells. What
// does not fit is left out from the end, so the most important item comes first.
func Flow(items []string, w, n int) []string {
	var lines []string
	line := ""
	for _, item := range items {
		if item == "" {
			continue
		}
		switch {
		case line == "":
			line = Cut(item, w)
		case Width(line)+2+Width(item) <= w:
			line += "  " + item
		case len(lines)+1 < n:
			lines, line = append(lines, line), Cut(item, w)
		}
	}
	if line == "" {
		return lines
	}
	return append(lines, line)
}

// Page makes exactly h lines of at most w cells from lines.
func Page(lines []string, w, h int) []string {
	page := make([]string, 0, h)
	for _, line := range lines {
		if len(page) == h {
			break
		}
		page = append(page, Cut(line, w))
	}
	for len(page) < h {
		page = append(page, "")
	}
	return page
}

// Beside sets a right column next to a left one of w cells.
func Beside(left []string, w int, right []string) []string {
	lines := make([]string, max(len(left), len(right)))
	for i := range lines {
		if i < len(left) {
			lines[i] = left[i]
		}
		if i < len(right) && right[i] != "" {
			lines[i] = Fit(lines[i], w) + right[i]
		}
	}
	return lines
}
