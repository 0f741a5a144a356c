package console_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/screen"
	"cloudcashier/tui/internal/settings"
	"cloudcashier/tui/internal/words"
)

func TestADayIsLookedAtAgain(t *testing.T) {
	play(t, words.EN, busyDay, func(r *rig) {
		r.keys("f12", "3")
		r.sees("12345.67", "+23%", "unknown, in no sum: 2, ¥25.60", "By hour")
		r.keys("left")
		r.sees("¥10000.00")
		r.lacks("unknown, in no sum")
		r.keys("right")
		r.agent.mu.Lock()
		for date, d := range r.agent.back.days {
			d.Gross += 1
			r.agent.back.days[date] = d
		}
		r.agent.mu.Unlock()
		r.pass(20 * time.Second)
		r.sees("12345.68")
		r.keys("esc")
		r.sees("DAY OVERVIEW", "EXPORT")
		r.keys("esc", "5")
		r.sees("AMOUNT")
	})
}

func TestSelfTests(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.keys("f12", "5", "down", "down", "enter", "down", "enter", "down", "enter", "down", "enter")
		r.sees("this till has no voice", "OK")
		if got := strings.Join(r.agent.back.tested, " "); got != "printer drawer display voice" {
			t.Errorf("tested %s", got)
		}
		r.keys("up", "up", "up", "up", "up", "enter")
		r.wedge(wechatCode)
		r.sees("payment code", "18 signs", "13**************42")
		r.lacks(wechatCode)
		r.keys("esc", "up", "up", "esc", "esc")
		r.sees("AMOUNT")
		r.lacks("code read")
		r.asked() // nothing of it became a sale
		r.amount("5")
		r.keys("enter", "f12", "5", "enter")
		r.sees("A sale waits for a scan")
	})
}

func TestKeysAreMoved(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.keys("f1")
		r.sees("KEYS")
		r.keys("down", "down", "enter", "f12") // sales, to the menu's key
		r.sees("F12 is taken: staff menu")
		r.keys("enter", "5")
		r.sees("5 cannot be used")
		r.keys("enter", "enter")
		r.sees("Enter cannot be used")
		r.keys("enter", "esc")
		r.keys("enter", "home")
		r.sees("last sales: now Home", "(usually F3)")
		if n := len(r.agent.back.saved); n != 1 || r.agent.back.saved[0].Keys["sales"] != "home" {
			t.Fatalf("saved %+v", r.agent.back.saved)
		}
		r.keys("f3") // it has moved
		r.sees("KEYS")
		r.keys("home")
		r.sees("LAST SALES", "Home sales")
		r.lacks("F3 sales")
		r.keys("home", "f1", "down", "down", "backspace", "f3")
		r.sees("F3 sales")
		if n := len(r.agent.back.saved); n != 2 || len(r.agent.back.saved[1].Keys) != 0 {
			t.Errorf("saved %+v", r.agent.back.saved)
		}
	})
}

// TestASwap proves that a key freed by one action serves another, and that what a screen hears is what stands
// in the table.
func TestASwap(t *testing.T) {
	play(t, words.EN, func(a *agent) {
		history(a)
		a.back.settings.Keys = map[string]string{"sales": "f12", "menu": "f3", "refund": "f4"}
	}, func(r *rig) {
		r.keys("f12")
		r.sees("LAST SALES")
		r.keys("down", "down")
		r.sees("F4 refund")
		r.keys("f4")
		r.sees("Refund ¥123.40")
		r.keys("esc", "f7") // nothing is there any more
		r.lacks("Refund ¥123.40")
		r.keys("f3")
		r.sees("STAFF", "F3 goes back")
	})
}

// TestEveryHintStandsInTheTable finds a key that a screen takes and nobody can look up or move.
func TestEveryHintStandsInTheTable(t *testing.T) {
	known := map[string]bool{}
	for _, a := range screen.Actions {
		for _, k := range strings.Fields(strings.ToLower(string(a.Key))) {
			known[k] = true
		}
	}
	dialogs := []string{"a", "w", "y", "esc esc"}
	for name, sc := range scenes {
		if strings.HasPrefix(name, "keys-moved") {
			continue
		}
		play(t, words.EN, sc.prepare, func(r *rig) {
			sc.act(r)
			for _, h := range r.m.Hints() {
				if k := strings.ToLower(h.Key); !known[k] && !slices.Contains(dialogs, k) {
					t.Errorf("%s: the key %s (%s) stands in no row of screen.Actions", name, h.Key, h.Text)
				}
			}
		})
	}
}

func TestSettingsAreKept(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.keys("f12", "6", "enter")
		r.sees("设置", "中文")
		r.keys("enter")
		r.sees("SETTINGS", "English")
		r.keys("down", "down", "enter", "down", "enter", "5", "0", "enter")
		r.sees("from ¥50.00 on")
		last := r.agent.back.saved[len(r.agent.back.saved)-1]
		if last.Lang != "en" || last.Sound || last.ConfirmAbove != 5000 {
			t.Errorf("saved %+v", last)
		}
		r.agent.back.broken = errors.New("read-only file system")
		r.keys("up", "enter")
		r.sees("not saved: read-only file system")
		r.keys("esc", "esc")
		r.amount("50")
		r.keys("enter")
		r.sees("Charge ¥50.00?")
		r.keys("enter")
		r.asked()
		r.keys("enter", "y")
		r.sees("SCAN the customer's payment code")
		r.asked("new 5000 ORDER0000001 code=false")
	})
}

func TestExportsOverwriteNothing(t *testing.T) {
	dir := t.TempDir()
	play(t, words.EN, nil, func(r *rig) {
		r.keys("f12", "8")
		for range 2 {
			r.keys("enter")
			for range 200 {
				r.send(keyMsg("backspace"))
			}
			for _, sign := range dir {
				r.keys(string(sign))
			}
			r.keys("enter")
			r.sees("Written:")
			r.keys("up")
		}
		r.keys("down")
		r.agent.lose = errors.New("it hangs")
		r.keys("enter", "enter")
		r.sees("Writing: ")
		r.keys("esc")
		r.sees("stopped; nothing was left behind")
	})
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 || !strings.HasSuffix(files[0], "-01-2.csv") && !strings.HasSuffix(files[1], "-01-2.csv") {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(text), "record,date") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestASlowScannerIsNoAmount(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.keys("7")
		r.pass(400 * time.Millisecond)
		for _, sign := range wechatCode {
			r.send(keyMsg(string(sign)))
			r.pass(90 * time.Millisecond)
		}
		r.send(keyMsg("enter"))
		r.pass(time.Second)
		r.asked("new 700 ORDER0000001 code=true")
		if len(r.agent.codes) != 1 || r.agent.codes[0] != wechatCode {
			t.Errorf("%d codes", len(r.agent.codes))
		}
	})
}

// tower counts the rings of the terminal.
type tower struct{ bytes.Buffer }

func TestSounds(t *testing.T) {
	out := &tower{}
	playWith(t, words.EN, func(c *console.Config) { c.Out = out }, nil, func(r *rig) {
		rings := func(what string, want int) {
			t.Helper()
			r.pass(time.Second)
			if got := out.Len(); got != want {
				t.Errorf("%s: %d rings, want %d", what, got, want)
			}
			out.Reset()
		}
		r.amount("12.8")
		r.keys("enter")
		rings("a sale waits", 0)
		r.wedge("6901234567892")
		rings("a product", 2)
		r.sale("sale_1", func(s *localapi.Sale) { s.State = localapi.StateAccepted })
		rings("under way", 0)
		r.wedge(wechatCode)
		rings("a scan in the wrong moment", 2)
		r.sale("sale_1", func(s *localapi.Sale) { s.State = localapi.StateUnknown })
		rings("unknown", 3)
		r.sale("sale_1", func(s *localapi.Sale) { s.State = localapi.StatePaid })
		rings("paid", 1)
		r.keys("f10")
		r.wedge(wechatCode)
		rings("a scan over a question", 2)
		r.keys("esc", "f12", "6", "down", "down", "enter", "esc", "esc")
		r.wedge("6901234567892")
		rings("sound is off", 0)
	})
}

func TestSettingsOfAnotherScreen(t *testing.T) {
	if _, err := screen.NewKeys(map[string]string{"dance": "f5"}); err == nil {
		t.Error("an action nobody knows")
	}
	if _, err := screen.NewKeys(map[string]string{"sales": "f12"}); err == nil {
		t.Error("two actions on one key")
	}
	if _, err := screen.NewKeys(map[string]string{"refund": "f4"}); err != nil {
		t.Errorf("a key of another screen: %v", err)
	}
	if settings.Default().ConfirmAbove == 0 {
		t.Error("a slip of the finger is charged unasked")
	}
}
