package widget

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Modules is a square code that a phone reads.
type Modules interface {
	Size() int
	Dark(x, y int) bool
}

// The light border: four modules by the standard; readers of today find a code with less, and two is the least
// that is drawn.
var borders = []int{4, 3, 2}

// maxScale is how large a module may get: beyond it a phone has to step back.
const maxScale = 3

// Code draws a code as large as w cells and h lines allow, with its border; ok is false when they do not.
//
// A cell is about twice as high as it is wide, so that it holds two modules of a small code, one above the other: half
// blocks. Some Chinese terminals give these two cells, and tear the code; at twice the size blanks do, and are used
// where the terminal has colours or reverse video. Light is drawn as light even where the terminal is dark.
func (t Theme) Code(m Modules, w, h int) (lines []string, ok bool) {
	for scale := maxScale; scale >= 1; scale-- {
		if side := (m.Size() + 2*borders[0]) * scale; side <= w && (side+1)/2 <= h {
			return t.code(m, borders[0], scale), true
		}
	}
	for _, border := range borders[1:] {
		if side := m.Size() + 2*border; side <= w && (side+1)/2 <= h {
			return t.code(m, border, 1), true
		}
	}
	return nil, false
}

// CodeNeeds is the smallest room for a code.
func CodeNeeds(m Modules) (w, h int) {
	side := m.Size() + 2*borders[len(borders)-1]
	return side, (side + 1) / 2
}

func (t Theme) code(m Modules, border, scale int) []string {
	side := (m.Size() + 2*border) * scale
	dark := func(x, y int) bool {
		x, y = x/scale-border, y/scale-border
		return x >= 0 && y >= 0 && x < m.Size() && y < m.Size() && m.Dark(x, y)
	}
	var lines []string
	for y := 0; y < side; y += 2 {
		if scale%2 == 0 && t.Attr {
			lines = append(lines, t.blanks(side, func(x int) bool { return dark(x, y) }))
			continue
		}
		var b strings.Builder
		for x := range side {
			b.WriteString(half(dark(x, y) == t.Attr, dark(x, y+1) == t.Attr))
		}
		lines = append(lines, t.onLight(b.String()))
	}
	return lines
}

// half is a cell with ink above, below, in both or in neither. The ink is dark on a light ground where the terminal
// can do that, and light on its own dark ground where it cannot.
func half(above, below bool) string {
	switch {
	case above && below:
		return "█"
	case above:
		return "▀"
	case below:
		return "▄"
	}
	return " "
}

// onLight gives a line the light ground.
func (t Theme) onLight(s string) string {
	switch {
	case t.Colour:
		return ansi.Style{}.ForegroundColor(ansi.Black).BackgroundColor(ansi.BrightWhite).Styled(s)
	case t.Attr:
		return ansi.Style{}.Reverse(true).Styled(s)
	}
	return s
}

// blanks draws a line of dark and light blanks.
func (t Theme) blanks(w int, dark func(x int) bool) string {
	var b strings.Builder
	for x := 0; x < w; {
		end := x + 1
		for end < w && dark(end) == dark(x) {
			end++
		}
		run := strings.Repeat(" ", end-x)
		switch {
		case !dark(x):
			run = t.onLight(run)
		case t.Colour:
			run = ansi.Style{}.BackgroundColor(ansi.Black).Styled(run)
		}
		b.WriteString(run)
		x = end
	}
	return b.String()
}
