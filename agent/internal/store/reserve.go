package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"cloudcashier/shared/logs"
)

// Sizes of the disk around a journal. A sale and all that becomes of it takes a few KiB, and SQLite's
// log beside the journal grows to about 1 MiB before it is folded in.
const (
	BallastName = "ballast"
	BallastSize = 4 << 20
	// Least is the free room below which no new sale is begun: what is open must still be settled.
	Least = 8 << 20
	// spent is the free room below which the ballast is given up: the next commits may not fit.
	spent = 1 << 20
	// tendEvery is how often the ballast is looked after. Who fills a disk takes longer, or is caught
	// by the till's own look before it writes.
	tendEvery = 10 * time.Second
)

// Reserve keeps a ballast file beside the journal: room that nobody else can take, given up when
// the disk is full so that the open sales can be settled, and made again when there is room.
type Reserve struct {
	path    string
	free    func() (uint64, error)
	entropy io.Reader
	log     *slog.Logger
	mu      sync.Mutex
}

// NewReserve keeps a ballast in the till's folder. free tells the free bytes of its file system and
// may be nil for the real ones. Entropy fills the ballast, so that no file system stores it as nothing.
func NewReserve(dir string, free func() (uint64, error), entropy io.Reader, log *slog.Logger) *Reserve {
	if free == nil {
		free = func() (uint64, error) { return FreeAt(dir) }
	}
	return &Reserve{path: filepath.Join(dir, BallastName), free: free, entropy: entropy, log: log}
}

// FreeAt tells the bytes that this user may still write into a folder's file system.
func FreeAt(dir string) (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), nil
}

// Free tells the free bytes, after giving the ballast up when there were too few.
func (r *Reserve) Free() (uint64, error) {
	free, err := r.free()
	if err != nil || free >= spent {
		return free, err
	}
	switch err := os.Remove(r.path); {
	case errors.Is(err, os.ErrNotExist):
		return free, nil
	case err != nil:
		return free, fmt.Errorf("give up the ballast: %w", err)
	}
	r.log.Error("the disk is full: the ballast was given up so that open sales can be settled; free some space", "file", r.path, "free", free)
	return r.free()
}

// Tend makes the ballast when there is room for it and for new sales besides. Where there is none
// the till works without.
func (r *Reserve) Tend() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	free, err := r.Free()
	if err != nil {
		return err
	}
	if _, err := os.Stat(r.path); err == nil || free < Least+BallastSize {
		return nil
	}
	unfinished := r.path + ".new"
	err = r.fill(unfinished)
	if err == nil {
		err = os.Rename(unfinished, r.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make the ballast: %w", err), removed(unfinished))
	}
	r.log.Info("ballast made: this room is kept for the open sales of a full disk", "file", r.path, "bytes", BallastSize)
	return nil
}

func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (r *Reserve) fill(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	_, err = io.CopyN(w, r.entropy, BallastSize)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Run looks after the ballast until ctx ends. What fails is told and tried again: the till's own
// look at the free room protects the sales.
func (r *Reserve) Run(ctx context.Context) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if err := r.Tend(); err != nil {
			r.log.Warn("the ballast cannot be kept", logs.Err, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
