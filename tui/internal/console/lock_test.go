package console_test

import (
	"testing"
	"time"

	"cloudcashier/tui/internal/console"
	"cloudcashier/tui/internal/words"
)

// TestAnIdleScreenLocks: whoever is on duty is signed off when no key was pressed for as long as the shop says, and not
// before, and never while a customer stands there.
func TestAnIdleScreenLocks(t *testing.T) {
	play(t, words.EN, func(a *agent) { manned(a); a.back.settings.LockAfter = 2 }, func(r *rig) {
		r.send(console.Resize(80, 24))
		r.keys("1")
		r.pass(110 * time.Second)
		r.lacks("WHO IS ON DUTY")
		r.keys("backspace")
		r.pass(125 * time.Second)
		r.sees("WHO IS ON DUTY", "Nobody is on duty.")
	})
	play(t, words.EN, func(a *agent) { manned(a); a.back.settings.LockAfter = 2 }, func(r *rig) {
		r.amount("5")
		r.keys("enter")
		r.pass(10 * time.Minute)
		r.lacks("WHO IS ON DUTY")
	})
}
