package store

import (
	"database/sql"
	"fmt"
	"time"

	"cloudcashier/agent/internal/duty"
	"cloudcashier/shared/sqlite"
)

// Roster is the hub's list of operators as it signed it, "" when there is none.
func (t *Tx) Roster() (signed string, err error) {
	err = t.tx.QueryRow(`SELECT value FROM meta WHERE name = ?`, metaRoster).Scan(&signed)
	if sqlite.NoRows(err) {
		return "", nil
	}
	return signed, err
}

// SetRoster keeps the hub's list of operators.
func (t *Tx) SetRoster(signed string) error {
	err := t.tx.Exec(`INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, metaRoster, signed)
	if err != nil {
		return fmt.Errorf("keep the list of operators: %w", err)
	}
	return nil
}

// OnDuty is who is on duty; "" when nobody is.
func (t *Tx) OnDuty() (operator string, err error) {
	err = t.tx.QueryRow(`SELECT id FROM operator WHERE on_since IS NOT NULL`).Scan(&operator)
	if sqlite.NoRows(err) {
		return "", nil
	}
	return operator, err
}

// dutyBody is the body of the events operator_on and operator_off.
type dutyBody struct {
	Operator string `json:"operator"`
	Why      string `json:"why,omitempty"` // of an end: "asked", "other", "idle", "list"
}

// SignOn puts an operator on duty, and forgets their wrong PINs: the right one was given.
func (t *Tx) SignOn(operator string, at time.Time) error {
	if err := t.Forgive(operator); err != nil {
		return err
	}
	if err := t.tx.Exec(`INSERT INTO operator (id, on_since) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET on_since = excluded.on_since`,
		operator, at.UnixMilli()); err != nil {
		return fmt.Errorf("sign on: %w", err)
	}
	return t.Append("", "operator_on", dutyBody{Operator: operator}, at)
}

// SignOff ends an operator's duty.
func (t *Tx) SignOff(operator, why string, at time.Time) error {
	if err := t.tx.Exec(`UPDATE operator SET on_since = NULL WHERE id = ?`, operator); err != nil {
		return fmt.Errorf("sign off: %w", err)
	}
	return t.Append("", "operator_off", dutyBody{Operator: operator, Why: why}, at)
}

// Tries are the wrong PINs of an operator. mark says which PIN is meant: those at an earlier one do not count.
func (t *Tx) Tries(operator, mark string) (n duty.Tries, err error) {
	var last sql.NullInt64
	err = t.tx.QueryRow(`SELECT wrong, tried_at FROM operator WHERE id = ? AND pin = ?`, operator, mark).Scan(&n.Wrong, &last)
	if sqlite.NoRows(err) {
		return duty.Tries{}, nil
	}
	n.Last = fromNull(last)
	return n, err
}

// wrongBody is the body of the event operator_wrong. No PIN is in it.
type wrongBody struct {
	Operator string `json:"operator"`
	Wrong    int    `json:"wrong"` // in a row
}

// Wrong notes a wrong PIN.
func (t *Tx) Wrong(operator, mark string, n duty.Tries) error {
	if err := t.tx.Exec(`INSERT INTO operator (id, wrong, pin, tried_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET wrong = excluded.wrong, pin = excluded.pin, tried_at = excluded.tried_at`,
		operator, n.Wrong, mark, n.Last.UnixMilli()); err != nil {
		return fmt.Errorf("note a wrong PIN: %w", err)
	}
	return t.Append("", "operator_wrong", wrongBody{operator, n.Wrong}, n.Last)
}

// Forgive forgets the wrong PINs of an operator who gave the right one.
func (t *Tx) Forgive(operator string) error {
	if err := t.tx.Exec(`UPDATE operator SET wrong = 0, pin = '', tried_at = NULL WHERE id = ?`, operator); err != nil {
		return fmt.Errorf("forget wrong PINs: %w", err)
	}
	return nil
}
