// Package world is the whole chain in one process, under simulated time: tills, line, hubs and wallets, with
// the product's own state machines on real SQLite. A seed draws who sells what and which faults there are;
// the same seed draws the same again. Faults last a while, then all is healed, everything must come to rest,
// and the books must agree with what the wallets know and people were told.
//
// It refuses to look inside the programs: it knows what crosses their doors, what lies on their disks, and
// the wallets' truth, which no code under test can write. Newcomers get one thing wrong: a schedule replays
// only while every timer has an instant of its own and every draw a stream of its own. Take chance from
// [World.luck] by name and delays from [World.in], and write nothing into the story that hangs on which of two
// goroutines ran first.
//
// Stored-value codes are not in it yet: such a one is a tender that a till takes offline, and its wallet is the
// hub itself.
package world

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// The phases.
const (
	faulty    = 100 * time.Second // anything may break
	settling  = 120 * time.Second // after healing: until everybody knows
	attending = 900 * time.Second // then: until nothing is planned any more; a refund in doubt is asked about ever more slowly
	look      = 5 * time.Second   // how often the world looks after what has ended
)

// Config is one schedule.
type Config struct {
	Seed    uint64
	Without []string // faults that are left out, to find the fewest that are needed
}

// Result is what became of it.
type Result struct {
	Seed     uint64
	Wrong    string         // empty: nothing
	Story    []string       // what happened, in order
	Trace    uint64         // hash of the story
	Seen     map[string]int // rare states that were reached
	Faults   []string       // that were on
	Sales    int
	Payments int
}

// World is a running schedule.
type World struct {
	seed   uint64
	faults map[string]bool
	began  time.Time
	tills  []*till
	hubs   []*hub
	bank   *bank
	shops  sync.WaitGroup // merchants' servers
	life   context.Context

	mu      sync.Mutex
	instant map[int64]bool // that a timer has
	streams map[string]*rand.Rand
	story   []moment
	seen    map[string]int
	wrong   []string
	known   map[string]*intent // by order
	healed  bool
	hubStep int64 // seconds that the hubs' wall clock is off
	over    bool  // the story is closed
	runs    sync.WaitGroup
	api     map[string]*invoice
	wishes  map[string]*wish  // refunds at tills, by the shop's number
	claims  map[string]*claim // and of merchants' servers

	dark             bool  // the next death of a hub at a write is a power cut
	events           int64 // of the hubs, known to be committed
	downFrom, downTo time.Duration
}

// moment is a line of the story.
type moment struct {
	at   time.Duration
	text string
}

// Run plays a schedule. It must be called in a testing/synctest bubble, at GOMAXPROCS 1.
func Run(c Config) (r Result) {
	w := &World{seed: c.Seed, faults: map[string]bool{}, began: time.Now(), instant: map[int64]bool{}, streams: map[string]*rand.Rand{},
		seen: map[string]int{}, known: map[string]*intent{}, api: map[string]*invoice{},
		wishes: map[string]*wish{}, claims: map[string]*claim{}}
	ctx, cancel := context.WithCancel(context.Background())
	w.life = ctx
	w.bank = newBank(w)
	for _, f := range Faults {
		w.faults[f] = w.luck("swarm/"+f).IntN(2) == 0 && !slices.Contains(c.Without, f)
		if w.faults[f] {
			r.Faults = append(r.Faults, f)
		}
	}
	if err := w.play(); err != nil {
		w.fail("%v", err)
	}
	cancel()
	if err := w.close(); err != nil {
		w.fail("%v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Seed, r.Seen, r.Sales, r.Payments = c.Seed, w.seen, len(w.known), len(w.known)+len(w.api)
	slices.SortStableFunc(w.story, func(a, b moment) int { // of one instant in any order
		if a.at != b.at {
			return int(a.at - b.at)
		}
		if a.text < b.text {
			return -1
		}
		return 1
	})
	hash := fnv.New64a()
	for _, l := range w.story {
		text := fmt.Sprintf("%11.6f  %s", l.at.Seconds(), l.text)
		r.Story = append(r.Story, text)
		hash.Write([]byte(text))
	}
	r.Trace = hash.Sum64()
	if len(w.wrong) > 0 {
		slices.Sort(w.wrong)
		r.Wrong = w.wrong[0]
		for _, other := range slices.Compact(w.wrong)[1:] {
			r.Wrong += "\n  " + other
		}
	}
	return r
}

// step is one thing that happens at a moment.
type step struct {
	at time.Duration
	do func()
}

// play is the schedule itself.
func (w *World) play() error {
	if err := w.build(); err != nil {
		return err
	}
	plan := slices.Concat(w.trade(), w.returns(), w.shifts(), w.mischief())
	for at := look; at < faulty; at += look {
		plan = append(plan, step{at, w.tend})
	}
	slices.SortStableFunc(plan, func(a, b step) int { return int(a.at - b.at) })
	for _, s := range plan {
		w.until(s.at)
		s.do()
		if w.failed() {
			return nil
		}
	}
	w.until(faulty)
	w.heal()
	if !w.wait(settling, w.settled) {
		w.fail("not settled %s after healing: %s", settling, w.unsettled())
		return nil
	}
	w.note("settled")
	if !w.wait(attending, w.resting) {
		w.fail("not at rest %s after settling: %s", attending, w.restless())
		if w.leading() == nil {
			return nil
		}
		return w.verdict()
	}
	w.note("at rest")
	if w.failed() {
		return nil
	}
	return w.verdict()
}

// until sleeps to a moment of the schedule, or a little later: no two wake at one instant.
func (w *World) until(at time.Duration) {
	time.Sleep(w.in(w.luck("schedule"), max(at-time.Since(w.began), 0)))
}

// wait looks again and again until something holds.
func (w *World) wait(most time.Duration, holds func() bool) bool {
	end := time.Now().Add(most)
	for !w.failed() {
		w.tend()
		if holds() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(w.in(w.luck("schedule"), look))
	}
	return true
}

// close ends every program and gives the disks back.
func (w *World) close() error {
	for _, t := range w.tills {
		t.stop()
	}
	for _, h := range w.hubs {
		h.stop()
	}
	w.shops.Wait()
	w.runs.Wait()
	time.Sleep(10 * time.Minute) // past every timer: nothing of this world may look at a disk that is gone
	var errs []error
	for _, t := range w.tills {
		if t.disk != nil {
			errs = append(errs, t.disk.Free())
		}
	}
	if len(w.hubs) > 0 {
		errs = append(errs, w.hubs[0].disk.Free())
	}
	return errors.Join(errs...)
}

// luck is a stream of chance with a name. Whoever else draws from another never changes what it gives.
func (w *World) luck(name string) *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stream(name)
}

func (w *World) stream(name string) *rand.Rand {
	if r, ok := w.streams[name]; ok {
		return r
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.New(&source{pcg: rand.NewPCG(w.seed, h.Sum64())})
	w.streams[name] = r
	return r
}

// source is chance that goroutines share, at one virtual instant or another: which of them draws is settled by the
// instants, and the lock only says so to the race detector.
type source struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

// Uint64 implements [rand.Source].
func (s *source) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pcg.Uint64()
}

// in gives a delay whose end is nobody else's instant. Its nanoseconds come from the caller's own stream, so
// that they do not hang on who else asked before.
func (w *World) in(luck *rand.Rand, d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := 1 + int64(luck.IntN(1_000_000))
	now := time.Since(w.began)
	at := int64(now+d) + own
	for w.instant[at] {
		at++
	}
	w.instant[at] = true
	return time.Duration(at) - now
}

// after calls f later, on a goroutine of its own.
func (w *World) after(luck *rand.Rand, d time.Duration, f func()) { time.AfterFunc(w.in(luck, d), f) }

func (w *World) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(fmt.Sprintf(format, args...))
}

func (w *World) write(text string) {
	if !w.over {
		w.story = append(w.story, moment{time.Since(w.began), text})
	}
}

func (w *World) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blame(fmt.Sprintf(format, args...))
}

func (w *World) blame(text string) {
	if w.over {
		return
	}
	w.write("WRONG: " + text)
	w.wrong = append(w.wrong, text)
}

func (w *World) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.wrong) > 0
}

func (w *World) saw(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what]++
}

// on reports that a fault is among this schedule's and its time has not passed.
func (w *World) on(fault string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults[fault] && !w.healed
}
