package escpos

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"github.com/boombuler/barcode/code128"
	"github.com/hajimehoshi/bitmapfont/v3"
	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"rsc.io/qr"
)

// Dots of the paper. The font has cells of 6 by 13 points, drawn at twice that: close to the 12 by 24
// dots of a printer's font A.
const (
	cellW, cellH = 12, 26
	glyphW       = 6
	glyphH       = 13
	ascent       = 11
	margin       = 24
	gap          = 4
)

// PNG draws a slip as it lies in the tray.
func (s Slip) PNG(w io.Writer, columns int) error {
	height := 2 * margin
	drawn := make([]image.Image, len(s))
	for i, e := range s {
		picture, err := e.draw(columns)
		if err != nil {
			return err
		}
		drawn[i] = picture
		height += picture.Bounds().Dy() + gap
	}
	paper := image.NewGray(image.Rect(0, 0, columns*cellW+2*margin, height))
	draw.Draw(paper, paper.Bounds(), image.White, image.Point{}, draw.Src)
	y := margin
	for i, picture := range drawn {
		b := picture.Bounds()
		x := margin
		switch free := columns*cellW - b.Dx(); s[i].Align {
		case Center:
			x += free / 2
		case Right:
			x += free
		}
		draw.Draw(paper, image.Rect(x, y, x+b.Dx(), y+b.Dy()), picture, b.Min, draw.Src)
		y += b.Dy() + gap
	}
	return png.Encode(w, paper)
}

func (e Element) draw(columns int) (image.Image, error) {
	switch e.Kind {
	case QR:
		return e.drawQR(columns)
	case Barcode:
		return e.drawBars(columns)
	}
	return e.drawLine(), nil
}

func blank(w, h int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	return out
}

// drawLine draws glyph by glyph, each blown up to its size.
func (e Element) drawLine() image.Image {
	high := 1
	for _, s := range e.Spans {
		high = max(high, s.H)
	}
	out := blank(max(e.columns(), 1)*cellW, high*cellH)
	x := 0
	for _, s := range e.Spans {
		for _, r := range s.Text {
			wide := width(string(r))
			glyph := blank(wide*glyphW, glyphH)
			pen := font.Drawer{Dst: glyph, Src: image.Black, Face: bitmapfont.FaceSCEA, Dot: fixed.P(0, ascent)}
			pen.DrawString(string(r))
			for py := range cellH * s.H {
				for px := range wide * cellW * s.W {
					c := glyph.GrayAt(px*glyphW/(cellW*s.W), py*glyphH/(cellH*s.H))
					out.SetGray(x+px, (high-s.H)*cellH+py, c)
				}
			}
			x += wide * cellW * s.W
		}
	}
	return out
}

var levels = map[byte]qr.Level{'0': qr.L, '1': qr.M, '2': qr.Q, '3': qr.H}

func (e Element) drawQR(columns int) (image.Image, error) {
	code, err := qr.Encode(e.Data, levels[e.Level])
	if err != nil {
		return nil, fmt.Errorf("draw QR: %w", err)
	}
	side := code.Size * e.Module
	if side > columns*cellW {
		return nil, fmt.Errorf("a QR of %d dots does not fit on %d", side, columns*cellW)
	}
	out := blank(side, side)
	for y := range side {
		for x := range side {
			if code.Black(x/e.Module, y/e.Module) {
				out.SetGray(x, y, color.Gray{})
			}
		}
	}
	return out, nil
}

func (e Element) drawBars(columns int) (image.Image, error) {
	code, err := code128.Encode(e.Data)
	if err != nil {
		return nil, fmt.Errorf("draw Code 128: %w", err)
	}
	w := code.Bounds().Dx() * e.Module
	if w > columns*cellW {
		return nil, fmt.Errorf("a barcode of %d dots does not fit on %d", w, columns*cellW)
	}
	high := e.Height
	var text image.Image
	if e.Digits {
		text = Element{Spans: []Span{{Text: e.Data, W: 1, H: 1}}}.drawLine()
		high += cellH
	}
	out := blank(w, high)
	for x := range w {
		if black, _, _, _ := code.At(x/e.Module, 0).RGBA(); black == 0 {
			for y := range e.Height {
				out.SetGray(x, y, color.Gray{})
			}
		}
	}
	if text != nil {
		at := image.Pt(max((w-text.Bounds().Dx())/2, 0), e.Height)
		draw.Draw(out, text.Bounds().Add(at), text, image.Point{}, draw.Src)
	}
	return out, nil
}
