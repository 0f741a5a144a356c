package sandbox

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"cloudcashier/hub/sandbox/internal/door"
	"cloudcashier/shared/fault"
)

// rates are shares of the requests at the wallets' doors; the package comment says what each does.
type rates struct {
	LostBefore float64 `json:"lost_before"`
	LostAfter  float64 `json:"lost_after"`
	Error5xx   float64 `json:"error_5xx"`
	Garbled    float64 `json:"garbled"`
	SlowMS     int64   `json:"slow_ms"`
}

// faultSetting is the body of /sandbox/faults.
type faultSetting struct {
	Seed  uint64 `json:"seed"`
	Rates rates  `json:"rates"`

	Bill door.BillFault `json:"bill"` // what is wrong with bills from now on: damaged, truncated, totals, or nothing
}

// maxSlow keeps an answer well inside the server's write timeout.
const maxSlow = 30_000

func (f faultSetting) check() error {
	sum := 0.0
	for _, p := range [...]float64{f.Rates.LostBefore, f.Rates.LostAfter, f.Rates.Error5xx, f.Rates.Garbled} {
		if !(p >= 0 && p <= 1) {
			return fault.New(fault.Invalid, "sandbox.rate", "a rate is a share from 0 to 1")
		}
		sum += p
	}
	if sum > 1 {
		return fault.New(fault.Invalid, "sandbox.rate", "the rates sum to more than 1: lower them")
	}
	if !f.Bill.Known() {
		return fault.New(fault.Invalid, "sandbox.bill_fault", "bill is damaged, truncated or totals, or empty for whole bills")
	}
	if f.Rates.SlowMS < 0 || f.Rates.SlowMS > maxSlow {
		return fault.New(fault.Invalid, "sandbox.rate", "slow_ms is a number from 0 to %d", maxSlow)
	}
	return nil
}

type faultKind int

const (
	noFault faultKind = iota
	lostBefore
	lostAfter
	errorBefore
	errorAfter
	garbled
)

// drawn is what one request meets.
type drawn struct {
	kind faultKind
	hold time.Duration
}

// faults draws from a seed: the same seed and the same order of requests meet the same faults.
type faults struct {
	mu      sync.Mutex
	setting faultSetting
	random  *rand.Rand
}

func (f *faults) set(to faultSetting) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setting, f.random = to, rand.New(rand.NewPCG(to.Seed, 0))
}

func (f *faults) get() faultSetting {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.setting
}

func (f *faults) bill() door.BillFault { return f.get().Bill }

func (f *faults) draw() drawn {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.setting.Rates
	if r == (rates{}) {
		return drawn{}
	}
	// Always three draws, so that one rate's value does not shift another's sequence.
	p, coin, slow := f.random.Float64(), f.random.IntN(2), f.random.Int64N(r.SlowMS+1)
	d := drawn{hold: time.Duration(slow) * time.Millisecond}
	for _, x := range [...]struct {
		rate float64
		kind faultKind
	}{{r.LostBefore, lostBefore}, {r.LostAfter, lostAfter}, {r.Error5xx, errorBefore + faultKind(coin)}, {r.Garbled, garbled}} {
		if p < x.rate {
			d.kind = x.kind
			break
		}
		p -= x.rate
	}
	return d
}

func (s *Sandbox) showFaults(w http.ResponseWriter, _ *http.Request) error {
	return answerJSON(w, s.faults.get())
}

func (s *Sandbox) setFaults(w http.ResponseWriter, r *http.Request) error {
	var to faultSetting
	if done, err := decode(w, r, &to); done || err != nil {
		return err
	}
	if err := to.check(); err != nil {
		return err
	}
	s.faults.set(to)
	return answerJSON(w, to)
}
