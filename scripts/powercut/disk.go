package powercut

import (
	"fmt"
	"maps"
	"path"
	"slices"
)

// Rules is how a file system treats what was not synced.
type Rules uint8

// The rules.
const (
	// Ordered is ext4 and xfs: changes of names and sizes reach the disk in order, and the fsync of any changed
	// file takes all earlier ones along.
	Ordered Rules = iota
	// Posix is the least that is promised: each unsynced name and size may be lost by itself; a name is safe
	// only after its folder was synced.
	Posix
)

func (r Rules) String() string { return [...]string{"ordered", "posix"}[r] }

// inode is one file: what is on the disk for sure, and what was written since.
type inode struct {
	safe []byte
	todo []edit
}

// edit is a write (Data) or a truncation to Off.
type edit struct {
	off  int64
	data []byte
	cut  bool
	seq  int // of the operation
}

func (e edit) end() int64 { return e.off + int64(len(e.data)) }

// apply does the edit to a file's bytes.
func (e edit) apply(to []byte) []byte {
	if e.cut {
		return resize(to, e.off)
	}
	if e.end() > int64(len(to)) {
		to = resize(to, e.end())
	}
	copy(to[e.off:], e.data)
	return to
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	if size <= int64(cap(b)) {
		n := len(b)
		b = b[:size]
		clear(b[n:])
		return b
	}
	grown := make([]byte, size, size+size/2)
	copy(grown, b)
	return grown
}

// naming is one unsynced change of names: all its entries together, or none.
type naming struct {
	entries []entry
	seq     int
}

type entry struct {
	path string
	node int // noNode: the name is gone
}

const (
	noNode = 0
	folder = -1 // a name that is a folder
)

// disk follows a log: what a reader sees now, and what a power cut may leave of it.
type disk struct {
	rules Rules
	root  string
	nodes map[int]*inode
	now   map[string]int // names as the process sees them
	safe  map[string]int // names that are on the disk for sure
	todo  []naming
	begun map[int]int // by call: the operation at which a sync began
	next  int
	seq   int
}

func newDisk(rules Rules, root string) *disk {
	return &disk{rules: rules, root: root, nodes: map[int]*inode{}, now: map[string]int{}, safe: map[string]int{}, begun: map[int]int{}, next: 1}
}

// do applies one operation.
func (d *disk) do(op Op) error {
	d.seq++
	switch op.Kind {
	case Create:
		if _, ok := d.now[op.Path]; !ok {
			d.nodes[d.next] = &inode{}
			d.rename(entry{op.Path, d.next})
			d.next++
		}
	case Mkdir:
		d.rename(entry{op.Path, folder})
	case Unlink:
		d.rename(entry{op.Path, noNode})
	case Rename:
		d.rename(entry{op.To, d.now[op.Path]}, entry{op.Path, noNode})
	case Write, Truncate:
		n := d.nodes[d.now[op.Path]]
		if n == nil {
			return fmt.Errorf("operation %d writes to %s, which is not there", d.seq, op.Path)
		}
		n.todo = append(n.todo, edit{off: op.Off, data: op.Data, cut: op.Kind == Truncate, seq: d.seq})
	case SyncBegin:
		d.begun[op.Call] = d.seq
	case SyncEnd:
		d.sync(op, d.begun[op.Call])
		delete(d.begun, op.Call)
	}
	return nil
}

func (d *disk) rename(entries ...entry) {
	for _, e := range entries {
		if e.node == noNode {
			delete(d.now, e.path)
		} else {
			d.now[e.path] = e.node
		}
	}
	d.todo = append(d.todo, naming{entries, d.seq})
}

// sync makes safe what was there before the operation began.
func (d *disk) sync(op Op, began int) {
	id := d.now[op.Path]
	if id == folder || id == noNode {
		d.settle(began, func(e entry) bool { return d.rules == Ordered || path.Dir(e.path) == op.Path })
		return
	}
	n := d.nodes[id]
	changed, grew := false, false
	size := int64(len(n.safe))
	kept := n.todo[:0]
	for _, e := range n.todo {
		if e.seq > began {
			kept = append(kept, e)
			continue
		}
		changed, grew = true, grew || e.cut || e.end() > size
		n.safe = e.apply(n.safe)
	}
	n.todo = kept
	if d.rules == Ordered && (grew || changed && !op.DataOnly || d.fresh(id)) {
		d.settle(began, func(entry) bool { return true })
	}
}

// fresh reports a file whose own name is not safe yet.
func (d *disk) fresh(id int) bool {
	return slices.ContainsFunc(d.todo, func(n naming) bool {
		return slices.ContainsFunc(n.entries, func(e entry) bool { return e.node == id })
	})
}

// settle makes the names safe that which picks, of those changed before an operation.
func (d *disk) settle(before int, which func(entry) bool) {
	kept := d.todo[:0]
	for _, n := range d.todo {
		if n.seq > before || !slices.ContainsFunc(n.entries, which) {
			kept = append(kept, n)
			continue
		}
		n.enter(d.safe)
	}
	d.todo = kept
}

func (n naming) enter(names map[string]int) {
	for _, e := range n.entries {
		if e.node == noNode {
			delete(names, e.path)
		} else {
			names[e.path] = e.node
		}
	}
}

// whole is what the process itself sees: everything written, synced or not.
func (d *disk) whole() map[string][]byte {
	files := map[string][]byte{}
	for name, id := range d.now {
		if n := d.nodes[id]; n != nil {
			b := slices.Clone(n.safe)
			for _, e := range n.todo {
				b = e.apply(b)
			}
			files[name] = b
		}
	}
	return files
}

// names is a copy of the names that are safe.
func (d *disk) names() map[string]int { return maps.Clone(d.safe) }
