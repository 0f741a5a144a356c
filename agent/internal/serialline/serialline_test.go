package serialline_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloudcashier/agent/internal/serialline"
	"cloudcashier/firmware-sim/board"
)

// TestClaims: a device has one user, and a pattern does not take what another path names.
func TestClaims(t *testing.T) {
	dir := t.TempDir()
	device, link := filepath.Join(dir, "tty7"), filepath.Join(dir, "printer0")
	if err := errors.Join(os.WriteFile(device, nil, 0o600), os.Symlink(device, link)); err != nil {
		t.Fatal(err)
	}
	c := serialline.NewClaims(link)
	pattern := filepath.Join(dir, "*")
	if found := serialline.Devices(pattern); len(found) != 2 || found[0].Target != device {
		t.Fatalf("%+v", found)
	}
	if c.Take(device, pattern) {
		t.Error("the pattern took the printer")
	}
	if !c.Take(device, link) || c.Take(device, link) {
		t.Error("the printer has not one user")
	}
	c.Release(device)
	if !c.Take(device, link) {
		t.Error("released and not to be had")
	}
	if free := serialline.NewClaims(); !free.Take(device, pattern) || free.Take(device, link) {
		t.Error("without a reserved path the first has it")
	}
}

// TestWriteNeverWaits: a device that takes nothing costs a question, not the goroutine.
func TestWriteNeverWaits(t *testing.T) {
	link := filepath.Join(t.TempDir(), "line0")
	deaf, err := board.NewScanner(link, board.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		t.Fatal(err)
	}
	p, err := serialline.Open(target, 115200, true)
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for n := -1; n != 0; taken += n {
		if n, err = p.Write(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	if taken == 0 {
		t.Error("it took nothing at all")
	}
	if n, err := p.Read(make([]byte, 8), time.Millisecond); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := deaf.Unplug(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte("x")); err == nil {
		t.Error("wrote to a device that is gone")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := serialline.Open(target, 9600, true); !serialline.Absent(err) {
		t.Errorf("%v", err)
	}
}
