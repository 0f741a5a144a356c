package widget

import (
	"fmt"
	"strings"
)

// Bars draws one bar for each value, gap included cells wide, in rows lines above a line of labels under
// every sixth bar. A bar is as high as its share of the largest, in half rows: '#' is a whole one, ':' a half.
// What is above nothing shows at least half a row, so that a small hour does not look like an empty one.
func Bars(values []int64, cells, rows int) []string {
	var most int64
	for _, v := range values {
		most = max(most, v)
	}
	halves := make([]int, len(values))
	for i, v := range values {
		if v > 0 { // the values stay below 2^52, so that nothing overflows here
			halves[i] = max(1, int((v*int64(2*rows)+most/2)/most))
		}
	}
	lines := make([]string, 0, rows+2)
	width := max(1, cells-1)
	for row := rows; row > 0; row-- {
		var b strings.Builder
		for _, n := range halves {
			sign := " "
			switch {
			case n >= 2*row:
				sign = "#"
			case n == 2*row-1:
				sign = ":"
			}
			b.WriteString(strings.Repeat(sign, width) + strings.Repeat(" ", cells-width))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	lines = append(lines, strings.Repeat("-", cells*len(values)))
	var labels strings.Builder
	for i := 0; i < len(values); i += 6 {
		labels.WriteString(Fit(fmt.Sprint(i), 6*cells))
	}
	return append(lines, strings.TrimRight(labels.String(), " "))
}
