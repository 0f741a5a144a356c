package deploy_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cloudcashier/deploy"
)

// exposure is what `systemd-analyze security` may find, of 100. What is left is the network and the devices,
// which are what the till is for.
const exposure = "20"

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(deploy.Till, "till/usr/lib/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// units writes the units into a folder, with programs that are there.
func units(t *testing.T) (dir string, paths []string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"cashier-agent", "cashier-tui"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"cashier-agent.service", "cashier-tui@.service"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(file(t, "systemd/system/"+name), "/usr/bin/", dir+"/")), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return dir, paths
}

func analyze(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatalf("%v: run scripts/setup.sh", err)
	}
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil || strings.Contains(string(out), "Unknown") {
		t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
	}
}

func TestSystemdUnderstandsTheUnits(t *testing.T) {
	_, paths := units(t)
	for _, path := range paths {
		analyze(t, "verify", "--man=no", "--recursive-errors=no", strings.Replace(path, "@.", "@tty1.", 1))
	}
}

func TestTheUnitsAreHardened(t *testing.T) {
	_, paths := units(t)
	for _, path := range paths {
		analyze(t, "security", "--offline=true", "--no-pager", "--threshold="+exposure, path)
	}
}

// What the analysis does not look at, or takes for a weakness.
func TestTheAgentsUnit(t *testing.T) {
	unit := file(t, "systemd/system/cashier-agent.service")
	for _, want := range []string{"Type=notify", "WatchdogSec=20", "Restart=always", "StartLimitIntervalSec=0", "CapabilityBoundingSet=\n",
		"MemoryMax=64M", "LimitNOFILE=1024", "LimitCORE=0", "DevicePolicy=closed", "DeviceAllow=char-ttyUSB rw", "DeviceAllow=char-ttyACM rw"} {
		if !strings.Contains(unit, "\n"+want) {
			t.Errorf("the unit lacks %s", want)
		}
	}
	for _, never := range []string{"\nPrivateDevices=", "=network-online", "=/dev/tty"} {
		if strings.Contains(unit, never) {
			t.Errorf("the unit has %q, and a till cannot live with it", strings.TrimSpace(never))
		}
	}
}

// A rule's line is a list of KEY op "value", with commas between; systemd of Debian 12 cannot check one itself.
var rule = regexp.MustCompile(`^[A-Z]+(\{[A-Za-z_/]+\})?(==|!=|\+=|=)"[^"]+"(, [A-Z]+(\{[A-Za-z_/]+\})?(==|!=|\+=|=)"[^"]+")*$`)

func TestDeviceRules(t *testing.T) {
	names, vendors := 0, map[string]int{}
	for line := range strings.Lines(file(t, "udev/rules.d/70-cashier.rules")) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !rule.MatchString(line) {
			t.Errorf("not a rule: %s", line)
		}
		vendors[regexp.MustCompile(`"[0-9a-f]{4}(\|[0-9a-f]{4})+"`).FindString(line)]++
		if !strings.Contains(line, `ENV{ID_MM_`) {
			t.Errorf("ModemManager would write to it: %s", line)
		}
		if strings.Contains(line, "SYMLINK") {
			names++
			if !strings.Contains(line, `ENV{ID_PATH_TAG}=="?*"`) || !strings.Contains(line, "$env{ID_PATH_TAG}") {
				t.Errorf("two of a kind would share one name: %s", line)
			}
		}
	}
	if names != 3 {
		t.Errorf("%d kinds of names, want scanners, printers, bridges", names)
	}
	for list, n := range vendors { // the same makers on the device and on its port
		if n != 2 || list == "" {
			t.Errorf("the makers %s stand in %d lines, want 2", list, n)
		}
	}
}

// The tree holds nothing that a machine's owner changes, and nothing above /usr.
func TestNothingOfTheOwnersIsOverwritten(t *testing.T) {
	var all []string
	err := fs.WalkDir(deploy.Till, "till", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	if i := slices.IndexFunc(all, func(p string) bool { return !strings.HasPrefix(p, "till/usr/") }); i >= 0 {
		t.Errorf("%s is not below /usr", all[i])
	}
}
