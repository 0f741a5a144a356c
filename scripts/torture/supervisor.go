package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// counts is what was done to the programs.
type counts struct {
	agents, hubs, sandboxes int // kills
	pauses, cuts, rates     int
	spells, replays         int // of messages disturbed, of messages sent again
}

func (c counts) kills() int { return c.agents + c.hubs + c.sandboxes }

// supervisor tortures. What it does next comes from the seed; when, and what it hits, also from the machine.
type supervisor struct {
	w     *world
	dice  *rand.Rand
	kills int  // wanted
	brief bool // a short run: no fault that needs half a minute to be survived
	every int  // a till is copied after so many kills

	clones int

	mu    sync.Mutex
	done  counts
	tasks sync.WaitGroup
}

// perKill is how many payments are made for each kill: 20,000 for 1,000. A short run has to be over soon.
func perKill(short bool) int {
	if short {
		return 12
	}
	return 20
}

// act is something the supervisor does, and how often among a hundred.
type act struct {
	weight int
	do     func(s *supervisor, ctx context.Context)
}

// Kills are half of it: what a process forgets is worse than what a network loses. The hub is killed less often than
// all tills together, because all of them feel it.
var acts = []act{
	{40, (*supervisor).killAgent},
	{6, (*supervisor).killHub},
	{3, (*supervisor).killBoth},
	{2, (*supervisor).killSandbox},
	{6, (*supervisor).pauseAgent},
	{3, (*supervisor).pauseServer},
	{16, (*supervisor).harmLine},
	{14, (*supervisor).harmMessages},
	{3, (*supervisor).replay},
	{10, (*supervisor).harmWallet},
	{5, (*supervisor).harmAnswers},
}

// A request that is lost between hub and wallet needs a minute and a half of asking before it is proven lost. A
// short run therefore does first what can lose one, more of it, and spends the rest on the tills.
var (
	actsFirst = []act{
		{24, (*supervisor).killAgent},
		{14, (*supervisor).killHub},
		{8, (*supervisor).killBoth},
		{4, (*supervisor).killSandbox},
		{4, (*supervisor).pauseAgent},
		{6, (*supervisor).pauseServer},
		{9, (*supervisor).harmLine},
		{8, (*supervisor).harmMessages},
		{2, (*supervisor).replay},
		{18, (*supervisor).harmWallet},
		{7, (*supervisor).harmAnswers},
	}
	actsThen = []act{
		{60, (*supervisor).killAgent},
		{10, (*supervisor).pauseAgent},
		{15, (*supervisor).harmLine},
		{15, (*supervisor).harmMessages},
		{4, (*supervisor).replay},
	}
)

// acts gives what is done now.
func (s *supervisor) acts() []act {
	switch {
	case !s.brief:
		return acts
	case s.counted().kills() < s.kills/3:
		return actsFirst
	default:
		return actsThen
	}
}

// standstill is how long nothing may happen; the longest pause is far shorter.
const standstill = 2 * time.Minute

// run acts until enough was killed or ctx ends, and returns when all that it began is over.
func (s *supervisor) run(ctx context.Context) {
	last, since := 0, time.Now()
	for ctx.Err() == nil && s.w.defectCount() == 0 {
		kills := s.counted().kills()
		if n := s.w.shown.payments() + kills; n != last {
			last, since = n, time.Now()
		} else if time.Since(since) > standstill {
			s.w.defect(fmt.Sprintf("no kill and no payment for %s", standstill))
		}
		if kills >= s.kills && s.w.shown.payments() >= s.kills*perKill(s.brief) || !rest(ctx, time.Duration(s.dice.IntN(140))*time.Millisecond) {
			break
		}
		if kills >= s.kills || s.w.shown.payments() < kills*perKill(s.brief) {
			continue // the kills are ahead of the payments
		}
		if kills/s.every > s.clones {
			s.clone(ctx)
		}
		s.draw()(s, ctx)
	}
	s.tasks.Wait()
}

func (s *supervisor) draw() func(*supervisor, context.Context) {
	total := 0
	for _, a := range s.acts() {
		total += a.weight
	}
	n := s.dice.IntN(total)
	for _, a := range s.acts() {
		if n -= a.weight; n < 0 {
			return a.do
		}
	}
	return (*supervisor).killAgent // not reached: n is below the sum of the weights
}

func (s *supervisor) counted() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

func (s *supervisor) count(change func(*counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.done)
}

// span draws a time, most of them short.
func (s *supervisor) span(most time.Duration) time.Duration {
	x := s.dice.Int64N(int64(most))
	return time.Duration(x / int64(1+s.dice.IntN(8)))
}

// upset does something to programs that nobody else is upsetting now; false when one is.
func (s *supervisor) upset(programs []*program, do func()) bool {
	for i, p := range programs {
		if !p.claim.TryLock() {
			for _, q := range programs[:i] {
				q.claim.Unlock()
			}
			return false
		}
	}
	s.tasks.Go(func() {
		do()
		for _, p := range programs {
			p.claim.Unlock()
		}
	})
	return true
}

// fell kills programs, waits, and starts them again.
func (s *supervisor) fell(ctx context.Context, programs ...*program) {
	away := make([]time.Duration, len(programs))
	for i := range away {
		away[i] = s.span(1200 * time.Millisecond)
	}
	settle := s.span(3 * time.Second)
	if s.brief {
		settle /= 4
	}
	s.upset(programs, func() {
		var all sync.WaitGroup
		for i, p := range programs {
			all.Go(func() {
				s.w.diary.note("kill -9 %s for %s", p.name, away[i].Round(time.Millisecond))
				p.kill()
				s.count(func(c *counts) {
					switch p {
					case &s.w.hub:
						c.hubs++
					case &s.w.box:
						c.sandboxes++
					default:
						c.agents++
					}
				})
				rest(ctx, away[i])
				if err := p.up(context.WithoutCancel(ctx)); err != nil {
					s.w.defect(p.name + " does not come back: " + err.Error())
				}
			})
		}
		all.Wait()
		if programs[0] == &s.w.hub {
			rest(ctx, settle) // let it do something before it is killed again
		}
	})
}

func (s *supervisor) anyTill() *till { return s.w.tills[s.dice.IntN(len(s.w.tills))] }

func (s *supervisor) killAgent(ctx context.Context)   { s.fell(ctx, &s.anyTill().program) }
func (s *supervisor) killHub(ctx context.Context)     { s.fell(ctx, &s.w.hub) }
func (s *supervisor) killSandbox(ctx context.Context) { s.fell(ctx, &s.w.box) }
func (s *supervisor) killBoth(ctx context.Context) {
	other := &s.anyTill().program
	if s.dice.IntN(4) == 0 {
		other = &s.w.box
	}
	s.fell(ctx, &s.w.hub, other)
}

func (s *supervisor) pauseAgent(ctx context.Context) { s.pause(ctx, &s.anyTill().program) }
func (s *supervisor) pauseServer(ctx context.Context) {
	p := &s.w.hub
	if s.dice.IntN(4) == 0 {
		p = &s.w.box
	}
	s.pause(ctx, p)
}

// pause stops a program where it stands and lets it go on later, unaware.
func (s *supervisor) pause(ctx context.Context, p *program) {
	most := 3 * time.Second
	if !s.brief && s.dice.IntN(20) == 0 {
		most = 25 * time.Second // longer than any timeout of a call
	}
	d := s.span(most)
	s.upset([]*program{p}, func() {
		s.w.diary.note("pause %s for %s", p.name, d.Round(time.Millisecond))
		s.count(func(c *counts) { c.pauses++ })
		p.signal(syscall.SIGSTOP)
		rest(ctx, d)
		p.signal(syscall.SIGCONT)
	})
}

// harmLine does something to a till's line to the hub.
func (s *supervisor) harmLine(ctx context.Context) {
	t := s.anyTill()
	s.harm(ctx, t.name()+"'s line", t.line, s.span(4*time.Second))
}

// harmWallet does something to the hub's line to the wallets; shortly, for all tills feel it.
func (s *supervisor) harmWallet(ctx context.Context) {
	s.harm(ctx, "the wallets' line", s.w.wallet, s.span(1500*time.Millisecond))
}

func (s *supervisor) harm(ctx context.Context, name string, l *link, d time.Duration) {
	if !l.whole() {
		return
	}
	slow := int64(time.Duration(20+s.dice.IntN(500)) * time.Millisecond)
	way := s.dice.IntN(2)
	kinds := []struct {
		name string
		do   func()
	}{
		{"closed", func() { l.cut(false) }},
		{"reset", func() { l.cut(true) }},
		{"away", func() { l.refuse.Store(true); l.cut(true) }},
		{"held " + []string{"up", "down"}[way], func() { l.hold[way].set(true) }},
		{"held both ways", func() { l.hold[up].set(true); l.hold[down].set(true) }},
		{"slow", func() { l.delay.Store(slow) }},
		{"deaf", func() { l.deaf.Store(true); l.cut(false) }},
	}
	k := kinds[s.dice.IntN(len(kinds))]
	s.w.diary.note("%s is %s for %s", name, k.name, d.Round(time.Millisecond))
	s.count(func(c *counts) { c.cuts++ })
	k.do()
	s.tasks.Go(func() {
		rest(ctx, d)
		l.heal()
	})
}

// harmAnswers has the wallets lose and damage requests and answers for a while.
func (s *supervisor) harmAnswers(ctx context.Context) {
	seed, d := s.dice.Uint64()>>12, s.span(6*time.Second)
	r := rates{s.dice.IntN(30), s.dice.IntN(60), s.dice.IntN(40), s.dice.IntN(40), s.dice.IntN(300)}
	s.upset([]*program{&s.w.box}, func() {
		if err := s.w.faults(ctx, seed, r); err != nil {
			return // paused or down
		}
		s.w.diary.note("the wallets' faults are %+v for %s", r, d.Round(time.Millisecond))
		s.count(func(c *counts) { c.rates++ })
		rest(ctx, d)
		if err := s.w.faults(context.WithoutCancel(ctx), 0, rates{}); err != nil {
			s.w.defect(err.Error())
		}
	})
}
