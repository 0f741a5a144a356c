package engine

import (
	"context"
	"time"
)

// Agenda shows the schedule in memory to its test.
type Agenda = agenda

// NewAgenda makes an empty one.
func NewAgenda() *Agenda { return newAgenda() }

// Turn is turn.
func (a *agenda) Turn() uint64 { return a.turn() }

// Put is put.
func (a *agenda) Put(entity string, due time.Time, turn uint64) { a.put(entity, due, turn) }

// Take is take.
func (a *agenda) Take(now time.Time) []string { return a.take(now) }

// Watches shows those who wait to their test.
type Watches = watches[string]

// NewWatches makes an empty one.
func NewWatches() *Watches { return newWatches[string]() }

// Join is join.
func (w *watches[T]) Join(entity string) *watch[T] { return w.join(entity) }

// Tell is tell.
func (w *watches[T]) Tell(entity string, stored T, turn uint64) { w.tell(entity, stored, turn) }

// Until is until.
func (one *watch[T]) Until(ctx context.Context, now T, enough func(T) bool) T {
	return one.until(ctx, now, enough)
}

// Quit is quit.
func (one *watch[T]) Quit() { one.quit() }

// Waiting is how many things are waited for.
func (w *watches[T]) Waiting() int { return len(w.of) }
