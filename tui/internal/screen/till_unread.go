package screen

import (
	"time"
)

// Unread tells that the signs just typed were no amount: a slow scanner was typing, and its code comes as a scan.
type Unread struct{}

// runGap is the longest pause between two signs of one run.
const runGap = 400 * time.Millisecond

// typedRun is what the amount was before the signs that came one soon after the other.
type typedRun struct {
	before string
	at     time.Time
}

func (r *typedRun) note(text string, now time.Time) {
	if now.Sub(r.at) > runGap {
		r.before = text
	}
	r.at = now
}

// unread takes back what a slow scanner typed into the amount.
func (t *Till) unread() {
	if t.face() == faceEntry && t.d.Now.Sub(t.run.at) <= runGap {
		t.edit(t.run.before)
	}
}
