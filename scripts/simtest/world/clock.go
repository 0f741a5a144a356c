package world

import (
	"time"
	"unsafe"
)

// steady is where the monotonic clock of a bubble stands at its beginning; any value but zero.
const steady = time.Hour

// reading is a moment as a running program reads it, on a wall clock that somebody has set: the date is
// seconds off, the monotonic reading is what it was. The standard library makes no such time: a kernel does
// when its clock is set, and a bubble's own times have no monotonic reading at all.
func reading(began time.Time, seconds int64) time.Time {
	const monotonic = 1 << 63
	first := time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC) // from which such times count
	now := time.Now()
	wall := now.Add(time.Duration(seconds) * time.Second)
	t := time.Unix(0, 0)
	raw := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	raw.wall = monotonic | uint64(wall.Unix()-first.Unix())<<30 | uint64(wall.Nanosecond())
	raw.ext = int64(steady + now.Sub(began))
	return t
}
