package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"cloudcashier/shared/localapi"
	"cloudcashier/shared/pay"
)

// sight is something a person or a program was shown about a sale or a payment.
type sight struct {
	Asked   time.Time   // it cannot be older than this
	At      time.Time   // when it arrived
	Till    string      // whose; empty: the hub's
	Where   string      // door it came through
	Stream  int         // of one stream what comes later is newer; 0: none
	State   string      // sale's state or payment's status
	Outcome pay.Outcome // the word that counts
	Amount  int64
	Payment string
}

func (s sight) String() string {
	return fmt.Sprintf("%s %-18s %-10s %-8s %s", s.At.UTC().Format("15:04:05.000"), s.Where, s.State, s.Outcome, s.Payment)
}

// final reports whether the word must never change again.
func (s sight) final() bool { return s.Outcome != pay.Unknown }

// shown is everything that was ever shown, by the name of the sale or payment it was about.
type shown struct {
	mu      sync.Mutex
	of      map[string][]sight
	broken  []string
	streams int
	count   int
	paying  map[string]bool // payments that were shown
	open    map[string]int  // sales of a till that were shown and not yet with a final word
}

func newShown() *shown {
	return &shown{of: map[string][]sight{}, paying: map[string]bool{}, open: map[string]int{}}
}

// stream names a stream of events.
func (s *shown) stream() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams++
	return s.streams
}

// saw records a sight. A final word that another contradicts, or that is taken back later, is a finding. A till may
// hear the end later than its copy did.
func (s *shown) saw(name string, now sight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if now.Payment != "" {
		s.paying[now.Payment] = true
	}
	before := s.of[name]
	for _, b := range before {
		if !b.final() || b.Outcome == now.Outcome {
			continue
		}
		later := b.Till == now.Till && now.Asked.After(b.At) || now.Stream != 0 && now.Stream == b.Stream
		if now.final() || later {
			s.broken = append(s.broken, fmt.Sprintf("%s was shown as %s (%s, %s) and then as %s (%s, %s)",
				name, b.Outcome, b.State, b.Where, now.Outcome, now.State, now.Where))
			break
		}
	}
	if n := len(before); n > 0 && before[n-1].State == now.State && before[n-1].Outcome == now.Outcome && now.Payment == before[n-1].Payment {
		return // the same again
	}
	s.of[name] = append(before, now)
	switch settled := slices.ContainsFunc(before, sight.final); {
	case len(before) == 0 && !now.final():
		s.open[now.Till]++
	case len(before) > 0 && now.final() && !settled:
		s.open[now.Till]--
	}
}

// sale records what a till's door showed.
func (s *shown) sale(t *till, door string, stream int, asked time.Time, sale localapi.Sale) {
	if sale.ID == "" {
		return
	}
	if t.of != nil && sale.Outcome == pay.Unknown { // one that it has from its original may be settled there already
		return
	}
	at, where := time.Now(), t.name()+" "+door
	if sale.State.Outcome() != sale.Outcome {
		s.complain("%s: sale %s is %s and called %s", where, sale.ID, sale.State, sale.Outcome)
	}
	s.saw(sale.ID, sight{Asked: asked, At: at, Till: t.name(), Where: where, Stream: stream, State: string(sale.State), Outcome: sale.Outcome,
		Amount: sale.Amount, Payment: sale.PaymentID})
}

// waiting is how many sales of a till have no final word yet, as far as it was shown.
func (s *shown) waiting(till string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[till]
}

// payments is how many payments were shown: they exist.
func (s *shown) payments() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.paying)
}

func (s *shown) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

// last is the newest sight.
func (s *shown) last(name string) (sight, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.of[name]
	if len(all) == 0 {
		return sight{}, false
	}
	return all[len(all)-1], true
}
