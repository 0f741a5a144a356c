package escpos_test

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/makiuchi-d/gozxing/qrcode"

	"cloudcashier/firmware-sim/escpos"
)

func feed(m *escpos.Machine, raw string) (replies []byte) {
	for i := range len(raw) {
		replies = append(replies, m.Put(raw[i])...)
	}
	return replies
}

func picture(t *testing.T, s escpos.Slip, columns int) image.Image {
	t.Helper()
	var out bytes.Buffer
	if err := s.PNG(&out, columns); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&out)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// gb are characters in GB18030, by hand: the machine must not agree with the agent's own encoder only.
const gb = "\xa3\xa4" + // the wide yen sign
	"\xca\xd5\xbf\xee" // 收款

func TestText(t *testing.T) {
	m := escpos.New(32)
	feed(m, "\x1b@\x1ba\x01"+gb+"\n\x1ba\x02\x1d!\x1112\x1d!\x00\n\x1ba\x00\x1cW\x01\xb8\xb6\x1cW\x00x\n\x1bd\x02\x1dV\x00")
	if len(m.Complaints) != 0 || len(m.Slips) != 1 {
		t.Fatalf("%q", m.Complaints)
	}
	want := "             ￥收款\n                            12\n付x\n\n\n"
	if got := m.Slips[0].Text(32); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	img := picture(t, m.Slips[0], 32)
	if x := img.Bounds().Dx(); x != 32*12+48 {
		t.Errorf("%d dots wide", x)
	}
}

// TestGlyphs: every character that receipts need is drawn, and as itself.
func TestGlyphs(t *testing.T) {
	drawn := map[string]string{}
	for _, r := range "￥已付款收到账微信支宝云闪现金合计时间门店终端小票号重打流水订单储值0123456789.ABCabc" {
		img := picture(t, escpos.Slip{{Spans: []escpos.Span{{Text: string(r), W: 1, H: 1}}}}, 16)
		var dots strings.Builder
		black := 0
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
			for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
				if v, _, _, _ := img.At(x, y).RGBA(); v == 0 {
					black++
					dots.WriteByte('#')
				} else {
					dots.WriteByte(' ')
				}
			}
		}
		if black == 0 {
			t.Errorf("%c is blank", r)
		}
		if other := drawn[dots.String()]; other != "" {
			t.Errorf("%c looks like %s: the font does not have it", r, other)
		}
		drawn[dots.String()] = string(r)
	}
}

func TestCodes(t *testing.T) {
	m := escpos.New(48)
	feed(m, "\x1d(k\x04\x001A2\x00\x1d(k\x03\x001C\x06\x1d(k\x03\x001E1\x1d(k\x09\x001P0sale_1\x1d(k\x03\x001Q0\n\n\x1dh\x40\x1dw\x02\x1dH\x02\x1dk\x49\x06{C\x00\x00\x00\x0c\n\x1dVB\x00")
	if len(m.Complaints) != 0 {
		t.Fatalf("%q", m.Complaints)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture(t, m.Slips[0], 48))
	if err != nil {
		t.Fatal(err)
	}
	if code, err := qrcode.NewQRCodeReader().Decode(bitmap, nil); err != nil || code.GetText() != "sale_1" {
		t.Errorf("%v, %v", code, err)
	}
	if bars, err := oned.NewCode128Reader().Decode(bitmap, nil); err != nil || bars.GetText() != "00000012" {
		t.Errorf("%v, %v", bars, err)
	}
}

func TestStrictness(t *testing.T) {
	for name, raw := range map[string]string{
		"unknown command":   "\x1bZ",
		"four bytes":        "\x81\x30\x84\x36",
		"half a character":  "\xca ",
		"too wide":          strings.Repeat("x", 33) + "\n",
		"other barcode":     "\x1dk\x45\x0212",
		"unknown QR step":   "\x1d(k\x03\x001Z0",
		"nothing to print":  "\x1d(k\x03\x001Q0",
		"unknown extension": "\x1d(Z\x01\x00x",
		"control byte":      "\x07",
	} {
		m := escpos.New(32)
		feed(m, raw)
		if len(m.Complaints) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}

// TestALostByteSwallows what follows, until zeros have filled what the command waits for.
func TestALostByteSwallows(t *testing.T) {
	m := escpos.New(32)
	feed(m, "\x1d(k\x30\x001P0") // 45 bytes of a QR are missing
	if reply := feed(m, "\x1d(H\x06\x0000abcd"); len(reply) != 0 {
		t.Errorf("answered %q out of the middle of a QR", reply)
	}
	if reply := feed(m, strings.Repeat("\x00", 64)+"\x1b@\x1d(H\x06\x0000abcd"); string(reply) != "7\"abcd\x00" {
		t.Errorf("%q", reply)
	}
	feed(m, "half a li")
	m.PowerCut()
	feed(m, "ne\n")
	if got := m.Current().Text(32); got != "ne\n" {
		t.Errorf("%q", got)
	}
}
