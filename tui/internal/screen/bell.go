package screen

import "cloudcashier/shared/pay"

// How often the terminal's bell rings: a bell has one tone, so that counting is all it can say.
const (
	ringPaid    = 1
	ringRefusal = 2 // a scan or a key that was not used, and a sale that is not paid
	ringUnknown = 3
)

// Ring has the bell rung so often once this message is handled.
func (d *Desk) Ring(times int) { d.rings = max(d.rings, times) }

// TakeRing gives what is to be rung, and forgets it.
func (d *Desk) TakeRing() (times int) {
	times, d.rings = d.rings, 0
	return times
}

// Tone is how often the bell rings for what the screen shows.
func (t *Till) Tone() int {
	switch t.face() {
	case facePaid, faceDeferred:
		return ringPaid
	case faceNotPaid:
		return ringRefusal
	case faceUnknown, faceUnsure:
		if s, ok := t.d.Book.Sale(t.sale); ok && s.State.Outcome() != pay.Unknown {
			return 0
		}
		return ringUnknown
	}
	return 0
}

// Loaded reports that the screen has seen the agent's list: what it shows before is no news.
func (t *Till) Loaded() bool { return t.loaded }
