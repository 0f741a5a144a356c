package scanner_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/scanner"
	"cloudcashier/firmware-sim/board"
)

func TestUnplugLosesTheHalfFrame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name   string
		path   string // what the till was told
		first  string // the link before
		second string // and after
	}{
		{"same link", "a/scanner0", "a/scanner0", "a/scanner0"},
		{"another name under a pattern", "b/usb-*", "b/usb-A-if00", "b/usb-B-if01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, first, second := filepath.Join(dir, c.path), filepath.Join(dir, c.first), filepath.Join(dir, c.second)
			b := plug(t, first, board.Options{})
			x := start(t, scanner.Config{Paths: []string{path}})
			x.state(path, true, "")
			must(t, b.Write([]byte(wechat[:10])))
			if taken, err := b.Drain(patience); !taken || err != nil {
				t.Fatal("the first half was not read", err)
			}
			must(t, b.Close())
			gone := x.state(path, false, "unplugged")
			if gone.Since.IsZero() {
				t.Error("nobody knows since when")
			}
			x.state(path, false, "no scanner")
			b = plug(t, second, board.Options{})
			must(t, b.Write([]byte(wechat[10:]+"\r")), b.Scan(alipay), b.Scan(mark)) // at once, before it is found again
			x.state(path, true, "")
			if got, want := x.untilMark(), []string{"unreadable", "payment " + alipay}; !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestReplugMovesToANewTerminal(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	for i := range 2 {
		must(t, b.Replug(), b.Scan(fmt.Sprint("13006109882800940", i))) // the scan waits in the new pty
		x.state(link, false, "unplugged")
		x.state(link, true, "")
		if got, want := show(x.next()), fmt.Sprint("payment 13006109882800940", i); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestLinkThatMovesIsFollowed(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	old := plug(t, link, board.Options{})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	b := plug(t, link, board.Options{}) // takes the link over; old stays open
	x.state(link, false, "")
	x.state(link, true, "")
	must(t, old.Scan(alipay), b.Scan(wechat), b.Scan(mark))
	if got, want := x.untilMark(), []string{"payment " + wechat}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMissingScannerIsWaitedFor(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "later", "scanner0")
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, false, "plug it in")
	b := plug(t, link, board.Options{})
	must(t, b.Scan(wechat))
	x.state(link, true, "")
	if got := show(x.next()); got != "payment "+wechat {
		t.Errorf("%s", got)
	}
}

func TestBytesFromBeforeTheStart(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	must(t, b.Scan(alipay))
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	must(t, b.Scan(wechat), b.Scan(mark))
	if got, want := x.untilMark(), []string{"payment " + wechat}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBytesOfASpareScanner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "usb-*")
	a, b := plug(t, filepath.Join(dir, "usb-1"), board.Options{}), plug(t, filepath.Join(dir, "usb-2"), board.Options{})
	x := start(t, scanner.Config{Paths: []string{path}})
	x.state(path, true, "")
	must(t, b.Scan(alipay), a.Close())
	x.state(path, false, "unplugged")
	x.state(path, true, "")
	must(t, b.Scan(wechat), b.Scan(mark))
	if got, want := x.untilMark(), []string{"payment " + wechat}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSeveralScanners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two, pattern := filepath.Join(dir, "usb-1"), filepath.Join(dir, "usb-2"), filepath.Join(dir, "usb-*")
	a, b := plug(t, one, board.Options{}), plug(t, two, board.Options{Suffix: board.LF})
	x := start(t, scanner.Config{Paths: []string{pattern, pattern, pattern}})
	connected := func() (n int) {
		for _, s := range x.States() {
			if s.Connected {
				n++
			}
		}
		return n
	}
	deadline := time.After(patience)
	for connected() < 2 {
		select {
		case <-x.states:
		case <-deadline:
			t.Fatalf("%+v", x.States())
		}
	}
	must(t, a.Scan(goods), b.Scan(goods)) // the same product on two scanners is no double read
	if first, second := show(x.next()), show(x.next()); first != "product "+goods || second != "product "+goods {
		t.Errorf("%s and %s", first, second)
	}
	if n := connected(); n != 2 {
		t.Errorf("%d of three paths have one of two devices: %+v", n, x.States())
	}
}

func TestNoSerialPort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, exec.Command("touch", filepath.Join(dir, "file")).Run())
	for name, want := range map[string]string{"file": "no serial port", "missing": "plug it in", ".": "cannot open"} {
		path := filepath.Join(dir, name)
		x := start(t, scanner.Config{Paths: []string{path}})
		x.state(path, false, want)
	}
}

func TestChildrenInheritNothing(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	plug(t, link, board.Options{})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
	must(t, err)
	if text := string(out); strings.Contains(text, "/dev/pts/") || strings.Count(text, "pipe:") > 2 {
		t.Errorf("a child has our files open:\n%s", text)
	}
}
