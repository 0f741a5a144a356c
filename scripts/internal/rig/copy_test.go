package rig

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestCopy: a copy has what a till is, and neither its lock nor its socket; another of the same name is refused.
func TestCopy(t *testing.T) {
	r := &Rig{Dir: t.TempDir()}
	till := &Till{Name: "till", Data: filepath.Join(r.Dir, "till"), rig: r}
	if err := os.Mkdir(till.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"journal.db", "journal.db-wal", "terminal.key", "agent.lock"} {
		if err := os.WriteFile(filepath.Join(till.Data, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", filepath.Join(till.Data, "agent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	twin, err := till.Copy("twin")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"journal.db": true, "journal.db-wal": true, "terminal.key": true, "agent.lock": false, "agent.sock": false} {
		text, err := os.ReadFile(filepath.Join(twin.Data, name))
		if (err == nil) != want || want && string(text) != name {
			t.Errorf("%s in the copy: %q, %v", name, text, err)
		}
	}
	if twin.Client == nil || twin.Name != "twin" {
		t.Errorf("%+v", twin)
	}
	if _, err := till.Copy("twin"); err == nil {
		t.Error("a copy over a till that is there")
	}
}
