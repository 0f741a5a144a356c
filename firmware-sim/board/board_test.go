package board_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	wechat   = "130061098828009406"
	goods    = "6901234567892"
	patience = 10 * time.Second
)

func plug(t *testing.T, link string, opts board.Options) *board.Scanner {
	t.Helper()
	b, err := board.NewScanner(link, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// open gives the port as a program without a serial library gets it: the board has made it raw.
func open(t *testing.T, link string) *os.File {
	t.Helper()
	f, err := os.OpenFile(link, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func read(t *testing.T, f *os.File, n int) []byte {
	t.Helper()
	buf := make([]byte, n)
	if _, err := io.ReadFull(f, buf); err != nil {
		t.Fatalf("%q: %v", buf, err)
	}
	return buf
}

func TestFrames(t *testing.T) {
	pause := time.Millisecond
	for _, c := range []struct {
		name string
		opts board.Options
		want string
	}{
		{"plain", board.Options{}, wechat + "\r" + goods + "\r"},
		{"cr", board.Options{Suffix: board.CR}, wechat + "\r" + goods + "\r"},
		{"lf", board.Options{Suffix: board.LF}, wechat + "\n" + goods + "\n"},
		{"crlf", board.Options{Suffix: board.CRLF}, wechat + "\r\n" + goods + "\r\n"},
		{"tab", board.Options{Suffix: board.TAB}, wechat + "\t" + goods + "\t"},
		{"none", board.Options{Suffix: board.None}, wechat + goods},
		{"stx", board.Options{STX: true, Suffix: board.None}, "\x02" + wechat + "\x03\x02" + goods + "\x03"},
		{"aim", board.Options{AIM: board.AutoAIM}, "]C0" + wechat + "\r]E0" + goods + "\r"},
		{"aim given", board.Options{AIM: "]Q1", STX: true}, "\x02]Q1" + wechat + "\x03\r\x02]Q1" + goods + "\x03\r"},
		{"split", board.Options{Split: 4, SplitPause: pause}, wechat + "\r" + goods + "\r"},
		{"paced", board.Options{Baud: 38400, Paced: true}, wechat + "\r" + goods + "\r"},
		{"repeat", board.Options{Repeat: 2, RepeatEvery: pause}, wechat + "\r" + wechat + "\r" + goods + "\r" + goods + "\r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "scanner0")
			b := plug(t, link, c.opts)
			port := open(t, link)
			for _, code := range []string{wechat, goods} {
				if err := b.Scan(code); err != nil {
					t.Fatal(err)
				}
			}
			if got := read(t, port, len(c.want)); string(got) != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if s := b.State(); s.Scans != 2 || !s.Plugged || s.Link != link || s.Device == "" {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestAutoAIMFitsTheCode(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{AIM: board.AutoAIM})
	port := open(t, link)
	for code, want := range map[string]string{
		wechat: "]C0", goods: "]E0", "036000291452": "]E0", "96385074": "]E4", "https://example.com": "]Q1", "hQVDUFYwMQ": "]Q1",
	} {
		if err := b.Scan(code); err != nil {
			t.Fatal(err)
		}
		if got := read(t, port, 3+len(code)+1); string(got) != want+code+"\r" {
			t.Errorf("%q, want %s before it", got, want)
		}
	}
}

func TestSplitComesInPieces(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{Split: 5, SplitPause: patience}) // the second piece waits for the unplug
	port := open(t, link)
	ended := make(chan error, 1)
	go func() { ended <- b.Scan(wechat) }()
	if got := read(t, port, 5); string(got) != wechat[:5] {
		t.Errorf("%q", got)
	}
	if err := b.Unplug(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, board.ErrUnplugged) {
		t.Errorf("the scan went on without a plug: %v", err)
	}
	if n, err := port.Read(make([]byte, 100)); n > 0 || err == nil {
		t.Errorf("%d bytes came through a pulled plug", n)
	}
}

func TestGlue(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	port := open(t, link)
	if err := b.Glue(wechat, goods); err != nil {
		t.Fatal(err)
	}
	want := wechat + "\r" + goods + "\r"
	if taken, _ := b.Drain(time.Nanosecond); taken {
		t.Error("drained with nobody reading")
	}
	buf := make([]byte, 100)
	n, err := port.Read(buf)
	if err != nil || n <= len(wechat)+1 && string(buf[:n]) != want { // one write; the kernel may still cut it
		t.Errorf("%q, %v", buf[:n], err)
	}
	for n < len(want) {
		more, err := port.Read(buf[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += more
	}
	if string(buf[:n]) != want {
		t.Errorf("%q, want %q", buf[:n], want)
	}
	if taken, err := b.Drain(patience); !taken || err != nil {
		t.Errorf("not drained: %v", err)
	}
}

func TestNoiseAndNULSpoilExactlyOneByte(t *testing.T) {
	for _, c := range []struct {
		name  string
		opts  board.Options
		size  int
		spoil func(b byte) bool
	}{
		{"noise", board.Options{Noise: 1000, Seed: 7}, len(wechat) + 1, func(b byte) bool { return b >= 0x80 }},
		{"nul", board.Options{NUL: 1000, Seed: 7}, len(wechat) + 2, func(b byte) bool { return b == 0 }},
	} {
		link := filepath.Join(t.TempDir(), "scanner0")
		b := plug(t, link, c.opts)
		port := open(t, link)
		var first []byte
		for turn := range 20 {
			if err := b.Scan(wechat); err != nil {
				t.Fatal(err)
			}
			got := read(t, port, c.size)
			spoilt := 0
			for _, x := range got {
				if c.spoil(x) {
					spoilt++
				}
			}
			if spoilt != 1 || got[len(got)-1] != '\r' {
				t.Errorf("%s: %q", c.name, got)
			}
			if turn == 0 {
				first = got
			} else if turn == 19 && bytes.Equal(first, got) {
				t.Errorf("%s: the dice have one side", c.name)
			}
		}
	}
}

func TestReaderAtAnotherSpeedGetsGarbage(t *testing.T) {
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{Baud: 115200}) // a pty starts at 38400
	port := open(t, link)
	if speed, err := b.BaudRate(); err != nil || speed != 38400 {
		t.Errorf("speed %d, %v", speed, err)
	}
	if err := b.Scan(wechat); err != nil {
		t.Fatal(err)
	}
	for _, x := range read(t, port, len(wechat)+1) {
		if x != 0 && x < 0x80 {
			t.Errorf("%q came through at the wrong speed", x)
		}
	}
}

func TestUnplugAndReplug(t *testing.T) {
	link := filepath.Join(t.TempDir(), "deep", "scanner0")
	b := plug(t, link, board.Options{})
	port := open(t, link)
	if err := errors.Join(b.Unplug(), b.Unplug()); err != nil {
		t.Fatal(err)
	}
	if n, err := port.Read(make([]byte, 10)); n > 0 || err == nil {
		t.Error("the reader was not hung up")
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the link stays: %v", err)
	}
	if err := b.Scan(wechat); !errors.Is(err, board.ErrUnplugged) || fault.KindOf(err) != fault.Conflict {
		t.Errorf("scan: %v", err)
	}
	if _, err := b.BaudRate(); !errors.Is(err, board.ErrUnplugged) {
		t.Errorf("speed: %v", err)
	}
	for range 3 { // the second and third pull the plug themselves
		if err := b.Replug(); err != nil {
			t.Fatal(err)
		}
		port = open(t, link)
		if err := b.Scan(wechat); err != nil {
			t.Fatal(err)
		}
		if got := read(t, port, len(wechat)+1); string(got) != wechat+"\r" {
			t.Errorf("%q", got)
		}
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"scan": b.Scan(wechat), "replug": b.Replug(), "write": b.Write([]byte("x"))} {
		if !errors.Is(err, board.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
}

func TestUnplugReleasesAWriterNobodyReads(t *testing.T) {
	b := plug(t, filepath.Join(t.TempDir(), "scanner0"), board.Options{})
	full := make(chan error, 1)
	go func() {
		for {
			if err := b.Write(make([]byte, 64<<10)); err != nil { // far above what the kernel holds
				full <- err
				return
			}
		}
	}()
	for waiting := false; !waiting; { // until the kernel holds bytes, so that a write is under way
		taken, err := b.Drain(time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		waiting = !taken
	}
	if err := b.Unplug(); err != nil {
		t.Fatal(err)
	}
	if err := <-full; !errors.Is(err, board.ErrUnplugged) && fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestWriteGivesUpWhenNobodyReads(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	if err := b.Write(make([]byte, 64<<10)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	if err := b.Replug(); err != nil { // and works again after that
		t.Fatal(err)
	}
	port := open(t, link)
	if err := b.Scan(goods); err != nil {
		t.Fatal(err)
	}
	if got := read(t, port, len(goods)); string(got) != goods {
		t.Errorf("%q", got)
	}
}

func TestLinkIsNobodyElses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := board.NewScanner(file, board.Options{}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a file gave way: %v", err)
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != "precious" {
		t.Errorf("%q, %v", kept, err)
	}
	if _, err := board.NewScanner(filepath.Join(file, "below"), board.Options{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a file is no folder: %v", err)
	}

	link := filepath.Join(dir, "scanner0")
	if err := os.Symlink("/dev/pts/99999", link); err != nil { // left by a killed simulator
		t.Fatal(err)
	}
	first := plug(t, link, board.Options{})
	second := plug(t, link, board.Options{})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(link); err != nil || target != second.State().Device {
		t.Errorf("the first took the second's link away: %s, %v", target, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for i, opts := range []board.Options{
		{Suffix: "etx"}, {AIM: "Q1"}, {AIM: "]Q"}, {Split: -1}, {Repeat: -1}, {Repeat: 1001}, {Baud: -1}, {SplitPause: -1},
		{RepeatEvery: -1}, {Paced: true}, {Noise: -1}, {Noise: 1001}, {NUL: -1}, {NUL: 1001},
	} {
		if _, err := board.NewScanner(filepath.Join(t.TempDir(), fmt.Sprint(i)), opts); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}
