package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSeedsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seeds.txt")
	if seeds, err := readSeeds(path); err != nil || len(seeds) != 0 {
		t.Errorf("an absent list: %v, %v", seeds, err)
	}
	bad := []result{{Seed: 7, Wrong: "it forgot\n  and more"}, {Seed: 3, Wrong: "again"}}
	for range 2 { // what is there is not added again
		old, err := readSeeds(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := addSeeds(path, bad, old); err != nil {
			t.Fatal(err)
		}
	}
	if seeds, err := readSeeds(path); err != nil || !slices.Equal(seeds, []int{7, 3}) {
		t.Errorf("kept %v, %v", seeds, err)
	}
	if err := os.WriteFile(path, []byte("seven\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readSeeds(path); err == nil {
		t.Error("a word was taken for a number")
	}
}

func full() *board {
	b := newBoard()
	for _, what := range sometimes {
		b.seen[what] = 1
	}
	return b
}

func TestWhatIsMissingIsRed(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(*board)
		partial bool
		want    bool
	}{
		"all reached":                     {func(*board) {}, false, true},
		"one never reached":               {func(b *board) { delete(b.seen, sometimes[0]) }, false, false},
		"one never reached, few drawn":    {func(b *board) { delete(b.seen, sometimes[0]) }, true, true},
		"a violation":                     {func(b *board) { b.take(result{Seed: 1, Wrong: "x"}) }, true, false},
		"a seed that does not repeat":     {func(b *board) { b.unequal = []int{4} }, true, false},
		"one that differed at first":      {func(b *board) { b.wavering = 1 }, false, true},
		"a state that nobody asked for":   {func(b *board) { b.seen["something new"] = 3 }, false, true},
		"a good schedule is no violation": {func(b *board) { b.take(result{Seed: 1}) }, false, true},
	} {
		b := full()
		c.do(b)
		var text strings.Builder
		if got := b.tell(&text, c.partial); got != c.want {
			t.Errorf("%s: %v\n%s", name, got, text.String())
		}
	}
}

func TestTheSampleIsSpread(t *testing.T) {
	b := newBoard()
	for seed := range uint64(1000) {
		b.take(result{Seed: seed})
	}
	some := b.sample()
	if len(some) != 50 || some[0] != 0 || some[49] < 900 || !slices.IsSorted(some) {
		t.Errorf("played twice: %v", some)
	}
	if few := (&board{traces: map[uint64]uint64{5: 1}}).sample(); !slices.Equal(few, []int{5}) {
		t.Errorf("of one: %v", few)
	}
}
