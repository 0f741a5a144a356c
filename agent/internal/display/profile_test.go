package display_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloudcashier/agent/internal/display"
	"cloudcashier/agent/internal/sale"
	"cloudcashier/firmware-sim/linedisplay"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

var update = flag.Bool("update", false, "write the golden files")

const title = "兴隆小卖部"

// scenes are one of each kind, and amounts at the edges of the glass.
func scenes() (names []string, list []display.Scene) {
	add := func(name string, s display.Scene) { names, list = append(names, name), append(list, s) }
	add("idle", display.Scene{})
	for _, k := range []struct {
		name string
		kind display.Kind
	}{{"due", display.Due}, {"working", display.Working}, {"password", display.Password}, {"code", display.Code},
		{"accepted", display.Accepted}, {"paid", display.Paid}, {"not paid", display.NotPaid}} {
		add(k.name, display.Scene{Kind: k.kind, Amount: money.Fen(1280)})
	}
	add("change", display.Scene{Kind: display.Change, Amount: money.Fen(1280), Received: money.Fen(2000), Change: money.Fen(720)})
	add("test", display.Scene{Kind: display.Test})
	for _, fen := range []int64{1, 999_999_99, 1_000_000_00, money.Max} {
		add(fmt.Sprintf("due %d", fen), display.Scene{Kind: display.Due, Amount: money.Fen(fen)})
		add(fmt.Sprintf("paid %d", fen), display.Scene{Kind: display.Paid, Amount: money.Fen(fen)})
	}
	return names, list
}

// setOf is the command set that a profile speaks.
func setOf(profile string) string { return strings.TrimSuffix(profile, "-gb") }

// TestEveryProfilesBytes: what each profile sends for each picture, and what a strict display makes of it.
func TestEveryProfilesBytes(t *testing.T) {
	names, list := scenes()
	for _, p := range display.Profiles {
		glass, ok := linedisplay.New(setOf(p.Name))
		if !ok {
			t.Fatalf("nobody pretends to be %s", p.Name)
		}
		var out bytes.Buffer
		fmt.Fprintf(&out, "%s %d\ninit % x\n", p.Name, p.Baud, p.Init)
		for i, s := range list {
			raw := p.Picture(s, title)
			for range 2 { // a picture leans on nothing that was shown before
				for _, b := range raw {
					glass.Put(b)
				}
			}
			fmt.Fprintf(&out, "\n%s\n% x\n", names[i], raw)
			for _, line := range glass.Screen() {
				fmt.Fprintf(&out, "|%s|\n", line)
			}
		}
		if len(glass.Complaints) > 0 {
			t.Errorf("%s: %q", p.Name, glass.Complaints)
		}
		file := filepath.Join("testdata", p.Name+".golden")
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(want, out.Bytes()) {
			t.Errorf("%s is not as in %s (%v); look at it, then -update:\n%s", p.Name, file, err, out.Bytes())
		}
	}
}

// TestWhatIsTold: PAID is said of what is proven alone, and nothing of a sale whose end is not known.
func TestWhatIsTold(t *testing.T) {
	for _, s := range sale.States {
		scene, brief := display.SceneOf(s)
		if (scene.Kind == display.Paid) != (s == localapi.StatePaid) {
			t.Errorf("%s is shown as %d", s, scene.Kind)
		}
		if notPaid := scene.Kind == display.NotPaid; notPaid && s.Outcome() != pay.NotPaid {
			t.Errorf("%s is shown as not paid", s)
		}
		if !s.Final() && s != localapi.StateDeferred && brief {
			t.Errorf("%s is shown for a moment only", s)
		}
		if s.Final() && s != localapi.StateCancelled && !brief {
			t.Errorf("%s is shown for good", s)
		}
	}
	if scene, _ := display.SceneOf("new"); scene.Kind != display.Idle {
		t.Errorf("a state that is new to us shows %d", scene.Kind)
	}
}

func TestChange(t *testing.T) {
	paid := display.Scene{Kind: display.Paid, Amount: money.Fen(1280)}
	cash := sale.Sale{Amount: money.Fen(1280), Tender: localapi.TenderCash, Received: money.Fen(2000)}
	if got := display.WithChange(paid, cash); got != (display.Scene{Kind: display.Change, Amount: money.Fen(1280), Received: money.Fen(2000), Change: money.Fen(720)}) {
		t.Errorf("%+v", got)
	}
	exact := cash
	exact.Received = exact.Amount
	for _, none := range []sale.Sale{exact, {Amount: money.Fen(1280)}, {}} {
		if got := display.WithChange(paid, none); got != paid {
			t.Errorf("%+v: %+v", none, got)
		}
	}
}
