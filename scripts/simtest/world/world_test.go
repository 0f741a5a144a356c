package world_test

import (
	"encoding/json"
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

func number(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestSimulation plays SIM_SEEDS schedules, every SIM_STEP-th from SIM_FIRST on. With SIM_OUT it writes what
// became of each into that file and goes on after a failure: so scripts/simtest runs it.
func TestSimulation(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // with unique timers, what makes a seed replay
	if err := world.Prepare(); err != nil {
		t.Fatal(err)
	}
	var out *json.Encoder
	if path := os.Getenv("SIM_OUT"); path != "" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		out = json.NewEncoder(file)
	}
	without := strings.Split(os.Getenv("SIM_WITHOUT"), ",")
	first, step := number(t, "SIM_FIRST", 0), number(t, "SIM_STEP", 1)
	for k := range number(t, "SIM_SEEDS", 40) {
		r := bubble(t, world.Config{Seed: uint64(first + k*step), Without: without})
		if out == nil {
			if r.Wrong != "" {
				t.Fatalf("seed %d: %s\nwith %s\n%s", r.Seed, r.Wrong, strings.Join(r.Faults, ", "), strings.Join(r.Story, "\n"))
			}
			continue
		}
		if r.Wrong == "" && os.Getenv("SIM_STORY") == "" {
			r.Story = nil
		}
		if err := out.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
}
