package engine_test

import (
	"slices"
	"testing"
	"time"

	"cloudcashier/hub/internal/engine"
)

// Two steps are decided one after the other and share a commit; the goroutine of the first wakes last. The second, sooner
// or never, is what counts: else a notice's question waits for the schedule, or a step for the next start.
func TestALateWakerReplacesNoNewerPlan(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := engine.NewAgenda()
	first, second := a.Turn(), a.Turn()
	a.Put("pay_sooner", now, second)
	a.Put("pay_sooner", now.Add(time.Hour), first)
	a.Put("pay_kept", now, second)
	a.Put("pay_kept", time.Time{}, first)
	got := a.Take(now)
	slices.Sort(got)
	if want := []string{"pay_kept", "pay_sooner"}; !slices.Equal(got, want) {
		t.Errorf("due now: %v, want %v", got, want)
	}
	a.Put("pay_moved", now, first)
	a.Put("pay_moved", now.Add(time.Hour), second)
	if got := a.Take(now); len(got) != 0 {
		t.Errorf("due now: %v, though a newer plan says later", got)
	}
}
