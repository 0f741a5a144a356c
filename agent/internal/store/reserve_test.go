package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
)

// disk is a small one: a file system of its own where the test may mount one, else a folder whose
// free room is counted and whose writes the kernel refuses beyond a file size.
type disk struct {
	*testing.T
	dir  string
	free func() (uint64, error)
	fill func(leave uint64) // takes all room but about this
	log  bytes.Buffer
}

const diskSize = 32 << 20

// mounted is a real file system; nil where none may be mounted.
func mounted(t *testing.T) *disk {
	d := &disk{T: t, dir: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskSize)); err != nil {
		t.Logf("no file system can be mounted here (%v): the counted disk alone is tested", err)
		return nil
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(d.dir, "filler")
	d.fill = func(leave uint64) {
		_ = os.Remove(filler)
		if free, _ := store.FreeAt(d.dir); free > leave {
			if err := os.WriteFile(filler, make([]byte, free-leave), 0o600); err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		}
	}
	return d
}

// counted is a disk by arithmetic. When it is full no file may grow, which the kernel sees to.
func counted(t *testing.T) *disk {
	d := &disk{T: t, dir: t.TempDir()}
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(l syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { limit(before) })
	var filled uint64
	used := func() (sum uint64) {
		// Not through os: the Go tool notes what a test opens, in a file that must not grow here either.
		for _, name := range []string{store.FileName, store.FileName + "-wal", store.FileName + "-shm", "ballast"} {
			var info syscall.Stat_t
			if syscall.Stat(filepath.Join(d.dir, name), &info) == nil {
				sum += uint64(info.Size)
			}
		}
		return sum
	}
	d.free = func() (uint64, error) {
		free := max(int64(diskSize-filled)-int64(used()), 0)
		if free > 64<<10 {
			limit(before)
		}
		return uint64(free), nil
	}
	d.fill = func(leave uint64) {
		filled = 0
		if free, _ := d.free(); free > leave {
			filled = free - leave
		}
		if leave == 0 {
			wal, err := os.Stat(filepath.Join(d.dir, store.FileName+"-wal"))
			size := uint64(4096)
			if err == nil {
				size = uint64(wal.Size())
			}
			limit(syscall.Rlimit{Cur: size, Max: before.Max})
		}
	}
	return d
}

func (d *disk) reserve() *store.Reserve {
	return store.NewReserve(d.dir, d.free, rand.NewChaCha8([32]byte{}), slog.New(slog.NewTextHandler(&d.log, nil)))
}

func (d *disk) ballast() int64 {
	info, err := os.Stat(filepath.Join(d.dir, store.BallastName))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		d.Fatal(err)
	}
	return info.Size()
}

func (d *disk) want(r *store.Reserve, ballast int64) {
	d.Helper()
	if err := r.Tend(); err != nil {
		d.Fatal(err)
	}
	if got := d.ballast(); got != ballast {
		free, _ := r.Free()
		d.Errorf("the ballast has %d bytes, want %d; %d are free", got, ballast, free)
	}
}

// TestAFullDisk: a journal that runs into a full disk ends without a guess; the next start gives the
// ballast up and goes on with everything that was acknowledged; with room the ballast comes back.
func TestAFullDisk(t *testing.T) {
	for name, make := range map[string]func(*testing.T) *disk{"mounted": mounted, "counted": counted} {
		t.Run(name, func(t *testing.T) {
			d := make(t)
			if d == nil {
				return
			}
			r := d.reserve()
			d.want(r, store.BallastSize)
			path := filepath.Join(d.dir, store.FileName)
			s, err := store.Open(path, rand.NewChaCha8([32]byte{}))
			if err != nil {
				t.Fatal(err)
			}
			sell := func() error {
				return s.Update(func(tx *store.Tx) error {
					n := s.Head()
					for i := range 20 {
						if _, err := tx.Insert(taken(fmt.Sprintf("sale_%d_%d", n, i), fmt.Sprintf("A-%d-%d", n, i)), start); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := sell(); err != nil {
				t.Fatal(err)
			}
			d.fill(0) // somebody else's files, all at once
			acknowledged := s.Head()
			for err == nil {
				if err = sell(); err == nil {
					acknowledged = s.Head()
				}
				if acknowledged > 1_000_000 {
					t.Fatal("the disk is never full")
				}
			}
			if fault.KindOf(err) != fault.InDoubt {
				t.Errorf("a write that does not fit: %v", err)
			}
			_ = s.Close()

			r = d.reserve() // the next start
			if free, err := r.Free(); err != nil || free < store.BallastSize/2 || d.ballast() != 0 {
				t.Errorf("%d bytes are free, the ballast has %d, %v", free, d.ballast(), err)
			}
			if !strings.Contains(d.log.String(), "the disk is full") {
				t.Errorf("nobody is told: %s", d.log.String())
			}
			if s, err = store.Open(path, rand.NewChaCha8([32]byte{})); err != nil {
				t.Fatalf("the journal does not open on its reserve: %v", err)
			}
			if s.Head() < acknowledged {
				t.Errorf("%d events of %d are left", s.Head(), acknowledged)
			}
			if err := sell(); err != nil {
				t.Errorf("open sales cannot be settled: %v", err)
			}
			d.want(r, 0) // no room for it yet
			d.fill(store.Least + store.BallastSize + 1<<20)
			d.want(r, store.BallastSize)
			d.want(r, store.BallastSize)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := store.Export(path, io.Discard); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAnUnfinishedBallast: a disk that fills up meanwhile is left as it was.
func TestAnUnfinishedBallast(t *testing.T) {
	d := counted(t)
	r := store.NewReserve(d.dir, func() (uint64, error) {
		d.fill(0)
		return diskSize, nil // it was there a moment ago
	}, rand.NewChaCha8([32]byte{}), slog.New(slog.NewTextHandler(&d.log, nil)))
	if err := r.Tend(); err == nil {
		t.Error("it was made out of nothing")
	}
	if files, err := os.ReadDir(d.dir); len(files) != 0 || err != nil {
		t.Errorf("left behind: %v, %v", files, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := r.Run(ctx); err != nil { // what it cannot do is told, and the till goes on
		t.Error(err)
	}
	d.fill(diskSize)
	d.want(d.reserve(), store.BallastSize)
}
