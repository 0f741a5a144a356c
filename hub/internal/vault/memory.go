package vault

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"cloudcashier/shared/fault"
)

// buffer is memory outside the Go heap for a key in clear: no garbage collector copies it, no core
// dump holds it, no swap where the system allows locking, and close wipes it.
type buffer struct{ mem, data []byte }

func newBuffer(size int) (*buffer, error) {
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, (size/page+1)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "vault.memory", "no memory for a key")
	}
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	_ = unix.Mlock(mem) // RLIMIT_MEMLOCK may be small; the key is here for microseconds
	return &buffer{mem, mem[:size]}, nil
}

func (b *buffer) bytes() []byte { return b.data }

func (b *buffer) close() {
	clear(b.mem)
	_ = unix.Munmap(b.mem)
	b.mem, b.data = nil, nil
}

// Shield keeps this process's memory out of core dumps and away from other processes of the same
// user. A process that is traced already has no secrets from its tracer: it stays readable for it,
// and only its core dumps are switched off.
func Shield() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return fmt.Errorf("read the limit of core dumps: %w", err)
	}
	// 1, not 0: the kernel hands a dump to a program even at 0, and to nobody at 1 (fs/coredump.c).
	limit.Cur, limit.Max = min(limit.Max, 1), min(limit.Max, 1)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err == nil && !strings.Contains(string(status), "\nTracerPid:\t0\n") {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("shield the memory: %w", err)
	}
	return nil
}
