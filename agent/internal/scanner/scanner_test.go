package scanner_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cloudcashier/agent/internal/scanner"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/pay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFramingsOverAPort(t *testing.T) {
	t.Parallel()
	type options = board.Options
	pause := 2 * time.Millisecond
	for _, c := range []struct {
		name string
		opts options
	}{
		{"cr", options{}},
		{"lf", options{Suffix: board.LF}},
		{"crlf", options{Suffix: board.CRLF}},
		{"tab", options{Suffix: board.TAB}},
		{"stx etx", options{Suffix: board.None, STX: true}},
		{"stx etx crlf", options{Suffix: board.CRLF, STX: true}},
		{"aim", options{AIM: board.AutoAIM}},
		{"aim stx etx lf", options{Suffix: board.LF, STX: true, AIM: board.AutoAIM}},
		{"split in bytes", options{Suffix: board.CRLF, Split: 1, SplitPause: pause / 2}},
		{"split in sevens", options{Split: 7, SplitPause: pause}},
		{"paced at 9600", options{Baud: 9600, Paced: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "scanner0")
			b := plug(t, link, c.opts)
			x := start(t, scanner.Config{Paths: []string{link}})
			x.state(link, true, "")
			must(t, b.Scan(wechat), b.Scan(goods), b.Glue(alipay, "96385074"), b.Scan(mark))
			got := x.untilMark()
			want := []string{"payment " + wechat, "product " + goods, "payment " + alipay, "product 96385074"}
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestScanCarriesWhereWhenAndSymbology(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{AIM: "]Q1"})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	x.clock.advance(time.Minute)
	must(t, b.Scan(wechat))
	s := x.next()
	if s.AIM != "]Q1" || s.Scanner != link || s.Message == "" {
		t.Errorf("%+v", s)
	}
	if age := x.clock.now().Sub(s.At); age != 0 && age != time.Minute { // the read may have begun before the advance
		t.Errorf("the scan is %v old", age)
	}
	if !strings.Contains(s.At.String(), " m=") {
		t.Error("the time lost its monotonic reading")
	}
}

func TestUnterminatedScanner(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{Suffix: board.None})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	for _, c := range []struct{ code, want string }{{wechat, "payment " + wechat}, {goods, "product " + goods}, {alipay, "payment " + alipay}} {
		must(t, b.Scan(c.code))
		if got := show(x.next()); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestSpoiltFramesAreRejectedWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw string }{
		{"NUL", "130061098828009406\x00\r"},
		{"NUL before", "\x00130061098828009406\r"},
		{"NUL in place of a digit", "13006109882800940\x006\r"},
		{"high bit", "\xb130061098828009406\r"},
		{"escape", "\x1b130061098828009406\r"},
		{"ACK glued", "\x06130061098828009406\r"},
		{"10 kB", strings.Repeat("130061098828009406", 600) + "\r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "scanner0")
			b := plug(t, link, board.Options{})
			x := start(t, scanner.Config{Paths: []string{link}})
			x.state(link, true, "")
			must(t, b.Write([]byte(c.raw)), b.Scan(wechat), b.Scan(mark))
			if got, want := x.untilMark(), []string{"unreadable", "payment " + wechat}; !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestChatterIsNoScan(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	must(t, b.Scan("%%NoRead"), b.Scan("NOREAD"), b.Scan("$$%~OK"), b.Write([]byte("\r\n\r\n")), b.Scan(mark))
	if got := x.untilMark(); len(got) != 0 {
		t.Errorf("chatter became %q", got)
	}
}

func TestWrongSpeedIsNoticedOnce(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{Baud: 115200})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	if speed, err := b.BaudRate(); err != nil || speed != 9600 {
		t.Fatalf("the port is set to %d, %v", speed, err)
	}
	var notices int
	for range 4 {
		must(t, b.Scan(goods)) // comes as one run of garbage that silence ends
		s := x.next()
		if s.Kind != scanner.Unreadable {
			t.Fatalf("garbage became %s", show(s))
		}
		if strings.Contains(s.Message, "speed wrong") {
			notices++
		}
	}
	if notices != 1 {
		t.Errorf("%d notices", notices)
	}
	x.state(link, true, "speed wrong")

	// The right speed on the same link: a new scanner, a clean message.
	must(t, b.Close())
	x.state(link, false, "unplugged")
	b = plug(t, link, board.Options{Baud: 9600})
	x.state(link, true, "")
	must(t, b.Scan(goods))
	if got := show(x.next()); got != "product "+goods {
		t.Errorf("%s", got)
	}
}

func TestBadFramesAreCountedPerConnection(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	bad := func() {
		t.Helper()
		must(t, b.Write([]byte("\xf8\r\x80\r")))
		for range 2 {
			if s := x.next(); s.Kind != scanner.Unreadable || strings.Contains(s.Message, "speed") {
				t.Errorf("%s: %s", s.Kind, s.Message)
			}
		}
	}
	bad()
	must(t, b.Replug())
	bad()
}

func TestSpeedNoticeGoesWithAGoodFrame(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	x := start(t, scanner.Config{Paths: []string{link}, Baud: 19200})
	x.state(link, true, "")
	must(t, b.Write([]byte("\xf8\r\x80\r"+goods+"\r\xf8\r\x80\r\xfe\r"))) // two bad, good, three bad
	x.state(link, true, "speed wrong")
	must(t, b.Scan(goods+"0"))
	if s := x.state(link, true, ""); s.Message != "" {
		t.Errorf("the notice stays: %+v", s)
	}
	if speed, err := b.BaudRate(); err != nil || speed != 19200 {
		t.Errorf("the port is set to %d, %v", speed, err)
	}
}

// TestLinkThatMovesIsFollowed: the old device never hangs up, but the name stands for another now.
// TestBytesFromBeforeTheStart: a code of unknown age must not look fresh.
// TestBytesOfASpareScanner: what lay in another device while the first was read is just as old.
func TestRunRefusesAWrongConfiguration(t *testing.T) {
	for name, config := range map[string]scanner.Config{
		"empty path":      {Paths: []string{""}},
		"broken pattern":  {Paths: []string{"/dev/serial/by-id/["}},
		"negative speed":  {Baud: -1},
		"negative window": {DoubleRead: -1},
		"negative memory": {CodeMemory: -1},
	} {
		if err := newTill(t, config).Run(context.Background()); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	deps := scanner.Deps{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if err := scanner.New(scanner.Config{}, deps).Run(context.Background()); err == nil {
		t.Error("ran without a key")
	}
	deps.Rand = brokenRand{}
	if err := scanner.New(scanner.Config{}, deps).Run(context.Background()); !errors.Is(err, errNoRand) {
		t.Errorf("ran without a key: %v", err)
	}
}

var errNoRand = errors.New("no randomness")

type brokenRand struct{}

func (brokenRand) Read([]byte) (int, error) { return 0, errNoRand }

// TestChildrenInheritNothing: the library leaves its descriptors open for child processes.
func TestLogNeverHoldsACode(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{})
	x := start(t, scanner.Config{Paths: []string{link}})
	x.state(link, true, "")
	must(t, b.Scan(wechat), b.Scan(wechat), b.Scan(wechat[:17]), b.Scan(wechat+alipay), b.Write([]byte(wechat+"\x00\r")), b.Scan(mark))
	var scans strings.Builder
	for {
		s := x.next()
		fmt.Fprintf(&scans, "%v %+v\n", s, s)
		if s.Kind == scanner.Link {
			break
		}
	}
	for _, where := range []string{x.log.String(), scans.String()} {
		if strings.Contains(where, wechat[4:12]) {
			t.Errorf("the code leaks:\n%s", where)
		}
	}
	if !strings.Contains(x.log.String(), "kind=payment") {
		t.Error("the log tells nothing of the scan")
	}
}

func TestZeroCodeForAllButPayments(t *testing.T) {
	x := newTill(t, scanner.Config{Paths: []string{"a"}})
	for _, text := range []string{wechat, wechat, goods, mark, "x"} {
		x.Take(0, text, x.clock.now())
	}
	for _, want := range []scanner.Kind{scanner.Payment, scanner.Duplicate, scanner.Product, scanner.Link, scanner.Unreadable} {
		s := x.next()
		if s.Kind != want || s.Code == (pay.Code{}) == (want == scanner.Payment) {
			t.Errorf("%s with code %v, want %s", s.Kind, s.Code, want)
		}
	}
}
