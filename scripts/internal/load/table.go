package load

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Row is one figure and what it is held against.
type Row struct {
	What, Figure, Limit string
	Missed              bool
}

// Print writes the rows as a table; missed ones are marked.
func Print(out io.Writer, title string, rows []Row) {
	fmt.Fprintf(out, "\n%s\n", title)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, r := range rows {
		mark := ""
		if r.Missed {
			mark = "MISSED"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", r.What, r.Figure, r.Limit, mark)
	}
	w.Flush()
}

// Missed tells whether a figure is beyond its limit.
func Missed(rows []Row) bool { return slices.ContainsFunc(rows, func(r Row) bool { return r.Missed }) }
