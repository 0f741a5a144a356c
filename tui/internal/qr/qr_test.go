package qr_test

import (
	"strings"
	"testing"

	"cloudcashier/tui/internal/qr"
)

// TestMake: the smallest code there is, and none for what fits none. That phones read it is tested where it is drawn.
func TestMake(t *testing.T) {
	for bytes, size := range map[int]int{1: 21, 17: 21, 18: 25, 53: 29, 54: 33, 512: 77, 2953: 177} {
		c, ok := qr.Make(strings.Repeat("x", bytes))
		if !ok || c.Size() != size {
			t.Errorf("%d bytes: %d modules, %t; want %d", bytes, c.Size(), ok, size)
			continue
		}
		if !c.Dark(0, 0) || c.Dark(-1, 0) || c.Dark(size, size) {
			t.Errorf("%d bytes: a corner is light, or the outside is dark", bytes)
		}
	}
	for _, text := range []string{"", strings.Repeat("x", 2954)} {
		if _, ok := qr.Make(text); ok {
			t.Errorf("%d bytes make a code", len(text))
		}
	}
}
