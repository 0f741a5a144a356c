package settings_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cloudcashier/tui/internal/settings"
)

func TestWhatIsSavedComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), settings.FileName)
	f, s, err := settings.Open(path)
	if err != nil || !reflect.DeepEqual(s, settings.Default()) {
		t.Fatalf("a screen that was never set up: %+v, %v", s, err)
	}
	s.Lang, s.Theme, s.Sound, s.ConfirmAbove, s.LockAfter, s.Keys = "zh", settings.ThemeContrast, false, 5000, 10, map[string]string{"menu": "f11"}
	for range 2 {
		if err := f.Save(s); err != nil {
			t.Fatal(err)
		}
	}
	if _, got, err := settings.Open(path); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%+v, %v", got, err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestAShortFileMeansTheDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), settings.FileName)
	if err := os.WriteFile(path, []byte(`{"sound": false}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want := settings.Default()
	want.Sound = false
	if _, got, err := settings.Open(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestADamagedFileIsNamedAndKept(t *testing.T) {
	for name, text := range map[string]string{
		"torn":          `{"lang": "z`,
		"empty":         ``,
		"unknown":       `{"langage": "zh"}`,
		"twice":         `{"lang": "zh", "lang": "en"}`,
		"more":          `{} {}`,
		"language":      `{"lang": "fr"}`,
		"theme":         `{"theme": "pink"}`,
		"amount":        `{"confirm_above": -1}`,
		"float":         `{"confirm_above": 1.5}`,
		"lock":          `{"lock_after": 99999}`,
		"large":         `{"lang": "zh"}` + strings.Repeat(" ", 70<<10),
		"not an object": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), settings.FileName)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f, got, err := settings.Open(path)
			if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the file is not named in one line: %v", err)
			}
			if !reflect.DeepEqual(got, settings.Default()) {
				t.Errorf("half of a damaged file is used: %+v", got)
			}
			if kept, _ := os.ReadFile(path); string(kept) != text {
				t.Error("the file was changed by looking at it")
			}
			if err := f.Save(got); err != nil {
				t.Fatal(err)
			}
			if kept, _ := os.ReadFile(path + ".damaged"); string(kept) != text {
				t.Error("what was damaged is gone")
			}
			if _, _, err := settings.Open(path); err != nil {
				t.Errorf("after the save: %v", err)
			}
			// A second accident must not cost the first one's file.
			if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			again, _, _ := settings.Open(path)
			if err := again.Save(got); err == nil {
				t.Error("the second damaged file was written over")
			}
			if kept, _ := os.ReadFile(path + ".damaged"); string(kept) != text {
				t.Error("the first damaged file was written over")
			}
		})
	}
}

func TestAFolderThatTakesNothing(t *testing.T) {
	f, s, err := settings.Open(filepath.Join(t.TempDir(), "none", settings.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Save(s); err == nil || !strings.Contains(err.Error(), settings.FileName) {
		t.Errorf("saved nowhere: %v", err)
	}
}
