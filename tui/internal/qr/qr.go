// Package qr turns a text into the modules of a QR code.
//
// It refuses texts that fit no code, and to know how a module is drawn: package widget does that.
// Newcomers get one thing wrong: a code without its quiet border of light modules is read by nobody, so
// whoever draws one adds it.
package qr

import "rsc.io/qr"

// Code is a square of modules.
type Code struct{ code *qr.Code }

// Make encodes a text in the smallest code there is for it, with as much redundancy as finds room in that size;
// ok is false when the text is empty or too long.
func Make(text string) (c Code, ok bool) {
	if text == "" {
		return c, false
	}
	for _, level := range []qr.Level{qr.L, qr.M, qr.Q, qr.H} {
		code, err := qr.Encode(text, level)
		if err != nil || c.code != nil && code.Size > c.code.Size {
			break
		}
		c.code = code
	}
	return c, c.code != nil
}

// Size is the number of modules on a side.
func (c Code) Size() int { return c.code.Size }

// Dark reports a dark module; what lies outside is light.
func (c Code) Dark(x, y int) bool { return c.code.Black(x, y) }
