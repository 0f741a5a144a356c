package powercut

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	bin  = flag.String("bin", "", "folder of the built programs; built for the run when empty")
	seed = flag.Uint64("seed", 20260301, "of the images; a failing one prints it")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cashier-powercut-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		return 2
	}
	defer os.RemoveAll(dir)
	if *bin == "" {
		for name, folder := range map[string]string{"cashier-hub": "hub", "cashier-agent": "agent", "firmware-sim": "firmware-sim"} {
			if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), "cloudcashier/"+folder).CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "powercut: build %s: %v\n%s", name, err, out)
				return 2
			}
		}
		*bin = dir
	}
	return m.Run()
}

// folderFor is a folder on a disk, kept when the test fails. Not t.TempDir: its long names do not fit a socket.
func folderFor(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cashier-powercut-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept: %s", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// scratch is a folder in memory, where images live for a moment.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "cashier-powercut-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// images is how many a run draws: IMAGES=20000 for the full one.
func images(t *testing.T) int {
	t.Helper()
	text := os.Getenv("IMAGES")
	if text == "" {
		return 2000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("IMAGES=%q is no number of images", text)
	}
	return n
}

var (
	once     sync.Once
	recorded []Log
	failed   error
)

// logs records once for all tests.
func logs(t *testing.T) []Log {
	t.Helper()
	once.Do(func() {
		const sales = 60 // enough for the log to be begun anew twice
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		dir := folderFor(t)
		r, err := Stage(dir, *bin)
		if err != nil {
			failed = err
			return
		}
		defer r.Close()
		agent, hub, err := Record(ctx, r, sales)
		recorded, failed = []Log{agent, hub}, err
	})
	if failed != nil {
		t.Fatal(failed)
	}
	return recorded
}

func judge(l Log) *Judge {
	return NewJudge(l, os.DirFS(filepath.Join("..", "..", l.Program, "internal", "store", "migrations")))
}

// TestImages draws power cuts; in each the program starts, the file is whole, and all that was told is there.
func TestImages(t *testing.T) {
	for _, l := range logs(t) {
		t.Run(l.Program, func(t *testing.T) {
			began := time.Now()
			keep, err := os.MkdirTemp("", "cashier-images-")
			if err != nil {
				t.Fatal(err)
			}
			failures, judged, err := Campaign{Judge: judge(l), Seed: *seed, Images: images(t) / 2, Workers: runtime.GOMAXPROCS(0),
				Scratch: scratch(t), Keep: keep, Enough: 5}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range failures {
				t.Error(f)
			}
			if len(failures) == 0 {
				os.RemoveAll(keep)
			}
			t.Logf("%d images of %d operations, seed %d, in %v", judged, len(l.Ops), *seed, time.Since(began).Round(time.Millisecond))
		})
	}
}

// TestCanaries spoils the logs as a careless program would have written them: each must be found out.
func TestCanaries(t *testing.T) {
	for _, l := range logs(t) {
		for _, canary := range []struct {
			name  string
			spoil func(Log) Log
			rules []Rules
		}{
			{"synchronous NORMAL", asNormal, []Rules{Ordered}},
			{"synchronous NORMAL, posix", asNormal, []Rules{Posix}},
			{"synchronous OFF", asOff, nil},
			{"folders not synced", foldersUnsynced, []Rules{Posix}},
			{"told before it was synced", tellsFirst, nil},
		} {
			t.Run(l.Program+" "+canary.name, func(t *testing.T) {
				failures, judged, err := Campaign{Judge: judge(canary.spoil(l)), Seed: *seed, Only: canary.rules, Images: 1000,
					Workers: runtime.GOMAXPROCS(0), Scratch: scratch(t), Enough: 3}.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(failures) == 0 {
					t.Errorf("%d images and nothing was lost: this harness would not notice", judged)
					return
				}
				t.Logf("found out after %d images: %s", judged, failures[0])
			})
		}
	}
}

// TestTails cuts the write-ahead log off at the bytes of its last frames.
func TestTails(t *testing.T) {
	step := int64(97)
	if images(t) > 10000 {
		step = 1
	}
	for _, l := range logs(t) {
		failures, judged, err := judge(l).Tails(*seed, step, scratch(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures[:min(3, len(failures))] {
			t.Errorf("%s, the log cut at byte %d: %v", l.Program, f.Spec.Unit, f.Broken)
		}
		t.Logf("%s: %d lengths", l.Program, judged)
	}
}

// TestCopies takes database and log at two moments.
func TestCopies(t *testing.T) {
	for _, l := range logs(t) {
		copies, failures, err := judge(l).Copy(*seed, 60, scratch(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			t.Errorf("%s, copied from operation %d on: %v", l.Program, f.Spec.Cut, f.Broken)
		}
		if copies.Whole == 0 {
			t.Error("no copy without a checkpoint in between: nothing was tested")
		}
		t.Logf("%s: %+v", l.Program, copies)
	}
}

// TestExports has the real programs export images of the last moment, read-only, as an auditor would.
func TestExports(t *testing.T) {
	for _, l := range logs(t) {
		j := judge(l)
		for i := range uint64(4) {
			spec, dice := pick(*seed, i, len(l.Ops))
			spec.Cut = len(l.Ops) - int(i)*7
			d := newDisk(spec.Rules, l.Root)
			for _, op := range l.Ops[:spec.Cut] {
				if err := d.do(op); err != nil {
					t.Fatal(err)
				}
			}
			dir := filepath.Join(scratch(t), "image")
			if err := putAll(d.draw(spec.Unit, dice), l.Root, dir, func(string) bool { return true }); err != nil {
				t.Fatal(err)
			}
			command := exec.Command(filepath.Join(*bin, "cashier-agent"), "journal", "export", "--data", dir)
			if l.Program == "hub" {
				command = exec.Command(filepath.Join(*bin, "cashier-hub"), "export", "payments", "--data", dir)
			}
			out, err := command.CombinedOutput()
			if err != nil {
				t.Errorf("%s: the export refuses: %v\n%s", spec, err, out)
			}
			for _, c := range j.claims {
				if c.from < spec.Cut && c.ID != "" && !bytes.Contains(out, []byte(`"`+c.ID+`"`)) {
					t.Errorf("%s: the export lacks %s", spec, c.ID)
				}
			}
		}
	}
}

// TestSameSeed draws images twice.
func TestSameSeed(t *testing.T) {
	for _, l := range logs(t) {
		for i := range uint64(20) {
			var before string
			for round := range 2 {
				spec, dice := pick(*seed, i, len(l.Ops))
				d := newDisk(spec.Rules, l.Root)
				for _, op := range l.Ops[:spec.Cut] {
					if err := d.do(op); err != nil {
						t.Fatal(err)
					}
				}
				var all strings.Builder
				for _, f := range d.draw(spec.Unit, dice) {
					all.WriteString(f.name)
					all.Write(f.bytes())
				}
				if round == 1 && all.String() != before {
					t.Errorf("%s: drawn twice, two images", spec)
				}
				before = all.String()
			}
		}
	}
}
