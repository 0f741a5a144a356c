package scanner_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cloudcashier/agent/internal/scanner"
	"cloudcashier/firmware-sim/board"
)

func TestRepeats(t *testing.T) {
	const ms = time.Millisecond
	type reading struct {
		slot  int // of the scanner
		text  string
		after time.Duration // since the reading before
		want  string        // "" for nothing
	}
	for _, c := range []struct {
		name     string
		readings []reading
	}{
		{"product", []reading{
			{0, goods, 0, "product " + goods},
			{0, goods, 699 * ms, ""},
			{0, goods, 699 * ms, ""}, // still in view
			{0, goods, 700 * ms, "product " + goods},
		}},
		{"two products in turn", []reading{
			{0, goods, 0, "product " + goods},
			{0, "96385074", 100 * ms, "product 96385074"},
			{0, goods, 100 * ms, ""},
			{0, "96385074", 800 * ms, "product 96385074"},
		}},
		{"product on another scanner", []reading{
			{0, goods, 0, "product " + goods},
			{1, goods, 0, "product " + goods},
		}},
		{"link in view", []reading{
			{0, mark, 0, "link"},
			{0, mark, 300 * ms, ""},
			{0, mark, time.Second, "link"},
		}},
		{"payment", []reading{
			{0, wechat, 0, "payment " + wechat},
			{0, wechat, 50 * ms, "duplicate"},
			{0, wechat, 50 * ms, ""}, // a gun that stares: told once
			{0, wechat, 650 * ms, "duplicate"},
			{0, alipay, 0, "payment " + alipay},
			{0, wechat, 59999 * ms, "duplicate"},
			{0, wechat, time.Minute, "payment " + wechat},
		}},
		{"payment on another scanner", []reading{
			{0, wechat, 0, "payment " + wechat},
			{1, wechat, 30 * time.Second, "duplicate"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTill(t, scanner.Config{Paths: []string{"a", "b"}})
			for i, r := range c.readings {
				x.clock.advance(r.after)
				x.Take(r.slot, r.text, x.clock.now())
				got := ""
				select {
				case s := <-x.Scans():
					got = show(s)
				default:
				}
				if got != r.want {
					t.Errorf("reading %d: %q, want %q", i, got, r.want)
				}
			}
		})
	}
}

func TestForgetLetsACodeBeScannedAgain(t *testing.T) {
	x := newTill(t, scanner.Config{Paths: []string{"a", "b"}})
	x.Take(0, wechat, x.clock.now())
	x.Forget(x.next().Code)
	x.Take(0, wechat, x.clock.now())
	if got := show(x.next()); got != "payment "+wechat {
		t.Errorf("%s", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	x := newTill(t, scanner.Config{Paths: []string{"a", "b"}})
	code := func(i int) string { return fmt.Sprintf("13%016d", i) }
	take := func(i int) string {
		x.clock.advance(time.Millisecond)
		x.Take(0, code(i), x.clock.now())
		return show(x.next())
	}
	for i := range scanner.SightingsMax + 10 {
		if got := take(i); got != "payment "+code(i) {
			t.Fatalf("%d: %s", i, got)
		}
	}
	if n := x.Sightings(); n != scanner.SightingsMax {
		t.Errorf("%d sightings are kept", n)
	}
	if got := take(scanner.SightingsMax + 9); got != "duplicate" {
		t.Errorf("the newest is forgotten: %s", got)
	}
	if got := take(0); got != "payment "+code(0) {
		t.Errorf("the oldest is kept: %s", got)
	}
}

// TestOldestScanGivesWay: nobody reads; the newest scans stay, and a dropped code is not a duplicate.
func TestOldestScanGivesWay(t *testing.T) {
	x := newTill(t, scanner.Config{Paths: []string{"a", "b"}})
	code := func(i int) string { return fmt.Sprintf("13%016d", i) }
	for i := range scanner.QueueMax + 2 {
		x.Take(0, code(i), x.clock.now())
	}
	if n := x.Dropped(); n != 2 {
		t.Errorf("%d dropped, want 2", n)
	}
	for i := range scanner.QueueMax {
		if got, want := show(x.next()), "payment "+code(i+2); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	x.Take(0, code(0), x.clock.now())
	if got := show(x.next()); got != "payment "+code(0) {
		t.Errorf("a code nobody saw is a %s", got)
	}
}

func TestDoubleReadOverAPort(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{Repeat: 3})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	must(t, b.Scan(goods), b.Scan(wechat), b.Scan(mark))
	if got, want := x.untilMark(), []string{"product " + goods, "payment " + wechat, "duplicate"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
