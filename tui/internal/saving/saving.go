// Package saving writes exports to sticks and folders.
//
// It refuses to write over anything, and leaves no half of a file under a whole one's name: what is being written
// ends in ".part" and is renamed when it is whole and on the medium. Newcomers get one thing wrong: a stick that
// is full or pulled out says so only when the file is synced, so that comes before the renaming.
package saving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"cloudcashier/shared/fault"
)

// Writer is a file being written.
type Writer = io.Writer

// most is how many files of one name a folder takes before somebody should tidy it.
const most = 99

// Files reaches the folders of this machine.
type Files struct {
	Mounts []string // folders in which sticks appear
}

// Sticks lists the folders where a medium is mounted now.
func (f Files) Sticks() (list []string) {
	for _, pattern := range f.Mounts {
		found, _ := filepath.Glob(pattern) // the pattern is ours
		for _, dir := range found {
			if info, err := os.Stat(dir); err == nil && info.IsDir() && mounted(dir, info) {
				list = append(list, dir)
			}
		}
	}
	slices.Sort(list)
	return list
}

// mounted reports that another file system begins at a folder.
func mounted(dir string, info fs.FileInfo) bool {
	up, err := os.Stat(filepath.Dir(dir))
	if err != nil {
		return false
	}
	here, ok1 := info.Sys().(*syscall.Stat_t)
	above, ok2 := up.Sys().(*syscall.Stat_t)
	return ok1 && ok2 && here.Dev != above.Dev
}

// Save has fill write a file in a folder and gives its path: the name, or the name with a number when there is
// such a file already. When it fails nothing of it stays.
func (f Files) Save(folder, name string, fill func(Writer) error) (path string, err error) {
	folder = filepath.Clean(strings.TrimSpace(folder))
	if !filepath.IsAbs(folder) {
		return "", fault.New(fault.Invalid, "saving.folder", "name the folder from the root on: /media/stick")
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "", fault.New(fault.Invalid, "saving.folder", "there is no folder %s: is the stick in and mounted?", folder)
	}
	part := filepath.Join(folder, name+".part")
	w, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return "", fault.New(fault.Conflict, "saving.part", "%s is there from an earlier try: delete it first", part)
	}
	if err != nil {
		return "", named(fmt.Errorf("make %s: %w", part, err))
	}
	err = fill(w)
	if err == nil {
		err = w.Sync()
	}
	if err = errors.Join(err, w.Close()); err == nil {
		path, err = give(folder, part, name)
	}
	if err != nil {
		return "", named(errors.Join(err, os.Remove(part)))
	}
	return path, named(sync(folder))
}

// give renames the whole file to the first free of its names.
func give(folder, part, name string) (string, error) {
	ext := filepath.Ext(name)
	for n := 1; n <= most; n++ {
		path := filepath.Join(folder, name)
		if n > 1 {
			path = filepath.Join(folder, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
		}
		// A stick's file system has no rename that refuses by itself: hold the name first.
		hold, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if err := errors.Join(hold.Close(), os.Rename(part, path)); err != nil {
			return "", errors.Join(err, os.Remove(path))
		}
		return path, nil
	}
	return "", fault.New(fault.Conflict, "saving.full", "there are %d files called %s already: tidy the folder", most, name)
}

func sync(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // some sticks' file systems cannot
		err = nil
	}
	return errors.Join(err, d.Close())
}

// named gives an error of the medium a code that the screen has words for.
func named(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Conflict, "saving.stopped", "stopped; nothing was left behind")
	case errors.Is(err, syscall.ENOSPC):
		return fault.Wrap(err, fault.Conflict, "saving.room", "no room left there: delete something or take another stick")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.Wrap(err, fault.Denied, "saving.denied", "nothing may be written there: look at the stick's switch and the folder's owner")
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return fault.Wrap(err, fault.Conflict, "saving.gone", "the stick does not answer any more: nothing is on it that can be trusted")
	}
	return err
}
