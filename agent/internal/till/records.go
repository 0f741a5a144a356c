package till

import (
	"time"

	"cloudcashier/agent/internal/hublink"
	"cloudcashier/agent/internal/store"
	"cloudcashier/shared/fault"
	"cloudcashier/shared/localapi"
	"cloudcashier/shared/logs"
	"cloudcashier/shared/wire"
)

var _ hublink.Records = (*Till)(nil)

// saveEvery is how often the hub's word about its copy is written down. It only spares a till that
// starts without a link from counting its whole journal as not copied.
const saveEvery = time.Minute

// copied is what the hub has of the journal, by its own last word.
type copied struct {
	head    uint64 // the newest event
	through uint64
	saved   uint64 // as the disk has it
	savedAt time.Time
	since   time.Time // when the oldest event behind it was written; zero: not known, or none
	ahead   bool      // the hub has more than this journal: told once
}

// Head is the number of the journal's newest event.
func (t *Till) Head() uint64 { return t.Journal.Head() }

// Records are the events after a number that fit into room bytes, for the hub's copy. A failure to
// read ends the till.
func (t *Till) Records(after uint64, room int) (m wire.Records, err error) {
	err = t.Journal.View(func(tx *store.Tx) error { // without the lock: copying must not hold up a sale
		m, err = tx.Records(after, room)
		return err
	})
	return m, err
}

// Stored notes how much of the journal the hub has.
func (t *Till) Stored(s wire.Stored) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, head := &t.copied, t.Head()
	switch {
	case s.Fork != 0:
		t.Log.Error("ALARM: the hub has another copy of this till's journal: a cloned till, or an old journal was put back; call the operator of the hub",
			"row", s.Fork, "stored", s.Through)
	case s.Through > head && !c.ahead:
		c.ahead = true
		t.Log.Error("ALARM: the hub has more of this till's journal than this till: an old journal was put back; call the operator of the hub",
			"stored", s.Through, "have", head)
	case s.Through < c.through:
		t.Log.Warn("the hub has less of the journal than it had: it gets the rest again", "stored", s.Through, "had", c.through)
	}
	c.through, c.since = s.Through, time.Time{}
	t.stir()
	if c.through < head {
		if err := t.read(func(tx *store.Tx) (err error) {
			c.since, err = tx.EventAt(c.through + 1)
			return err
		}); err != nil {
			return err
		}
	}
	now := t.Now()
	if c.saved == c.through || now.Sub(c.savedAt) < saveEvery {
		return nil
	}
	err := t.update(func(tx *store.Tx) error { return tx.SetCopied(c.through) })
	if err == nil {
		c.saved, c.savedAt = c.through, now
	}
	return err
}

// unsynced counts the events that the hub has no copy of, and tells when the oldest was written.
func (t *Till) unsynced() (n int, since *time.Time) {
	c := &t.copied
	if c.through >= c.head {
		return 0, nil
	}
	if c.since.IsZero() { // the first since the copy was complete has just been written
		c.since = t.Now().UTC()
	}
	at := c.since
	return int(c.head - c.through), &at
}

// SyncNow has the link send everything now that the hub does not have, and gives the status.
func (t *Till) SyncNow() localapi.Status {
	t.Sync()
	return t.Status()
}

// lookEvery is how often the disk is looked at while the till writes.
const lookEvery = time.Second

// room is the last look at the journal's disk.
type room struct {
	looked time.Time
	short  bool
}

// look asks for the free room, once a second at most. A disk that cannot be asked is taken as one
// with room: the write itself will tell.
func (t *Till) look() {
	now := t.Now()
	if !t.room.looked.IsZero() && now.Sub(t.room.looked) < lookEvery {
		return
	}
	t.room.looked = now
	free, err := t.Free()
	short := err == nil && free < store.Least
	if err != nil {
		t.Log.Warn("the free room of the journal's disk is not known", logs.Err, err)
	} else if short != t.room.short {
		t.Log.Warn("the journal's disk: new sales are refused while it is nearly full", "free", free, "refused", short)
	}
	t.room.short = short
}

// roomForMore refuses a new sale or refund on a disk that is nearly full. What is open is still
// settled, and a refund begun now would be one more that has to be.
func (t *Till) roomForMore() error {
	if t.look(); t.room.short {
		return fault.New(fault.Unavailable, "till.storage_full",
			"the till's disk is nearly full (less than %d MiB): no new sale or refund is taken, also none in cash; free some space, open ones go on", store.Least>>20)
	}
	return nil
}
