package engine

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// agenda is the schedule in memory: when each payment and refund wants its next step. The store's work rows
// are the truth; this only saves asking it all the time.
type agenda struct {
	turns   atomic.Uint64
	mu      sync.Mutex
	entries entries
	at      map[string]plan // the entry in force; others in the heap are stale
	changed chan struct{}   // capacity one: "look again"; never closed
}

// plan is when an entity wants its next step, and the turn in which that was decided.
type plan struct {
	due  time.Time
	turn uint64
}

type entry struct {
	entity string
	due    time.Time
}

type entries []entry

func (q entries) Len() int           { return len(q) }
func (q entries) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q entries) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *entries) Push(x any)        { *q = append(*q, x.(entry)) }
func (q *entries) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

func newAgenda() *agenda {
	return &agenda{at: map[string]plan{}, changed: make(chan struct{}, 1)}
}

// turn is drawn where a step is decided: inside the transaction that stores it, so that turns follow the commits.
func (a *agenda) turn() uint64 { return a.turns.Add(1) }

// put sets when an entity wants its next step; the zero time means never. Submitters whose transactions shared a commit
// come here in any order: what an earlier turn decided does not replace what a later one did.
func (a *agenda) put(entity string, due time.Time, turn uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.at[entity]
	if turn < now.turn {
		return
	}
	if due.IsZero() {
		delete(a.at, entity)
		return
	}
	a.at[entity] = plan{due, turn}
	if now.due.Equal(due) {
		return
	}
	heap.Push(&a.entries, entry{entity, due})
	if a.entries[0].entity == entity {
		select {
		case a.changed <- struct{}{}:
		default:
		}
	}
}

// take removes and lists what is due.
func (a *agenda) take(now time.Time) (due []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.entries) > 0 && !a.entries[0].due.After(now) {
		e := heap.Pop(&a.entries).(entry)
		if at, ok := a.at[e.entity]; ok && at.due.Equal(e.due) {
			delete(a.at, e.entity)
			due = append(due, e.entity)
		}
	}
	return due
}

// wait blocks until something is due; false when ctx ended.
func (a *agenda) wait(ctx context.Context, now func() time.Time) bool {
	for {
		at := now() // a clock may make its reader wait, and nobody waits with a lock in hand
		a.mu.Lock()
		pause := time.Hour
		if len(a.entries) > 0 {
			pause = a.entries[0].due.Sub(at)
		}
		a.mu.Unlock()
		if pause <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-a.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// depth is how many entities wait for a step.
func (a *agenda) depth() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.at)
}
