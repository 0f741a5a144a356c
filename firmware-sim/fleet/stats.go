package fleet

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// Sold is one finished sale, a line of the sales file.
type Sold struct {
	Terminal  string      `json:"terminal"`
	Key       string      `json:"key"`
	OrderNo   string      `json:"order_no"`
	Amount    int64       `json:"amount"` // fen
	State     string      `json:"state"`  // the hub's status; "lapsed", or "refused" and why, when the hub has no payment
	Outcome   pay.Outcome `json:"outcome"`
	Fate      string      `json:"fate"` // the code's last two digits
	PaymentID string      `json:"payment_id,omitempty"`
	ScannedAt time.Time   `json:"scanned_at"` // when it should have begun: a late start counts as waiting
	TookMS    int64       `json:"took_ms"`    // until the final word
}

// Report is the fleet at one moment, a line of its output.
type Report struct {
	Event     string         `json:"event"` // "enrolled", "connected" (all, for the first time), "tick", "end"
	At        time.Time      `json:"at"`
	Tills     int            `json:"tills"`
	Connected int            `json:"connected"` // greeted by the hub
	Open      int            `json:"open"`      // sales without a final word
	Made      int            `json:"made"`      // sales begun
	Outcomes  map[string]int `json:"outcomes"`  // of finished sales, by outcome
	States    map[string]int `json:"states"`
	LatencyMS Quantiles      `json:"latency_ms"` // of finished sales
	Full      int            `json:"handshakes_full"`
	Resumed   int            `json:"handshakes_resumed"`
	Lost      int            `json:"lost"`      // connections that broke after a greeting
	Failed    int            `json:"failed"`    // attempts that led to no greeting
	Away      Quantiles      `json:"away_ms"`   // from the loss of a line to the next greeting
	Contested int            `json:"contested"` // a settled sale was told another end: must be 0
	Causes    map[string]int `json:"causes,omitempty"`
}

// Quantiles of whole numbers.
type Quantiles struct {
	N   int   `json:"n"`
	P50 int64 `json:"p50"`
	P95 int64 `json:"p95"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

// QuantilesOf sorts the values.
func QuantilesOf(values []int64) Quantiles {
	if len(values) == 0 {
		return Quantiles{}
	}
	slices.Sort(values)
	at := func(percent int) int64 { return values[(len(values)-1)*percent/100] }
	return Quantiles{N: len(values), P50: at(50), P95: at(95), P99: at(99), Max: values[len(values)-1]}
}

// stats is what the tills tell. Latencies are kept whole: eight bytes a sale.
type stats struct {
	mu    sync.Mutex
	sales io.Writer // nil: not wanted
	err   error     // of writing them

	connected, made, full, resumed, lines, failed, contested int
	took, away                                               []int64
	outcomes, states, causes                                 map[string]int
	ends                                                     map[string]pay.Outcome // of each settled sale, by key
	all                                                      chan struct{}          // closed when all were connected once
}

func (s *stats) shook(resumed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if resumed {
		s.resumed++
	} else {
		s.full++
	}
}

// lost notes the end of a connection, or of an attempt. Like back it is called by the till's own goroutine.
func (s *stats) lost(t *till, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.up {
		s.failed++
		return
	}
	t.up, t.lostAt = false, time.Now()
	s.connected--
	s.lines++
	if len(s.causes) < 20 {
		s.causes[fmt.Sprintf("%.80v", err)]++
	}
}

// back notes a greeting.
func (s *stats) back(t *till) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.lostAt.IsZero() {
		s.away = append(s.away, time.Since(t.lostAt).Milliseconds())
	}
	t.up, t.lostAt = true, time.Time{}
	if s.connected++; s.connected == len(t.f.tills) {
		select {
		case <-s.all:
		default:
			close(s.all)
		}
	}
}

// settled notes a sale's final word. The till's lock is held.
func (s *stats) settled(t *till, x *sale, state string, outcome pay.Outcome) {
	took := time.Since(x.scanned).Milliseconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[string(outcome)]++
	s.states[state]++
	s.ends[x.key] = outcome
	s.took = append(s.took, took)
	if s.sales == nil || s.err != nil {
		return
	}
	line, err := json.Marshal(Sold{Terminal: t.who.terminal, Key: x.key, OrderNo: x.orderNo, Amount: x.amount, State: state, Outcome: outcome, Fate: x.code[len(x.code)-2:],
		PaymentID: x.payment, ScannedAt: x.scanned.UTC(), TookMS: took})
	if err == nil {
		_, err = s.sales.Write(append(line, '\n'))
	}
	s.err = err
}

// repeated notes a word about a sale that is settled, or was never made: it may not say anything new.
func (s *stats) repeated(_ *till, r wire.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end, known := s.ends[r.Key]; !known || r.Outcome != pay.Unknown && r.Outcome != end {
		s.contested++
	}
}

// failure is why finished sales cannot be written down.
func (s *stats) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *stats) sold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
}

// report draws the figures together.
func (s *stats) report(event string, tills int) Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	finished := 0
	r := Report{Event: event, At: time.Now().UTC(), Tills: tills, Connected: s.connected, Made: s.made, Outcomes: map[string]int{}, States: map[string]int{},
		LatencyMS: QuantilesOf(slices.Clone(s.took)), Full: s.full, Resumed: s.resumed, Lost: s.lines, Failed: s.failed,
		Away: QuantilesOf(slices.Clone(s.away)), Contested: s.contested, Causes: map[string]int{}}
	for _, of := range []struct{ from, to map[string]int }{{s.outcomes, r.Outcomes}, {s.states, r.States}, {s.causes, r.Causes}} {
		for k, n := range of.from {
			of.to[k] = n
		}
	}
	for _, n := range r.Outcomes {
		finished += n
	}
	r.Open = r.Made - finished
	return r
}
