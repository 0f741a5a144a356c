package widget_test

import (
	"strings"
	"testing"

	"cloudcashier/tui/internal/widget"
)

func TestBars(t *testing.T) {
	got := strings.Join(widget.Bars([]int64{0, 1, 50, 100, 25, 0, 75}, 2, 2), "\n")
	want := strings.Join([]string{
		"      #     :",
		"  : # # :   #",
		"--------------",
		"0           6",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range widget.Bars(make([]int64, 24), 1, 3) {
		if strings.ContainsAny(line, "#:") {
			t.Errorf("an empty day has a bar: %q", line)
		}
	}
}
