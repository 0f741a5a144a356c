package world

import (
	"testing"
	"testing/synctest"
	"time"
)

// The simulation stands on a detail of package time; it is held down here.
func TestASetClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		before := reading(began, 0)
		time.Sleep(3 * time.Second)
		after := reading(began, -86400)
		if d := after.Sub(before); d != 3*time.Second {
			t.Errorf("the monotonic reading moved by %s", d)
		}
		if d := after.Round(0).Sub(before.Round(0)); d != 3*time.Second-24*time.Hour {
			t.Errorf("the date moved by %s", d)
		}
		if got := before.Round(0); !got.Equal(began) {
			t.Errorf("%s instead of %s", got, began)
		}
	})
}
