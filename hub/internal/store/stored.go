package store

import (
	"database/sql"
	"time"

	"cloudcashier/shared/fault"
	"cloudcashier/shared/money"
	"cloudcashier/shared/sqlite"
)

// StoredAccount is what a customer has with us.
type StoredAccount struct {
	ID       string
	Merchant string
	Name     string
	Balance  money.Amount // the sum of its entries; the database keeps it
	Revoked  bool
	Created  time.Time
}

// StoredOrder is what became of one attempt to charge an account.
type StoredOrder struct {
	OutTradeNo     string
	Account        string // empty: none was charged
	Serial         string // of the code
	Amount         money.Amount
	Status         StoredStatus
	DeclineCode    string
	DeclineMessage string
	At             time.Time
}

// StoredStatus is where a StoredOrder stands.
type StoredStatus string

// The states.
const (
	StoredPaid     StoredStatus = "paid"
	StoredDeclined StoredStatus = "declined"
	StoredReversed StoredStatus = "reversed"
)

// StoredEntry is one movement of an account's balance. Amount is negative for a charge.
type StoredEntry struct {
	Account    string
	Kind       string // "topup", "charge", "reversal", "refund"
	Number     string // unique in its kind
	OutTradeNo string // empty for a topup
	Amount     money.Amount
	At         time.Time
}

const storedAccountColumns = `id, merchant, name, balance, revoked, created_at FROM stored_account `

func scanStoredAccount(scan func(...any) error) (a StoredAccount, err error) {
	var balance int64
	var created sql.NullInt64
	err = scan(&a.ID, &a.Merchant, &a.Name, &balance, &a.Revoked, &created)
	a.Balance, a.Created = money.Fen(balance), moment(created)
	return a, err
}

// InsertStoredAccount stores a new account, without a balance; one that is there stays as it is.
func (tx *Tx) InsertStoredAccount(a StoredAccount) error {
	return tx.Exec(`INSERT INTO stored_account (id, merchant, name, currency, created_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
		a.ID, a.Merchant, a.Name, string(money.CNY), a.Created.UnixMilli())
}

// RevokeStoredAccount has the account pay for nothing more.
func (tx *Tx) RevokeStoredAccount(id string) error {
	return tx.Exec(`UPDATE stored_account SET revoked = 1 WHERE id = ?`, id)
}

// StoredAccount finds an account (NotFound).
func (tx *Tx) StoredAccount(id string) (StoredAccount, error) {
	a, err := scanStoredAccount(tx.QueryRow("SELECT "+storedAccountColumns+"WHERE id = ?", id).Scan)
	return a, found(err, "account", id)
}

// MerchantNamed checks that there is a merchant of the name (NotFound); the empty name means the only one.
func (tx *Tx) MerchantNamed(id string) (string, error) {
	var n int
	var only sql.NullString
	err := tx.QueryRow(`SELECT count(*), min(id) FROM merchant WHERE ? IN ('', id)`, id).Scan(&n, &only)
	if err == nil && n != 1 {
		err = fault.New(fault.NotFound, "merchant.unknown", "name the merchant: there are %d of the name %q", n, id)
	}
	return only.String, err
}

// StoredOrder finds an attempt; ok is false when there is none.
func (tx *Tx) StoredOrder(outTradeNo string) (o StoredOrder, ok bool, err error) {
	var amount, at int64
	var account, serial sql.NullString
	err = tx.QueryRow(`SELECT out_trade_no, account, serial, amount, status, decline_code, decline_message, at FROM stored_order WHERE out_trade_no = ?`, outTradeNo).
		Scan(&o.OutTradeNo, &account, &serial, &amount, &o.Status, &o.DeclineCode, &o.DeclineMessage, &at)
	if sqlite.NoRows(err) {
		return o, false, nil
	}
	o.Account, o.Serial, o.Amount, o.At = account.String, serial.String, money.Fen(amount), time.UnixMilli(at).UTC()
	return o, err == nil, err
}

// StoredSpent tells whether a code has paid for something, undone or not.
func (tx *Tx) StoredSpent(serial string) (spent bool, err error) {
	err = tx.QueryRow(`SELECT count(*) FROM stored_order WHERE serial = ? AND status <> 'declined'`, serial).Scan(&spent)
	return spent, err
}

// InsertStoredOrder stores what became of an attempt.
func (tx *Tx) InsertStoredOrder(o StoredOrder) error {
	null := func(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
	return tx.Exec(`INSERT INTO stored_order (out_trade_no, account, serial, amount, status, decline_code, decline_message, at) VALUES (?,?,?,?,?,?,?,?)`,
		o.OutTradeNo, null(o.Account), null(o.Serial), o.Amount.Fen(), string(o.Status), o.DeclineCode, o.DeclineMessage, o.At.UnixMilli())
}

// ReverseStoredOrder notes that a paid attempt was undone.
func (tx *Tx) ReverseStoredOrder(outTradeNo string) error {
	return tx.Exec(`UPDATE stored_order SET status = 'reversed' WHERE out_trade_no = ? AND status = 'paid'`, outTradeNo)
}

// InsertStoredEntry moves an account's balance. One that would go below nothing is refused by the database.
func (tx *Tx) InsertStoredEntry(e StoredEntry) error {
	return tx.Exec(`INSERT INTO stored_entry (account, kind, number, out_trade_no, amount, at) VALUES (?,?,?,?,?,?)`,
		e.Account, e.Kind, e.Number, sql.NullString{String: e.OutTradeNo, Valid: e.OutTradeNo != ""}, e.Amount.Fen(), e.At.UnixMilli())
}

// StoredEntry finds a movement; ok is false when there is none.
func (tx *Tx) StoredEntry(kind, number string) (e StoredEntry, ok bool, err error) {
	var amount, at int64
	var of sql.NullString
	err = tx.QueryRow(`SELECT account, kind, number, out_trade_no, amount, at FROM stored_entry WHERE kind = ? AND number = ?`, kind, number).
		Scan(&e.Account, &e.Kind, &e.Number, &of, &amount, &at)
	if sqlite.NoRows(err) {
		return e, false, nil
	}
	e.OutTradeNo, e.Amount, e.At = of.String, money.Fen(amount), time.UnixMilli(at).UTC()
	return e, err == nil, err
}

// StoredRefunded is what went back of an attempt by refunds.
func (tx *Tx) StoredRefunded(outTradeNo string) (money.Amount, error) {
	var sum int64
	err := tx.QueryRow(`SELECT coalesce(sum(amount), 0) FROM stored_entry WHERE out_trade_no = ? AND kind = 'refund'`, outTradeNo).Scan(&sum)
	return money.Fen(sum), err
}

// StoredAccounts lists the accounts of a database that may be in use or a copy, oldest first. It
// changes nothing.
func StoredAccounts(path string) (list []StoredAccount, err error) {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query("SELECT " + storedAccountColumns + "ORDER BY id")
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer rows.Close()
	for rows.Next() {
		a, err := scanStoredAccount(rows.Scan)
		if err != nil {
			return nil, unreadable(path, err)
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// StoredAstray counts the accounts whose balance is not the sum of their entries, or whose paid
// attempts are not the charges: there must be none.
func StoredAstray(path string) (n int, err error) {
	db, err := sqlite.OpenReadOnly(path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRow(`SELECT
 (SELECT count(*) FROM stored_account a WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM stored_entry WHERE account = a.id)) +
 (SELECT count(*) FROM stored_order o WHERE account IS NOT NULL AND status <> 'declined'
  AND NOT EXISTS (SELECT 1 FROM stored_entry WHERE kind = 'charge' AND number = o.out_trade_no AND account = o.account AND amount = -o.amount)) +
 (SELECT count(*) FROM stored_order o WHERE account IS NOT NULL AND status = 'reversed'
  AND 0 <> (SELECT sum(amount) FROM stored_entry WHERE out_trade_no = o.out_trade_no))`).Scan(&n)
	if err != nil {
		return 0, unreadable(path, err)
	}
	return n, nil
}
