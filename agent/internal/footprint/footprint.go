// Package footprint keeps the agent small on a board of 64 MB: it tells Go's collector and C's allocator that
// memory is dearer than the little work a till has.
//
// It refuses to be a guarantee: the unit's MemoryMax is. Newcomers get one thing wrong: what a till holds alive is
// about one MB; the rest is room that Go and C keep for work which a till never has.
package footprint

/*
#include <malloc.h>
*/
import "C"

import "runtime/debug"

const (
	// garbage is how much may be dead, in percent of what lives. At Go's own 100 the heap is never below 4 MiB; a
	// sale makes some hundred KB of garbage, so that this costs a collection of a quarter of a millisecond every few
	// sales.
	garbage = 25
	// most is where the collector begins to work as hard as it can.
	most = 24 << 20
	// arenas is how many heaps C keeps. Each thread that ever called SQLite would else have one, with its own share
	// of what was freed.
	arenas = 1
)

// Keep is called once, before anything else of the program runs.
func Keep() {
	C.mallopt(C.M_ARENA_MAX, arenas)
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(most)
}
