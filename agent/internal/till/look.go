package till

import (
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
)

// Look reads one moment of the journal beside the steps of the till, which it does not hold up. Like every
// reading it ends the agent when the disk does not answer, so fn must do nothing else that can fail.
func (t *Till) Look(fn func(*store.Tx) error) error {
	err := t.Journal.View(fn)
	if err == nil || fault.KindOf(err) == fault.Invalid {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		t.fail(err)
	}
	return t.ending()
}
