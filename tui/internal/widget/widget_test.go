package widget_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/mattn/go-runewidth"

	"cloudcashier/shared/pay"
	"cloudcashier/tui/internal/widget"
)

func TestFit(t *testing.T) {
	for _, c := range []struct {
		s    string
		w    int
		want string
	}{
		{"abc", 5, "abc  "}, {"abc", 3, "abc"}, {"abcd", 3, "ab~"}, {"付款码", 6, "付款码"}, {"付款码", 5, "付款~"},
		{"付款码", 4, "付~ "}, {"", 2, "  "}, {"x", 0, ""}, {"x", -1, ""},
	} {
		if got := widget.Fit(c.s, c.w); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.s, c.w, got, c.want)
		}
	}
	if got := widget.Center("付款", 8); got != "  付款  " {
		t.Errorf("Center: %q", got)
	}
	if got := widget.Right("¥12345678.90", 5); got != "¥12345678.90" {
		t.Errorf("Right cut a figure: %q", got)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		s    string
		w    int
		want []string
	}{
		{"", 10, nil},
		{"one two three", 8, []string{"one two", "three"}},
		{"请勿重复收款，不要交货。", 12, []string{"请勿重复收", "款，不要交", "货。"}},
		{"自（12:00）起", 6, []string{"自", "（12:0", "0）起"}},
		{"按 Enter 再试。", 8, []string{"按 Enter", "再试。"}},
		{"unbreakable", 4, []string{"unbr", "eaka", "ble"}},
		{"付", 1, []string{"付"}},
		{"a\nb", 9, []string{"a b"}},
	} {
		if got := widget.Wrap(c.s, c.w); !slices.Equal(got, c.want) {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.s, c.w, got, c.want)
		}
	}
}

func TestFlow(t *testing.T) {
	got := widget.Flow([]string{"one", "", "two", "three", "four", "a"}, 9, 2)
	if want := []string{"one  two", "three  a"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := widget.Flow(nil, 9, 2); len(got) != 0 {
		t.Errorf("nothing became %q", got)
	}
}

// TestBlock draws every sign at every width and looks that it fits and can be told from the others.
func TestBlock(t *testing.T) {
	seen := map[string]rune{}
	for _, r := range "0123456789.ynu" {
		text := strings.Join(widget.Theme{}.Block(widget.Plain, string(r), 40), "\n")
		if other, ok := seen[text]; ok {
			t.Errorf("%c looks like %c", r, other)
		}
		seen[text] = r
	}
	for w := 1; w < 100; w++ {
		lines := widget.Theme{}.Block(widget.Plain, "u 1234.80", w)
		if len(lines) != 1 && len(lines) != widget.Rows {
			t.Fatalf("%d lines at %d", len(lines), w)
		}
		for _, line := range lines {
			if widget.Width(line) > w {
				t.Errorf("%q is wider than %d", line, w)
			}
		}
	}
	if got := (widget.Theme{}).Block(widget.Plain, "y 12.80", 8); !slices.Equal(got, []string{"12.80"}) {
		t.Errorf("without room: %q", got)
	}
}

// TestColourOnlyAdds proves that taking the colours away leaves sign, word and shape.
func TestColourOnlyAdds(t *testing.T) {
	plain := widget.Theme{}
	for _, theme := range []widget.Theme{{Attr: true}, {Attr: true, Colour: true}} {
		for _, tone := range []widget.Tone{widget.Plain, widget.Good, widget.Bad, widget.Doubt, widget.Notice, widget.Dim} {
			if got := ansi.Strip(theme.Band(tone, " ✓ PAID ")); got != " ✓ PAID " {
				t.Errorf("%v: %q", theme, got)
			}
			if got := ansi.Strip(theme.Text(tone, "word")); got != "word" {
				t.Errorf("%v: %q", theme, got)
			}
		}
		if s := theme.Band(widget.Good, "x"); strings.Contains(s, "32") != theme.Colour {
			t.Errorf("%v: %q", theme, s)
		}
		inked := strings.Join(theme.Block(widget.Plain, "8", 20), "\n")
		if strings.Contains(inked, "#") || widget.Width(strings.Split(inked, "\n")[0]) != widget.Width(plain.Block(widget.Plain, "8", 20)[0]) {
			t.Errorf("%v: block %q", theme, inked)
		}
	}
	if plain.Band(widget.Bad, "x") != "x" {
		t.Error("a terminal without attributes gets them")
	}
}

func TestSignsAndAmounts(t *testing.T) {
	narrow, eastAsian := runewidth.Condition{}, runewidth.Condition{EastAsianWidth: true}
	for _, theme := range []widget.Theme{{}, {ASCII: true}} {
		seen := map[string]bool{}
		for _, o := range []pay.Outcome{pay.Paid, pay.NotPaid, pay.Unknown} {
			s := theme.Sign(o)
			seen[s] = true
			if narrow.StringWidth(s) != eastAsian.StringWidth(s) || (theme.ASCII && s[0] >= 0x80) {
				t.Errorf("%v: sign %q", theme, s)
			}
		}
		if len(seen) != 3 || (theme.Sign("") != "?") {
			t.Errorf("%v: signs %v", theme, seen)
		}
	}
	if got := (widget.Theme{}).Yuan(1280); got != "¥12.80" {
		t.Error(got)
	}
	if got := (widget.Theme{ASCII: true}).Yuan(5); got != "CNY 0.05" {
		t.Error(got)
	}
}

func TestLasted(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "00:00", -time.Hour: "00:00", 59900 * time.Millisecond: "00:59",
		61 * time.Second: "01:01", time.Hour + 62*time.Second: "1:01:02", 100 * time.Hour: "100:00:00"} {
		if got := widget.Lasted(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	if got := widget.Page([]string{"one", "two", "three"}, 3, 2); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q", got)
	}
	if got := widget.Page([]string{"long line"}, 4, 2); !slices.Equal(got, []string{"lon~", ""}) {
		t.Errorf("%q", got)
	}
	if got := widget.Beside([]string{"ab"}, 4, []string{"x", "y", ""}); !slices.Equal(got, []string{"ab  x", "    y", ""}) {
		t.Errorf("%q", got)
	}
}
