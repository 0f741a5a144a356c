package console_test

import (
	"fmt"
	"image"
	"image/color"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/widget"
	"cloudcashier/tui/internal/words"
)

// The colours a cell may have, as a camera sees them.
const (
	black = 0
	grey  = 170 // the terminal's own light
	white = 255
)

// photograph is the screen as a camera sees it: every cell eight dots wide and sixteen high, on a dark terminal. Letters
// are left out.
func photograph(view string, w, h int) image.Image {
	const cell = 8
	img := image.NewGray(image.Rect(0, 0, w*cell, h*2*cell))
	half := func(x, y int, c uint8) {
		for dx := range cell {
			for dy := range cell {
				img.SetGray(x*cell+dx, y*cell+dy, color.Gray{Y: c})
			}
		}
	}
	for y, line := range strings.Split(view, "\n") {
		x, ink, ground, reverse := 0, uint8(grey), uint8(black), false
		for line != "" {
			if strings.HasPrefix(line, "\x1b[") {
				end := strings.IndexByte(line, 'm')
				for _, word := range strings.Split(line[2:end], ";") {
					switch n, _ := strconv.Atoi(word); n {
					case 0:
						ink, ground, reverse = grey, black, false
					case 7:
						reverse = true
					case 30:
						ink = black
					case 40:
						ground = black
					case 107:
						ground = white
					}
				}
				line = line[end+1:]
				continue
			}
			r := []rune(line)[0]
			line = line[len(string(r)):]
			on, off := ink, ground
			if reverse {
				on, off = off, on
			}
			above, below := off, off
			if r == '█' || r == '▀' {
				above = on
			}
			if r == '█' || r == '▄' {
				below = on
			}
			for range ansi.StringWidth(string(r)) {
				half(x, 2*y, above)
				half(x, 2*y+1, below)
				x++
			}
		}
	}
	return img
}

// read is the customer's phone.
func read(t *testing.T, view string, w, h int) string {
	t.Helper()
	bits, err := gozxing.NewBinaryBitmapFromImage(photograph(view, w, h))
	if err != nil {
		t.Fatal(err)
	}
	got, err := qrcode.NewQRCodeReader().Decode(bits, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		return err.Error()
	}
	return got.GetText()
}

// TestAPhoneReadsTheCode: in every size of window that a code fits in, on every kind of terminal, in both languages.
func TestAPhoneReadsTheCode(t *testing.T) {
	texts := map[string][][2]int{
		wechatQR: {{40, 20}, {60, 22}, {80, 24}, {100, 30}, {160, 50}, {250, 80}},
		"https://qr.alipay.com/bax03431ljhokirwl38f00a7":           {{40, 20}, {80, 24}, {160, 50}},
		"https://qr.95516.com/00010001/62012345678901234567890123": {{40, 24}, {80, 24}, {160, 50}},
		"https://qr.example.com/" + strings.Repeat("0a", 244):      {{160, 50}},
	}
	for text, sizes := range texts {
		for name, theme := range map[string]widget.Theme{"plain": {}, "attributes": {Attr: true}, "colours": {Attr: true, Colour: true}} {
			for _, lang := range []words.Lang{words.ZH, words.EN} {
				t.Run(fmt.Sprintf("%d/%s/%s", len(text), name, lang), func(t *testing.T) {
					playOn(t, lang, theme, history, func(r *rig) {
						showing(r, text)
						for _, size := range sizes {
							r.send(console.Resize(size[0], size[1]))
							if got := read(t, r.m.View(), size[0], size[1]); got != text {
								t.Errorf("%dx%d: a phone reads %q:\n%s", size[0], size[1], got, r.view())
							}
							r.sees("12.80", "02:00", "Esc ")
						}
					})
				})
			}
		}
	}
}

// TestNoCodeIsLeftOnTheScreen: over, hidden, stopped, paid, or with the agent away there is nothing to scan.
func TestNoCodeIsLeftOnTheScreen(t *testing.T) {
	for name, end := range map[string]func(r *rig){
		"over":    func(r *rig) { r.pass(2*time.Minute + time.Second) },
		"hidden":  func(r *rig) { r.sale("sale_1", func(s *localapi.Sale) { s.QR, s.QRUntil = "", nil }) },
		"unknown": func(r *rig) { r.state("sale_1", localapi.StateUnknown, "unknown") },
		"stopped": func(r *rig) { r.state("sale_1", localapi.StateCancelling, "cancelling") },
		"paid":    func(r *rig) { r.state("sale_1", localapi.StatePaid, "") },
		"away":    func(r *rig) { r.agent.gone = true; r.pass(6 * time.Second) },
		"asked":   func(r *rig) { r.keys("esc") },
		"sales":   func(r *rig) { r.keys("f3") },
	} {
		t.Run(name, func(t *testing.T) {
			playOn(t, words.EN, widget.Theme{Attr: true, Colour: true}, nil, func(r *rig) {
				showing(r, wechatQR)
				end(r)
				for _, size := range [][2]int{{40, 20}, {160, 50}} {
					r.send(console.Resize(size[0], size[1]))
					if got := read(t, r.m.View(), size[0], size[1]); got == wechatQR {
						t.Errorf("%dx%d: the code is still there:\n%s", size[0], size[1], r.view())
					}
				}
			})
		})
	}
}

// TestShowACode: from the amount to the money, in two keys.
func TestShowACode(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("12.8")
		r.keys("f4")
		r.sees("Show a code for ¥12.80", "w     WeChat", "a     Alipay")
		r.wedge(wechatCode) // a scanner's signs choose nothing
		r.sees("Show a code for ¥12.80")
		r.keys("a")
		r.asked("new 1280 ORDER0000001 code=false qr alipay")
		r.sees("Asking for the code")
		r.sale("sale_1", func(s *localapi.Sale) {
			until := time.Now().Add(90 * time.Second)
			s.State, s.QR, s.QRUntil = localapi.StateShown, wechatQR, &until
		})
		r.sees("SCAN TO PAY ¥12.80  01:30  Alipay")
		r.pass(30 * time.Second)
		r.sees("¥12.80  01:0")
		r.keys("f6", "7")
		r.sees("Esc stops it", "¥12.80  01:0")
		r.state("sale_1", localapi.StatePaid, "")
		r.sees("✓ PAID")
	})
}

// TestShowACodeForASaleThatWaits: the same sale, and it is stopped like any.
func TestShowACodeForASaleThatWaits(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.amount("12.8")
		r.keys("enter", "f4", "w")
		r.asked("new 1280 ORDER0000001 code=false", "new 1280 ORDER0000001 code=false qr wechat")
		r.sees("Asking for the code")
		showingNow(r)
		r.keys("esc")
		r.sees("Stop the sale of ¥12.80?")
		r.keys("y")
		r.sees("BEING UNDONE, UNKNOWN")
		r.state("sale_1", localapi.StateReversed, "reversed")
		r.sees("✗ NOT PAID")
	})
}

func showingNow(r *rig) {
	r.sale("sale_1", func(s *localapi.Sale) {
		until := time.Now().Add(90 * time.Second)
		s.State, s.QR, s.QRUntil = localapi.StateShown, wechatQR, &until
	})
}

// TestATypedCodeBesideAShownOne: the agent stops ours, and the sale that charges the scanned one takes its place.
func TestATypedCodeBesideAShownOne(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		showing(r, wechatQR)
		r.wedge(wechatCode)
		r.asked("new 1280 ORDER0000001 code=false qr wechat", "new 1280 ORDER0000001 code=true")
		r.sees("BEING UNDONE, UNKNOWN", "charged only if that was not paid")
		r.lacks(wechatCode)
		r.agent.mu.Lock()
		heir := r.agent.list[0]
		now := time.Now()
		heir.ID, heir.Mode, heir.State, heir.CreatedAt, heir.ScannedAt = "sale_2", "", localapi.StateSending, now, &now
		r.agent.list = append(r.agent.list, heir)
		r.agent.mu.Unlock()
		r.state("sale_1", localapi.StateReversed, "reversed")
		r.state("sale_2", localapi.StateAccepted, "")
		r.sees("Accepted, asking the wallet")
		r.lacks("not settled,", "An earlier sale")
		r.state("sale_2", localapi.StatePaid, "")
		r.sees("✓ PAID")
	})
}

// TestNoCodeWithoutALink: the cashier is told at once, and the amount stays for cash.
func TestNoCodeWithoutALink(t *testing.T) {
	play(t, words.EN, offline, func(r *rig) {
		r.amount("12.8")
		r.keys("f4")
		r.sees("no code can be shown", "AMOUNT (yuan)")
		r.asked()
		r.keys("enter")
		r.asked("new 1280 ORDER0000001 code=false")
	})
	play(t, words.EN, nil, func(r *rig) { // the agent knows it first
		r.agent.refuse = fault.New(fault.Conflict, "sale.qr_offline", "No connection to the hub.")
		r.amount("12.8")
		r.keys("f4", "w")
		r.sees("no code can be shown", "AMOUNT (yuan)")
		r.agent.refuse = nil
		r.keys("enter") // and Enter is a sale by the customer's code again
		r.asked("new 1280 ORDER0000001 code=false qr wechat", "new 1280 ORDER0000002 code=false")
	})
}

// TestALostAnswerToAWish: the same order number asks again for the same code.
func TestALostAnswerToAWish(t *testing.T) {
	play(t, words.EN, nil, func(r *rig) {
		r.agent.lose = errLost
		r.amount("12.8")
		r.keys("f4", "w")
		r.pass(6 * time.Second) // the next look finds it
		r.sees("Asking for the code")
		r.asked("new 1280 ORDER0000001 code=false qr wechat")
	})
}
