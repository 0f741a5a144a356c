package receipt

import (
	"slices"
	"strings"

	"cloudcashier/shared/fault"
)

// The commands we use (ESC/POS). Each is in the field's common part; what no handbook confirms for
// every make is said where it is used.
var (
	reset       = []byte{0x1b, '@'}
	chinese     = []byte{0x1c, '&'}
	left        = []byte{0x1b, 'a', 0}
	center      = []byte{0x1b, 'a', 1}
	sizeNormal  = []byte{0x1d, '!', 0x00, 0x1c, 'W', 0} // the second half is for makes whose Chinese does not follow the first
	sizeDouble  = []byte{0x1d, '!', 0x11, 0x1c, 'W', 1}
	cut         = []byte{0x1d, 'V', 66, 0} // feeds to the knife, leaves a bridge
	feed        = []byte{0x1b, 'd', 1}
	qrModel     = []byte{0x1d, '(', 'k', 4, 0, '1', 'A', '2', 0}
	qrModule    = []byte{0x1d, '(', 'k', 3, 0, '1', 'C', 6}
	qrLevel     = []byte{0x1d, '(', 'k', 3, 0, '1', 'E', '1'} // M
	qrPrint     = []byte{0x1d, '(', 'k', 3, 0, '1', 'Q', '0'}
	barHeight   = []byte{0x1d, 'h', 64}
	barWidth    = []byte{0x1d, 'w', 2}
	barText     = []byte{0x1d, 'H', 2} // its digits below
	drawerPulse = []byte{0x1b, 'p', 0, 25, 250}
	// drawerNow works while the printer has stopped for paper or cover (UNVERIFIED on makes other than Epson).
	drawerNow = []byte{0x10, 0x14, 1, 0, 1}
)

// Bytes is the whole slip, from a reset to the cut.
func (d Doc) Bytes(columns int) ([]byte, error) {
	out := slices.Concat(reset, chinese)
	for _, item := range d {
		switch item.Kind {
		case QR:
			n := len(item.Left) + 3
			if n > CommandMax-5 || strings.Trim(item.Left, printable) != "" {
				return nil, fault.New(fault.Invalid, "receipt.qr", "a receipt's QR holds up to %d plain characters", CommandMax-8)
			}
			out = slices.Concat(out, center, qrModel, qrModule, qrLevel, []byte{0x1d, '(', 'k', byte(n), byte(n >> 8), '1', 'P', '0'},
				[]byte(item.Left), qrPrint, feed)
		case Barcode:
			if len(item.Left)%2 == 1 || len(item.Left) > 20 || strings.Trim(item.Left, "0123456789") != "" {
				return nil, fault.New(fault.Invalid, "receipt.barcode", "a receipt's barcode is an even number of digits, 20 at most")
			}
			data := []byte("{C")
			for i := 0; i < len(item.Left); i += 2 {
				data = append(data, (item.Left[i]-'0')*10+item.Left[i+1]-'0')
			}
			out = slices.Concat(out, center, barHeight, barWidth, barText, []byte{0x1d, 'k', 73, byte(len(data))}, data, feed)
		default:
			for _, r := range item.rows(columns) {
				out = append(out, r.bytes()...)
			}
		}
	}
	return slices.Concat(out, left, cut), nil
}

const printable = " -./:0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

func (r row) bytes() []byte {
	align, size, normal := left, []byte(nil), []byte(nil)
	if r.center {
		align = center
	}
	if r.big {
		size, normal = sizeDouble, sizeNormal
	}
	return slices.Concat(align, size, r.text, []byte("\n"), normal)
}

// Wake brings a printer of unknown state into step: zeros, which are ignored, for a command that waits
// for the rest of what it never got, then a reset.
func Wake() []byte { return slices.Concat(make([]byte, 2*CommandMax), reset, chinese) }

// Apart ends what may be half printed, so that the slip after it begins on a piece of its own.
func Apart() []byte { return slices.Concat([]byte("\n"), cut) }

// Drawer opens the cash drawer when the printer comes to it; DrawerNow also while it has stopped.
func Drawer() []byte    { return slices.Clone(drawerPulse) }
func DrawerNow() []byte { return slices.Clone(drawerNow) }
