package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHouse is the check itself, on the repository.
func TestHouse(t *testing.T) {
	root, err := moduleRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	findings, err := inspect(root, plan)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	if n := report(&all, findings); n > 0 {
		t.Errorf("%d findings:\n%s", n, all.String())
	}
}

var wanted = regexp.MustCompile(`// (want|wantdir) "([^"]+)"`)

// TestRules shows that each rule catches: the samples under testdata name, on the line, what must be
// found there, and nothing else may be found.
func TestRules(t *testing.T) {
	for _, sample := range []string{"rooms", "modules", "shared", "law", "world", "floats", "shape", "habits", "endings"} {
		t.Run(sample, func(t *testing.T) {
			root := filepath.Join("testdata", sample)
			findings, err := inspect(root, plan)
			if err != nil {
				t.Fatal(err)
			}
			expected := wants(t, root)
			if len(expected) == 0 {
				t.Fatal("the sample expects nothing")
			}
			for _, w := range expected {
				i := slices.IndexFunc(findings, func(f finding) bool {
					return f.file == w.file && f.line == w.line && strings.Contains(f.say, w.say)
				})
				if i < 0 {
					t.Errorf("not caught: %s", w)
					continue
				}
				findings = slices.Delete(findings, i, i+1)
			}
			for _, f := range findings {
				if !strings.Contains(f.say, "programs import this package") || sample == "shared" {
					t.Errorf("caught without reason: %s", f)
				}
			}
		})
	}
}

// wants reads what a sample expects: `// want "…"` on the line, `// wantdir "…"` for the folder.
func wants(t *testing.T, root string) (out []finding) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		for i, line := range strings.Split(string(data), "\n") {
			for _, m := range wanted.FindAllStringSubmatch(line, -1) {
				if m[1] == "wantdir" {
					out = append(out, finding{path.Dir(rel), 1, m[2]})
				} else {
					out = append(out, finding{rel, i + 1, m[2]})
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSizes grows a file and a function to the limit and one line above it.
func TestSizes(t *testing.T) {
	function := func(lines int) string { return "func f() {" + strings.Repeat("\n", lines-1) + "}\n" }
	const head = "// Package till is a sample.\npackage till\n\n"
	for _, c := range []struct {
		name, file, text, want string
	}{
		{"function at the limit", "a.go", head + function(maxFunction), ""},
		{"function above", "a.go", head + function(maxFunction+1), "a.go:4: f has 91 lines"},
		{"test function above", "a_test.go", head + function(maxFunction+1), ""},
		{"file at the limit", "a.go", head + strings.Repeat("\n", maxFile-3), ""},
		{"file above", "a.go", head + strings.Repeat("\n", maxFile-2), "a.go:451: 451 lines"},
		{"test file above", "a_test.go", head + strings.Repeat("\n", maxFile-2), "a_test.go:451: 451 lines"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "agent/internal/till")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			findings, err := inspect(strings.TrimSuffix(dir, "agent/internal/till"), plan)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(findings)
			if c.want == "" && len(findings) > 0 || !strings.Contains(got, c.want) {
				t.Errorf("found %s, want %q", got, c.want)
			}
		})
	}
}

// TestTablesAreInUse keeps rows from outliving what they speak of.
func TestTablesAreInUse(t *testing.T) {
	root, err := moduleRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	exists := func(folder string) bool {
		_, err := os.Stat(filepath.Join(root, strings.TrimSuffix(folder, "/*")))
		return err == nil
	}
	for _, rows := range []table{plan.rooms, plan.testRooms} {
		for folder, may := range rows {
			for _, name := range append(strings.Fields(may), folder) {
				if !exists(name) {
					t.Errorf("a row names %s, which is not there", name)
				}
			}
		}
	}
	modules, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range plan.modules {
		if !strings.Contains(string(modules), "\t"+o.module) {
			t.Errorf("%s has an owner and is not in go.mod", o.module)
		}
	}
	for key := range plan.worldly {
		folder, _, _ := strings.Cut(key, " ")
		if !exists(folder) {
			t.Errorf("%q may read the world and is not there", folder)
		}
	}
	for folder := range plan.panics {
		if !exists(folder) {
			t.Errorf("%q may panic and is not there", folder)
		}
	}
	for file := range plan.floats {
		if !exists(file) {
			t.Errorf("%q may hold floats and is not there", file)
		}
	}
}
