package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/payment"
	"cloudcashier/hub/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
	"cloudcashier/shared/wire"
)

// The engine under simulated time: the production engine, law and store, a wallet with a truth of
// its own behind a line that loses and delays, tills that repeat, fence and cancel, merchants that
// cancel, and a hub that is killed again and again, or stopped until another took over and then woken. Faults last two minutes of virtual time; then
// all is healed, everything must come to rest, and the books must agree.

const (
	faulty     = 2 * time.Minute
	healed     = 8 * time.Minute
	lastShown  = 4 * time.Minute // no till asks for a code to show later: it must end before the run does
	simKeys    = 8
	simShown   = 3  // sales whose code is shown to the customer
	defaultRun = 40 // schedules in an ordinary test run; `make sim` draws thousands
)

// sometimes are rare states that a run must reach, or it has proven little.
var sometimes = []string{"late success", "killed with a call begun", "fenced before it arrived", "refused behind the fence", "wallet was busy",
	"customer took his time and paid", "cancelled and given back", "taken by the second channel", "closed as never charged", "reversal told to try again",
	"stale hub fenced", "late success resolved", "shown code paid", "shown code given up", "shown code paid after its end was begun"}

// line is the way to the wallet: it loses requests and answers, and takes its time.
type line struct {
	*wallet
	seed uint64
	loss float64
	end  time.Time // of the faults

	mu    sync.Mutex
	calls map[string]uint64 // of each order
}

// draw gives a call's luck and how long each leg takes. It depends on the order and the call alone,
// so that a seed replays whichever of two calls at one instant comes first.
func (l *line) draw(no string) (lostThere, lostBack bool, there, back time.Duration) {
	l.mu.Lock()
	l.calls[no]++
	n := l.calls[no]
	l.mu.Unlock()
	h := fnv.New64a()
	h.Write([]byte(no))
	rng := rand.New(rand.NewPCG(l.seed^h.Sum64(), n))
	there = time.Duration(rng.Int64N(int64(400*time.Millisecond))) + 1
	back = time.Duration(rng.Int64N(int64(400*time.Millisecond))) + 1
	if time.Now().Before(l.end) {
		lostThere, lostBack = rng.Float64() < l.loss, rng.Float64() < l.loss
		if rng.Float64() < 0.1 {
			there += time.Duration(rng.Int64N(int64(20 * time.Second)))
		}
	}
	return lostThere, lostBack, there, back
}

// carry makes a call over the line. The request goes on its way even when the caller gave up.
func (l *line) carry(ctx context.Context, no string, call func() channel.Answer) channel.Answer {
	lostThere, lostBack, there, back := l.draw(no)
	answer := make(chan channel.Answer, 1)
	go func() {
		time.Sleep(there)
		if lostThere {
			return
		}
		a := call()
		time.Sleep(back)
		if !lostBack {
			answer <- a
		}
	}()
	select {
	case a := <-answer:
		return a
	case <-ctx.Done():
		return channel.Answer{Finding: channel.Unknown, Err: ctx.Err()}
	}
}

func (l *line) Pay(ctx context.Context, o channel.Order) channel.Answer {
	return l.carry(ctx, o.OutTradeNo, func() channel.Answer {
		if time.Now().After(o.Expires) { // the wallet keeps to the order's own expiry
			return channel.Answer{Finding: channel.Declined, Decline: channel.Decline{Code: channel.CodeExpired}}
		}
		return l.wallet.Pay(context.Background(), o)
	})
}

func (l *line) Present(ctx context.Context, o channel.Order) channel.Answer {
	return l.carry(ctx, o.OutTradeNo, func() channel.Answer { return l.wallet.Present(context.Background(), o) })
}

func (l *line) Query(ctx context.Context, r channel.Ref) channel.Answer {
	return l.carry(ctx, r.OutTradeNo, func() channel.Answer { return l.wallet.Query(context.Background(), r) })
}

func (l *line) Reverse(ctx context.Context, r channel.Ref) channel.Answer {
	return l.carry(ctx, r.OutTradeNo, func() channel.Answer { return l.wallet.Reverse(context.Background(), r) })
}

// simulation is one schedule.
type simulation struct {
	*house
	rng   *rand.Rand
	line  *line
	other *line // of the second channel; nil: there is none
	began time.Time
	trace []string
	seen  map[string]int
	told  map[string]wire.Result // the last final word a till got for a key
	fence map[string]bool        // keys the till gave up: it sends no charge any more
	codes map[string]string      // of each key; a shown one has none
	shown map[string]string      // the text that is, or was, on the till's screen
	acked uint64

	mu    sync.Mutex
	stale []string // how stopped hubs ended that another replaced
}

var simFates = []string{"00", "00", "00", "50", "58", "58", "53", "54", "55", "60", "61", "62", "64", "70", "71", "72", "80", "90"}

// simulate runs one seed and gives its trace, what it reached, and what went wrong.
func simulate(t *testing.T, seed uint64) (trace []string, seen map[string]int, wrong error) {
	s := &simulation{rng: rand.New(rand.NewPCG(seed, 1)), seen: map[string]int{}, told: map[string]wire.Result{}, fence: map[string]bool{}, codes: map[string]string{}, shown: map[string]string{}}
	s.began = time.Now()
	s.line = &line{wallet: newWallet(), seed: seed, calls: map[string]uint64{}, loss: s.rng.Float64() * 0.4, end: s.began.Add(faulty)}
	if seed%2 == 0 {
		s.house = newHouseOver(t, s.line.wallet, s.line)
	} else {
		s.line.misconfigured = true
		s.other = &line{wallet: newWallet(), seed: ^seed, calls: map[string]uint64{}, loss: s.line.loss, end: s.line.end}
		s.house = newHouseOn(t, &house{wallet: s.line.wallet, ways: []engine.Way{{Name: "w", Wallet: pay.WeChat, Channel: s.line}, {Name: "w2", Wallet: pay.WeChat, Channel: s.other}}})
	}
	s.line.lazy = seed%4 >= 2
	for i := range simShown {
		s.codes[fmt.Sprint("s", i)] = ""
	}
	codes := s.codes
	for i := range simKeys {
		codes[fmt.Sprint("k", i)] = fmt.Sprintf("13%014d%s", seed%1e6*100+uint64(i), simFates[s.rng.IntN(len(simFates))])
	}
	killing, stopping := s.rng.Float64()*0.05, s.rng.Float64()*0.03
	for time.Since(s.began) < healed {
		early := time.Since(s.began) < faulty
		pause := 2 * time.Second
		if !early {
			pause = 6 * time.Second
		}
		time.Sleep(time.Duration(s.rng.Int64N(int64(pause))) + 7*time.Microsecond)
		if early && s.rng.Float64() < killing {
			s.kill()
		}
		if early && s.rng.Float64() < stopping {
			s.replace()
		}
		key := fmt.Sprint("k", s.rng.IntN(simKeys))
		if n := s.rng.IntN(simKeys + simShown); n < simShown {
			key = fmt.Sprint("s", n)
			s.customer(key)
		}
		if err := s.till(key, codes[key], early); err != nil {
			return s.trace, s.seen, err
		}
		synctest.Wait()
		if err := s.listen(); err != nil {
			return s.trace, s.seen, err
		}
	}
	wrong = s.verdict(codes)
	s.stop()
	return s.trace, s.seen, wrong
}

func (s *simulation) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf("%9.3f  ", time.Since(s.began).Seconds())+fmt.Sprintf(format, args...))
}

// kill ends the hub as a power cut does: what the store has is what the next one finds. Calls that
// left go on and reach the wallet.
func (s *simulation) kill() {
	crashed := memoryDir(s.t)
	if err := copyDatabase(s.dir, crashed); err != nil {
		s.t.Fatal(err)
	}
	s.note("kill")
	s.house.abandon()
	s.house.dir = crashed
	s.house.start()
	synctest.Wait() // what the restart found is settled before anything else happens
}

// till does what a till does about one of its sales: charge, repeat, give up and fence, cancel.
func (s *simulation) till(key, code string, early bool) error {
	luck := s.rng.IntN(20)
	late := s.fence[key] && early && luck < 5 // a copy of the charge, long on its way
	if s.told[key].Key != "" && !late || early && s.rng.Float64() < s.line.loss {
		return nil // settled, or the message is lost
	}
	desk := engine.Desk{Engine: s.engine}
	var err error
	switch {
	case late:
		s.note("%s pay, late", key)
		err = desk.Pay(context.Background(), till, saleOf(key, code))
	case luck == 0 && early || s.fence[key] || code == "" && time.Since(s.began) > lastShown:
		s.fence[key] = true
		s.note("%s fence", key)
		err = desk.Fence(context.Background(), till, wire.Fence{Key: key})
	case luck == 1 && early:
		s.fence[key] = true
		s.note("%s cancel", key)
		err = desk.Cancel(context.Background(), till, wire.Cancel{Key: key})
	default:
		s.note("%s pay", key)
		err = desk.Pay(context.Background(), till, saleOf(key, code))
	}
	if k := fault.KindOf(err); err != nil && k != fault.Unavailable && k != fault.InDoubt {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// listen reads what the hub has for the till and holds it to its word.
func (s *simulation) listen() error {
	downs, err := s.store.Waiting(till.ID, s.acked, 100)
	if err != nil {
		return err
	}
	var news []string
	for _, d := range downs {
		if d.Seq != s.acked+1 {
			return fmt.Errorf("message %d follows %d", d.Seq, s.acked)
		}
		s.acked = d.Seq
		if d.Kind != wire.KindResult {
			s.seen["refused behind the fence"] += strings.Count(string(d.Body), "payment.fenced")
			continue
		}
		var r wire.Result
		if err := json.Unmarshal(d.Body, &r); err != nil {
			return err
		}
		news = append(news, fmt.Sprintf("%s is %s", r.Key, r.Status))
		if r.PaymentID == "" {
			s.seen["fenced before it arrived"]++
		}
		if r.QR != "" {
			if old := s.shown[r.Key]; old != "" && old != r.QR {
				return fmt.Errorf("%s shows %q, then %q", r.Key, old, r.QR)
			}
			s.shown[r.Key] = r.QR
		}
		before, had := s.told[r.Key]
		if had && before.Outcome != r.Outcome {
			return fmt.Errorf("%s was told %s, then %s", r.Key, before.Outcome, r.Outcome)
		}
		if r.Status.Final() {
			s.told[r.Key] = r
		}
	}
	slices.Sort(news) // two payments may change at one instant, in any order
	for _, line := range news {
		s.note("%s", line)
	}
	return nil
}

// verdict compares what tills were told, the hub's records and the wallet's truth.
func (s *simulation) verdict(codes map[string]string) error {
	for key := range codes {
		if s.told[key].Key == "" {
			return fmt.Errorf("%s was never told an end", key)
		}
	}
	var all []payment.Payment
	if err := s.store.View(func(tx *store.Tx) (err error) { all, err = tx.RecentPayments(1000); return err }); err != nil {
		return err
	}
	keys := map[string]bool{}
	for _, p := range all {
		if keys[p.Key] {
			return fmt.Errorf("%s has two payments", p.Key)
		}
		keys[p.Key] = true
		if !p.Final() || !p.Attempt.Status.Final() {
			return fmt.Errorf("%s is %s, its attempt %s", p.Key, p.Status, p.Attempt.Status)
		}
		if told := s.told[p.Key]; told.Outcome != p.Outcome() {
			return fmt.Errorf("%s is %s, the till was told %s", p.Key, p.Outcome(), told.Outcome)
		}
		wallet := s.lineOf(p)
		net := wallet.netOf(p.Attempt.OutTradeNo)
		if want := map[pay.Outcome]int{pay.Paid: 1}[p.Outcome()]; net != want {
			return fmt.Errorf("%s is %s, the wallet took %d", p.Key, p.Status, net)
		}
		if n := wallet.paysFor(p.Attempt.OutTradeNo); n > 1 && wallet.fateOf(p.Attempt.OutTradeNo) != "90" && !p.Attempt.Shown {
			return fmt.Errorf("%s was sent to be charged %d times", p.Key, n)
		}
		s.reached(p)
	}
	if err := s.exceptions(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ended := range s.stale {
		if ended != "hub.fenced" {
			return fmt.Errorf("a stale hub ended with %s", ended)
		}
		s.seen["stale hub fenced"]++
	}
	for _, wallet := range []*line{s.line, s.other} {
		if wallet == nil {
			continue
		}
		if n := wallet.strangers(all); n > 0 { // nor may an attempt that was left have taken money
			return fmt.Errorf("the wallet has %d charges nobody knows", n)
		}
	}
	s.seen["killed with a call begun"] += s.resumed()
	return nil
}

func (s *simulation) reached(p payment.Payment) {
	wallet := s.lineOf(p)
	fate, shown := wallet.fateOf(p.Attempt.OutTradeNo), p.Attempt.Shown
	for what, is := range map[string]bool{
		"shown code paid":                         shown && p.Outcome() == pay.Paid,
		"shown code given up":                     shown && p.Outcome() == pay.NotPaid,
		"shown code paid after its end was begun": shown && p.Outcome() == pay.NotPaid && wallet.charges(p.Attempt.OutTradeNo) > 0,

		"late success":                    p.Attempt.Cause == "late_success",
		"wallet was busy":                 fate == "90",
		"taken by the second channel":     p.Attempt.Channel == "w2" && p.Outcome() == pay.Paid,
		"customer took his time and paid": fate == "53" && p.Outcome() == pay.Paid,
		"cancelled and given back":        p.Attempt.Cause == "cancelled" && p.Status == pay.StatusReversed,
		"closed as never charged":         p.Status == pay.StatusClosed,
		"reversal told to try again":      fate == "70" && p.Status == pay.StatusReversed,
	} {
		if is {
			s.seen[what]++
		}
	}
}

// lineOf is the way to the wallet that has the payment's attempt.
func (s *simulation) lineOf(p payment.Payment) *line {
	if p.Attempt.Channel == "w2" {
		return s.other
	}
	return s.line
}

// resumed counts calls that a restart found begun: the event log names their cause.
func (s *simulation) resumed() (n int) {
	_ = s.store.View(func(tx *store.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM event WHERE cause = 'restart'").Scan(&n)
	})
	return n
}

// bubble runs one seed in virtual time.
func bubble(t *testing.T, seed uint64) (trace []string, seen map[string]int, wrong error) {
	synctest.Test(t, func(t *testing.T) { trace, seen, wrong = simulate(t, seed) })
	return trace, seen, wrong
}

func schedules(t *testing.T) uint64 {
	text := os.Getenv("SCHEDULES")
	if text == "" {
		return defaultRun
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("SCHEDULES: %v", err)
	}
	return n
}

func TestSimulation(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // with unique timers, what makes a seed replay
	total := map[string]int{}
	n := schedules(t)
	for seed := range n {
		trace, seen, err := bubble(t, seed)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(trace, "\n"))
		}
		for what, times := range seen {
			total[what] += times
		}
	}
	for _, what := range sometimes {
		t.Logf("%6d x %s", total[what], what)
		if total[what] == 0 && n >= defaultRun {
			t.Errorf("never reached: %s", what)
		}
	}
}

func TestSimulationReplays(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	distinct := map[string]bool{}
	for seed := range uint64(10) {
		first, _, err := bubble(t, seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		again, _, _ := bubble(t, seed)
		for i := range first {
			if i >= len(again) || again[i] != first[i] {
				t.Errorf("seed %d gave two traces:\n%s\n%s", seed, strings.Join(first[i:min(i+4, len(first))], "\n"), strings.Join(again[min(i, len(again)):min(i+4, len(again))], "\n"))
				break
			}
		}
		distinct[strings.Join(first, "\n")] = true
	}
	if len(distinct) < 9 {
		t.Errorf("ten seeds gave %d traces", len(distinct))
	}
}
