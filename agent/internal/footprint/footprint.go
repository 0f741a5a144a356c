// Package footprint keeps the agent small on a board of 64 MB: it tells Go's collector and C's allocator that
// memory is dearer than the little work a till has.
//
// It refuses to be a guarantee: the unit's MemoryMax is. Newcomers get one thing wrong: what a till holds alive is
// less than one MB; the rest is room that Go and C keep for work which a till never has.
package footprint

/*
#include <malloc.h>

// Each thread that ever called SQLite would else get a heap of its own, with its own share of what was freed. It must
// be said before there are threads, and Go's runtime has some before main.
__attribute__((constructor)) static void one_heap(void) {
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 64 << 10);
}
*/
import "C"

import (
	"runtime"
	"runtime/debug"
)

const (
	// garbage is how much may be dead, in percent of what lives. At Go's own 100 the heap is never below 4 MiB; a
	// sale makes some ten KB of garbage, so that this costs a collection of half a millisecond every ten sales.
	garbage = 25
	// most is where the collector begins to work as hard as it can.
	most = 24 << 20
)

// The table of a memory profile that nobody asks for has 1.4 MB and is written to all over.
func init() { runtime.MemProfileRate = 0 }

// Keep is called once, before anything else of the program runs.
func Keep() {
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(most)
}
