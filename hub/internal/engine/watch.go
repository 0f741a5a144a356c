package engine

import (
	"context"
	"slices"
	"sync"
)

// watches lets callers wait for payments, or for refunds, to change. Who waits is handed what was stored, as the transaction that
// stored it knew it, once that is committed: nobody reads it again.
type watches[T any] struct {
	mu sync.Mutex
	of map[string][]*watch[T]
}

// watch is one caller's.
type watch[T any] struct {
	all    *watches[T]
	entity string
	bell   chan struct{} // capacity one: "look"; never closed
	news   T             // the newest there is; all's lock guards it
	turn   uint64        // in which it was decided; 0: there is none yet
}

func newWatches[T any]() *watches[T] { return &watches[T]{of: map[string][]*watch[T]{}} }

// join begins to watch. What is stored from now on is not missed.
func (w *watches[T]) join(entity string) *watch[T] {
	one := &watch[T]{all: w, entity: entity, bell: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of[entity] = append(w.of[entity], one)
	return one
}

func (one *watch[T]) quit() {
	w := one.all
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of[one.entity] = slices.DeleteFunc(w.of[one.entity], func(other *watch[T]) bool { return other == one })
	if len(w.of[one.entity]) == 0 {
		delete(w.of, one.entity)
	}
}

// tell hands out what was stored in a turn of the agenda. Submitters whose transactions shared a commit come here in any order:
// what an earlier turn stored does not replace what a later one did.
func (w *watches[T]) tell(entity string, stored T, turn uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.of[entity] {
		if turn < one.turn {
			continue
		}
		one.news, one.turn = stored, turn
		select {
		case one.bell <- struct{}{}:
		default:
		}
	}
}

// until gives what is stored once it is enough, or what there is when ctx ends. now is how it stands.
func (one *watch[T]) until(ctx context.Context, now T, enough func(T) bool) T {
	for !enough(now) {
		select {
		case <-one.bell:
		case <-ctx.Done():
			return now
		}
		one.all.mu.Lock()
		now = one.news
		one.all.mu.Unlock()
	}
	return now
}
