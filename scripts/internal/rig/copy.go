package rig

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cloudcashier/shared/localapi"
)

// Copy makes a second till of a copy of the till's folder, as somebody does who restores a card beside the machine
// that it came from. No agent may have the folder open: a journal and its log copied at two moments may miss rows.
func (t *Till) Copy(name string) (*Till, error) {
	twin := &Till{Name: name, Data: filepath.Join(t.rig.Dir, name), rig: t.rig, link: filepath.Join(t.rig.Dir, name+".scanner")}
	if err := copyFolder(t.Data, twin.Data); err != nil {
		return nil, fmt.Errorf("copy %s: %w", t.Name, err)
	}
	twin.Client = localapi.NewClient(filepath.Join(twin.Data, "agent.sock"))
	return twin, nil
}

func copyFolder(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !f.Type().IsRegular() || f.Name() == "agent.lock" {
			continue
		}
		if err := copyFile(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
