package console_test

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

// trainer lets the pretended agent train: another list of sales, and all of them say so.
type trainer struct{ a *agent }

func (x trainer) Train(_ context.Context, on bool) (localapi.Status, error) {
	x.a.mu.Lock()
	defer x.a.mu.Unlock()
	if x.a.refuse != nil {
		return localapi.Status{}, x.a.refuse
	}
	x.a.list = nil
	x.a.status.Training = on
	return x.a.status, nil
}

func init() {
	named["f12"] = tea.KeyF12
	in := func(act func(*rig)) scene {
		return scene{prepare: func(a *agent) { a.status.Training = true }, act: act}
	}
	trained := func(r *rig, state localapi.State, reason string) {
		scanned(state, reason).act(r)
		r.sale("sale_1", func(s *localapi.Sale) { s.Training, s.WalletRef = true, "TRAINING" })
	}
	scenes["training-off"] = keyed("f12", "9")
	scenes["training-refused"] = scene{prepare: func(a *agent) {
		a.refuse = fault.New(fault.Conflict, "training.sale_open", "1 real sales are not settled")
	}, act: func(r *rig) { r.keys("f12", "9", "y") }}
	scenes["training-begun"] = scene{prepare: history, act: func(r *rig) { r.keys("f12", "9", "y") }}
	scenes["training-on"] = in(func(r *rig) { r.keys("f12", "9") })
	scenes["training-entry"] = in(func(*rig) {})
	scenes["training-waiting"] = in(func(r *rig) { r.amount("12.8"); r.keys("enter") })
	scenes["training-paid"] = in(func(r *rig) { trained(r, localapi.StatePaid, "") })
	scenes["training-declined"] = in(func(r *rig) { trained(r, localapi.StateDeclined, "balance_low") })
	scenes["training-unknown"] = in(func(r *rig) { trained(r, localapi.StateUnknown, "") })
	scenes["training-password"] = in(func(r *rig) { trained(r, localapi.StatePassword, "") })
	scenes["training-sales"] = in(func(r *rig) { trained(r, localapi.StatePaid, ""); r.keys("f3") })
	scenes["training-quit"] = in(func(r *rig) { r.keys("f10") })
	scenes["training-code"] = in(func(r *rig) { showing(r, "TRAINING-NOT-A-PAYMENT") })
}

// TestEveryScreenOfTrainingSaysSo: first line and last, and a T at both ends of all others, without any colour.
func TestEveryScreenOfTrainingSaysSo(t *testing.T) {
	for name, sc := range scenes {
		if !strings.HasPrefix(name, "training-") || name == "training-off" || name == "training-refused" {
			continue
		}
		for _, lang := range []words.Lang{words.ZH, words.EN} {
			play(t, lang, sc.prepare, func(r *rig) {
				sc.act(r)
				for _, size := range [][2]int{{40, 20}, {80, 24}, {160, 50}} {
					r.send(console.Resize(size[0], size[1]))
					lines := strings.Split(ansi.Strip(r.m.View()), "\n")
					for i, line := range lines {
						if edge := i == 0 || i == len(lines)-1; edge != strings.Contains(line, "TRAINING") && edge {
							t.Errorf("%s %s %v: line %d does not say it: %q", name, lang, size, i, line)
						} else if !edge && (!strings.HasPrefix(line, "T ") || !strings.HasSuffix(line, " T")) {
							t.Errorf("%s %s %v: line %d has no T at both ends: %q", name, lang, size, i, line)
						}
					}
				}
			})
		}
	}
}

// TestTheModesDoNotMix: what was known of the one till is gone under the other, and a sale says what it is even when
// the screen does not know yet.
func TestTheModesDoNotMix(t *testing.T) {
	play(t, words.EN, history, func(r *rig) {
		r.sees("148.08") // a real sale in the list
		r.keys("f12", "9", "y")
		r.pass(time.Second)
		r.sees("TRAINING", "AMOUNT")
		if strings.Contains(r.m.View(), "148.08") {
			t.Error("a real sale stands under the head of training")
		}
		r.keys("f12", "9", "y")
		r.pass(time.Second)
		if strings.Contains(r.m.View(), "TRAINING") {
			t.Error("training does not end")
		}
	})
	play(t, words.EN, nil, func(r *rig) {
		scanned(localapi.StatePaid, "").act(r)
		r.sale("sale_1", func(s *localapi.Sale) { s.Training = true })
		r.sees("TRAINING PAID")
	})
}
