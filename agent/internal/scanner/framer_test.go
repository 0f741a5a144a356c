package scanner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cloudcashier/agent/internal/scanner"
)

const (
	wechat = "130061098828009406"
	alipay = "280612345678901234"
	goods  = "6901234567892"
)

// step is either bytes or silence.
type step struct {
	bytes string
	idle  time.Duration
}

func play(f *scanner.Framer, steps []step, size int) {
	for _, s := range steps {
		for chunk := range slices.Chunk([]byte(s.bytes), size) {
			f.Feed(chunk)
		}
		if s.idle > 0 {
			f.Idle(s.idle)
		}
	}
}

func TestFrames(t *testing.T) {
	type frames = []scanner.Frame
	sound := func(texts ...string) (out frames) {
		for _, text := range texts {
			out = append(out, scanner.Frame{Text: text})
		}
		return out
	}
	flawed := func(flaw string) scanner.Frame { return scanner.Frame{Flaw: flaw} }
	long := strings.Repeat("1", scanner.FrameMax)
	short, whole := scanner.ShortGap, scanner.LongGap
	for _, c := range []struct {
		name  string
		steps []step
		want  frames
	}{
		{"CR", []step{{wechat + "\r", 0}}, sound(wechat)},
		{"LF", []step{{wechat + "\n", 0}}, sound(wechat)},
		{"CRLF", []step{{wechat + "\r\n" + goods + "\r\n", 0}}, sound(wechat, goods)},
		{"TAB", []step{{wechat + "\t", 0}}, sound(wechat)},
		{"STX ETX", []step{{"\x02" + wechat + "\x03", 0}}, sound(wechat)},
		{"STX ETX CRLF", []step{{"\x02" + wechat + "\x03\r\n\x02" + goods + "\x03\r\n", 0}}, sound(wechat, goods)},
		{"STX CR", []step{{"\x02" + wechat + "\r", 0}}, sound(wechat)},
		{"glued", []step{{wechat + "\r" + alipay + "\r" + goods + "\r", 0}}, sound(wechat, alipay, goods)},
		{"empty frames", []step{{"\r\n\t\x03\x02\r\n", 0}, {"", whole}}, nil},
		{"AIM", []step{{"]C0" + wechat + "\r]E0" + goods + "\r", 0}},
			frames{{Text: wechat, AIM: "]C0"}, {Text: goods, AIM: "]E0"}}},
		{"AIM alone", []step{{"]Q1\r", 0}}, frames{{AIM: "]Q1"}}},
		{"no AIM", []step{{"]1\r]?x\r", 0}}, sound("]1", "]?x")},
		{"GS in GS1", []step{{"]C10101\x1d17\r", 0}}, frames{{Text: "0101\x1d17", AIM: "]C1"}}},
		{"GS elsewhere", []step{{"]C00101\x1d17\r", 0}}, frames{flawed("garbled")}},

		{"NUL", []step{{"1300610988\x0028009406\r" + goods + "\r", 0}}, frames{flawed("garbled"), {Text: goods}}},
		{"high byte", []step{{"\xb1" + wechat[1:] + "\r", 0}}, frames{flawed("garbled")}},
		{"DEL", []step{{wechat + "\x7f\r", 0}}, frames{flawed("garbled")}},
		{"control byte", []step{{"\x06" + wechat + "\r", 0}}, frames{flawed("garbled")}},
		{"STX inside", []step{{"13006\x021098828009406\r", 0}}, frames{flawed("garbled")}},
		{"only noise", []step{{"\x00\xf8\xfe", 0}, {"", whole}, {wechat + "\r", 0}}, frames{flawed("garbled"), {Text: wechat}}},

		{"longest", []step{{long + "\r", 0}}, sound(long)},
		{"too long", []step{{long + "1\r" + wechat + "\r", 0}}, frames{flawed("oversize"), {Text: wechat}}},
		{"far too long", []step{{strings.Repeat(long, 9) + "\r" + wechat + "\r", 0}}, frames{flawed("oversize"), {Text: wechat}}},
		{"too long without end", []step{{long + long, 0}, {"", whole}, {wechat + "\r", 0}}, frames{flawed("oversize"), {Text: wechat}}},

		{"no terminator, whole code", []step{{wechat, short}}, sound(wechat)},
		{"no terminator, twice", []step{{wechat, short}, {alipay, short}}, sound(wechat, alipay)},
		{"no terminator, before the gap", []step{{wechat, short - 1}}, nil},
		{"no terminator, product waits", []step{{goods, whole - 1}}, nil},
		{"no terminator, product", []step{{goods, whole}}, sound(goods)},
		{"no terminator, rare Alipay length waits", []step{{alipay[:16], whole - 1}}, nil},
		{"no terminator, rare Alipay length", []step{{alipay[:16], whole}}, sound(alipay[:16])},
		{"stalled before the end", []step{{wechat[:10], whole - 1}, {wechat[10:] + "\r", 0}}, sound(wechat)},
		{"stalled before CR", []step{{wechat, short}, {"\r", 0}, {alipay + "\r", 0}}, sound(wechat, alipay)},
		{"half a code, then silence", []step{{wechat[:10], whole}, {alipay + "\r", 0}}, sound(wechat[:10], alipay)},
		{"ends by CR, so silence cuts", []step{{goods + "\r" + alipay[:16], whole}}, frames{{Text: goods}, flawed("cut")}},
		{"ends by CR, so a short gap means nothing", []step{{goods + "\r" + wechat, short}, {"99\r", 0}}, sound(goods, wechat+"99")},
		{"ends by CR, CR lost behind a whole code", []step{{goods + "\r" + wechat, whole}}, sound(goods, wechat)},
		{"suffix switched off", []step{{goods + "\r" + goods, whole}, {goods, whole}}, frames{{Text: goods}, flawed("cut"), {Text: goods}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for size := 1; size <= 24; size++ {
				f := scanner.NewFramer()
				play(f, c.steps, size)
				if !slices.Equal(f.Frames, c.want) {
					t.Fatalf("in pieces of %d: %+v, want %+v", size, f.Frames, c.want)
				}
			}
		})
	}
}

func TestResetForgetsHalfAFrame(t *testing.T) {
	f := scanner.NewFramer()
	f.Feed([]byte(goods + "\r" + wechat[:9]))
	f.Reset()
	f.Feed([]byte(alipay))
	f.Idle(scanner.ShortGap) // the habit of ending by CR is forgotten too
	want := []scanner.Frame{{Text: goods}, {Text: alipay}}
	if !slices.Equal(f.Frames, want) {
		t.Errorf("%+v, want %+v", f.Frames, want)
	}
}

// reference frames a finished stream the slow way: cut at every terminator, judge each piece.
func reference(stream []byte) (out []scanner.Frame) {
	for {
		end := slices.IndexFunc(stream, func(b byte) bool { return strings.ContainsRune("\r\n\t\x03", rune(b)) })
		if end < 0 {
			return out
		}
		piece := stream[:end]
		stream = stream[end+1:]
		for len(piece) > 0 && piece[0] == 2 {
			piece = piece[1:]
		}
		if len(piece) == 0 {
			continue
		}
		out = append(out, judge(piece))
	}
}

func judge(piece []byte) scanner.Frame {
	aim := ""
	if len(piece) >= 3 && piece[0] == ']' &&
		strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", rune(piece[1])) &&
		strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", rune(piece[2])) {
		aim = string(piece[:3])
	}
	for i, b := range piece {
		switch {
		case i == scanner.FrameMax:
			return scanner.Frame{Flaw: "oversize"}
		case b == 0x1d && slices.Contains([]string{"]C1", "]Q3", "]d2", "]e0"}, aim) && i >= 3:
		case b < 0x20 || b > 0x7e:
			return scanner.Frame{Flaw: "garbled"}
		}
	}
	return scanner.Frame{AIM: aim, Text: string(piece[len(aim):])}
}

func FuzzFramer(f *testing.F) {
	for _, s := range []string{
		wechat + "\r\n" + goods + "\r", "\x02]Q1" + alipay + "\x03\r", "13\x0000\r", "]C1\x1d\r", "\x02\x02a\x02\r",
		strings.Repeat("7", scanner.FrameMax+2) + "\r", "%%NoRead\r", "\xf8\x00\xfe",
	} {
		f.Add([]byte(s), uint64(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, split uint64) {
		atOnce := scanner.NewFramer()
		atOnce.Feed(stream)
		pieces := scanner.NewFramer()
		for rest := stream; len(rest) > 0; { // each bit pattern of split is another way to cut
			n := min(len(rest), 1+int(split%7))
			split = split>>3 | split<<61
			pieces.Feed(rest[:n])
			rest = rest[n:]
		}
		if !slices.Equal(atOnce.Frames, pieces.Frames) {
			t.Errorf("frames depend on the split: %+v and %+v", atOnce.Frames, pieces.Frames)
		}
		if want := reference(stream); !slices.Equal(atOnce.Frames, want) {
			t.Errorf("%+v, want %+v", atOnce.Frames, want)
		}
		atOnce.Idle(scanner.LongGap)
		before := len(atOnce.Frames)
		atOnce.Idle(scanner.LongGap)
		if len(atOnce.Frames) != before {
			t.Error("silence closed a frame twice")
		}
		atOnce.Feed([]byte(wechat + "\r"))
		if last := atOnce.Frames[len(atOnce.Frames)-1]; last.Text != wechat {
			t.Errorf("after silence a clean code reads %+v", last)
		}
	})
}
