package world

import (
	"time"
	"unsafe"
)

// shifted is a moment on a wall clock that was set: its date differs by whole seconds, its monotonic
// reading is what it was. The standard library makes no such time; a kernel does when somebody sets the clock.
func shifted(t time.Time, seconds int64) time.Time {
	const monotonic = 1 << 63
	raw := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	if raw.wall&monotonic == 0 {
		return t.Add(time.Duration(seconds) * time.Second)
	}
	raw.wall += uint64(seconds) << 30 // 33 bits of seconds stand above 30 bits of nanoseconds
	return t
}
