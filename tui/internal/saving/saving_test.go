package saving_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cloudcashier/shared/fault"
	"cloudcashier/tui/internal/saving"
)

func write(text string) func(saving.Writer) error {
	return func(w saving.Writer) error { _, err := io.WriteString(w, text); return err }
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	for i, want := range []string{"a.csv", "a-2.csv", "a-3.csv"} {
		path, err := saving.Files{}.Save(" "+dir+"/ ", "a.csv", write(want))
		if err != nil || path != filepath.Join(dir, want) {
			t.Fatalf("%d: %s, %v", i, path, err)
		}
	}
	for _, name := range []string{"a.csv", "a-2.csv", "a-3.csv"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != name {
			t.Errorf("%s holds %q, %v", name, text, err)
		}
	}
}

func TestAFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for code, cause := range map[string]error{"saving.room": syscall.ENOSPC, "saving.stopped": context.Canceled, "saving.gone": syscall.EIO,
		"export.cut": fault.New(fault.Unavailable, "export.cut", "cut")} {
		_, err := saving.Files{}.Save(dir, "a.csv", func(w saving.Writer) error {
			_, _ = io.WriteString(w, "half")
			return cause
		})
		if fault.CodeOf(err) != code || !errors.Is(err, cause) && code != "export.cut" {
			t.Errorf("%s: %v", code, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestFoldersThatAreNone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"", "stick", "../x", filepath.Join(dir, "none"), file} {
		if _, err := (saving.Files{}).Save(folder, "a.csv", write("x")); fault.CodeOf(err) != "saving.folder" {
			t.Errorf("%q: %v", folder, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.csv.part"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (saving.Files{}).Save(dir, "a.csv", write("x")); fault.CodeOf(err) != "saving.part" {
		t.Errorf("an earlier try: %v", err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "a.csv.part")); string(text) != "theirs" {
		t.Error("somebody's file was written over")
	}
	if got := (saving.Files{Mounts: []string{filepath.Join(dir, "*")}}).Sticks(); len(got) != 0 {
		t.Errorf("a folder taken for a stick: %v", got)
	}
}
