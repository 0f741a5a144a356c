// Package e2e proves the product from outside: the real programs, every fate a wallet can deal, killed agents and
// hubs, wrong signatures, damaged files; and after each the three books compared.
//
// It knows nothing of the programs' insides and asks only what DESIGN section 6 promises. Newcomers get one thing
// wrong: a sale that ends "not paid" is no failure here. A book that differs is.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloudcashier/scripts/internal/rig"
)

var bin = flag.String("bin", "", "folder of the built programs; built for the run when empty")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *bin == "" {
		dir, err := os.MkdirTemp("", "cloud-cashier-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			return 2
		}
		defer os.RemoveAll(dir)
		for name, folder := range map[string]string{"cashier-hub": "hub", "cashier-agent": "agent", "cashier-tui": "tui", "firmware-sim": "firmware-sim"} {
			build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "cloudcashier/"+folder)
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "e2e: build %s: %v\n%s", name, err, out)
				return 2
			}
		}
		*bin = dir
	}
	return m.Run()
}

// start gives a test its own rig, a bounded life, and its logs when it fails.
func start(t *testing.T, longest time.Duration) (context.Context, *rig.Rig) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cashier-e2e-") // not t.TempDir: its long names do not fit a unix socket
	if err != nil {
		t.Fatal(err)
	}
	r, err := rig.New(dir, *bin)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	t.Cleanup(func() {
		cancel()
		r.Close()
		if t.Failed() {
			t.Logf("everything the programs wrote is kept in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return ctx, r
}

func lab(t *testing.T, ctx context.Context, r *rig.Rig, args ...string) *rig.Lab {
	t.Helper()
	l, err := r.StartLab(ctx, filepath.Join(r.Dir, "hub"), args...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// openTills activates and opens tills without scanners; their codes come with the sale.
func openTills(t *testing.T, ctx context.Context, r *rig.Rig, l *rig.Lab, n int) []*rig.Till {
	t.Helper()
	tills := make([]*rig.Till, n)
	for i := range tills {
		var err error
		if tills[i], err = r.Activate(ctx, l, fmt.Sprintf("till-%d", i+1)); err != nil {
			t.Fatal(err)
		}
		if err := tills[i].Open(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return tills
}

// agree waits until the three books agree, which is the end of every story: a charge that came late may still
// be on its way back.
func agree(t *testing.T, ctx context.Context, l *rig.Lab, tills []*rig.Till) rig.Books {
	t.Helper()
	var books rig.Books
	err := rig.Await(ctx, "the books agree", func() (bool, error) {
		b, err := rig.Read(ctx, l, tills...)
		if err != nil {
			return false, err
		}
		books = b
		differences := b.Audit()
		if len(differences) == 0 {
			return true, nil
		}
		return false, fmt.Errorf("the books differ:\n  %s", strings.Join(differences, "\n  "))
	})
	if err != nil {
		t.Fatal(err)
	}
	return books
}

// sealed fails when a secret of the run stands anywhere it must not.
func sealed(t *testing.T, ctx context.Context, r *rig.Rig, l *rig.Lab, tills []*rig.Till) {
	t.Helper()
	leaks, looked, err := r.Leaks(ctx, l, tills...)
	if err != nil {
		t.Fatal(err)
	}
	if looked < 1000 {
		t.Errorf("looked for leaks in %d bytes only", looked)
	}
	for _, leak := range leaks {
		t.Error(leak)
	}
}
