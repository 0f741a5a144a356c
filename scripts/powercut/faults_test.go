package powercut

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
)

// kinds are the ways in which a database's system calls go wrong.
var kinds = []Fault{
	{Call: "fsync", How: "EIO"}, {Call: "fsync", How: "KILL"},
	{Call: "pwrite64", How: "EIO"}, {Call: "pwrite64", How: "ENOSPC"}, {Call: "pwrite64", How: "KILL"},
	{Call: "open", How: "EIO"}, {Call: "open", How: "ENOSPC"}, {Call: "open", How: "EROFS"},
	{Call: "ftruncate", How: "EIO"}, {Call: "ftruncate", How: "KILL"},
}

// farthest bounds how far a fault is moved: start and sale make far fewer calls.
const farthest = 300

// every reports whether all faults are tried: FAULTS=all.
func every() bool { return os.Getenv("FAULTS") == "all" }

// stride is how many calls lie between two faults. A short run tries every sync, which is where truth is decided,
// and some of the rest.
func stride(f Fault) int {
	switch {
	case every() || f.Call == "fsync":
		return 1
	case f.Call == "pwrite64":
		return 31
	}
	return 11
}

// tried gathers what came of the faults.
type tried struct {
	mu              sync.Mutex
	runs            int
	hits, ends, far map[string]int // by call and how
}

func newTried() *tried {
	return &tried{hits: map[string]int{}, ends: map[string]int{}, far: map[string]int{}}
}

func (all *tried) note(t *testing.T, h Hit) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.runs++
	for _, w := range h.Wrongs {
		t.Errorf("%s (hit: %v, on %s): %s", h.Fault, h.Was, h.File, w)
	}
	kind := h.Call + " " + h.How
	if h.Was {
		all.hits[kind]++
		all.far[kind] = max(all.far[kind], h.N)
	}
	if h.Ended {
		all.ends[kind]++
	}
}

func (all *tried) report(t *testing.T) {
	for _, k := range kinds {
		kind := k.Call + " " + k.How
		t.Logf("%-16s hit in %d runs, up to call %d; the program ended in %d", kind, all.hits[kind], all.far[kind], all.ends[kind])
		if all.hits[kind] == 0 {
			t.Errorf("no %s ever hit: nothing was tested", kind)
		}
	}
	t.Logf("%d runs", all.runs)
}

// sweep moves each kind of fault on until a run passes without a hit.
func (all *tried) sweep(t *testing.T, kinds <-chan Fault, try func(Fault) Hit) {
	for k := range kinds {
		for k.N = 1; k.N <= farthest; k.N += stride(k) {
			h := try(k)
			all.note(t, h)
			if !h.Was {
				break
			}
		}
		if k.N > farthest {
			t.Errorf("%s: still hit after %d calls", k, farthest)
		}
	}
}

func queue() <-chan Fault {
	c := make(chan Fault, len(kinds))
	for _, k := range kinds {
		c <- k
	}
	close(c)
	return c
}

// TestFaults fails the system calls of the agent during a sale and of the hub during a payment, one by one. After
// each the program starts again and the books must agree.
func TestFaults(t *testing.T) {
	dir := folderFor(t)
	r, err := Stage(dir, *bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	b := bench{r, filepath.Join(dir, "fault.so")}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wno-unused-result", "-o", b.preload, "testdata/fault.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("agent", func(t *testing.T) { b.agents(t, ctx) })
	t.Run("hub", func(t *testing.T) { b.hubs(t, ctx) })
}

// agents shares the faults among tills of one hub.
func (b bench) agents(t *testing.T, ctx context.Context) {
	lab, err := b.rig.StartLab(ctx, filepath.Join(b.rig.Dir, "lab"))
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Process.Kill() // its wallets end with it
	all := newTried()
	todo := queue()
	var tills []*rig.Till
	var work sync.WaitGroup
	for i := range 3 {
		till, err := b.rig.Activate(ctx, lab, fmt.Sprintf("till-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		tills = append(tills, till)
		work.Go(func() {
			all.sweep(t, todo, func(f Fault) Hit {
				h, err := b.tryAgent(ctx, lab, till, f)
				if err != nil {
					t.Errorf("%s: %v", f, err)
				}
				return h
			})
		})
	}
	work.Wait()
	all.report(t)
	agree(t, ctx, true, lab, tills...)
}

// hubs shares the faults among hubs of their own.
func (b bench) hubs(t *testing.T, ctx context.Context) {
	all := newTried()
	todo := queue()
	var work sync.WaitGroup
	for i := range 2 {
		data := filepath.Join(b.rig.Dir, fmt.Sprintf("hub-%d", i))
		sandbox, err := b.rig.StartSandbox(ctx, data+"-wallets")
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			all.sweep(t, todo, func(f Fault) Hit {
				h, lab, err := b.tryHub(ctx, data, sandbox, f)
				if err != nil {
					t.Errorf("%s: %v", f, err)
				}
				if lab != nil {
					lab.Process.Kill()
				}
				return h
			})
			lab, err := b.rig.StartLab(ctx, data, "--sandbox", sandbox)
			if err != nil {
				t.Error(err)
				return
			}
			agree(t, ctx, every(), lab)
			lab.Process.Kill()
		})
	}
	work.Wait()
	all.report(t)
}

// rest is the longest until everything is at rest: a payment that died before its call is proven not charged after
// the wallet's own time for it.
const rest = 150 * time.Second

// agree compares the wallets' ledger, the hub and the journals until they say the same. settled false is for a
// short run: what is still being asked about may be unknown, and nothing else may differ.
func agree(t *testing.T, ctx context.Context, settled bool, lab *rig.Lab, tills ...*rig.Till) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, rest)
	defer cancel()
	err := rig.Await(ctx, "the books agree", func() (bool, error) {
		books, err := rig.Read(ctx, lab, tills...)
		if err != nil {
			return false, err
		}
		differences := slices.DeleteFunc(books.Audit(), func(d string) bool { return !settled && strings.Contains(d, " is still ") })
		return len(differences) == 0, fmt.Errorf("the books differ:\n  %s", strings.Join(differences, "\n  "))
	})
	if err != nil {
		t.Error(err)
	}
}
