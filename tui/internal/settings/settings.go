// Package settings keeps what this screen remembers between two starts, in one small JSON file.
//
// It refuses a file that is damaged or says what is not known, names it, and leaves it as it is: the screen
// then runs on the defaults, and a later save moves the damaged file aside instead of writing over it.
// Newcomers get one thing wrong: these are a screen's habits, not a till's rules. What may be sold and who may
// refund is the agent's and the hub's to say.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/strictjson"
)

// FileName is the file's usual name, beside the agent's socket.
const FileName = "tui.json"

// maxBytes bounds the file; ours has a few hundred bytes.
const maxBytes = 64 << 10

// The themes.
const (
	ThemeColour   = "colour"
	ThemeMono     = "mono"
	ThemeContrast = "contrast"
)

// Settings are the habits of one screen.
type Settings struct {
	Lang         string            `json:"lang"`          // "zh", "en"; "" by the locale
	Theme        string            `json:"theme"`         // colour as far as the terminal has it, mono, contrast
	Sound        bool              `json:"sound"`         // the terminal's bell
	ConfirmAbove int64             `json:"confirm_above"` // fen: an amount from here on is asked about first; 0: none
	LockAfter    int               `json:"lock_after"`    // minutes without a key; 0: never
	Keys         map[string]string `json:"keys"`          // action → key, of those that were moved
}

// Default is what a screen starts with. Ten thousand yuan are more often a slip of the finger than a sale.
func Default() Settings {
	return Settings{Theme: ThemeColour, Sound: true, ConfirmAbove: 1_000_000, Keys: map[string]string{}}
}

// check refuses what no screen writes.
func (s Settings) check() error {
	switch {
	case s.Lang != "" && s.Lang != "zh" && s.Lang != "en":
		return fmt.Errorf("lang is zh, en or empty, not %q", s.Lang)
	case s.Theme != ThemeColour && s.Theme != ThemeMono && s.Theme != ThemeContrast:
		return fmt.Errorf("theme is %s, %s or %s, not %q", ThemeColour, ThemeMono, ThemeContrast, s.Theme)
	case s.ConfirmAbove < 0:
		return errors.New("confirm_above is fen, or 0 for none")
	case s.LockAfter < 0 || s.LockAfter > 24*60:
		return errors.New("lock_after is minutes up to a day, or 0 for never")
	}
	return nil
}

// File is where the settings live.
type File struct {
	path    string
	damaged bool
}

// Open reads the file. One that is not there is a screen that was never set up. An error is one line that names
// the file; the settings given with it are the defaults, and the File may be used.
func Open(path string) (*File, Settings, error) {
	f := &File{path: path}
	s, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, Default(), nil
	case err != nil:
		f.damaged = true
		return f, Default(), fault.Wrap(err, fault.Invalid, "settings.damaged", "%s is not used: %s", path, reason(err))
	}
	return f, s, nil
}

// reason is what a person can do something with.
func reason(err error) string {
	if fault.KindOf(err) == fault.Invalid {
		return fault.MessageOf(err)
	}
	return err.Error()
}

func read(path string) (Settings, error) {
	r, err := os.Open(path)
	if err != nil {
		return Settings{}, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return Settings{}, err
	}
	if len(text) > maxBytes {
		return Settings{}, fmt.Errorf("it is larger than %d bytes", maxBytes)
	}
	s := Default()
	if err := strictjson.Decode(text, &s); err != nil {
		return Settings{}, err
	}
	return s, s.check()
}

// Refuse has the file treated as damaged: what stands in it fits its form and not this program.
func (f *File) Refuse() { f.damaged = true }

// Save puts the settings in the file's place, whole or not at all, over a power cut too. A damaged file is
// moved aside first, to its name with ".damaged"; when there is one already nothing is written.
func (f *File) Save(s Settings) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	if f.damaged {
		aside := f.path + ".damaged"
		if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Conflict, "settings.damaged", "%s is damaged and so was %s: move both away", f.path, aside)
		}
		if err := os.Rename(f.path, aside); err != nil {
			return failed(err, f.path)
		}
		f.damaged = false
	}
	if err := replace(f.path, append(text, '\n')); err != nil {
		return failed(err, f.path)
	}
	return nil
}

func failed(err error, path string) error {
	return fault.Wrap(err, fault.Unavailable, "settings.unsaved", "the settings could not be saved in %s: look at its folder's owner and the disk", path)
}

// replace writes beside the file, syncs, and renames over it.
func replace(path string, text []byte) error {
	dir := filepath.Dir(path)
	w, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	if err = errors.Join(err, w.Sync(), w.Close()); err == nil {
		err = os.Rename(w.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(w.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
