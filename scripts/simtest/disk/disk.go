// Package disk is test support: a machine's disk in memory, under the real SQLite. It keeps apart what
// programs see and what a power cut would leave: everything that was synced stays, and each sector that
// was not is kept, lost, or garbage. File names made or removed since the last sync come back in order, as on
// ext4. Programs on a disk share files, locks and the log's index, so that two hubs on one database work.
//
// It refuses to be gentle: a program may die at any single operation, a sync may fail with the bytes in
// place, a write may fail, the disk may be full. Newcomers get one thing wrong: [Process.Kill] loses nothing
// that was written, only a power cut does; and after either, the dead program's code still runs here until it
// notices, so that whatever it does must be refused from outside too.
package disk

/*
#cgo CFLAGS: -O2 -std=gnu11
#cgo LDFLAGS: -Wl,--unresolved-symbols=ignore-in-object-files
#include <stdlib.h>
#include "vfs.h"
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	_ "github.com/mattn/go-sqlite3" // the engine whose file system this is
)

// VFS is the name under which SQLite knows these disks.
const VFS = "simdisk"

var register = sync.OnceValue(func() int { return int(C.simdisk_register()) })

// Disk is one machine's disk.
type Disk struct{ c *C.disk }

// Process is one run of a program on the machine. Its methods may be called from any goroutine.
type Process struct{ c *C.process }

// Fault is what goes wrong, once.
type Fault int

// The faults.
const (
	None       Fault = C.NO_FAULT
	Die        Fault = C.DIE         // the program is killed right before the operation
	SyncFails  Fault = C.SYNC_FAILS  // with EIO: the bytes are there, but not safe
	WriteFails Fault = C.WRITE_FAILS // with EIO: nothing is written
	NoSpace    Fault = C.NO_SPACE    // likewise, with ENOSPC
)

// Cut is what a power cut did to what was not synced.
type Cut struct {
	Kept, Lost, Garbage int // sectors
	Names               int // files made or removed that it forgot
}

// New makes an empty disk. Free it.
func New() (*Disk, error) {
	if rc := register(); rc != 0 {
		return nil, fmt.Errorf("register SQLite's file system %s: code %d", VFS, rc)
	}
	return &Disk{C.simdisk_new()}, nil
}

// Free gives the memory back. It refuses while a database is open: that would be a leak of the program's.
func (d *Disk) Free() error {
	if n := C.simdisk_free(d.c); n != 0 {
		return fmt.Errorf("%d files of a disk are still open", int(n))
	}
	return nil
}

// Start makes a process.
func (d *Disk) Start() *Process { return &Process{C.simdisk_process(d.c)} }

// Put lays a synced file down, in place of one of that name.
func (d *Disk) Put(name string, data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("an empty file %s", name)
	}
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	if C.simdisk_put(d.c, c, unsafe.Pointer(&data[0]), C.long(len(data))) == 0 {
		return fmt.Errorf("no room for %s", name)
	}
	return nil
}

// Get reads a file as programs see it; nil when there is none.
func (d *Disk) Get(name string) []byte {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	size := C.simdisk_size(d.c, c)
	if size <= 0 {
		return nil
	}
	data := make([]byte, size)
	if C.simdisk_get(d.c, c, unsafe.Pointer(&data[0]), size) == 0 {
		return nil
	}
	return data
}

// Room limits how much the files may still grow; below 0 lifts the limit.
func (d *Disk) Room(bytes int) { C.simdisk_quota(d.c, C.long(bytes)) }

// PowerCut kills every process and leaves what a power cut may leave; the seed chooses.
func (d *Disk) PowerCut(seed uint64) Cut {
	c := C.simdisk_cut(d.c, C.ulonglong(seed))
	return Cut{int(c.kept), int(c.lost), int(c.garbage), int(c.names)}
}

// Path is a file's name for SQLite, as this process opens it.
func (p *Process) Path(name string) string {
	return fmt.Sprintf("/%p/%s", unsafe.Pointer(p.c), name)
}

// Kill ends the process as kill -9 does.
func (p *Process) Kill() { C.simdisk_kill(p.c) }

// Dead reports that the process was killed, or died as planned.
func (p *Process) Dead() bool { return C.simdisk_dead(p.c) != 0 }

// Ops counts the operations so far that changed the disk.
func (p *Process) Ops() int { return int(C.simdisk_ops(p.c)) }

// Plan has a fault happen at the first fitting operation after the next n.
func (p *Process) Plan(f Fault, n int) {
	C.simdisk_plan(p.c, C.int(f), C.simdisk_ops(p.c)+C.long(n)+1)
}

// Struck reports that the planned fault happened.
func (p *Process) Struck() bool { return C.simdisk_struck(p.c) != 0 }
