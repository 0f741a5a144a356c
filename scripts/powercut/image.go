package powercut

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Spec says which image to draw; the same one from the same log gives the same bytes.
type Spec struct {
	Seed  uint64
	Index uint64
	Cut   int // operations before the power went
	Rules Rules
	Unit  int64 // bytes that the disk writes at once
}

func (s Spec) String() string {
	return fmt.Sprintf("seed %d, image %d: %s, %d-byte sectors, power cut before operation %d", s.Seed, s.Index, s.Rules, s.Unit, s.Cut)
}

// pick draws the image with a number: rules, sector and moment. The moments are spread evenly over the log.
func pick(seed, index uint64, ops int) (Spec, *rand.Rand) {
	dice := rand.New(rand.NewPCG(seed, index))
	s := Spec{Seed: seed, Index: index, Rules: Rules(dice.IntN(2)), Unit: []int64{512, 4096}[dice.IntN(2)]}
	s.Cut = dice.IntN(ops + 1)
	return s, dice
}

// fate is how much of the unsynced writes an image keeps. Extremes are drawn on purpose: chance alone would
// hardly ever lose, or keep, all of a large transaction.
type fate uint8

const (
	lost    fate = iota // nothing
	kept                // everything
	begun               // the first so many, in order; the last of them torn
	scatter             // each sector by itself
)

// drawn is one file of an image: the safe bytes, and patches in order.
type drawn struct {
	name    string
	safe    []byte
	patches []edit
	size    int64
}

// draw makes the files that a power cut may leave.
func (d *disk) draw(unit int64, dice *rand.Rand) []drawn {
	f := [...]fate{lost, kept, begun, begun, scatter, scatter, scatter, scatter}[dice.IntN(8)]
	chance := [...]int{5, 50, 95}[dice.IntN(3)] // percent of sectors that scatter keeps
	return d.leave(f, unit, chance, dice)
}

// leave makes the files under a fate.
func (d *disk) leave(f fate, unit int64, chance int, dice *rand.Rand) []drawn {
	names := d.names()
	upTo := dice.IntN(len(d.todo) + 1)
	for i, n := range d.todo {
		switch {
		case f == lost:
		case f == kept, d.rules == Ordered && i < upTo, d.rules == Posix && dice.IntN(2) == 0:
			n.enter(names)
		}
	}
	var files []drawn
	for _, name := range slices.Sorted(maps.Keys(names)) {
		// A name leads nowhere when its folder's is lost; the root is the operator's, and there.
		folder := path.Dir(name)
		_, reachable := names[folder]
		if n := d.nodes[names[name]]; n != nil && (reachable || folder == d.root) {
			files = append(files, n.draw(name, unit, f, chance, dice))
		}
	}
	return files
}

func (n *inode) draw(name string, unit int64, f fate, chance int, dice *rand.Rand) drawn {
	out := drawn{name: name, safe: n.safe, size: int64(len(n.safe))}
	if len(n.todo) == 0 || f == lost {
		return out
	}
	some := len(n.todo)
	if f == begun {
		some = dice.IntN(len(n.todo) + 1)
	}
	if f != scatter {
		for _, e := range n.todo[:some] {
			out.add(e)
		}
		if f == begun && some < len(n.todo) && !n.todo[some].cut {
			e := n.todo[some]
			e.data = e.data[:dice.IntN(len(e.data)+1)]
			out.add(e)
		}
		return out
	}
	// A size of its own: of the safe one and those after each write.
	sized := dice.IntN(len(n.todo) + 1)
	for _, e := range n.todo[:sized] {
		out.size = e.sized(out.size)
	}
	for _, e := range n.todo {
		out.scatter(e, unit, chance, dice)
	}
	return out
}

func (e edit) sized(size int64) int64 {
	if e.cut {
		return e.off
	}
	return max(size, e.end())
}

func (d *drawn) add(e edit) {
	d.size = e.sized(d.size)
	d.patches = append(d.patches, e)
}

// scatter keeps, loses, tears or spoils each sector of a write. Of a sector only the bytes that were written are
// touched: that a write leaves its neighbours alone is what SQLite assumes too (SQLITE_POWERSAFE_OVERWRITE).
func (d *drawn) scatter(e edit, unit int64, chance int, dice *rand.Rand) {
	if e.cut {
		return // its size was drawn
	}
	for off := e.off; off < e.end(); {
		end := min(e.end(), (off/unit+1)*unit)
		piece := e.data[off-e.off : end-e.off]
		switch roll := dice.IntN(100); {
		case roll < 8: // torn: the first bytes are new
			d.patches = append(d.patches, edit{off: off, data: piece[:dice.IntN(len(piece)+1)]})
		case roll < 12: // torn: the last bytes are new
			from := dice.IntN(len(piece) + 1)
			d.patches = append(d.patches, edit{off: off + int64(from), data: piece[from:]})
		case roll < 15: // the sector was being written
			rubbish := make([]byte, len(piece))
			for i := range rubbish {
				rubbish[i] = byte(dice.Uint32())
			}
			d.patches = append(d.patches, edit{off: off, data: rubbish})
		case dice.IntN(100) < chance:
			d.patches = append(d.patches, edit{off: off, data: piece})
		}
		off = end
	}
}

// put writes a file of an image.
func (d drawn) put(to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(d.safe); err != nil {
		return err
	}
	for _, p := range d.patches {
		if p.cut {
			err = f.Truncate(p.off)
		} else {
			_, err = f.WriteAt(p.data, p.off)
		}
		if err != nil {
			return err
		}
	}
	if err := f.Truncate(d.size); err != nil {
		return err
	}
	return f.Close()
}

// ours reports a file that a power cut matters for. SQLite throws -shm away when nobody holds it, sockets and
// locks are nothing without their process.
func ours(name string) bool {
	for _, suffix := range []string{"-shm", ".sock", ".lock"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return true
}

// putAll writes the files that keep picks into dir, under their names below root.
func putAll(files []drawn, root, dir string, keep func(name string) bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		rel, err := filepath.Rel(root, f.name)
		if err != nil {
			return err
		}
		if !ours(rel) || !keep(rel) {
			continue
		}
		to := filepath.Join(dir, rel)
		if folder := filepath.Dir(to); folder != dir {
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return err
			}
		}
		if err := f.put(to); err != nil {
			return err
		}
	}
	return nil
}
