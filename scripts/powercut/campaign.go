package powercut

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Campaign draws many images of one log and judges each.
type Campaign struct {
	Judge   *Judge
	Seed    uint64
	Images  int
	Only    []Rules // both when empty
	Workers int
	Scratch string // a folder in memory
	Keep    string // where an image that fails is kept; empty: nowhere
	Enough  int    // failures after which it ends
}

// Failure is an image that breaks what was promised.
type Failure struct {
	Spec   Spec
	Broken []string
	Kept   string // folder
}

func (f Failure) String() string {
	text := fmt.Sprintf("%s:\n    %s", f.Spec, strings.Join(f.Broken[:min(len(f.Broken), 5)], "\n    "))
	if len(f.Broken) > 5 {
		text += fmt.Sprintf("\n    and %d more", len(f.Broken)-5)
	}
	if f.Kept != "" {
		text += "\n    the image: " + f.Kept
	}
	return text
}

// task is an image to draw.
type task struct {
	spec Spec
	dice *rand.Rand
}

// Run judges every image and gives the failures, and how many it judged.
func (c Campaign) Run(ctx context.Context) (failures []Failure, judged int, err error) {
	var tasks []task
	for i := range c.Images {
		spec, dice := pick(c.Seed, uint64(i), len(c.Judge.log.Ops))
		if len(c.Only) == 0 || slices.Contains(c.Only, spec.Rules) {
			tasks = append(tasks, task{spec, dice})
		}
	}
	// In the order of the log, so that a worker follows it once.
	slices.SortFunc(tasks, func(a, b task) int {
		return cmp.Or(cmp.Compare(a.spec.Rules, b.spec.Rules), cmp.Compare(a.spec.Cut, b.spec.Cut), cmp.Compare(a.spec.Index, b.spec.Index))
	})
	const portions = 4 // for each worker: they end about together, and following the log anew is cheap
	size := max(1, (len(tasks)+c.Workers*portions-1)/(c.Workers*portions))
	todo := make(chan []task, len(tasks)/size+1)
	for portion := range slices.Chunk(tasks, size) {
		todo <- portion
	}
	close(todo)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var workers sync.WaitGroup
	for n := range c.Workers {
		workers.Go(func() {
			dir := filepath.Join(c.Scratch, fmt.Sprintf("%s-%d", c.Judge.log.Program, n))
			for portion := range todo {
				done, bad, failed := c.follow(ctx, portion, dir)
				mu.Lock()
				judged += done
				failures = append(failures, bad...)
				err = errors.Join(err, failed)
				if len(failures) >= c.Enough || err != nil {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return failures, judged, err
}

// follow goes through the log once and draws the images on its way.
func (c Campaign) follow(ctx context.Context, tasks []task, dir string) (judged int, bad []Failure, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, nil, err
	}
	var d *disk
	at, told := 0, 0
	touched := map[string]int{}
	for _, t := range tasks {
		if ctx.Err() != nil {
			return judged, bad, nil
		}
		if d == nil || d.rules != t.spec.Rules {
			d, at, told = newDisk(t.spec.Rules, c.Judge.log.Root), 0, 0
			clear(touched)
		}
		for ; at < t.spec.Cut; at++ {
			op := c.Judge.log.Ops[at]
			if err := d.do(op); err != nil {
				return judged, bad, err
			}
			switch op.Kind {
			case Known:
				told = at
			case Create, Write, Truncate, Unlink:
				touched[op.Path] = at
			case Rename:
				touched[op.Path], touched[op.To] = at, at
			}
		}
		files := d.draw(t.spec.Unit, t.dice)
		broken := c.Judge.lostFiles(d, files, touched, told)
		lost, err := c.Judge.tryImage(files, dir, t.spec.Cut)
		if err != nil {
			return judged, bad, err
		}
		judged++
		if broken = append(broken, lost...); len(broken) > 0 {
			f := Failure{Spec: t.spec, Broken: broken}
			if c.Keep != "" {
				f.Kept = filepath.Join(c.Keep, fmt.Sprintf("%s-%d-%d", c.Judge.log.Program, t.spec.Seed, t.spec.Index))
				err = putAll(files, c.Judge.log.Root, f.Kept, func(string) bool { return true })
			}
			bad = append(bad, f)
			if err != nil || len(bad) >= c.Enough {
				return judged, bad, err
			}
		}
	}
	return judged, bad, nil
}

// tryImage puts the database of an image into dir and looks at it.
func (j *Judge) tryImage(files []drawn, dir string, cut int) (broken []string, err error) {
	if err := clearFolder(dir); err != nil {
		return nil, err
	}
	ofDB := func(name string) bool { return strings.HasPrefix(name, j.log.DB) }
	if err := putAll(files, j.log.Root, dir, ofDB); err != nil {
		return nil, err
	}
	broken, err = j.Look(filepath.Join(dir, j.log.DB), cut)
	if err != nil { // what the program says of it is the finding
		broken = []string{"the program would not start: " + err.Error()}
	}
	return broken, nil
}

// rewritten are files whose bytes nobody keeps: what the lab writes anew at every start, and the reserve on the disk.
var rewritten = []string{"lab.json", "ca.pem", "hub.yaml", "ballast", "ballast.new"}

// lostFiles finds the program's own files (keys, identity) that were complete when somebody was last told
// anything, and are not in the image as they were.
func (j *Judge) lostFiles(d *disk, files []drawn, touched map[string]int, told int) (broken []string) {
	here := map[string]drawn{}
	for _, f := range files {
		here[f.name] = f
	}
	for name, id := range d.now {
		rel, _ := filepath.Rel(j.log.Root, name)
		n := d.nodes[id]
		if n == nil || !ours(rel) || strings.HasPrefix(rel, j.log.DB) || slices.Contains(rewritten, rel) || touched[name] >= told {
			continue
		}
		want := drawn{safe: n.safe, patches: n.todo, size: int64(len(n.safe))}
		for _, e := range n.todo {
			want.size = e.sized(want.size)
		}
		got, ok := here[name]
		if !ok || !bytes.Equal(got.bytes(), want.bytes()) {
			broken = append(broken, rel+" is lost or not whole")
		}
	}
	slices.Sort(broken)
	return broken
}

// bytes is the file's content.
func (d drawn) bytes() []byte {
	b := slices.Clone(d.safe)
	for _, p := range d.patches {
		b = p.apply(b)
	}
	return resize(b, d.size)
}
