package world_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"cloudcashier/scripts/simtest/world"
)

// bubble plays one schedule in virtual time.
func bubble(t *testing.T, c world.Config) (r world.Result) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { r = world.Run(c) })
	return r
}

func TestSimulation(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // with unique timers, what makes a seed replay
	if err := world.Prepare(); err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(os.Getenv("N"))
	first, _ := strconv.Atoi(os.Getenv("FIRST"))
	seen := map[string]int{}
	bad := 0
	for seed := first; seed < first+n; seed++ {
		r := bubble(t, world.Config{Seed: uint64(seed), Without: strings.Split(os.Getenv("WITHOUT"), ",")})
		for what, times := range r.Seen {
			seen[what] += times
		}
		if r.Wrong != "" {
			bad++
			t.Errorf("seed %d: %s\nfaults: %s", seed, r.Wrong, strings.Join(r.Faults, ", "))
			if os.Getenv("STORY") != "" {
				t.Log("\n" + strings.Join(r.Story, "\n"))
			}
		}
	}
	for what, times := range seen {
		t.Logf("%6d x %s", times, what)
	}
	t.Logf("%d of %d bad", bad, n)
}
