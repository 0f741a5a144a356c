package engine

import "time"

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
