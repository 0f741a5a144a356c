package store

import (
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/sqlite"
)

// Lease says which hub may write. Its epoch counts the takings; it is what fences, while the expiry
// only tells another hub when it may take over. A wrong clock can therefore cost a needless
// take-over, or a late one, and never a second writer.
type Lease struct {
	Holder  string
	Epoch   int64
	Expires time.Time
}

// Claim takes the lease for a holder when it is free, has expired, or was the holder's before (an
// earlier run of the same node: its folder's lock proves it dead). From then on every Update of
// this Store is refused once another hub has taken over. Conflict "hub.standby": another has it, as l says.
// A lease never begins before the one it follows was last renewed: time in these books does not run back.
func (s *Store) Claim(holder string, at time.Time, life time.Duration) (l Lease, err error) {
	err = s.db.Update(func(raw *sqlite.Tx) error {
		tx := &Tx{raw}
		if l, err = tx.lease(); err != nil {
			return err
		}
		if l.Epoch > 0 && l.Holder != holder && at.Before(l.Expires) {
			return fault.New(fault.Conflict, "hub.standby", "%s works on this database until %s at least", l.Holder, l.Expires.Format(time.RFC3339))
		}
		if renewed := l.Expires.Add(-life); l.Epoch > 0 && at.Before(renewed) {
			at = renewed
		}
		l = Lease{Holder: holder, Epoch: l.Epoch + 1, Expires: at.Add(life)}
		return tx.Exec(`INSERT INTO lease (one, holder, epoch, expires_at) VALUES (1,?,?,?)
 ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, expires_at = excluded.expires_at`,
			l.Holder, l.Epoch, l.Expires.UnixMilli())
	})
	if err == nil {
		s.epoch.Store(l.Epoch)
	}
	return l, err
}

// lease reads who has it; epoch 0 before anyone had.
func (tx *Tx) lease() (l Lease, err error) {
	var expires int64
	err = tx.QueryRow("SELECT holder, epoch, expires_at FROM lease").Scan(&l.Holder, &l.Epoch, &expires)
	if sqlite.NoRows(err) {
		return Lease{}, nil
	}
	l.Expires = time.UnixMilli(expires).UTC()
	return l, err
}

// Extend sets when the lease that this Store claimed runs out: later to keep it, now to hand it on.
func (s *Store) Extend(expires time.Time) error {
	return s.Update(func(tx *Tx) error {
		return tx.Exec("UPDATE lease SET expires_at = ?", expires.UnixMilli())
	})
}

// guard refuses a write of a hub that lost its lease. It is part of the write's own transaction, so
// that no pause between the check and the write can matter; who shares a commit shares the check.
func (s *Store) guard(tx *Tx) error {
	epoch := s.epoch.Load()
	if epoch == 0 || s.guarding == tx.Number() {
		return nil // a tool or a test that never claimed; or it was looked at in this transaction
	}
	var now int64
	if err := tx.QueryRow("SELECT epoch FROM lease").Scan(&now); err != nil {
		return err
	}
	if now == epoch {
		s.guarding = tx.Number()
		return nil
	}
	s.fence.Do(func() { close(s.fenced) })
	return fault.New(fault.Unavailable, "hub.fenced", "another hub took over this database: this one writes nothing and stops")
}

// Fenced is closed once a write was refused because another hub took over.
func (s *Store) Fenced() <-chan struct{} { return s.fenced }
