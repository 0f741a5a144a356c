package store

import (
	"database/sql"
	"time"

	"cloudcashier/hub/internal/payment"
	"cloudcashier/shared/sqlite"
)

// Work is a call the engine must still make about a payment or a refund.
type Work struct {
	Entity string // its identifier
	Task   payment.Task
	Due    time.Time
	Begun  bool // the call may have left
}

// PutWork stores what an entity needs next; TaskNone removes it.
func (tx *Tx) PutWork(w Work) error {
	if w.Task == payment.TaskNone {
		return tx.Exec("DELETE FROM work WHERE entity = ?", w.Entity)
	}
	return tx.Exec(`INSERT INTO work (entity, task, due_at, begun) VALUES (?,?,?,?)
 ON CONFLICT (entity) DO UPDATE SET task = excluded.task, due_at = excluded.due_at, begun = excluded.begun`,
		w.Entity, w.Task, w.Due.UnixMilli(), w.Begun)
}

// Begun reports that an entity's next call may have left.
func (tx *Tx) Begun(entity string) (bool, error) {
	var n int
	err := tx.QueryRow("SELECT count(*) FROM work WHERE entity = ? AND begun = 1", entity).Scan(&n)
	return n > 0, err
}

// AllWork lists everything still to do, soonest first.
func (tx *Tx) AllWork() (list []Work, err error) {
	err = tx.Query(func(rows sqlite.Rows) error {
		var w Work
		var due sql.NullInt64
		if err := rows.Scan(&w.Entity, &w.Task, &due, &w.Begun); err != nil {
			return err
		}
		w.Due = moment(due)
		list = append(list, w)
		return nil
	}, "SELECT entity, task, due_at, begun FROM work ORDER BY due_at")
	return list, err
}
