package store

import (
	"database/sql"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/roster"
	"cloudcashier/shared/sqlite"
)

// Operator is a person who works at a merchant's tills.
type Operator struct {
	roster.Operator
	Merchant string
	Store    string // "": all of the merchant's
	Disabled bool
	Created  time.Time
}

const operatorColumns = `SELECT id, merchant, coalesce(store, ''), name, role, refund, pin, disabled, created_at FROM operator `

func scanOperator(scan func(...any) error) (o Operator, err error) {
	var refund int64
	var created sql.NullInt64
	err = scan(&o.ID, &o.Merchant, &o.Store, &o.Name, &o.Role, &refund, &o.PIN, &o.Disabled, &created)
	o.Refund, o.Created = money.Fen(refund), moment(created)
	return o, err
}

// InsertOperator stores a new operator; one that is there stays as it is.
func (tx *Tx) InsertOperator(o Operator) error {
	return tx.Exec(`INSERT INTO operator (id, merchant, store, name, role, refund, pin, disabled, created_at) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING`,
		o.ID, o.Merchant, sql.NullString{String: o.Store, Valid: o.Store != ""}, o.Name, string(o.Role), o.Refund.Fen(), o.PIN, o.Disabled, o.Created.UnixMilli())
}

// ChangeOperator stores what may change of an operator: name, role, limit, PIN, and whether they still work here.
func (tx *Tx) ChangeOperator(o Operator) error {
	return tx.Exec(`UPDATE operator SET name = ?, role = ?, refund = ?, pin = ?, disabled = ? WHERE id = ?`,
		o.Name, string(o.Role), o.Refund.Fen(), o.PIN, o.Disabled, o.ID)
}

// Operator finds an operator (NotFound).
func (tx *Tx) Operator(id string) (Operator, error) {
	o, err := scanOperator(tx.QueryRow(operatorColumns+"WHERE id = ?", id).Scan)
	return o, found(err, "operator", id)
}

// Roster is who works in a store now, and whether its tills ask for somebody on duty. Nobody signed it yet.
func (tx *Tx) Roster(merchant, store string) (r roster.Roster, err error) {
	r.Store = store
	if err := tx.QueryRow("SELECT required FROM store WHERE id = ?", store).Scan(&r.Required); err != nil {
		return r, found(err, "store", store)
	}
	err = tx.Query(func(rows sqlite.Rows) error {
		o, err := scanOperator(rows.Scan)
		r.Operators = append(r.Operators, o.Operator)
		return err
	}, operatorColumns+"WHERE merchant = ? AND (store IS NULL OR store = ?) AND disabled = 0 ORDER BY id", merchant, store)
	return r, err
}

// SetRequired says whether a store's tills sell with an operator on duty only.
func (tx *Tx) SetRequired(store string, required bool) error {
	return tx.Exec("UPDATE store SET required = ? WHERE id = ?", required, store)
}

// StaffFits refuses (Conflict) more operators in any of a merchant's stores than a till's list holds, and a store that asks
// for an operator on duty and has none.
func (tx *Tx) StaffFits(merchant string) error {
	return tx.Query(func(rows sqlite.Rows) error {
		var store string
		var required bool
		var n int
		if err := rows.Scan(&store, &required, &n); err != nil {
			return err
		}
		switch {
		case n > roster.Most:
			return fault.New(fault.Conflict, "operator.too_many", "store %s would have %d operators, and a till's list holds %d: disable some first", store, n, roster.Most)
		case n == 0 && required:
			return fault.New(fault.Conflict, "operator.none", "store %s sells with an operator on duty only, and would have none: add one, or lift the rule, first", store)
		}
		return nil
	}, `SELECT s.id, s.required, count(o.id) FROM store s LEFT JOIN operator o
 ON o.merchant = s.merchant AND o.disabled = 0 AND (o.store IS NULL OR o.store = s.id) WHERE s.merchant = ? GROUP BY s.id`, merchant)
}

// Operators lists the operators of a database that may be in use or a copy, oldest first. It changes nothing.
func Operators(path string) (list []Operator, err error) {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(operatorColumns + "ORDER BY id")
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer rows.Close()
	for rows.Next() {
		o, err := scanOperator(rows.Scan)
		if err != nil {
			return nil, unreadable(path, err)
		}
		list = append(list, o)
	}
	return list, rows.Err()
}
