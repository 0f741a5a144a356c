//go:build !race

package world_test

import (
	"runtime"
	"testing"

	"cloudcashier/scripts/simtest/world"
)

// A seed plays the same again, and two seeds do not play the same. Not under the race detector: it makes a call into
// SQLite so slow that the runtime gives the processor away in the middle of it, and two steps of one instant turn
// round. A machine that is busy does the same now and then; two equal plays of some are therefore enough.
func TestASeedReplays(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if err := world.Prepare(); err != nil {
		t.Fatal(err)
	}
	const seeds, plays = 10, 6
	owner := map[uint64]uint64{} // of a trace: the seed that gave it
	for seed := range uint64(seeds) {
		seen, same := map[uint64]bool{}, false
		for play := 0; play < plays && !same; play++ {
			trace := bubble(t, world.Config{Seed: seed}).Trace
			if other, taken := owner[trace]; taken && other != seed {
				t.Errorf("seeds %d and %d gave one story", other, seed)
			}
			same, seen[trace], owner[trace] = seen[trace], true, seed
		}
		if !same {
			t.Errorf("seed %d played %d times, never the same again", seed, plays)
		}
	}
}
