package scanner_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloudcashier/agent/internal/scanner"
	"cloudcashier/firmware-sim/board"
	"cloudcashier/shared/fault"
)

func TestParseSpec(t *testing.T) {
	for text, want := range map[string]scanner.Spec{
		"/dev/ttyUSB0":                                {Path: "/dev/ttyUSB0", Profile: "generic"},
		"/dev/serial/by-id/*,odd":                     {Path: "/dev/serial/by-id/*,odd", Profile: "generic"},
		"/dev/x,profile=ssi":                          {Path: "/dev/x", Profile: "ssi"},
		"/dev/x,baud=auto":                            {Path: "/dev/x", Profile: "generic", Baud: scanner.AutoBaud},
		"/dev/a,b,profile=honeywell,baud=115200":      {Path: "/dev/a,b", Profile: "honeywell", Baud: 115200},
		"/dev/serial/by-path/*,baud=9600,profile=box": {Path: "/dev/serial/by-path/*", Profile: "box", Baud: 9600},
	} {
		if got, err := scanner.ParseSpec(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"/dev/x,profile=laser", "/dev/x,baud=fast", "/dev/x,baud=-1", "/dev/x,baud=9600,beep=on", "/dev/x,profile="} {
		if _, err := scanner.ParseSpec(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", text, err)
		}
		if err := newTill(t, scanner.Config{Paths: []string{text}}).Run(t.Context()); fault.KindOf(err) != fault.Invalid {
			t.Errorf("ran with %s: %v", text, err)
		}
	}
}

// heard waits until the pretended scanner has been told something.
func heard(t *testing.T, b *board.Scanner, what string, wanted func(board.State) bool) {
	t.Helper()
	if !b.Heard(wanted, patience) {
		t.Fatalf("never %s: %+v", what, b.State())
	}
}

// TestPacketsArriveOverABadLine: every packet with a wrong checksum is asked for again, and a code that comes twice
// because our word was lost is one scan.
func TestPacketsArriveOverABadLine(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "scanner0")
	b := plug(t, link, board.Options{Dialect: board.SSI, BadSum: 200, Seed: 11})
	x := start(t, scanner.Config{Paths: []string{link + ",profile=ssi"}})
	x.state(link, true, "")
	var want []string
	for i := range 10 {
		code := fmt.Sprintf("13006109882800%04d", i)
		if err := b.Scan(code); err != nil {
			t.Fatalf("%d: %v: %+v", i, err, b.State())
		}
		want = append(want, "payment "+code)
	}
	must(t, b.Scan(emv), b.Scan(mark))
	want = append(want, "payment "+emv)
	if got := x.untilMark(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	commands := b.State().Commands
	if !slices.Contains(commands, "nak") || !slices.Contains(commands, "ack") {
		t.Errorf("the line was not bad: %q", commands)
	}
}

func TestARepeatedPacketIsOneScan(t *testing.T) {
	f := scanner.NewPackets()
	first := scanner.DecodePacket(0, 0x03, wechat)
	f.Feed(first)
	f.Feed(scanner.DecodePacket(1, 0x03, wechat))
	if len(f.Frames) != 2 || f.Frames[0].Again || !f.Frames[1].Again || f.Frames[1].Text != wechat || f.Frames[0].AIM != "]C0" {
		t.Fatalf("%+v", f.Frames)
	}
	if ack := string(scanner.SSIPacket(0xd0)); len(f.Answers) != 2 || string(f.Answers[0]) != ack || string(f.Answers[1]) != ack {
		t.Errorf("answered with % x", f.Answers)
	}
	f.Feed(slices.Concat(scanner.DecodePacket(2, 0x1c, emv[:90]), scanner.DecodePacket(0, 0x1c, emv[90:]))) // more than one packet holds
	if last := f.Frames[len(f.Frames)-1]; len(f.Frames) != 3 || last.Text != emv || last.AIM != "]Q1" {
		t.Errorf("%+v", last)
	}
	x := newTill(t, scanner.Config{Paths: []string{"a"}})
	x.Take(0, wechat, x.clock.now())
	x.TakeAgain(0, wechat, x.clock.now())
	x.Take(0, mark, x.clock.now())
	if got := x.untilMark(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestThePacketsOfTheHandbook(t *testing.T) {
	if got := fmt.Sprintf("% X", scanner.SSIPacket(0xd0)); got != "04 D0 04 00 FF 28" {
		t.Errorf("ACK is %s", got)
	}
	if got := fmt.Sprintf("% X", scanner.SSIPacket(0xe4)); got != "04 E4 04 00 FF 14" {
		t.Errorf("START is %s", got)
	}
}

func TestTheHostTriggers(t *testing.T) {
	t.Parallel()
	for _, d := range []board.Dialect{board.Honeywell, board.SSI, board.Newland, board.Box} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "scanner0")
			b := plug(t, link, board.Options{Dialect: d, HostTrigger: true})
			x := start(t, scanner.Config{Paths: []string{link + ",profile=" + string(d)}})
			x.state(link, true, "")
			if err := b.Scan(wechat); fault.CodeOf(err) != "board.dark" {
				t.Fatalf("it reads without a sale: %v", err)
			}
			x.Want(true)
			lit := func(s board.State) bool { return s.Lit }
			heard(t, b, "triggered", lit)
			must(t, b.Scan(wechat))
			if got := show(x.next()); got != "payment "+wechat {
				t.Errorf("%s", got)
			}
			x.clock.advance(scanner.Retrigger) // the sale still waits, and a trigger is good for one reading
			heard(t, b, "triggered again", lit)
			x.Want(false)
			heard(t, b, "stopped", func(s board.State) bool { return !s.Lit })
			x.Want(true)
			heard(t, b, "triggered for the next sale", lit)
			must(t, b.Replug()) // has forgotten it
			heard(t, b, "triggered after a replug", lit)
		})
	}
}

func TestBeepsTellWhatBecameOfAScan(t *testing.T) {
	t.Parallel()
	for d, can := range map[board.Dialect]bool{board.Honeywell: true, board.SSI: true, board.Datalogic: true, board.Newland: false, board.Box: false, "generic": false} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "scanner0")
			dialect := d
			if d == "generic" {
				dialect = board.Deaf
			}
			b := plug(t, link, board.Options{Dialect: dialect})
			x := start(t, scanner.Config{Paths: []string{link + ",profile=" + string(d)}})
			x.state(link, true, "")
			must(t, b.Scan(wechat))
			x.Beep(x.next(), true)
			if can {
				heard(t, b, "good", func(s board.State) bool { return s.Good == 1 && s.Bad == 0 })
			}
			must(t, b.Scan(goods))
			x.Beep(x.next(), false)
			if can {
				heard(t, b, "bad", func(s board.State) bool { return s.Bad == 1 })
			}
			if !can && b.Heard(func(s board.State) bool { return len(s.Commands) > 0 }, 300*time.Millisecond) {
				t.Errorf("it was told %q, which it does not know", b.State().Commands)
			}
		})
	}
}

// TestAStuckTrigger: one notice, the scanner switched off where that can be, and all is well when it stops.
func TestAStuckTrigger(t *testing.T) {
	t.Parallel()
	for _, d := range []board.Dialect{board.Datalogic, board.Deaf} {
		t.Run("dialect "+string(d), func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "scanner0")
			path := link
			if d != board.Deaf {
				path += ",profile=" + string(d)
			}
			b := plug(t, link, board.Options{Dialect: d})
			x := start(t, scanner.Config{Paths: []string{path}})
			x.state(link, true, "")
			stuck := 0
			for range 6 {
				if err := b.Scan(goods); fault.CodeOf(err) == "board.off" {
					break
				}
				if kind := x.next().Kind; kind == scanner.Stuck {
					stuck++
					break
				}
				x.clock.advance(900 * time.Millisecond) // more than a double read, less than a cashier takes
			}
			if d == board.Deaf {
				must(t, b.Scan(goods), b.Scan(goods)) // goes on
			}
			if s := x.state(link, true, "stuck"); !s.Stuck {
				t.Errorf("%+v", s)
			}
			if d == board.Datalogic {
				heard(t, b, "switched off", func(s board.State) bool { return s.Off })
			}
			if s := x.state(link, true, ""); s.Message != "" || s.Stuck {
				t.Errorf("%+v", s)
			}
			if b.State().Off {
				t.Error("it is still off")
			}
			must(t, b.Scan(mark))
			if got := x.untilMark(); stuck != 1 || len(got) != 0 {
				t.Errorf("%d notices, and then %q", stuck, got)
			}
		})
	}
}

// TestTheSpeedIsFound: three codes are lost, and one more for each speed in between.
func TestTheSpeedIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ baud, lost int }{{9600, 0}, {115200, 3}, {19200, 4}, {38400, 5}} {
		t.Run(fmt.Sprint(c.baud), func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "scanner0")
			b := plug(t, link, board.Options{Baud: c.baud})
			x := start(t, scanner.Config{Paths: []string{link + ",baud=auto"}})
			x.state(link, true, "")
			for i := range c.lost {
				must(t, b.Scan(wechat))
				if s := x.next(); s.Kind != scanner.Unreadable {
					t.Fatalf("garbage became %s", show(s))
				}
				if i >= 2 { // the next speed is set before another code comes
					x.until(func(s scanner.State) bool { return s.SpeedWrong && strings.Contains(s.Message, fmt.Sprint(s.Baud)) })
				}
			}
			must(t, b.Scan(wechat))
			if got := show(x.next()); got != "payment "+wechat {
				t.Fatalf("%s at %+v", got, x.States())
			}
			if s := x.States()[0]; s.Baud != c.baud || s.SpeedWrong || s.Message != "" {
				t.Errorf("%+v", s)
			}
			must(t, b.Scan(goods)) // and kept
			if got := show(x.next()); got != "product "+goods {
				t.Error(got)
			}
		})
	}
}

func TestTwoScannersAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const each = 25
	var paths []string
	var guns []*board.Scanner
	for i, opts := range []board.Options{{Suffix: board.CRLF, Split: 5, SplitPause: time.Millisecond}, {Dialect: board.SSI}} {
		paths = append(paths, filepath.Join(dir, fmt.Sprint("scanner", i)))
		guns = append(guns, plug(t, paths[i], opts))
	}
	x := start(t, scanner.Config{Paths: []string{paths[0], paths[1] + ",profile=ssi"}})
	x.until(func(scanner.State) bool { s := x.States(); return s[0].Connected && s[1].Connected })
	var sending sync.WaitGroup
	for g, gun := range guns {
		sending.Go(func() {
			for i := range each {
				if err := gun.Scan(fmt.Sprintf("1300610988280%d%04d", g, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[string]string{}
	for range 2 * each {
		s := x.next()
		if s.Kind != scanner.Payment || seen[s.Code.Reveal()] != "" {
			t.Fatalf("%s came from %s and %s", show(s), s.Scanner, seen[show(s)])
		}
		seen[s.Code.Reveal()] = s.Scanner
	}
	sending.Wait()
	for code, from := range seen {
		if from != paths[code[13]-'0'] {
			t.Errorf("%s came from %s", code, from)
		}
	}
	select {
	case s := <-x.Scans():
		t.Errorf("one too many: %s", show(s))
	default:
	}
}

// TestALongDay: a hundred thousand scans leave nothing behind.
func TestALongDay(t *testing.T) {
	x := newTill(t, scanner.Config{Paths: []string{"a"}})
	f := scanner.NewFramer()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	day := func(scans int) {
		for i := range scans {
			f.Frames = f.Frames[:0]
			f.Feed(fmt.Appendf(nil, "1300610988%08d\r\n", i))
			x.Take(0, f.Frames[0].Text, x.clock.now())
			<-x.Scans()
			x.clock.advance(time.Second)
		}
	}
	day(1000)
	x.log.reset()
	before := heap()
	for range 10 {
		day(10_000)
		x.log.reset()
	}
	if after := heap(); after > before+(1<<20) {
		t.Errorf("%d bytes of heap before, %d after", before, after)
	}
	if n := x.Sightings(); n > scanner.SightingsMax {
		t.Errorf("%d sightings", n)
	}
}

func TestTwoHundredReplugs(t *testing.T) {
	link := filepath.Join(t.TempDir(), "by-id", "usb-Maker_Gun_0001-if00")
	b := plug(t, link, board.Options{})
	x := newTill(t, scanner.Config{Paths: []string{link}})
	x.FastLook()
	run(t, x)
	x.state(link, true, "")
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(list)
	}
	before := open()
	for i := range 200 {
		must(t, b.Replug())
		x.state(link, false, "")
		x.state(link, true, "")
		if i%50 == 0 {
			must(t, b.Scan(fmt.Sprintf("13006109882800%04d", i)))
			if s := x.next(); s.Kind != scanner.Payment {
				t.Fatalf("after %d replugs: %s", i, show(s))
			}
		}
	}
	if after := open(); after > before {
		t.Errorf("%d files open before, %d after", before, after)
	}
}

func FuzzPackets(f *testing.F) {
	f.Add(scanner.DecodePacket(0, 0x03, wechat), uint64(3))
	f.Add(append(scanner.DecodePacket(2, 0x1c, "hQVDUFYwMWET"), scanner.DecodePacket(0, 0x1c, "TwegAAAAVVVV")...), uint64(9))
	f.Add([]byte("\x00\xf8\xfe\x80"), uint64(1))
	f.Add(scanner.SSIPacket(0xd0), uint64(1))
	f.Fuzz(func(t *testing.T, stream []byte, split uint64) {
		p := scanner.NewPackets()
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), 1+int(split%7))
			split = split>>3 | split<<61
			p.Feed(rest[:n])
			rest = rest[n:]
		}
		for _, got := range p.Frames {
			if got.Flaw != "" && got.Text != "" {
				t.Errorf("a flawed frame tells %q", got.Text)
			}
			if strings.ContainsAny(got.Text, "\x00\r\n") {
				t.Errorf("%q is a text", got.Text)
			}
		}
		p.Idle(scanner.LongGap)
		p.Idle(scanner.LongGap)
		p.Feed(scanner.DecodePacket(0, 0x03, wechat))
		if last := p.Frames[len(p.Frames)-1]; last.Text != wechat || last.Flaw != "" {
			t.Errorf("after silence a clean packet reads %+v", last)
		}
	})
}

// FuzzEMV: a code that is taken for whole is no longer whole with one character less, or with more behind it.
func FuzzEMV(f *testing.F) {
	f.Add(emv)
	f.Add("hQVDUFYwMWEHTwWgAAAAAQ==")
	f.Add("hQVDUFYwMQ")
	f.Add("hQVDUFYwMWGB")
	f.Fuzz(func(t *testing.T, text string) {
		if scanner.Classify("", text).Kind != scanner.Payment || !strings.HasPrefix(text, "hQVDUFYwM") {
			return
		}
		bare := strings.TrimRight(text, "= ")
		for _, worse := range []string{bare[:len(bare)-1], bare[:len(bare)-4], bare + "AAAA"} {
			if got := scanner.Classify("", worse); got.Kind == scanner.Payment {
				t.Errorf("%q is whole, and so is %q", text, worse)
			}
		}
	})
}
