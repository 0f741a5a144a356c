package script_test

import (
	"strings"
	"testing"
	"time"

	"cloudcashier/firmware-sim/script"
	"cloudcashier/shared/fault"
)

func TestParse(t *testing.T) {
	steps, err := script.Parse(`# a customer
scan 130061098828009406

wait   printed
wait printed 3
wait shown 已付款 PAID
paper out
paper after 5
	cover open
unplug scanner
plug scanner
stick display
noise 0.1
noise 1
sleep 200ms`)
	if err != nil {
		t.Fatal(err)
	}
	want := []script.Step{{2, script.Scan, "130061098828009406", 0, 0}, {4, script.WaitPrinted, "", 1, 0}, {5, script.WaitPrinted, "", 3, 0},
		{6, script.WaitShown, "已付款 PAID", 0, 0}, {7, script.PaperAfter, "", 0, 0}, {8, script.PaperAfter, "", 5, 0}, {9, script.CoverOpen, "", 0, 0},
		{10, script.Unplug, "scanner", 0, 0}, {11, script.Plug, "scanner", 0, 0}, {12, script.Stick, "", 0, 0}, {13, script.Noise, "", 100, 0},
		{14, script.Noise, "", 1000, 0}, {15, script.Sleep, "", 0, 200 * time.Millisecond}}
	if len(steps) != len(want) {
		t.Fatalf("%+v", steps)
	}
	for i := range want {
		if steps[i] != want[i] {
			t.Errorf("%+v, want %+v", steps[i], want[i])
		}
	}
}

func TestWhatCannotHappen(t *testing.T) {
	for _, bad := range []string{"scan", "scan a b", "noise", "noise 2", "noise 1.1", "noise .5", "noise 0.1234", "noise 0,1", "noise -0.1", "sleep", "sleep 5",
		"sleep -1s", "sleep 2h", "unplug", "unplug toaster", "plug drawer", "wait", "wait shown", "wait printed 0", "wait printed x", "wait printed 1 2",
		"paper", "paper gone", "paper after 0", "cover", "cover ajar", "drawer open", "stick printer", "Scan 1", "print", "wait drawer 99999"} {
		_, err := script.Parse("sleep 1ms\n" + bad + "\n")
		if fault.CodeOf(err) != "script.line" || !strings.Contains(err.Error(), "line 2: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := script.Parse(strings.Repeat("\n", 10_001)); fault.CodeOf(err) != "script.long" {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("scan 1\nwait shown a b\nnoise 0.25\n")
	f.Add("paper after 3")
	f.Fuzz(func(t *testing.T, text string) {
		steps, err := script.Parse(text)
		if err != nil && len(steps) > 0 {
			t.Error("steps of a script that is refused")
		}
		for _, s := range steps {
			if s.Line < 1 || s.Verb == "" || s.N < 0 || s.For < 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}
