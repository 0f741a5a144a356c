package hubd

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapRoom is what the heap of a hub may grow to before garbage is collected. A hub keeps little itself, ten megabytes or so
// beside its terminals, and Go by itself would collect each time that much was used: a dozen times a second when customers queue.
const heapRoom = 64 << 20

// Roomy gives the process's heap its room. A heap that has grown beyond it, by thousands of terminals, is collected as usual.
func Roomy() { collected([]metrics.Sample{{Name: "/gc/heap/live:bytes"}}) }

// collected sets the pace after each collection: what it throws away tells that there was one.
func collected(live []metrics.Sample) {
	metrics.Read(live)
	kept := int64(live[0].Value.Uint64()) + 1<<20
	debug.SetGCPercent(int(min(max(100, 100*(heapRoom-kept)/kept), 1000)))
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { collected(live) })
}
