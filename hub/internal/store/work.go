package store

import (
	"database/sql"
	"time"

	"cloudcashier/hub/internal/payment"
)

// Work is a call the engine must still make.
type Work struct {
	Payment string
	Task    payment.Task
	Due     time.Time
	Begun   bool // the call may have left
}

// PutWork stores what a payment needs next; TaskNone removes it.
func (tx *Tx) PutWork(w Work) error {
	if w.Task == payment.TaskNone {
		_, err := tx.Exec("DELETE FROM work WHERE payment = ?", w.Payment)
		return err
	}
	_, err := tx.Exec(`INSERT INTO work (payment, task, due_at, begun) VALUES (?,?,?,?)
 ON CONFLICT (payment) DO UPDATE SET task = excluded.task, due_at = excluded.due_at, begun = excluded.begun`,
		w.Payment, w.Task, w.Due.UnixMilli(), w.Begun)
	return err
}

// Begun reports that a payment's next call may have left.
func (tx *Tx) Begun(paymentID string) (bool, error) {
	var n int
	err := tx.QueryRow("SELECT count(*) FROM work WHERE payment = ? AND begun = 1", paymentID).Scan(&n)
	return n > 0, err
}

// AllWork lists everything still to do, soonest first.
func (tx *Tx) AllWork() (list []Work, err error) {
	err = tx.Query(func(rows *sql.Rows) error {
		var w Work
		var due sql.NullInt64
		if err := rows.Scan(&w.Payment, &w.Task, &due, &w.Begun); err != nil {
			return err
		}
		w.Due = moment(due)
		list = append(list, w)
		return nil
	}, "SELECT payment, task, due_at, begun FROM work ORDER BY due_at")
	return list, err
}
