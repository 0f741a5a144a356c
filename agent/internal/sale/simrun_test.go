package sale_test

import (
	"container/heap"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"cloudcashier/agent/internal/sale"
	"cloudcashier/shared/localapi"
)

// simulate runs one seed and reports what went wrong, a hash of everything that happened, and the
// states that were shown.
func simulate(seed uint64, bugs planted, story func(string)) (error, uint64, map[localapi.State]bool) {
	w := &world{rng: rand.New(rand.NewPCG(seed, 0)), bugs: bugs, story: story, hash: 14695981039346656037,
		journal: map[string]sale.Sale{}, open: map[string]sale.Sale{}, codes: map[string]bool{}, stored: map[string]bool{}, instead: map[string]time.Time{},
		left: map[string]bool{}, told: map[string]sale.Sale{}, seen: map[localapi.State]bool{}, hub: newSimHub()}
	w.loss, w.crash = w.rng.Float64()*0.5, w.rng.Float64()*0.1
	if w.rng.Float64() < 0.3 {
		w.crash = 0
	}
	for i := range 1 + w.rng.IntN(3) {
		key := "sale_" + strconv.Itoa(i)
		w.after(w.upTo(60*time.Second), func() { w.cashier(key) })
	}
	w.after(w.upTo(10*time.Second), w.connect)
	for w.queue.Len() > 0 && w.wrong == nil {
		e := heap.Pop(&w.queue).(simEvent)
		if e.at > simEnd {
			w.violation("still busy at the end")
		}
		w.now = e.at
		e.do()
	}
	w.verdict()
	return w.wrong, w.hash, w.seen
}

func (w *world) verdict() {
	for key, told := range w.told {
		if stored, ok := w.journal[key]; !ok || stored.State != told.State {
			w.violation("%s was shown as %s and is not on the disk", key, told.State)
		}
	}
	for _, key := range w.order {
		s, net := w.journal[key], 0
		if p := w.hub.payments[key]; p != nil {
			net = p.net
		}
		switch {
		case s.Tender != localapi.TenderWallet:
			if net != 0 {
				w.violation("%s was paid twice", key)
			}
		case !s.State.Final():
			w.violation("%s is still %s long after healing", key, s.State)
		case s.State == localapi.StatePaid && net != 1:
			w.violation("%s is paid, and the wallet took %d", key, net)
		case s.State != localapi.StatePaid && net != 0:
			w.violation("%s is %s, and the wallet took %d", key, s.State, net)
		}
	}
	taken := map[string]int{}
	for key, p := range w.hub.payments {
		taken[w.journal[key].OrderNo] += p.net
	}
	for order, net := range taken {
		if net > 1 {
			w.violation("order %s was paid %d times", order, net)
		}
	}
	for key, p := range w.hub.payments {
		if _, ok := w.journal[key]; !ok && p.net != 0 {
			w.violation("%s was charged and never written down", key)
		}
	}
}

// seeds is how many schedules a run draws; SEEDS overrides it.
func seeds(t *testing.T) uint64 {
	if os.Getenv("SEEDS") == "" {
		return 20_000
	}
	n, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 32)
	if err != nil {
		t.Fatalf("SEEDS: %v", err)
	}
	return n
}

func TestSimulation(t *testing.T) {
	reached := map[localapi.State]bool{}
	for seed := range seeds(t) {
		err, _, seen := simulate(seed, planted{}, nil)
		for s := range seen {
			reached[s] = true
		}
		if err != nil {
			simulate(seed, planted{}, func(line string) { t.Log(line) })
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	for _, s := range append(sale.States, inCash, chargedInstead) {
		if !reached[s] && s != localapi.StateWaiting { // waiting is where each sale is made
			t.Errorf("no seed ever showed %s", s)
		}
	}
}

func TestSimulationReplaysToTheByte(t *testing.T) {
	distinct := map[uint64]bool{}
	for seed := range uint64(200) {
		_, first, _ := simulate(seed, planted{}, nil)
		_, again, _ := simulate(seed, planted{}, nil)
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
		"a timeout taken as declined":               {timeoutDeclines: true},
		"expiry taken as lapsed":                    {expiryLapses: true},
		"sent before it was written down":           {sendBeforeJournal: true},
		"a question without the fence":              {askWithoutFence: true},
		"a restart takes the charge as never sent":  {restartSendsAgain: true},
		"a cancel of what may have left is final":   {cancelForgets: true},
		"a refusal is believed without the fence":   {refusalBelieved: true},
		"a late word of the hub moves settled ones": {lateNewsMoves: true},
		"cash is shown before it is written down":   {cashShownFirst: true},
		"cash is sent as a charge":                  {cashIsAsked: true},
		"a deferred sale is shown as paid":          {deferredIsPaid: true},
		"a cancel of a claim that left is final":    {deferredForgets: true},
		"a refused claim ends the sale":             {deferredEnds: true},
		"a restart takes a claim as never sent":     {deferredNotLeft: true},
		"the limits are not looked at":              {deferredNoLimit: true},
		"a code that is over is not paid":           {qrBugs: qrBugs{overLapses: true}},
		"a restart forgets the code on the screen":  {qrBugs: qrBugs{restartForgets: true}},
		"a cancelled code is not paid":              {qrBugs: qrBugs{stopForgets: true}},
		"a scan is charged beside a shown code":     {qrBugs: qrBugs{scanBeside: true}},
		"a scan is charged before the proof":        {qrBugs: qrBugs{scanEarly: true}},
		"a code is asked for without a connection":  {qrBugs: qrBugs{asksOffline: true}},
	} {
		caught := -1
		for seed := range uint64(20_000) {
			if err, _, _ := simulate(seed, bugs, nil); err != nil {
				caught = int(seed)
				t.Logf("%s: seen by seed %d: %v", name, seed, err)
				break
			}
		}
		if caught < 0 {
			t.Errorf("%s: not seen in 20,000 seeds", name)
		}
	}
}
