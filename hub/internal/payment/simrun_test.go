package payment_test

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/pay"
)

// simulate runs one seed and reports what went wrong and a hash of everything that happened.
func simulate(seed uint64, bugs planted, story func(string)) (error, uint64) {
	digest := fnv.New64a()
	w := &world{rng: rand.New(rand.NewPCG(seed, 0)), bugs: bugs, orders: map[string]*order{}, doubts: map[payment.ExceptionKind]bool{}}
	w.trace = func(format string, args ...any) {
		line := fmt.Sprintf("%8.3fs  "+format, append([]any{w.now.Seconds()}, args...)...)
		digest.Write([]byte(line))
		if story != nil {
			story(line)
		}
	}
	w.rules = simRules
	if seed%3 == 2 {
		w.shown, w.lazy, w.rules = true, w.rng.IntN(2) == 0, simShown
	}
	w.loss, w.crash, w.two = w.rng.Float64()*0.5, w.rng.Float64()*0.05, seed%2 == 1 && !w.shown
	defer func() { moved.Add(int64(w.moves)) }()
	w.after(0, w.merchant)
	w.after(0, w.step)
	for w.queue.Len() > 0 && w.wrong == nil {
		e := heap.Pop(&w.queue).(event)
		if e.at > simEnd || e.at > simHeal+simDelay && w.atRest() {
			break
		}
		w.now = e.at
		e.do()
	}
	for _, o := range w.orders {
		w.settle(o)
	}
	if w.wrong == nil {
		w.wrong = w.verdict()
	}
	return w.wrong, digest.Sum64()
}

func (w *world) verdict() error {
	net := 0
	for _, o := range w.orders {
		net += o.charged - o.returned
		if o.returned > o.charged {
			return fmt.Errorf("more was given back than charged")
		}
	}
	switch {
	case w.doubts[payment.LateSuccess], w.doubts[payment.SlowReversal], w.doubts[payment.UndoEnding]:
		return fmt.Errorf("at rest with open doubts %v", w.doubts)
	case w.disk == nil:
		return fmt.Errorf("the payment was never taken in")
	case !w.disk.Final():
		return fmt.Errorf("still %s long after healing", w.disk.Status)
	case !w.disk.Attempt.Status.Final():
		return fmt.Errorf("the attempt is still %s long after healing", w.disk.Attempt.Status)
	case w.told.Finished.IsZero():
		return fmt.Errorf("the merchant was never told")
	case w.told.Outcome() != w.disk.Outcome():
		return fmt.Errorf("the merchant was told %s, the books say %s", w.told.Outcome(), w.disk.Outcome())
	case w.disk.Outcome() == pay.Paid && net != 1:
		return fmt.Errorf("paid, and the wallet took %d", net)
	case w.disk.Outcome() == pay.NotPaid && net != 0:
		return fmt.Errorf("%s, and the wallet took %d", w.disk.Status, net)
	}
	return nil
}

// seeds is how many schedules a run draws; SEEDS overrides it.
func seeds(t *testing.T) uint64 {
	n, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 32)
	if os.Getenv("SEEDS") == "" {
		return 20_000
	}
	if err != nil {
		t.Fatalf("SEEDS: %v", err)
	}
	return n
}

// moved counts payments that took another channel, over all seeds.
var moved atomic.Int64

func TestSimulation(t *testing.T) {
	moved.Store(0)
	for seed := range seeds(t) {
		if err, _ := simulate(seed, planted{}, nil); err != nil {
			simulate(seed, planted{}, func(line string) { t.Log(line) })
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d payments took another channel", moved.Load())
	if moved.Load() == 0 {
		t.Error("no payment ever took another channel")
	}
}

func TestSimulationReplaysToTheByte(t *testing.T) {
	distinct := map[uint64]bool{}
	for seed := range uint64(200) {
		_, first := simulate(seed, planted{}, nil)
		_, again := simulate(seed, planted{}, nil)
		if first != again {
			t.Fatalf("seed %d gave two traces", seed)
		}
		distinct[first] = true
	}
	if len(distinct) < 190 {
		t.Errorf("200 seeds gave only %d traces", len(distinct))
	}
}

func TestSimulationSeesPlantedBugs(t *testing.T) {
	for name, bugs := range map[string]planted{
		"a timeout taken as declined":     {timeoutDeclines: true},
		"no such order taken as declined": {absentDeclines: true},
		"expiry taken as closed":          {expiryCloses: true},
		"sent before it was written down": {sendBeforeJournal: true},
		"another channel after silence":   {lostMoves: true},
		"a closing taken as proof":        {closeProves: true},
	} {
		caught := -1
		for seed := range uint64(2_000) {
			if err, _ := simulate(seed, bugs, nil); err != nil {
				caught = int(seed)
				break
			}
		}
		if caught < 0 {
			t.Errorf("%s: not seen in 2000 seeds", name)
		} else {
			t.Logf("%s: seen by seed %d", name, caught)
		}
	}
}
