package linedisplay_test

import (
	"slices"
	"testing"

	"cloudcashier/firmware-sim/linedisplay"
)

func TestWhatIsOnTheGlass(t *testing.T) {
	for _, c := range []struct {
		set, raw   string
		want       []string
		complaints int
	}{
		{linedisplay.CD5220, "\x1b@\x0c\x1bQATOTAL\x0d\x1bQBPAY\x0d", []string{"TOTAL", "PAY"}, 0},
		{linedisplay.CD5220, "ab\x1bl\x03\x02c\x1b\x11", []string{"ab", "  c"}, 0},
		{linedisplay.CD5220, "\x1bQAone\x0dtwo", []string{"one", ""}, 3}, // only a clear ends the string mode
		{linedisplay.CD5220, "\x1bQAone\x0d\x0ctwo", []string{"two", ""}, 0},
		{linedisplay.CD5220, "\x1bQA123456789012345678901\x0d", []string{"12345678901234567890", ""}, 1},
		{linedisplay.CD5220, "\x1bQC\x1f", []string{"", ""}, 2},
		{linedisplay.CD5220, "\x1bQA\xb8\xb6\xbf\xee\x0d", []string{"付款", ""}, 0},
		{linedisplay.ESCPOS, "\x1b@\x0c\x1f$\x01\x0112345678901234567890\x1f$\x01\x02b", []string{"12345678901234567890", "b"}, 0},
		{linedisplay.ESCPOS, "1234567890123456789012\x0bx", []string{"x2345678901234567890", "12"}, 0},
		{linedisplay.ESCPOS, "\x1bQA", []string{"A", ""}, 1},
		{linedisplay.ESCPOS, "\x1f$\x15\x01\x1f$\x01\x03", []string{"", ""}, 2},
		{linedisplay.LED8, "\x1b@\x0c\x1bs2\x1bQA12.80\x0d", []string{"12.80", "total"}, 0},
		{linedisplay.LED8, "\x1bQA123456789\x0d\x1bQAPAID\x0d\x1bs9x", []string{"", ""}, 4},
		{linedisplay.LED8, "\x1bs4\x1bQA88888888\x0d\x0c", []string{"", ""}, 0},
	} {
		m, ok := linedisplay.New(c.set)
		if !ok {
			t.Fatal(c.set)
		}
		for _, b := range []byte(c.raw) {
			m.Put(b)
		}
		if got := m.Screen(); !slices.Equal(got, c.want) || len(m.Complaints) != c.complaints {
			t.Errorf("%s %q: %q, %q; want %q and %d complaints", c.set, c.raw, got, m.Complaints, c.want, c.complaints)
		}
	}
	m, _ := linedisplay.New(linedisplay.CD5220)
	for _, b := range []byte("\x1bQAhalf") {
		m.Put(b)
	}
	m.PowerCut()
	for _, b := range []byte("new") {
		m.Put(b)
	}
	if got := m.Screen(); got[0] != "new" {
		t.Errorf("%q", got)
	}
	if _, ok := linedisplay.New("utc"); ok {
		t.Error("a set nobody knows")
	}
}

func FuzzPut(f *testing.F) {
	f.Add("\x1b@\x0c\x1bQATOTAL\x0d\x1bQBPAY\x0d")
	f.Add("\x1f$\x01\x02b\x1bs4\x1bl\x14\x02\xb8\xb6")
	f.Fuzz(func(t *testing.T, raw string) {
		for _, set := range linedisplay.Sets {
			m, _ := linedisplay.New(set)
			for _, b := range []byte(raw) {
				m.Put(b)
			}
			if len(m.Screen()) != linedisplay.Rows || len(m.Complaints) > 100 {
				t.Errorf("%q, %d complaints", m.Screen(), len(m.Complaints))
			}
		}
	})
}
